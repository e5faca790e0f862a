// Registers the players: of results on the nodes that make them, of frames being sampled on the samplers.
// The only file of this folder that does something when it is loaded.

import { api } from "../../../../scripts/api.js";
import { app } from "../../../../scripts/app.js";
import { chain } from "../common/graph.js";
import { nodeOf } from "./graph.js";
import { LivePreview, STYLE } from "./live.js";
import { Player } from "./player.js";
import { translator } from "./words.js";

const PLAYERS = ["VDTDecode", "VDTSaveVideo", "VDTReport"];
const SAMPLERS = ["VDTSampler", "VDTExtend"];
const STOCK_VIDEO = ["VDTSaveVideo"]; // nodes whose file the editor would show as well
const TICK = 150; // milliseconds between looks at what else has changed: results, an undo, a change of tab
const live = new Map(); // a node -> its player or preview

app.registerExtension({
  name: "vdt.Player",
  setup() {
    setInterval(() => live.forEach((one, node) => one.tick() || live.delete(node)), TICK);
    const animate = (now) => {
      requestAnimationFrame(animate); // first: what fails in one must not stop the others for ever
      live.forEach((one) => one.animate(now));
    };
    requestAnimationFrame(animate);
    document.head.append(Object.assign(document.createElement("style"), { textContent: STYLE }));
    api.addEventListener("b_preview_with_metadata", takePreview);
    api.addEventListener("executing", ({ detail }) => closeAllBut(detail?.node ?? detail));
    api.addEventListener("progress_state", ({ detail }) => closeFinished(detail?.nodes ?? {}));
    for (const type of ["execution_success", "execution_error", "execution_interrupted"]) {
      api.addEventListener(type, () => closeAllBut(null));
    }
  },
  nodeCreated(node) {
    if (!node.addDOMWidget) return;
    if (PLAYERS.includes(node.comfyClass)) {
      const words = translator(app.extensionManager?.setting?.get?.("Comfy.Locale") ?? navigator.language);
      keep(node, new Player(node, { app, api, words }));
    }
    if (STOCK_VIDEO.includes(node.comfyClass)) {
      node.hideOutputImages = true; // Nodes 2.0
      node.onDrawBackground = () => {}; // the canvas
    }
    if (SAMPLERS.includes(node.comfyClass)) keep(node, new LivePreview(node));
  },
});

/** Look after a player from when its node comes into a graph: it may do so late, more than once, or never. */
function keep(node, one) {
  chain(node, "onAdded", () => live.set(node, one));
}

function takePreview({ detail }) {
  const id = detail?.displayNodeId ?? detail?.nodeId;
  const preview = id == null ? null : live.get(nodeOf(app, id));
  if (!(preview instanceof LivePreview)) return;
  preview.node.vdtShowsFrames = true;
  preview.show(detail.blob);
}

function closeAllBut(executionId) {
  const working = executionId == null ? null : nodeOf(app, executionId);
  live.forEach((one, node) => one instanceof LivePreview && node !== working && one.close());
}

function closeFinished(nodes) {
  for (const [id, { state }] of Object.entries(nodes)) {
    const preview = state === "running" ? null : live.get(nodeOf(app, id));
    if (preview instanceof LivePreview) preview.close();
  }
}
