// The timeline on VDT Mask: time, space and task set together. This file alone registers; all others only define.

import { api } from "../../../../scripts/api.js";
import { app } from "../../../../scripts/app.js";
import { chain } from "../common/graph.js";
import { addPageWidget, isAlive, keepMounted } from "../common/page_widget.js";
import { SETTINGS } from "./frames.js";
import { Host, hide } from "./host.js";
import { MaskTimeline } from "./timeline.js";

const NODE = "VDTMask";
const INPUT = "timeline";
const WIDGET = "mask timeline";
const TICK = 150; // milliseconds between looks at what else has changed: widgets, wires, an undo
const live = new Set();

app.registerExtension({
  name: "vdt.MaskTimeline",
  setup() {
    setInterval(() => live.forEach(tick), TICK);
  },
  nodeCreated(node) {
    const text = node.comfyClass === NODE && node.widgets?.find((widget) => widget.name === INPUT);
    if (text && node.addDOMWidget) attach(node, text);
  },
});

function attach(node, text) {
  const timeline = new MaskTimeline(new Host(app, api, node), text);
  hide(text, true); // it stays what is saved; the timeline draws it
  node.hideOutputImages = true; // the timeline shows them, and what was edited since
  node.onDrawBackground = function () {};
  addPageWidget(node, WIDGET, timeline.root, () => timeline.least);
  // The node is in no graph yet, and may come into one later than the next tick, or never: a copy is made of a node so.
  chain(node, "onAdded", () => live.add(timeline));
  chain(node, "onRemoved", () => live.delete(timeline));
  chain(node, "onConfigure", () => timeline.reread());
  // a task sets the frames in the same step of undo in which it was chosen
  for (const name of SETTINGS) chain(node.widgets.find((widget) => widget.name === name), "callback", () => tick(timeline));
}

function tick(timeline) {
  const { node } = timeline;
  if (!isAlive(node)) return;
  keepMounted(node, WIDGET, timeline.root);
  timeline.tick();
}
