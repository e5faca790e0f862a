// The outline of a stroke in each frame: it stands as it was drawn in its first frame, and goes evenly from keyframe to
// keyframe; after the last one it stays.

import { kindOf } from "./text.js";

/** Whether a stroke is there in a frame. */
export function isOn({ on }, frame) {
  return on[0] <= frame && frame <= on[1];
}

/** Whether a stroke changes from frame to frame. */
export function isMoving(stroke) {
  return stroke.on[1] > stroke.on[0] && Boolean(stroke.keys?.length || stroke.move?.some((by) => by !== 0));
}

/** Its keyframes as [frame, x, y, …] in order, the first frame always among them. */
export function keyframes(stroke) {
  const base = stroke[kindOf(stroke)];
  const found = [[stroke.on[0], ...base], ...(stroke.keys ?? [])];
  if (stroke.move && stroke.on[1] > stroke.on[0]) {
    found.push([stroke.on[1], ...base.map((value, place) => value + stroke.move[place % 2])]);
  }
  return found;
}

/** The numbers of its outline in a frame. */
export function outlineAt(stroke, frame) {
  const base = stroke[kindOf(stroke)];
  const [first, last] = stroke.on;
  if (stroke.move) {
    const share = last > first ? (frame - first) / (last - first) : 0;
    return base.map((value, place) => value + stroke.move[place % 2] * share);
  }
  let before = [first, ...base];
  for (const after of stroke.keys ?? []) {
    if (frame < after[0]) {
      const share = (frame - before[0]) / (after[0] - before[0]);
      return before.slice(1).map((value, place) => value + (after[place + 1] - value) * share);
    }
    before = after;
  }
  return before.slice(1);
}

/** [x, y] pairs of a list of numbers. */
export function pairs(numbers) {
  const points = [];
  for (let i = 0; i + 1 < numbers.length; i += 2) points.push([numbers[i], numbers[i + 1]]);
  return points;
}

/** Left, top, right and bottom of points. */
export function bounds(numbers) {
  const xs = numbers.filter((_, place) => place % 2 === 0);
  const ys = numbers.filter((_, place) => place % 2 === 1);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** Numbers moved by [dx, dy]. */
export function shifted(numbers, by) {
  return numbers.map((value, place) => value + by[place % 2]);
}

/** Numbers stretched from one box [left, top, right, bottom] to another; a flat side only moves. */
export function stretched(numbers, from, to) {
  return numbers.map((value, place) => {
    const axis = place % 2;
    const [old, next] = [from[axis + 2] - from[axis], to[axis + 2] - to[axis]];
    return old > 0 ? to[axis] + ((value - from[axis]) / old) * next : value + to[axis] - from[axis];
  });
}

/** A brush's way without points that hardly differ, as numbers. */
export function thinned(points, least = 0.02) {
  const kept = [points[0]];
  for (const point of points.slice(1)) {
    if (distance(point, kept.at(-1)) > least) kept.push(point);
  }
  return kept.flat();
}

/** So many points at even distances along a way; a closed one goes on from its last point to its first. */
function resampled(numbers, number, closed) {
  const points = pairs(numbers);
  if (closed) points.push(points[0]);
  const lengths = points.slice(1).map((point, index) => distance(point, points[index]));
  const total = lengths.reduce((sum, each) => sum + each, 0);
  const gap = total / (closed ? number : Math.max(1, number - 1));
  const made = [];
  let [segment, passed] = [0, 0];
  for (let index = 0; index < number; index++) {
    while (segment < lengths.length - 1 && passed + lengths[segment] < index * gap) passed += lengths[segment++];
    const share = lengths[segment] > 0 ? Math.min(1, (index * gap - passed) / lengths[segment]) : 0;
    const [a, b] = [points[segment], points[Math.min(segment + 1, points.length - 1)]];
    made.push([a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share]);
  }
  return made.flat();
}

/** A new outline with the points of another, each as near as can be to its own: what a shape changes into. */
export function matched(fresh, like, kind) {
  if (kind === "rect" || kind === "oval") return fresh;
  const closed = kind === "poly";
  const points = pairs(resampled(fresh, like.length / 2, closed));
  const target = pairs(like);
  const ways = closed ? points.flatMap((_, turn) => [turned(points, turn), turned([...points].reverse(), turn)]) : [points];
  if (!closed) ways.push([...points].reverse());
  const far = (way) => way.reduce((sum, point, index) => sum + distance(point, target[index]) ** 2, 0);
  return ways.reduce((best, way) => (far(way) < far(best) ? way : best)).flat();
}

function turned(points, by) {
  return [...points.slice(by), ...points.slice(0, by)];
}

function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}
