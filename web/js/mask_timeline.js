// The timeline on VDT Mask: time, space and task set together. Its value is the text of the input "timeline".

import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";
import { BAR, GENERATED, drawStage, drawStrip } from "./timeline_draw.js";
import { formatFrames, formatTimeline, frameMask, generatedFrames, parseTimeline, presetFrames } from "./timeline_math.js";

const NODE = "VDTMask";
const INPUT = "timeline";
const SETTINGS = ["task", "given", "every", "frame", "known"]; // what sets the frames of a task
const HEIGHT = 320;
const RADIUS = 0.06; // of the brush, in the shorter side
const TICK = 150; // milliseconds between looks at what else has changed: widgets, wires, an undo
const STATES = { 0: "given", 1: "generated", 2: "partly" };
const TOOLS = {
  rect: ["▭", "Rectangle (R): drag over the picture"],
  brush: ["●", "Brush (B): paint on the picture"],
  move: ["⤧", "Move (M): drag, and the last shape on these frames moves so far from its first frame to its last"],
};
const live = new Set();

app.registerExtension({
  name: "vdt.MaskTimeline",
  setup() {
    setInterval(() => live.forEach((timeline) => timeline.tick()), TICK);
    api.addEventListener("executed", ({ detail }) => {
      for (const timeline of live) if (String(timeline.node.id) === String(detail.node)) timeline.executed(detail.output);
    });
  },
  nodeCreated(node) {
    const text = node.comfyClass === NODE && node.widgets?.find((widget) => widget.name === INPUT);
    if (text && node.addDOMWidget) live.add(new MaskTimeline(node, text));
  },
});

class MaskTimeline {
  constructor(node, text) {
    Object.assign(this, { node, text, tool: "rect", erase: false, selection: [0, 0], clip: null, draft: null, seen: null });
    this.build();
    text.hidden = true; // it stays what is saved; this draws it
    text.options = { ...text.options, hidden: true };
    const widget = node.addDOMWidget("mask timeline", "vdt_mask_timeline", this.root, {
      serialize: false,
      hideOnZoom: false,
      getMinHeight: () => HEIGHT,
      getValue: () => "",
      setValue: () => {},
    });
    widget.serialize = false; // else it would take a place among the saved values
  }

  // ---- What there is ----

  get value() {
    return parseTimeline(this.text.value) ?? { given: null, paint: [] };
  }

  set value(timeline) {
    this.text.value = formatTimeline(timeline);
    this.text.callback?.(this.text.value);
    this.node.setDirtyCanvas?.(true, true);
    const tracker = app.extensionManager?.workflow?.activeWorkflow?.changeTracker;
    (tracker?.captureCanvasState ?? tracker?.checkState)?.call(tracker); // one step of undo
    this.draw();
  }

  setting(name, node = this.node) {
    return node?.widgets?.find((widget) => widget.name === name)?.value;
  }

  get size() {
    const slot = this.node.inputs?.findIndex((input) => input.name === "images") ?? -1;
    const source = slot < 0 ? null : this.node.getInputNode?.(slot);
    const size = (name, known, other) => Number(this.setting(name, source) ?? known ?? other);
    const { clip } = this;
    return { count: size("length", clip?.frames, 16), width: size("width", clip?.width, 64), height: size("height", clip?.height, 64) };
  }

  get settings() {
    return Object.fromEntries(SETTINGS.map((name) => [name, this.setting(name)]));
  }

  /** For each frame whether it is generated before strokes; what the last run said where only a run can tell. */
  flags(timeline = this.value) {
    const { count } = this.size;
    const known = generatedFrames(timeline, presetFrames(this.setting("task"), this.settings, count), count);
    if (known || this.clip?.made.length !== count) return known;
    return [...this.clip.made].map((state) => state === "1");
  }

  states(timeline) {
    const { count, width, height } = this.size;
    const flags = this.flags(timeline);
    const random = timeline.given == null && !presetFrames(this.setting("task"), this.settings, count);
    return Array.from({ length: count }, (_, frame) => {
      const painted = timeline.paint.some(({ on }) => on[0] <= frame && frame <= on[1]);
      if (random && !painted) return STATES[this.clip?.made.length === count ? this.clip.made[frame] : -1] ?? "unknown";
      if (!painted) return flags[frame] ? "generated" : "given";
      const mask = frameMask(timeline, flags?.[frame] ?? true, frame, Math.ceil(height / 4), Math.ceil(width / 4));
      return mask.every(Boolean) ? "generated" : mask.some(Boolean) ? "partly" : "given";
    });
  }

