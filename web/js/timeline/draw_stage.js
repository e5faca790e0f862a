// Draws one frame of a timeline large: its picture, what is generated of it, the grid of the model, and the chosen shape.

import { COLORS } from "../common/colors.js";
import { hatch } from "../common/hatch.js";
import { prepare } from "../common/page.js";
import { maskCanvas } from "./draw_strip.js";
import { path } from "./edit.js";
import { bounds, isOn, keyframes, outlineAt, pairs } from "./outline.js";
import { frameMask, paintAll } from "./raster.js";
import { kindOf } from "./text.js";
import { placePicture, scaledTo } from "./view.js";

const CELL = 8; // pixels along a latent cell, of which two by two make a patch
const MOST = 640; // pixels of the mask along the longer side
const DIM = "rgba(38, 40, 44, 0.5)"; // the ground beneath the stripes when one peeks
const EARLIER = "rgba(120, 200, 255, 0.8)", LATER = "rgba(170, 240, 150, 0.8)";
export const HANDLE = 5; // half the side of a handle

/** One frame as large as fits; returns where the picture stands. */
export function drawStage(canvas, scene) {
  const { context, width, height } = prepare(canvas);
  const { size, stage } = scene;
  const place = placePicture(stage, size, width, height);
  context.save();
  context.beginPath();
  context.rect(0, 0, width, height);
  context.clip();
  drawPicture(context, scene, place);
  drawGrid(context, size, place);
  if (scene.onion) drawOnion(context, scene, place);
  drawShapes(context, scene, place);
  drawRing(context, scene, place);
  context.restore();
  return place;
}

function drawPicture(context, { shown, states, size, largePictures: pictures, peek, timeline, bases, baseMask }, place) {
  const box = [place.left, place.top, place.width, place.height];
  const state = states[shown];
  context.fillStyle = COLORS.empty;
  context.fillRect(...box);
  context.imageSmoothingEnabled = place.scale < 3;
  if (state !== "generated" || peek) pictures?.draw(context, shown, box);
  context.imageSmoothingEnabled = true;
  if (state === "given" || state === "unknown") return;
  const [w, h] = scaledTo(size, MOST);
  const base = baseMask?.(shown, w, h);
  const mask = base ? paintAll(base, timeline, shown, h, w) : frameMask(timeline, bases[shown] === true, shown, h, w);
  const layer = new OffscreenCanvas(Math.max(1, context.canvas.clientWidth), Math.max(1, context.canvas.clientHeight));
  const paper = layer.getContext("2d");
  paper.imageSmoothingEnabled = false;
  paper.drawImage(maskCanvas(mask, w, h), ...box);
  paper.globalCompositeOperation = "source-in";
  paper.fillStyle = hatch(paper, COLORS.generated, peek ? DIM : COLORS.ground);
  paper.fillRect(0, 0, layer.width, layer.height);
  context.drawImage(layer, 0, 0);
}

function drawGrid(context, size, place) {
  const { scale } = place;
  const step = CELL * scale < 5 ? 2 * CELL : CELL;
  if (step * scale < 5) return;
  context.lineWidth = 1;
  for (let at = 0; at <= Math.max(size.width, size.height); at += step) {
    context.strokeStyle = at % (2 * CELL) ? "rgba(255, 255, 255, 0.10)" : "rgba(255, 255, 255, 0.28)";
    context.beginPath();
    if (at <= size.width) line(context, place.left + at * scale, place.top, 0, place.height);
    if (at <= size.height) line(context, place.left, place.top + at * scale, place.width, 0);
    context.stroke();
  }
}

function line(context, x, y, dx, dy) {
  context.moveTo(x, y);
  context.lineTo(x + dx, y + dy);
}

// ---- Shapes ---------------------------------------------------------------------------------------------------------

/** The box of a stroke in a frame, in units of the stage: what its handles are at the corners of. */
export function boxOf(stroke, frame, place) {
  const [left, top, right, bottom] = bounds(outlineAt(stroke, frame));
  const x = (value) => place.left + value * place.width;
  const y = (value) => place.top + value * place.height;
  return [x(left), y(top), x(right), y(bottom)];
}

