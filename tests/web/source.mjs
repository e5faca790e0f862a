// Where a dropped video goes, without a page: `node --test tests/web/source.mjs`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { holdsGraph, isVideo } from "../../web/js/source/files.js";
import { connectVideo, take, targetOf } from "../../web/js/source/graph.js";
import { planOf } from "../../web/js/timeline/sources.js";

const slots = (names) => names.map((name) => ({ name, link: null }));

function graphOf(...kinds) {
  const graph = { _nodes: [], getNodeById: (id) => graph._nodes[id], getLink: (id) => graph.links[id], links: [] };
  for (const comfyClass of kinds) {
    const outputs = { VDTSampleClip: ["images", "fps"], LoadVideo: ["VIDEO"], VDTScene: ["images"] }[comfyClass] ?? ["images"];
    const node = { comfyClass, graph, id: graph._nodes.length, mode: 0, pos: [0, 0], size: [200, 100], inputs: slots(["images", "video"]), outputs: slots(outputs) };
    const name = { VDTSampleClip: "clip", LoadVideo: "file" }[comfyClass];
    node.widgets = name ? [{ name, value: "two_balls", options: { values: ["two_balls"] } }] : [];
    node.addOutput = (output) => node.outputs.push({ name: output });
    node.getInputNode = (slot) => graph._nodes[graph.links[node.inputs[slot].link]?.origin_id];
    node.connect = (from, target, to) => { target.inputs[to].link = graph.links.push({ origin_id: node.id, origin_slot: from }) - 1; };
    graph._nodes.push(node);
  }
  graph.add = (node) => graph._nodes.push(Object.assign(node, { graph, id: graph._nodes.length }));
  return graph;
}

const app = { extensionManager: null };

test("the clip that leads to the encoder takes the video, a chosen one before it, a silent one never", () => {
  const graph = graphOf("VDTSampleClip", "VDTEncode", "VDTSampleClip");
  const [first, encode, second] = graph._nodes;
  second.connect(0, encode, 0);
  assert.equal(targetOf(graph), second);
  first.selected = true;
  assert.equal(targetOf(graph), first);
  Object.assign(first, { selected: false });
  second.mode = 2;
  assert.equal(targetOf(graph), first);
  assert.equal(targetOf(graphOf("VDTDecode")), null);
});

test("a clip of one's own goes to the encoder as a video, also in graphs from before it had that output", () => {
  const graph = graphOf("VDTSampleClip", "VDTEncode"), [clip, encode] = graph._nodes;
  clip.connect(0, encode, 0);
  assert.equal(take(app, clip, "own.mp4"), clip);
  connectVideo(clip);
  assert.deepEqual([clip.widgets[0].value, clip.widgets[0].options.values], ["own.mp4", ["two_balls", "own.mp4"]]);
  const link = graph.links[encode.inputs[1].link];
  assert.deepEqual([link.origin_id, clip.outputs[link.origin_slot].name], [clip.id, "video"]);
  connectVideo(clip); // again: nothing more
  assert.equal(graph.links.length, 2);
});

test("an encoder without a node that takes videos gets one, and a Load Video that is there is used", () => {
  globalThis.LiteGraph = { createNode: () => graphOf("LoadVideo")._nodes[0] };
  const graph = graphOf("VDTScene", "VDTEncode"), [scene, encode] = graph._nodes;
  scene.connect(0, encode, 0);
  globalThis.LiteGraph.createNode = () => {
    const made = graphOf("LoadVideo")._nodes[0];
    made.connect = (from, target, to) => { target.inputs[to].link = graph.links.push({ origin_id: made.id, origin_slot: from }) - 1; };
    return made;
  };
  const made = take(app, encode, "own.mp4");
  assert.equal(made.comfyClass, "LoadVideo");
  assert.equal(encode.getInputNode(1), made);
  assert.equal(take(app, encode, "other.mp4"), made);
  assert.equal(made.widgets[0].value, "other.mp4");
});

test("a file with a graph in it is told from one without", async () => {
  const file = (text, pad = 0) => new File(["\0".repeat(pad), text, "\0".repeat(pad)], "a.mp4", { type: "video/mp4" });
  for (const text of ['{"3": {"class_type": "VDTMask"}}', '{"last_node_id": 9}', String.raw`"{\"class_type\": 1}"`]) {
    assert.equal(await holdsGraph(file(text)), true, text);
    assert.equal(await holdsGraph(file(text, 1 << 18)), true, text);
  }
  for (const text of ["", "moov mdat class_type", "workflow"]) assert.equal(await holdsGraph(file(text)), false, text);
  assert.deepEqual([isVideo({ type: "video/mp4" }), isVideo({ type: "image/png" }), isVideo(null)], [true, false, false]);
});

test("the timeline shows a clip of one's own as a video, a sample as a picture", () => {
  const graph = graphOf("VDTSampleClip", "VDTEncode"), [clip, encode] = graph._nodes;
  const mask = { inputs: slots(["images"]), graph };
  clip.connect(0, encode, 0);
  encode.connect(0, mask, 0);
  const kind = () => planOf(mask).pieces[0].kind;
  assert.equal(kind(), "sample");
  clip.widgets[0].value = "own.mp4";
  assert.equal(kind(), "video");
});