  // ---- What happens elsewhere ----

  executed(output) {
    const clip = output?.vdt_clip?.[0];
    if (!clip) return;
    const strip = new Image();
    strip.onload = () => this.draw();
    strip.src = api.apiURL(`/view?${new URLSearchParams({ ...clip.strip, t: Date.now() })}`);
    this.clip = { ...clip, strip };
    this.draw();
  }

  tick() {
    if (!this.node.graph) return void live.delete(this);
    const settings = JSON.stringify(this.settings);
    const now = [settings, this.text.value, JSON.stringify(this.size), this.strip.clientWidth, this.stage.clientHeight].join();
    if (now === this.seen) return;
    const chosen = this.seenSettings !== undefined && settings !== this.seenSettings && this.text.value === this.seenText;
    if (chosen && this.value.given != null) this.value = { ...this.value, given: null }; // a task sets the frames anew
    Object.assign(this, { seen: now, seenSettings: settings, seenText: this.text.value });
    this.draw();
  }

  // ---- The page ----

  build() {
    const make = (tag, style, values = {}) => Object.assign(document.createElement(tag), values, { style });
    this.root = make("div", "display:flex;flex-direction:column;gap:4px;outline:none;min-height:0", { tabIndex: 0 });
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", "Mask timeline: arrows choose frames, space gives or generates them");
    this.bar = make("div", "display:flex;gap:4px;font:11px sans-serif;color:var(--input-text,#ddd)");
    this.strip = make("canvas", "width:100%;height:64px;cursor:pointer;touch-action:none");
    this.stage = make("canvas", "width:100%;flex:0 1 auto;min-height:120px;cursor:crosshair;touch-action:none");
    const line = "font:11px sans-serif;color:var(--input-text,#ddd);overflow:hidden;white-space:nowrap;text-overflow:ellipsis";
    this.says = make("div", line);
    this.says.setAttribute("aria-live", "polite");
    this.buttons = {};
    for (const [tool, [sign, title]] of Object.entries(TOOLS)) this.button(tool, sign, title, () => (this.tool = tool));
    this.button("erase", "keep", "Keep (E): paint what is given instead of what is generated", () => (this.erase = !this.erase));
    this.button("clear", "clear", "Back to the task alone", () => (this.value = { given: null, paint: [] }));
    this.root.append(this.bar, this.strip, this.says, this.stage);
    this.onDrag(this.strip, (event, start) => this.dragStrip(event, start));
    this.onDrag(this.stage, (event, start, end) => this.dragStage(event, start, end));
    this.root.addEventListener("keydown", (event) => this.key(event));
  }

  button(name, sign, title, act) {
    const style = "padding:1px 7px;border:1px solid var(--border-color,#555);border-radius:4px;cursor:pointer;color:inherit";
    const button = Object.assign(document.createElement("button"), { textContent: sign, title, type: "button", style });
    button.setAttribute("aria-label", title);
    button.addEventListener("click", () => {
      act();
      this.draw();
    });
    this.buttons[name] = button;
    this.bar.append(button);
  }

  /** Call with every move of a drag: the place as fractions of the canvas, whether it begins, whether it ends. */
  onDrag(canvas, act) {
    let down = false;
    const place = (event) => {
      const box = canvas.getBoundingClientRect(); // as it is seen, at any zoom
      return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
    };
    const on = (type, run) => canvas.addEventListener(type, (event) => {
      event.stopPropagation();
      run(event);
    });
    on("pointerdown", (event) => {
      if (event.button !== 0) return;
      down = true;
      canvas.setPointerCapture(event.pointerId);
      this.root.focus({ preventScroll: true });
      act(place(event), true, false);
    });
    on("pointermove", (event) => down && act(place(event), false, false));
    for (const type of ["pointerup", "pointercancel"]) on(type, (event) => {
      if (down) act(place(event), false, true);
      down = false;
    });
  }

  // ---- Edits ----

  dragStrip({ x, y }, start) {
    const { count } = this.size;
    const frame = Math.min(count - 1, Math.max(0, Math.floor(x * count)));
    if (start) {
      const inBar = y * this.strip.clientHeight > this.strip.clientHeight - BAR;
      this.gesture = { from: frame, generate: inBar ? !(this.flags()?.[frame] ?? true) : null };
    }
    const range = [Math.min(this.gesture.from, frame), Math.max(this.gesture.from, frame)];
    if (this.gesture.generate === null) this.selection = range;
    else this.setFrames(range, this.gesture.generate);
    this.draw();
  }

