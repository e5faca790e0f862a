// Changes of a timeline: each takes one and gives a new one, so that what was there before can come back.

import { bounds, isOn, keyframes, outlineAt, shifted } from "./outline.js";
import { paintStroke } from "./raster.js";
import { kindOf, runs } from "./text.js";
import { scaledTo } from "./view.js";

const HIT = 160; // pixels along the longer side of the picture on which a click looks for a shape

/** A stroke without fields that say nothing. */
function tidy(stroke) {
  const made = { ...stroke };
  if (!made.keys?.length) delete made.keys;
  if (!made.move?.some((by) => by !== 0)) delete made.move;
  return made;
}

/** The same stroke with keyframes instead of `move`. */
function asKeys(stroke) {
  const [, ...keys] = keyframes(stroke);
  const { move, ...rest } = stroke;
  return tidy({ ...rest, keys });
}

/** A stroke that has this outline in a frame: a keyframe there, and its way to and from it changes. */
export function keyed(stroke, frame, numbers) {
  const made = asKeys(stroke);
  if (frame <= made.on[0]) return { ...made, [kindOf(made)]: numbers };
  const others = (made.keys ?? []).filter(([at]) => at !== frame);
  return { ...made, keys: [...others, [frame, ...numbers]].sort((a, b) => a[0] - b[0]) };
}

/** A stroke without its keyframe in a frame; without its first one it stands as the next one does. */
export function unkeyed(stroke, frame) {
  const made = asKeys(stroke);
  const [next, ...later] = made.keys ?? [];
  if (frame > made.on[0]) return tidy({ ...made, keys: (made.keys ?? []).filter(([at]) => at !== frame) });
  return next ? tidy({ ...made, [kindOf(made)]: next.slice(1), keys: later }) : made;
}

/** A stroke that has these numbers in a frame: animated ones get a keyframe, others change in all their frames. */
export function reshaped(stroke, frame, numbers, animate) {
  const alone = stroke.on[0] === stroke.on[1];
  if (!alone && (animate || stroke.keys?.length || stroke.move)) return keyed(stroke, frame, numbers);
  return { ...asKeys(stroke), [kindOf(stroke)]: numbers };
}

/** A stroke moved in all its frames by [dx, dy]. */
export function moved(stroke, by) {
  const made = { ...stroke, [kindOf(stroke)]: shifted(stroke[kindOf(stroke)], by) };
  if (stroke.keys) made.keys = stroke.keys.map(([frame, ...numbers]) => [frame, ...shifted(numbers, by)]);
  return made;
}

/** A stroke on other frames, in each of those that stay with the outline it had there. */
export function trimmed(stroke, [first, last]) {
  const kind = kindOf(stroke);
  let made = first === stroke.on[0] && (last === stroke.on[1] || !stroke.move) ? stroke : asKeys(stroke);
  if (first > stroke.on[0]) {
    made = { ...made, [kind]: outlineAt(stroke, first), keys: (made.keys ?? []).filter(([at]) => at > first) };
  } else if (first < stroke.on[0] && made.keys?.length) {
    made = { ...made, keys: [[stroke.on[0], ...made[kind]], ...made.keys] };
  }
  return tidy({ ...made, on: [first, last] });
}

/** A stroke so many frames later, or earlier, but never before frame 0. */
export function delayed(stroke, by) {
  const step = Math.max(by, -stroke.on[0]);
  const made = { ...stroke, on: [stroke.on[0] + step, stroke.on[1] + step] };
  if (stroke.keys) made.keys = stroke.keys.map(([frame, ...numbers]) => [frame + step, ...numbers]);
  return made;
}

/** A timeline with one stroke in the place of another. */
export function replaced(timeline, index, stroke) {
  return { ...timeline, paint: timeline.paint.map((each, place) => (place === index ? stroke : each)) };
}

/** A timeline without the strokes on these frames, or without one of them there; and how many it took away from. */
export function cut(timeline, frames, only = null) {
  const gone = new Set(frames);
  let touched = 0;
  const paint = timeline.paint.flatMap((stroke, index) => {
    if (only !== null && index !== only) return [stroke];
    const [first, last] = stroke.on;
    if (!frames.some((frame) => isOn(stroke, frame))) return [stroke];
    touched++;
    const kept = [];
    for (let frame = first; frame <= last; frame++) if (!gone.has(frame)) kept.push(frame);
    return runs(kept).map((run) => trimmed(stroke, run));
  });
  return { timeline: { ...timeline, paint }, touched };
}

/** What is copied: the strokes of these frames, or one whole stroke, as they stand after the first frame. */
export function copied(timeline, frames, only = null) {
  if (only !== null) return { paint: [delayed(timeline.paint[only], -timeline.paint[only].on[0])] };
  const [from, to] = [Math.min(...frames), Math.max(...frames)];
  const found = timeline.paint.filter(({ on }) => on[0] <= to && from <= on[1]);
  const parts = found.map((stroke) => trimmed(stroke, [Math.max(from, stroke.on[0]), Math.min(to, stroke.on[1])]));
  return { paint: parts.map((stroke) => delayed(stroke, -from)) };
}

/** A timeline with what was copied, from a frame on. */
export function pasted(timeline, { paint }, frame, count) {
  const fresh = paint.map((stroke) => delayed(stroke, frame)).filter(({ on }) => on[0] < count);
  return { ...timeline, paint: [...timeline.paint, ...fresh] };
}

/** The newest stroke that lies at a point [x, y] of a frame; -1 if there is none. */
export function shapeAt(timeline, frame, [x, y], size) {
  const [w, h] = scaledTo(size, HIT);
  const [column, row] = [Math.floor(x * w), Math.floor(y * h)];
  for (let index = timeline.paint.length - 1; index >= 0; index--) {
    const stroke = timeline.paint[index];
    if (!isOn(stroke, frame)) continue;
    const mask = new Uint8Array(w * h);
    paintStroke(mask, { ...stroke, erase: false }, frame, h, w);
    for (let dy = -2; dy <= 2; dy++) {
      for (let dx = -2; dx <= 2; dx++) {
        const [cx, cy] = [column + dx, row + dy];
        if (cx >= 0 && cy >= 0 && cx < w && cy < h && mask[cy * w + cx]) return index;
      }
    }
  }
  return -1;
}

/** The middle of a stroke in each of its frames: its path, as [frame, x, y] with whether a keyframe stands there. */
export function path(stroke) {
  const marks = new Set(keyframes(stroke).map(([frame]) => frame));
  const points = [];
  const step = Math.max(1, Math.ceil((stroke.on[1] - stroke.on[0]) / 120));
  for (let frame = stroke.on[0]; frame <= stroke.on[1]; frame += step) {
    const [left, top, right, bottom] = bounds(outlineAt(stroke, frame));
    points.push({ frame, x: (left + right) / 2, y: (top + bottom) / 2, isKey: marks.has(frame) });
  }
  return points;
}