function drawShapes(context, { timeline, shape, shown, tool, draft }, place) {
  const stroke = timeline.paint[draft ? timeline.paint.length - 1 : shape];
  if (!stroke || !isOn(stroke, shown)) return;
  trace(context, stroke, outlineAt(stroke, shown), place);
  context.lineWidth = 1.5;
  context.strokeStyle = stroke.erase ? "#fff" : COLORS.selected;
  context.setLineDash(stroke.erase ? [4, 3] : []);
  context.stroke();
  context.setLineDash([]);
  if (tool !== "move" || draft) return;
  const [left, top, right, bottom] = boxOf(stroke, shown, place);
  context.strokeStyle = "rgba(255, 255, 255, 0.6)";
  context.lineWidth = 1;
  context.strokeRect(left, top, right - left, bottom - top);
  context.fillStyle = "#fff";
  for (const [x, y] of [[left, top], [right, top], [left, bottom], [right, bottom]]) {
    context.fillRect(x - HANDLE, y - HANDLE, 2 * HANDLE, 2 * HANDLE);
  }
}

/** Where the chosen shape was and will be, and the way its middle goes, a dot for each frame. */
function drawOnion(context, { timeline, shape, shown }, place) {
  const stroke = timeline.paint[shape];
  if (!stroke || stroke.on[0] === stroke.on[1]) return;
  const marks = new Set([...keyframes(stroke).map(([frame]) => frame), shown - 1, shown + 1]);
  for (const frame of marks) {
    if (frame === shown || !isOn(stroke, frame)) continue;
    trace(context, stroke, outlineAt(stroke, frame), place);
    context.strokeStyle = frame < shown ? EARLIER : LATER;
    context.globalAlpha = Math.abs(frame - shown) === 1 ? 0.5 : 0.9;
    context.lineWidth = 1;
    context.stroke();
  }
  context.globalAlpha = 1;
  const points = path(stroke);
  context.fillStyle = "#fff";
  for (const { x, y, isKey } of points) {
    const side = isKey ? 3 : 1.2;
    context.fillRect(place.left + x * place.width - side, place.top + y * place.height - side, 2 * side, 2 * side);
  }
}

/** The path of an outline. */
function trace(context, stroke, numbers, place) {
  const at = ([x, y]) => [place.left + x * place.width, place.top + y * place.height];
  const kind = kindOf(stroke);
  context.beginPath();
  if (kind === "rect" || kind === "oval") {
    const [[x0, y0], [x1, y1]] = pairs(numbers).map(at);
    if (kind === "rect") context.rect(x0, y0, x1 - x0, y1 - y0);
    else context.ellipse((x0 + x1) / 2, (y0 + y1) / 2, Math.abs(x1 - x0) / 2, Math.abs(y1 - y0) / 2, 0, 0, 2 * Math.PI);
    return;
  }
  for (const point of pairs(numbers)) context.lineTo(...at(point));
  if (kind === "poly") context.closePath();
}

/** The ring of the brush under the pointer: its rim, and where it begins to thin out. */
function drawRing(context, { tool, pointer, brush, size, erase }, place) {
  if (tool !== "brush" || !pointer) return;
  const radius = brush.size * Math.min(size.width, size.height) * place.scale;
  for (const [share, color] of [[1, erase ? "#fff" : COLORS.generated], [brush.hard, "rgba(255, 255, 255, 0.5)"]]) {
    if (share !== 1 && brush.hard >= 1) continue;
    context.strokeStyle = "rgba(0, 0, 0, 0.7)";
    context.lineWidth = 3;
    circle(context, pointer, radius * share);
    context.strokeStyle = color;
    context.lineWidth = 1.5;
    circle(context, pointer, radius * share);
  }
}

function circle(context, [x, y], radius) {
  context.beginPath();
  context.arc(x, y, Math.max(0.5, radius), 0, 2 * Math.PI);
  context.stroke();
}
