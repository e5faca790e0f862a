// What keys and buttons do to a timeline.

import { copied, cut, pasted, replaced, unkeyed } from "./edit.js";
import { isOn, keyframes } from "./outline.js";
import { all, step } from "./selection.js";
import { formatFrames } from "./text.js";
import { WHOLE, wholeStrip, zoomStage } from "./view.js";

let clipboard = null; // shapes that were copied, for every timeline of the page

const COMMANDS = {
  tool(timeline, tool) {
    timeline.message = null;
    timeline.set({ tool });
  },
  flip(timeline, name) {
    const { on } = timeline.look;
    timeline.message = null;
    timeline.set({ on: on.includes(name) ? on.filter((each) => each !== name) : [...on, name] });
  },
  play: (timeline) => timeline.play(),
  help: (timeline) => timeline.set({ help: !timeline.look.help }),
  clear: (timeline) => timeline.commit({ given: null, paint: [] }),
  fit: (timeline) => timeline.set({ strip: wholeStrip(timeline.size.count), stage: WHOLE }),
  zoom(timeline, factor) {
    const { clientWidth, clientHeight } = timeline.panel.stage;
    timeline.set({ stage: zoomStage(timeline.look.stage, timeline.placed, [clientWidth / 2, clientHeight / 2], factor) });
  },
  size(timeline, factor) {
    const { brush } = timeline.look;
    timeline.set({ brush: { ...brush, size: Math.min(0.5, Math.max(0.01, brush.size * factor)) } });
  },
  hard(timeline, by) {
    const { brush } = timeline.look;
    timeline.set({ brush: { ...brush, hard: Math.min(1, Math.max(0, Math.round((brush.hard + by) * 20) / 20)) } });
  },
  step(timeline, by, extending) {
    const { look, size } = timeline;
    timeline.message = null;
    look.selection = step(look.selection, by, size.count, extending);
    timeline.reveal();
    timeline.set({});
  },
  all: (timeline) => timeline.set({ selection: all(timeline.look.selection, timeline.size.count) }),
  escape: (timeline) => timeline.set({ shape: -1, help: false }),
  toggle(timeline) {
    const { frames, cursor } = timeline.look.selection;
    const base = timeline.basesOf(timeline.value)[cursor];
    timeline.commit(timeline.withFrames(frames, base === false));
  },
  remove(timeline, everywhere) {
    const { look, value, say } = timeline;
    const only = look.tool === "move" && value.paint[look.shape] ? look.shape : null;
    if (everywhere) return removeWhole(timeline, only);
    if (only !== null && onKey(timeline, value.paint[only])) return;
    const { frames } = look.selection;
    const { timeline: rest, touched } = cut(value, frames, only);
    const text = formatFrames(frames);
    if (!touched) return timeline.tell(say("there is no shape on frames {0}", text));
    look.shape = -1;
    timeline.commit(rest, say("removed from frames {0}: {1}", text, shapes(say, touched)));
  },
  copy(timeline) {
    const { look, value, say } = timeline;
    const only = look.tool === "move" && value.paint[look.shape] ? look.shape : null;
    const found = copied(value, look.selection.frames, only);
    if (!found.paint.length) return timeline.tell(say("there is no shape on frames {0}", formatFrames(look.selection.frames)));
    clipboard = JSON.stringify(found);
    timeline.tell(say("copied: {0}", shapes(say, found.paint.length)));
  },
  cut(timeline) {
    COMMANDS.copy(timeline);
    if (clipboard) COMMANDS.remove(timeline, false);
  },
  paste(timeline) {
    const { look, value, say, size } = timeline;
    if (!clipboard) return timeline.tell(say("nothing was copied yet"));
    const frame = Math.min(...look.selection.frames);
    const made = pasted(value, JSON.parse(clipboard), frame, size.count);
    look.shape = made.paint.length - 1;
    timeline.commit(made, say("pasted at frame {0}: {1}", frame, shapes(say, made.paint.length - value.paint.length)));
  },
};

export function run(timeline, command, ...values) {
  if (timeline.playing !== null && command !== "play") timeline.play(false);
  COMMANDS[command](timeline, ...values);
}

function shapes(say, number) {
  return number === 1 ? say("1 shape") : say("{0} shapes", number);
}

function removeWhole(timeline, only) {
  const { look, value, say } = timeline;
  const { frames } = look.selection;
  const hit = (stroke, index) => (only === null ? frames.some((frame) => isOn(stroke, frame)) : index === only);
  const paint = value.paint.filter((stroke, index) => !hit(stroke, index));
  const gone = value.paint.length - paint.length;
  if (!gone) return timeline.tell(say("there is no shape on frames {0}", formatFrames(frames)));
  look.shape = -1;
  timeline.commit({ ...value, paint }, say("removed from all their frames: {0}", shapes(say, gone)));
}

/** Delete on a keyframe of the chosen shape takes that keyframe first. */
function onKey(timeline, stroke) {
  const { look, value, say } = timeline;
  const { frames, cursor } = look.selection;
  if (frames.length > 1 || !keyframes(stroke).slice(1).some(([frame]) => frame === cursor)) return false;
  timeline.commit(replaced(value, look.shape, unkeyed(stroke, cursor)), say("keyframe removed at frame {0}", cursor));
  return true;
}
