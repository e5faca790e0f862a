// For each frame whether it is given, generated or partly so; "unknown" where only a run can tell.

import { isMoving, isOn, outlineAt } from "./outline.js";
import { paintStroke } from "./raster.js";

const MOST = 256, FEW = 64; // pixels along a side on which it is looked at, FEW where there are many frames
const MANY = 200; // frames
const DIGITS = { 0: false, 1: true };
const cache = new Map();
const whole = new WeakMap(); // timelines that were looked at last, with what came of it
const names = new WeakMap();

/** The mask of a frame before strokes: true, false, "partly" or null, from what the task or the last run says. */
export function baseOf(flags, made, frame) {
  if (flags) return flags[frame];
  if (!made) return null;
  return DIGITS[made[frame]] ?? "partly";
}

/**
 * The state of each frame of a clip {count, width, height}; `bases` says what it is before strokes. While one drags, of a
 * long clip only some frames are looked at, and those after them are taken to be the same.
 */
export function frameStates(timeline, bases, size, isDraft = false) {
  const step = isDraft && size.count > MANY ? Math.ceil(size.count / MANY) : 1;
  if (step > 1) {
    const some = statesOf(timeline, bases.map((base, frame) => (frame % step ? undefined : base)), size);
    return some.map((_, frame) => some[frame - (frame % step)]);
  }
  const key = [bases, size.width, size.height].join();
  const before = whole.get(timeline);
  if (before?.key === key) return before.states;
  const states = statesOf(timeline, bases, size);
  whole.set(timeline, { key, states });
  return states;
}

function statesOf(timeline, bases, size) {
  return bases.map((base, frame) => {
    if (base === undefined) return base;
    const strokes = timeline.paint.filter((stroke) => isOn(stroke, frame));
    if (!strokes.length) return { true: "generated", false: "given", partly: "partly", null: "unknown" }[base];
    return painted(strokes, base, frame, size);
  });
}

function painted(strokes, base, frame, size) {
  const key = [base, size.width, size.height, ...strokes.map((stroke) => nameOf(stroke, frame))].join();
  if (!cache.has(key)) {
    if (cache.size > 5000) cache.clear();
    cache.set(key, look(strokes, base, frame, size));
  }
  return cache.get(key);
}

function look(strokes, base, frame, size) {
  const most = size.count > MANY ? FEW : MOST;
  const [height, width] = [Math.min(most, size.height), Math.min(most, size.width)];
  const mask = new Uint8Array(height * width).fill(base === true ? 1 : base === false ? 0 : 2);
  for (const stroke of strokes) paintStroke(mask, stroke, frame, height, width);
  const first = mask[0];
  if (mask.some((value) => value !== first)) return "partly";
  return ["given", "generated", base === "partly" ? "partly" : "unknown"][first];
}

/** What tells a stroke in a frame from all others; of one that stands still the same in all its frames. */
export function nameOf(stroke, frame) {
  if (!names.has(stroke)) names.set(stroke, JSON.stringify({ ...stroke, on: 0, keys: 0, move: 0 }));
  return isMoving(stroke) ? `${names.get(stroke)}${outlineAt(stroke, frame)}` : names.get(stroke);
}
