// Which node of a graph a dropped video goes to, and what changes there. Nothing here knows the page; `app` is the editor's.

import { nodesOf, recordStep } from "../common/graph.js";

export const CLIP = "VDTSampleClip", LOAD = "LoadVideo", ENCODE = "VDTEncode";
const WIDGETS = { [CLIP]: "clip", [LOAD]: "file" };
const SILENT = [2, 4]; // muted, bypassed

/** The node whose clip a graph works on: a chosen one, then what leads to VDT Encode, then any; null if there is none. */
export function targetOf(graph) {
  const nodes = nodesOf(graph).filter((node) => !SILENT.includes(node.mode));
  const encoders = nodes.filter((node) => node.comfyClass === ENCODE);
  const fed = encoders.flatMap((node) => [originOf(node, "video"), originOf(node, "images")]);
  const clips = nodes.filter((node) => node.comfyClass === CLIP);
  const candidates = [...clips.filter((node) => node.selected), ...fed, ...clips, ...encoders];
  return candidates.find((node) => nodes.includes(node) && (node.comfyClass in WIDGETS || node.comfyClass === ENCODE)) ?? null;
}

/** Let a node take a video of the input folder; VDT Encode gets a Load Video where nothing that can take it leads to it. */
export function take(app, node, name) {
  const source = node.comfyClass === ENCODE ? (feeding(node) ?? loader(node)) : node;
  const widget = source.widgets.find((one) => one.name === WIDGETS[source.comfyClass]);
  const values = widget.options?.values;
  if (Array.isArray(values) && !values.includes(name)) values.push(name);
  widget.value = name;
  widget.callback?.(name);
  recordStep(app, source);
  return source;
}

/** Where the pictures of a clip go into VDT Encode, its video goes too, which is read only as far as it is needed. */
export function connectVideo(source) {
  if (!source.graph) return; // not yet part of one
  const encoders = nodesOf(source.graph).filter((node) => node.comfyClass === ENCODE && originOf(node, "images") === source);
  for (const node of encoders) {
    const input = slotOf(node.inputs, "video");
    if (input < 0 || node.inputs[input].link != null) continue;
    if (slotOf(source.outputs, "video") < 0) source.addOutput("video", "VIDEO"); // of graphs from before it was there
    source.connect(slotOf(source.outputs, "video"), node, input);
  }
}

function feeding(node) {
  return ["video", "images"].map((name) => originOf(node, name)).find((origin) => origin && origin.comfyClass in WIDGETS);
}

function loader(node) {
  const made = globalThis.LiteGraph.createNode(LOAD);
  node.graph.add(made);
  made.pos = [node.pos[0] - made.size[0] - 60, node.pos[1] + node.size[1] + 60];
  made.connect(0, node, slotOf(node.inputs, "video"));
  return made;
}

function originOf(node, name) {
  const slot = slotOf(node.inputs, name);
  return slot < 0 || node.inputs[slot].link == null ? null : (node.getInputNode?.(slot) ?? null);
}

function slotOf(slots, name) {
  return slots?.findIndex((slot) => slot.name === name) ?? -1;
}
