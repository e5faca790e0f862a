// Draws all frames of a timeline as a strip, and below it the shapes as bars with their keyframes.

import { COLORS } from "../common/colors.js";
import { hatch } from "../common/hatch.js";
import { prepare } from "../common/page.js";
import { isOn, keyframes } from "./outline.js";
import { frameMask, paintAll } from "./raster.js";
import { nameOf } from "./states.js";
import { lanes, placeOfFrame, scaledTo } from "./view.js";

export const BAR = 16; // height of the line below the frames that says what is generated
const LANE = 11; // height of the bar of a shape
const MOST_LANES = 4;
const OVERVIEW = 8; // height of the line that says which part of a long clip is seen
const DIM = "rgba(38, 40, 44, 0.55)"; // the ground beneath the stripes when one peeks
const SMALL = 24; // pixels along the longer side of the mask on a small picture
const LEAST = 9; // width of a frame that has a picture of its own
const masks = new Map();

/** The strip: `states` holds for each frame "given", "generated", "partly" or "unknown". */
export function drawStrip(canvas, scene) {
  const { context, width, height } = prepare(canvas);
  const { states, view, size } = scene;
  const step = width / view.span;
  const high = height - BAR;
  const first = Math.floor(view.first);
  const last = Math.min(size.count - 1, Math.ceil(view.first + view.span) - 1);
  const stride = Math.max(1, Math.ceil(LEAST / step));
  for (let frame = first - (first % stride); frame <= last; frame += stride) {
    const box = [placeOfFrame(view, frame) * width, 0, step * stride, high];
    context.save();
    context.beginPath();
    context.rect(...box);
    context.clip();
    drawFrame(context, scene, frame, box);
    context.restore();
  }
  for (let frame = first; frame <= last; frame++) drawBar(context, scene, frame, placeOfFrame(view, frame) * width, step, height);
  drawChosen(context, scene, width, step, high);
}

/** A frame as it will be: given parts as they are, the others striped. */
function drawFrame(context, scene, frame, box) {
  const { states, pictures, peek } = scene;
  const state = states[frame];
  context.fillStyle = COLORS.empty;
  context.fillRect(...box);
  if (state !== "generated" || peek) pictures?.draw(context, frame, box);
  if (state === "given" || state === "unknown") return;
  const ground = peek ? DIM : COLORS.ground;
  if (state === "generated") {
    context.fillStyle = hatch(context, COLORS.generated, ground);
    context.fillRect(...box);
  } else drawPart(context, scene, frame, box, ground);
}

/** The striped part of a frame, by a small mask. */
function drawPart(context, scene, frame, [left, top, width, height], ground) {
  const mask = smallMask(scene, frame);
  if (!mask) return;
  const layer = new OffscreenCanvas(Math.max(1, Math.ceil(width)), Math.max(1, Math.ceil(height)));
  const paper = layer.getContext("2d");
  paper.imageSmoothingEnabled = false;
  paper.drawImage(mask, 0, 0, width, height);
  paper.globalCompositeOperation = "source-in";
  paper.fillStyle = hatch(paper, COLORS.generated, ground);
  paper.fillRect(0, 0, width, height);
  context.drawImage(layer, left, top);
}

function smallMask({ timeline, size, bases, baseMask }, frame) {
  const strokes = timeline.paint.filter((stroke) => isOn(stroke, frame));
  const [w, h] = scaledTo(size, SMALL);
  const base = baseMask?.(frame, w, h) ?? null;
  if (base) return maskCanvas(paintAll(base, { paint: strokes }, frame, h, w), w, h);
  const generated = bases[frame] === true;
  if (!strokes.length) return null;
  const key = [generated, w, h, ...strokes.map((stroke) => nameOf(stroke, frame))].join();
  if (!masks.has(key)) {
    if (masks.size > 2000) masks.clear();
    masks.set(key, maskCanvas(frameMask({ paint: strokes }, generated, frame, h, w), w, h));
  }
  return masks.get(key);
}

/** A mask as a canvas that is opaque where something is generated. */
export function maskCanvas(mask, width, height) {
  const picture = new ImageData(width, height);
  mask.forEach((value, index) => {
    if (value) picture.data[4 * index + 3] = 255;
  });
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas;
}

