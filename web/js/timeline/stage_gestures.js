// Gestures on the picture: drawing shapes, choosing, dragging and stretching them, zoom and pan.

import { HANDLE, boxOf } from "./draw_stage.js";
import { keyed, moved, replaced, reshaped, shapeAt } from "./edit.js";
import { bounds, isOn, matched, outlineAt, shifted, stretched, thinned } from "./outline.js";
import { kindOf, runs } from "./text.js";
import { panStage, toPicture, zoomStage } from "./view.js";

const TOUCH = 3; // how much larger handles are for fingers

export function stageGestures(timeline) {
  let held = null; // {kind: "draw" | "pan" | "drag" | "stretch", …}
  const point = ({ x, y }) => toPicture(timeline.placed, x, y);
  return {
    begin(place) {
      timeline.play(false);
      timeline.hover = null;
      timeline.message = null;
      if (place.button === 1 || place.shift) held = { kind: "pan", last: place };
      else if (timeline.look.tool === "move") held = grab(timeline, place, point(place));
      else held = { kind: "draw", points: [point(place)] };
    },
    drag(place) {
      timeline.pointer = [place.x, place.y];
      if (held?.kind === "pan") return pan(timeline, held, place);
      if (held) follow(timeline, held, place, point(place));
    },
    end(place) {
      const done = held;
      held = null;
      if (!done || done.kind === "pan") return timeline.draw();
      follow(timeline, done, place, point(place));
      const made = timeline.draft;
      timeline.drawing = false;
      if (!made) return timeline.draw();
      if (done.kind === "draw") timeline.look.shape = done.morphs ? timeline.look.shape : made.paint.length - 1;
      timeline.commit(made, done.message ?? null);
    },
    cancel() {
      held = null;
      timeline.drawing = false;
      timeline.preview(null);
    },
    hover(place) {
      timeline.pointer = [place.x, place.y];
      if (timeline.look.tool === "brush") timeline.draw();
    },
    leave() {
      timeline.pointer = null;
      timeline.draw();
    },
    wheel({ x, y, dy }) {
      timeline.set({ stage: zoomStage(timeline.look.stage, timeline.placed, [x, y], Math.exp(-dy / 300)) });
    },
    pinch({ x, y, factor, dx, dy }) {
      const { look, placed } = timeline;
      timeline.set({ stage: panStage(zoomStage(look.stage, placed, [x, y], factor), placed, dx, dy) });
    },
  };
}

function pan(timeline, held, place) {
  timeline.set({ stage: panStage(timeline.look.stage, timeline.placed, place.x - held.last.x, place.y - held.last.y) });
  held.last = place;
}

/** What the move tool takes hold of: a corner of the chosen shape, a shape, or the picture. */
function grab(timeline, place, at) {
  const { look, value, size } = timeline;
  const frame = look.selection.cursor;
  const chosen = value.paint[look.shape];
  if (chosen && isOn(chosen, frame)) {
    const corner = cornerAt(boxOf(chosen, frame, timeline.placed), place);
    if (corner) return { kind: "stretch", corner, index: look.shape, start: at };
  }
  const index = shapeAt(value, frame, at, size);
  timeline.set({ shape: index });
  return index < 0 ? { kind: "pan", last: place } : { kind: "drag", index, start: at };
}

/** Which corner of a box is at a place, as the places of its x and y in the box. */
function cornerAt(box, { x, y, isTouch }) {
  const reach = HANDLE * (isTouch ? TOUCH : 1) + 2;
  for (const cx of [0, 2]) {
    for (const cy of [1, 3]) if (Math.abs(box[cx] - x) <= reach && Math.abs(box[cy] - y) <= reach) return [cx, cy];
  }
  return null;
}

function follow(timeline, held, place, at) {
  if (held.kind === "draw") {
    held.points.push(at);
    const made = drawn(timeline, held);
    timeline.drawing = !held.morphs;
    return timeline.preview(made);
  }
  const { value, look } = timeline;
  const stroke = value.paint[held.index];
  const frame = look.selection.cursor;
  const by = [at[0] - held.start[0], at[1] - held.start[1]];
  if (!by.some(Boolean)) return;
  const animate = look.on.includes("animate");
  const numbers = outlineAt(stroke, frame);
  let made;
  if (held.kind === "drag" && place.alt) made = moved(stroke, by);
  else if (held.kind === "drag") made = reshaped(stroke, frame, shifted(numbers, by), animate);
  else made = reshaped(stroke, frame, stretchedTo(numbers, held.corner, by), animate);
  if (made.keys?.some(([key]) => key === frame)) held.message = timeline.say("keyframe at frame {0}", frame);
  timeline.preview(replaced(value, held.index, made));
}

function stretchedTo(numbers, [cx, cy], by) {
  const from = bounds(numbers);
  const to = [...from];
  to[cx] += by[0];
  to[cy] += by[1];
  const order = (low, high) => (to[low] > to[high] ? ([to[low], to[high]] = [to[high], to[low]]) : null);
  order(0, 2);
  order(1, 3);
  return stretched(numbers, from, to);
}

/** The timeline with what is being drawn: a new shape on the chosen frames, or another outline of the chosen one. */
function drawn(timeline, held) {
  const { look, value } = timeline;
  const { tool, brush, on } = look;
  const shape = outlineOf(tool, held.points, brush);
  if (!shape) return null;
  const { frames, cursor } = look.selection;
  const chosen = value.paint[look.shape];
  held.morphs = on.includes("animate") && frames.length === 1 && chosen && kindOf(chosen) === tool && chosen.on[0] < cursor && cursor <= chosen.on[1];
  if (held.morphs) {
    held.message = timeline.say("shape changed at frame {0}", cursor);
    return replaced(value, look.shape, keyed(chosen, cursor, matched(shape[tool], chosen[tool], tool)));
  }
  const more = on.includes("erase") ? { erase: true } : {};
  const strokes = runs(frames).map((run) => ({ on: run, ...shape, ...more }));
  return { ...value, paint: [...value.paint, ...strokes] };
}

/** The outline that a way over the picture draws with a tool; null of one that is no shape. */
function outlineOf(tool, points, brush) {
  const [first, last] = [points[0], points.at(-1)];
  if (tool === "brush") return { brush: thinned(points, Math.min(0.02, brush.size / 3)), r: brush.size, ...(brush.hard < 1 ? { hard: brush.hard } : {}) };
  if (tool === "poly") {
    const numbers = thinned(points, 0.015);
    return numbers.length < 6 ? null : { poly: numbers };
  }
  if (first[0] === last[0] || first[1] === last[1]) return null; // a click is no shape
  return { [tool]: [...first, ...last] };
}
