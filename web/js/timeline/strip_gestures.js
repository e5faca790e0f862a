// Gestures on the strip of frames and on the bars of shapes.

import { BAR, laneAt } from "./draw_strip.js";
import { delayed, replaced, trimmed } from "./edit.js";
import { extend, range, select, toggle } from "./selection.js";
import { frameAt, scrollStrip, zoomStrip } from "./view.js";

export function stripGestures(timeline) {
  const { panel } = timeline;
  let from = null;
  let generate = null; // whether a drag on the line below sets frames so; null chooses frames
  let before = [];
  const choose = (selection) => {
    timeline.message = null;
    timeline.set({ selection });
  };
  return {
    begin(place) {
      const { look } = timeline;
      timeline.play(false);
      from = frameOf(timeline, place);
      generate = place.y > panel.strip.clientHeight - BAR ? timeline.basesOf(timeline.value)[from] === false : null;
      if (generate !== null) return timeline.preview(timeline.withFrames([from], generate));
      before = place.ctrl ? look.selection.frames : [];
      if (place.shift) choose(extend(look.selection, from));
      else choose(place.ctrl ? toggle(look.selection, from) : select(from));
      timeline.anchor = place.shift ? look.selection.anchor : from;
    },
    drag(place) {
      const frame = frameOf(timeline, place);
      if (generate !== null) return timeline.preview(timeline.withFrames(range(from, frame), generate));
      if (frame === from && before.length) return;
      choose(extend({ ...timeline.look.selection, anchor: timeline.anchor }, frame, before));
    },
    end(place) {
      if (generate === null) return;
      timeline.commit(timeline.withFrames(range(from, frameOf(timeline, place)), generate));
      generate = null;
    },
    cancel() {
      generate = null;
      timeline.preview(null);
    },
    hover(place) {
      const frame = frameOf(timeline, place);
      if (timeline.hover === frame) return;
      timeline.hover = frame;
      timeline.draw();
    },
    leave() {
      timeline.hover = null;
      timeline.draw();
    },
    ...zooms(timeline),
  };
}

/** The frame of the strip, or of the bars, at a place. */
function frameOf(timeline, { fx }) {
  return frameAt(timeline.look.strip, timeline.size.count, fx);
}

/** The wheel and two fingers over frames: closer, further, along. */
function zooms(timeline) {
  const width = () => Math.max(1, timeline.panel.strip.clientWidth);
  const set = (strip) => timeline.set({ strip });
  return {
    wheel({ fx, dx, dy, shift }) {
      const { look: { strip }, size } = timeline;
      if (shift || Math.abs(dx) > Math.abs(dy)) set(scrollStrip(strip, size.count, ((dx || dy) / width()) * strip.span));
      else set(zoomStrip(strip, size.count, fx, Math.exp(-dy / 300)));
    },
    pinch({ x, factor, dx }) {
      const { look: { strip }, size } = timeline;
      const closer = zoomStrip(strip, size.count, x / width(), factor);
      set(scrollStrip(closer, size.count, (-dx / width()) * closer.span));
    },
  };
}

export function laneGestures(timeline) {
  const { panel } = timeline;
  let held = null;
  const edited = (place) => {
    const { value, size } = timeline;
    const stroke = value.paint[held.index];
    const frame = frameOf(timeline, place);
    const by = frame - held.from;
    const [first, last] = stroke.on;
    if (held.part === "bar") return delayed(stroke, Math.min(by, size.count - 1 - first));
    if (held.part === "start") return trimmed(stroke, [Math.min(last, frame), last]);
    if (held.part === "end") return trimmed(stroke, [first, Math.max(first, frame)]);
    return movedKey(stroke, held.frame, frame);
  };
  return {
    begin(place) {
      held = laneAt({ ...timeline.look, timeline: timeline.value, view: timeline.look.strip, size: timeline.size }, box(panel.lanes), place.x, place.y);
      if (!held) return;
      held.from = frameOf(timeline, place);
      if (held.part === "overview") return scrollTo(timeline, place.fx);
      if (held.part === "key") timeline.look.selection = select(held.frame);
      timeline.set({ shape: held.index, tool: "move" });
    },
    drag(place) {
      if (held?.part === "overview") scrollTo(timeline, place.fx);
      else if (held) timeline.preview(replaced(timeline.value, held.index, edited(place)));
    },
    end(place) {
      if (held && held.part !== "overview") timeline.commit(replaced(timeline.value, held.index, edited(place)));
      held = null;
    },
    cancel() {
      held = null;
      timeline.preview(null);
    },
    ...zooms(timeline),
  };
}

function box(canvas) {
  return { width: canvas.clientWidth, height: canvas.clientHeight };
}

/** The overview was pressed: that place comes into the middle. */
function scrollTo(timeline, fx) {
  const { look: { strip }, size } = timeline;
  timeline.set({ strip: scrollStrip(strip, size.count, fx * size.count - strip.span / 2 - strip.first) });
}

/** A keyframe at another frame, never past its neighbours. */
function movedKey(stroke, from, to) {
  const keys = stroke.keys ?? [];
  const place = keys.findIndex(([frame]) => frame === from);
  if (place < 0) return stroke;
  const [least, most] = [(keys[place - 1]?.[0] ?? stroke.on[0]) + 1, (keys[place + 1]?.[0] ?? stroke.on[1] + 1) - 1];
  const frame = Math.min(Math.max(least, most), Math.max(least, to));
  return { ...stroke, keys: keys.map((key, index) => (index === place ? [frame, ...key.slice(1)] : key)) };
}
