// The player's code without a page: `node --test tests/web/player.mjs`.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { MODES, frameAt, frameLabel, isOver, playedFrames, wrapped } from "../../web/js/player/clock.js";
import { keepSeed, nodeOf, placesFor, samplerOf, setPicture } from "../../web/js/player/graph.js";
import { commentOf, sheetOf } from "../../web/js/player/jpeg.js";
import { boxAt, columnsFor, exportScales, fitted, gridBoxes, isCrisp, stageHeight, tileOf } from "../../web/js/player/layout.js";
import { describeStates, frameUnder, labelEvery, runsOf } from "../../web/js/player/marks.js";
import { WORDS, translator } from "../../web/js/player/words.js";

const FOLDER = new URL("../../web/js/player/", import.meta.url);

test("a loop shows every frame once a round, back and forth the ends once", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, -1].map((step) => frameAt(step, 3, "loop")), [0, 1, 2, 0, 1, 2, 2]);
  assert.deepEqual(playedFrames(4, "back and forth"), [0, 1, 2, 3, 2, 1]);
  assert.deepEqual(playedFrames(3, "once"), [0, 1, 2]);
  for (const mode of MODES) {
    assert.deepEqual(playedFrames(1, mode), [0]);
    for (const count of [1, 2, 5]) for (let step = 0; step < 30; step += 0.37) {
      const frame = frameAt(step, count, mode);
      assert.ok(Number.isInteger(frame) && 0 <= frame && frame < count, `${step} ${count} ${mode}`);
    }
  }
  assert.ok(isOver(3, 3, "once") && !isOver(2.9, 3, "once") && !isOver(99, 3, "loop"));
  assert.deepEqual([wrapped(-1, 5), wrapped(5, 5), frameLabel(7, 16), frameLabel(3, 1000)], [4, 0, "07 / 15", "003 / 999"]);
});

test("a frame that is set is the frame that is shown", () => {
  for (const mode of MODES) for (let frame = 0; frame < 7; frame++) assert.equal(frameAt(frame, 7, mode), frame);
});

test("small pictures are enlarged by whole pixels of the screen, large ones to the whole box", () => {
  const box = { left: 0, top: 0, width: 225, height: 240 };
  assert.deepEqual(fitted({ width: 64, height: 64 }, box), { left: 17, top: 24, width: 192, height: 192 });
  for (const ratio of [1, 1.25, 2]) {
    const { left, width } = fitted({ width: 64, height: 64 }, box, ratio);
    assert.ok(Number.isInteger((width * ratio) / 64) && Math.abs(left * ratio - Math.round(left * ratio)) < 1e-9);
  }
  assert.equal(fitted({ width: 512, height: 512 }, box).width, 225);
  assert.equal(fitted({ width: 128, height: 128 }, box).width, 225); // less than twice: no whole factor but one
  assert.ok(isCrisp({ width: 64, height: 192 }) && !isCrisp({ width: 64, height: 193 }));
});

test("a grid uses the room, and a click finds its clip", () => {
  assert.equal(columnsFor(4, { width: 64, height: 64 }, { width: 400, height: 400 }), 2);
  assert.equal(columnsFor(4, { width: 64, height: 64 }, { width: 400, height: 90 }), 4);
  for (const count of [1, 2, 3, 7, 64]) {
    const room = { left: 5, top: 7, width: 300, height: 220 };
    const boxes = gridBoxes(count, { width: 64, height: 48 }, room);
    assert.equal(boxes.length, count);
    boxes.forEach((box, index) => {
      assert.ok(box.left >= 5 && box.top >= 7 && box.left + box.width <= 305.001 && box.top + box.height <= 227.001);
      assert.equal(boxAt(boxes, box.left + box.width / 2, box.top + box.height / 2), index);
    });
    assert.equal(boxAt(boxes, -1, -1), -1);
  }
});

test("frames are found on their pages", () => {
  const clip = { width: 40, height: 24, columns: 2, rows: 3 };
  assert.deepEqual(tileOf(clip, 0), { page: 0, left: 0, top: 0 });
  assert.deepEqual(tileOf(clip, 5), { page: 0, left: 40, top: 48 });
  assert.deepEqual(tileOf(clip, 9), { page: 1, left: 40, top: 24 });
  assert.deepEqual([exportScales({ width: 64, height: 64 }), exportScales({ width: 512, height: 64 })], [[8, 1], [1]]);
  assert.ok(stageHeight({ width: 64, height: 64 }, 1, 225) === 225 && stageHeight({ width: 1, height: 9 }, 1, 225) === 420);
});

test("marks say what is given", () => {
  assert.deepEqual(runsOf("0012"), [{ state: "0", first: 0, last: 1 }, { state: "1", first: 2, last: 2 }, { state: "2", first: 3, last: 3 }]);
  assert.equal(describeStates("00111"), "given 0–1, generated 2–4");
  assert.equal(describeStates("02", translator("zh-CN")), "给定 0, 部分生成 1");
  assert.equal(describeStates(""), "");
  assert.deepEqual([frameUnder(-1, 4), frameUnder(0.26, 4), frameUnder(2, 4)], [0, 1, 3]);
  for (const count of [1, 16, 97, 4096]) assert.ok((labelEvery(count, 225) * 225) / count >= 18 || labelEvery(count, 225) >= count);
});