  setFrames([first, last], generate) {
    const flags = this.flags() ?? Array(this.size.count).fill(true);
    for (let frame = first; frame <= last; frame++) flags[frame] = generate;
    const given = flags.flatMap((made, frame) => (made ? [] : [frame]));
    if (formatFrames(given) !== formatFrames(this.value.given ?? [-1])) this.value = { ...this.value, given };
  }

  dragStage({ x, y }, start, end) {
    const { place, stage } = this;
    if (!place) return;
    const point = [(x * stage.clientWidth - place.left) / place.width, (y * stage.clientHeight - place.top) / place.height];
    if (start) this.gesture = { points: [point] };
    else this.gesture.points.push(point);
    const edited = this.tool === "move" ? this.moved(this.gesture.points) : this.painted(this.gesture.points);
    this.draft = end ? null : edited;
    if (end && edited) this.value = edited;
    this.draw();
  }

  painted(points) {
    const [first, last] = [points[0], points.at(-1)];
    const shape = this.tool === "rect" ? { rect: [...first, ...last] } : { brush: thinned(points).flat(), r: RADIUS };
    const stroke = { on: [...this.selection], ...shape, ...(this.erase ? { erase: true } : {}) };
    if (shape.rect && (first[0] === last[0] || first[1] === last[1])) return null; // a click is no rectangle
    return { ...this.value, paint: [...this.value.paint, stroke] };
  }

  moved(points) {
    const { paint } = this.value;
    const index = paint.findLastIndex(({ on }) => on[0] <= this.selection[1] && this.selection[0] <= on[1]);
    if (index < 0) return null;
    const by = [0, 1].map((axis) => points.at(-1)[axis] - points[0][axis]);
    return { ...this.value, paint: paint.with(index, { ...paint[index], move: by }) };
  }

  key(event) {
    const { count } = this.size;
    const [first, last] = this.selection;
    const clamp = (frame) => Math.min(count - 1, Math.max(0, frame));
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const tool = { r: "rect", b: "brush", m: "move" }[event.key.toLowerCase()];
    if (event.ctrlKey || event.metaKey || event.altKey) return; // the editor's own, undo above all
    if (step) this.selection = event.shiftKey ? [first, Math.max(first, clamp(last + step))] : Array(2).fill(clamp(first + step));
    else if (event.key === " ") this.setFrames(this.selection, !(this.flags()?.[first] ?? true));
    else if (event.key === "Delete" || event.key === "Backspace") {
      this.value = { ...this.value, paint: this.value.paint.filter(({ on }) => on[1] < first || last < on[0]) };
    } else if (tool) this.tool = tool;
    else if (event.key.toLowerCase() === "e") this.erase = !this.erase;
    else return;
    event.preventDefault();
    event.stopPropagation(); // Delete must not remove the node
    this.draw();
  }

  draw() {
    const { size } = this;
    const timeline = this.draft ?? this.value;
    const broken = parseTimeline(this.text.value) === null;
    this.selection = this.selection.map((frame) => Math.min(size.count - 1, frame));
    const states = this.states(timeline);
    const [frame] = this.selection;
    const generated = states[frame] === "unknown" ? null : this.flags(timeline)?.[frame] ?? true;
    const mask = generated === null ? null : frameMask(timeline, generated, frame, size.height, size.width);
    drawStrip(this.strip, { states, selection: this.selection, clip: this.clip });
    this.stage.style.aspectRatio = `${size.width} / ${size.height}`;
    this.place = drawStage(this.stage, { frame, count: size.count, size, mask, clip: this.clip });
    for (const [name, button] of Object.entries(this.buttons)) {
      const on = name === this.tool || (name === "erase" && this.erase);
      button.style.background = on ? GENERATED : "var(--comfy-input-bg, #222)";
      button.setAttribute("aria-pressed", String(on));
    }
    this.says.textContent = broken ? "cannot be read: clear it" : summary(states);
  }
}

function summary(states) {
  const texts = ["given", "generated", "partly"].map((state) => {
    const frames = states.flatMap((own, index) => (own === state ? [index] : []));
    return frames.length ? `${state} ${formatFrames(frames).replaceAll("-", "–")}` : "";
  });
  return texts.filter(Boolean).join(" · ") || "frames are known after a run";
}

/** A brush's way without points that hardly differ. */
function thinned(points) {
  const kept = [points[0]];
  for (const point of points.slice(1)) {
    const [dx, dy] = [point[0] - kept.at(-1)[0], point[1] - kept.at(-1)[1]];
    if (dx * dx + dy * dy > 0.0004) kept.push(point);
  }
  return kept;
}