function drawBar(context, { states, view }, frame, left, step, height) {
  const state = states[frame];
  const [top, high] = [height - BAR + 2, BAR - 3];
  const wide = Math.max(1, step - (step > 4 ? 2 : 0));
  context.globalAlpha = state === "unknown" ? 0.35 : 1;
  context.fillStyle = state === "given" ? COLORS.given : COLORS.generated;
  context.fillRect(left + (step > 4 ? 1 : 0), top, wide, high);
  if (state === "partly") {
    context.fillStyle = COLORS.given;
    context.fillRect(left + (step > 4 ? 1 : 0), top, wide, high / 2);
  }
  context.globalAlpha = 1;
  const every = step >= 18 ? 1 : [5, 10, 20, 50, 100, 200, 500, 1000].find((each) => each * step >= 34) ?? 5000;
  if (frame % every !== 0) return;
  context.fillStyle = "#111";
  context.font = "bold 10px sans-serif";
  context.textAlign = every === 1 ? "center" : "left";
  context.fillText(frame, every === 1 ? left + step / 2 : left + 2, height - 4.5);
}

function drawChosen(context, { selection, view, shown }, width, step, high) {
  context.strokeStyle = COLORS.selected;
  context.lineWidth = 2;
  for (const [first, last] of selection.runs) {
    const left = placeOfFrame(view, first) * width;
    context.strokeRect(left + 1, 1, (last - first + 1) * step - 2, high - 2);
  }
  const left = placeOfFrame(view, shown) * width;
  context.fillStyle = COLORS.selected;
  context.beginPath();
  context.moveTo(left + step / 2 - 5, 0);
  context.lineTo(left + step / 2 + 5, 0);
  context.lineTo(left + step / 2, 7);
  context.fill();
  if (step < 6) context.fillRect(left, 0, Math.max(1, step), high);
}

// ---- Bars of shapes -------------------------------------------------------------------------------------------------

/** How high the bars of these shapes are, and the line for a part of a long clip. */
export function lanesHeight(paint, view, count) {
  return lanes(paint, MOST_LANES).length * LANE + (view.span < count ? OVERVIEW : 0);
}

/** Bars for shapes, a diamond at every keyframe; below, which part of the clip is seen. */
export function drawLanes(canvas, { timeline, view, size, shape }) {
  const { context, width, height } = prepare(canvas);
  lanes(timeline.paint, MOST_LANES).forEach((row, place) => {
    for (const index of row) drawShape(context, timeline.paint[index], index === shape, { view, width, top: place * LANE });
  });
  if (view.span >= size.count) return;
  const top = height - OVERVIEW + 2;
  context.fillStyle = "#1b1d20";
  context.fillRect(0, top, width, OVERVIEW - 3);
  context.fillStyle = COLORS.given;
  context.fillRect((view.first / size.count) * width, top, Math.max(6, (view.span / size.count) * width), OVERVIEW - 3);
}

function drawShape(context, stroke, chosen, { view, width, top }) {
  const [left, right] = [placeOfFrame(view, stroke.on[0]) * width, placeOfFrame(view, stroke.on[1] + 1) * width];
  const step = width / view.span;
  context.fillStyle = chosen ? COLORS.selected : stroke.erase ? "#6d7177" : COLORS.shape;
  context.globalAlpha = chosen ? 0.95 : 0.7;
  context.fillRect(left + 1, top + 2, Math.max(3, right - left - 2), LANE - 4);
  context.globalAlpha = 1;
  const keys = keyframes(stroke);
  if (keys.length < 2) return;
  context.fillStyle = "#fff";
  context.strokeStyle = "#222";
  context.lineWidth = 1;
  for (const [frame] of keys) {
    if (frame > stroke.on[1]) continue;
    const [x, y] = [(placeOfFrame(view, frame) * width) + step / 2, top + LANE / 2];
    context.beginPath();
    for (const [dx, dy] of [[0, -4], [4, 0], [0, 4], [-4, 0]]) context.lineTo(x + dx, y + dy);
    context.closePath();
    context.fill();
    context.stroke();
  }
}

/** What lies at a place of the bars: {index, part: "start" | "end" | "key" | "bar", frame}, {part: "overview"} or null. */
export function laneAt({ timeline, view, size }, { width, height }, x, y) {
  if (view.span < size.count && y > height - OVERVIEW) return { part: "overview" };
  const row = lanes(timeline.paint, MOST_LANES)[Math.floor(y / LANE)];
  const step = width / view.span;
  for (const index of row ?? []) {
    const stroke = timeline.paint[index];
    const [left, right] = [placeOfFrame(view, stroke.on[0]) * width, placeOfFrame(view, stroke.on[1] + 1) * width];
    if (x < left - 5 || x > right + 5) continue;
    const key = keyframes(stroke).find(([frame]) => Math.abs(placeOfFrame(view, frame) * width + step / 2 - x) < 5);
    if (key && key[0] > stroke.on[0] && key[0] <= stroke.on[1]) return { index, part: "key", frame: key[0] };
    if (Math.abs(x - left) < 5) return { index, part: "start" };
    if (Math.abs(x - right) < 5) return { index, part: "end" };
    return { index, part: "bar" };
  }
  return null;
}