test("a JPEG says how its frames stand, anything else does not", () => {
  const text = new TextEncoder().encode("vdt frames=5 columns=2 width=32 height=16 label=1 / 2");
  const head = [0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xfe, 0, text.length + 2];
  assert.deepEqual(sheetOf(commentOf(Uint8Array.from([...head, ...text, 0xff, 0xda]))), { frames: 5, columns: 2, rows: 3, width: 32, height: 16, label: "1 / 2" });
  for (const bytes of [[], [0x89, 0x50], head.slice(0, 8), [0xff, 0xd8, 0xff, 0xda, 0, 2], [0xff, 0xd8, 0xff, 0xfe]]) {
    assert.equal(commentOf(Uint8Array.from(bytes)), "");
  }
  assert.equal(sheetOf("made by GIMP"), null);
});

test("every word has its Chinese, and every word that is used is known", () => {
  const chinese = translator("zh");
  assert.deepEqual(WORDS.filter((word) => chinese(word) === word), []);
  assert.equal(translator("de")("compare"), "compare");
  const used = readdirSync(FOLDER).flatMap((name) => [...readFileSync(new URL(name, FOLDER), "utf8").matchAll(/words\("([^"]+)"\)/g)].map((match) => match[1]));
  assert.ok(used.length > 10);
  assert.deepEqual(used.filter((word) => !WORDS.includes(word)), []);
});

test("only the registering file does something when it is loaded", () => {
  const loud = readdirSync(FOLDER).filter((name) => /^(app\.|api\.|document\.|window\.|setInterval|import .*scripts\/)/m.test(readFileSync(new URL(name, FOLDER), "utf8")));
  assert.deepEqual(loud, ["index.js"]);
});

function graphOf(nodes) {
  const graph = { _nodes: nodes, getNodeById: (id) => nodes.find((node) => node.id === Number(id)) ?? null, add: (node) => nodes.push(node) };
  nodes.forEach((node) => Object.assign(node, { graph }));
  return graph;
}

const widget = (name, value) => ({ name, value, options: { values: ["old.png"] }, callback() {} });

test("a node is found by the id of a run, in subgraphs too", () => {
  const inner = { id: 12 }, subgraph = graphOf([inner]), outer = { id: 3, subgraph };
  const app = { graph: graphOf([outer]) };
  assert.equal(nodeOf(app, "3:12"), inner);
  assert.equal(nodeOf(app, 3), outer);
  assert.equal(nodeOf(app, "4:12"), null);
});

test("the seed of a variation is kept in its sampler", () => {
  const sampler = { id: 1, comfyClass: "VDTSampler", widgets: [widget("seed", 1), widget("control_after_generate", "randomize"), widget("batch", 4)] };
  const between = { id: 2, inputs: [{ name: "latent", link: 1 }], getInputNode: () => sampler };
  const decode = { id: 3, inputs: [{ name: "vae", link: 9 }, { name: "latent", link: 2 }], getInputNode: (slot) => (slot === 1 ? between : null) };
  assert.equal(samplerOf(decode), sampler);
  assert.equal(samplerOf({ inputs: [] }), null);
  const tracker = { captureCanvasState: () => (tracker.steps = (tracker.steps ?? 0) + 1) };
  keepSeed({ extensionManager: { workflow: { activeWorkflow: { changeTracker: tracker } } } }, sampler, 7);
  assert.deepEqual(sampler.widgets.map(({ value }) => value), [7, "fixed", 1]);
  assert.equal(tracker.steps, 1);
});

test("a frame goes to pictures, to free keyframes, or to a new node", () => {
  const picture = { id: 1, comfyClass: "LoadImage", title: "Load Image", widgets: [widget("image", "old.png")] };
  const slots = ["image_1", "length", "image_2"].map((name, index) => ({ name, link: index ? null : 5 }));
  const keyframes = { id: 2, comfyClass: "VDTKeyframes", title: "Keys", inputs: slots, pos: [500, 0] };
  const full = { id: 4, comfyClass: "VDTKeyframes", title: "Full", inputs: [{ name: "image_1", link: 1 }] };
  const player = { id: 3, size: [200, 300], pos: [10, 20] };
  graphOf([picture, keyframes, full, player]);
  const made = { id: 5, title: "Load Image", comfyClass: "LoadImage", widgets: [widget("image", "")], size: [300, 300], connect: (...to) => (made.to = to) };
  globalThis.LiteGraph = { createNode: () => made };
  const tracker = { steps: 0, checkState: () => (tracker.steps += 1) };
  const places = placesFor({ extensionManager: { workflow: { activeWorkflow: { changeTracker: tracker } } } }, player);
  assert.deepEqual(places.map(({ label }) => label), [["picture of", "Load Image (1)"], ["keyframe of", "Keys (2)"], ["new Load Image", ""]]);
  places[0].place("a.png");
  assert.deepEqual([picture.widgets[0].value, picture.widgets[0].options.values], ["a.png", ["old.png", "a.png"]]);
  places[1].place("b.png");
  assert.deepEqual([made.to, made.pos, made.widgets[0].value], [[0, keyframes, 2], [140, 0], "b.png"]);
  assert.equal(tracker.steps, 2); // one for each: a new node, its place and its wire are one
  setPicture({}, picture, "a.png");
  assert.equal(picture.widgets[0].options.values.length, 2);
});
