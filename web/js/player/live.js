// While a sampler runs, the frames play on it; when it is done, they go and the node is as large as before.
// The editor would show all frames at once as one picture: on the canvas and, in Nodes 2.0, as the last thing of the node.

import { make, prepare } from "../common/page.js";
import { addPageWidget, isAlive, keepMounted, placeOf } from "../common/page_widget.js";
import { frameAt } from "./clock.js";
import { commentOf, sheetOf } from "./jpeg.js";
import { fitted, stageHeight, tileOf } from "./layout.js";
import { drawPart } from "./source.js";

const NAME = "vdt live preview";
const FPS = 8;

/** Hides the editor's own preview where ours is; what a newer editor builds in another way is shown as well. */
export const STYLE = `
  [data-testid^="node-body-"]:has(.vdt-live) > img,
  [data-testid^="node-body-"]:has(.vdt-live) > img + div { display: none; }
`;

export class LivePreview {
  constructor(node) {
    Object.assign(this, { node, sheet: null, picture: null, before: null, seen: "", runs: 0 });
    this.root = make("div", "display:none;flex-direction:column;gap:2px;width:100%;height:100%;overflow:hidden", { className: "vdt-live" });
    this.stage = make("canvas", "width:100%;flex:1 1 0;min-height:0;pointer-events:none");
    this.says = make("div", "flex:none;height:14px;font:11px sans-serif;color:var(--input-text,#ddd);text-align:center");
    this.root.append(this.stage, this.says);
    addPageWidget(node, NAME, this.root, () => this.height);
    const stock = node.onDrawBackground; // draws previews on the canvas, once for all frames
    node.onDrawBackground = function (...inputs) {
      return this.vdtShowsFrames ? undefined : (stock ?? Object.getPrototypeOf(this).onDrawBackground)?.apply(this, inputs);
    };
  }

  get height() {
    return this.sheet ? stageHeight(this.sheet, 1, Math.min(280, this.node.size[0] - 20)) + 18 : 0;
  }

  /** A preview has come; those that are none of ours are left to the editor. */
  async show(blob) {
    const { runs } = this;
    const sheet = sheetOf(commentOf(new Uint8Array(await blob.slice(0, 4096).arrayBuffer())));
    if (!sheet) return;
    const picture = await createImageBitmap(blob);
    if (runs !== this.runs) return; // the run has left this node meanwhile
    this.picture?.close();
    const isFirst = !this.sheet;
    Object.assign(this, { sheet, picture, seen: "" });
    this.says.textContent = sheet.label;
    if (isFirst) this.open();
  }

  open() {
    this.before = [...this.node.size];
    this.root.style.display = "flex";
    this.root.style.minHeight = `${this.height}px`;
    const [, height] = this.node.computeSize();
    if (height > this.node.size[1]) this.node.setSize([this.node.size[0], height]);
    this.node.setDirtyCanvas?.(true, true);
  }

  /** The run has left this node: nothing stays behind. */
  close() {
    this.runs++;
    if (!this.sheet) return;
    this.picture?.close();
    Object.assign(this, { sheet: null, picture: null });
    this.root.style.display = "none";
    this.root.style.minHeight = "0";
    const [, height] = this.node.computeSize();
    this.node.setSize([this.node.size[0], Math.max(height, this.before[1])]);
    this.node.setDirtyCanvas?.(true, true);
  }

  tick() {
    if (!isAlive(this.node)) return false;
    keepMounted(this.node, NAME, this.root);
    this.root.dataset.node = placeOf(this.node);
    return true;
  }

  animate(now) {
    const { sheet, stage } = this;
    if (!sheet || !stage.clientWidth) return;
    const frame = frameAt((now / 1000) * FPS, sheet.frames, "loop");
    const seen = `${frame} ${stage.clientWidth} ${stage.clientHeight}`;
    if (seen === this.seen) return;
    this.seen = seen;
    const { context, width, height, ratio } = prepare(stage);
    const { left, top } = tileOf(sheet, frame);
    drawPart(context, this.picture, [left, top, sheet.width, sheet.height], fitted(sheet, { left: 0, top: 0, width, height }, ratio));
  }
}
