// What a player changes in the graph around it: a frame goes back as an input picture, one of several seeds is kept.
// Nothing here knows the page; `app` is the editor's.

import { nodesOf, recordStep, rootOf } from "../common/graph.js";

const PICTURE = "LoadImage", KEYFRAMES = "VDTKeyframes", SAMPLER = "VDTSampler";
const PARAMETERS = ["latent", "result", "images"]; // inputs along which a result leads back to its sampler

/** The node that an event of a run names, in subgraphs "3:12"; null where it is not part of this graph. */
export function nodeOf(app, executionId) {
  let graph = rootOf(app);
  const ids = String(executionId).split(":");
  for (const id of ids.slice(0, -1)) graph = byId(graph, id)?.subgraph;
  return graph ? byId(graph, ids.at(-1)) : null;
}

/** The sampler whose clips a node shows: the first one on the way back. */
export function samplerOf(node) {
  const seen = new Set();
  for (let at = node; at && !seen.has(at); ) {
    if (at.comfyClass === SAMPLER) return at;
    seen.add(at);
    const slot = PARAMETERS.map((name) => at.inputs?.findIndex((input) => input.name === name && input.link != null)).find((index) => index >= 0);
    at = slot === undefined ? null : at.getInputNode?.(slot);
  }
  return null;
}

/** Set the sampler to make one of its variations alone, and to stay with it. */
export function keepSeed(app, sampler, seed) {
  setWidget(sampler, "seed", seed);
  setWidget(sampler, "batch", 1);
  const control = sampler.widgets.find((widget) => widget.name === "control_after_generate");
  if (control) control.value = "fixed";
  recordStep(app, sampler);
}

/** Places for a picture: [{label: [text, title], place(file)}], those that exist before a new node. */
export function placesFor(app, player) {
  const nodes = nodesOf(player.graph);
  const open = nodes.filter((node) => node.comfyClass === KEYFRAMES).flatMap((node) => {
    const slot = node.inputs.findIndex((input) => /^image_\d$/.test(input.name) && input.link == null);
    return slot < 0 ? [] : [{ label: ["keyframe of", titled(node)], place: (file) => connected(app, player, file, node, slot) }];
  });
  const pictures = nodes.filter((node) => node.comfyClass === PICTURE && node.widgets?.some((widget) => widget.name === "image"));
  const shown = pictures.map((node) => ({ label: ["picture of", titled(node)], place: (file) => setPicture(app, node, file) }));
  return [...shown, ...open, { label: ["new Load Image", ""], place: (file) => newPicture(app, player, file) }];
}

/** Let a Load Image show a file of the input folder: one step of undo. */
export function setPicture(app, node, file) {
  show(node, file);
  recordStep(app, node);
  return node;
}

function show(node, file) {
  const widget = node.widgets.find(({ name }) => name === "image");
  const values = widget.options?.values;
  if (Array.isArray(values) && !values.includes(file)) values.push(file);
  widget.value = file;
  widget.callback?.(file);
}

function newPicture(app, player, file) {
  const node = addPicture(player, file);
  recordStep(app, node);
  return node;
}

function addPicture(player, file) {
  const node = globalThis.LiteGraph.createNode(PICTURE);
  const below = player.size[1] + 60;
  node.pos = [player.pos[0], player.pos[1] + below];
  player.graph.add(node);
  show(node, file);
  return node;
}

function connected(app, player, file, keyframes, slot) {
  const node = addPicture(player, file);
  node.pos = [keyframes.pos[0] - node.size[0] - 60, keyframes.pos[1]];
  node.connect(0, keyframes, slot);
  recordStep(app, node);
  return node;
}

function setWidget(node, name, value) {
  const widget = node.widgets?.find((one) => one.name === name);
  if (!widget) return;
  widget.value = value;
  widget.callback?.(value);
}

function titled(node) {
  return `${node.title || node.type} (${node.id})`;
}

/** Ids are numbers in most graphs, but not in all. */
function byId(graph, id) {
  return graph.getNodeById(id) ?? graph.getNodeById(Number(id)) ?? null;
}
