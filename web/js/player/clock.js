// Which frame of a clip is to be seen when. No page is needed here.

export const MODES = ["loop", "back and forth", "once"];
export const SPEEDS = [0.25, 0.5, 1, 2, 4];

/** The number of steps after which a clip of `count` frames begins again. */
function roundOf(count, mode) {
  return mode === "back and forth" ? Math.max(1, 2 * count - 2) : count;
}

/** The frame after so many steps from the first one. */
export function frameAt(steps, count, mode) {
  const whole = Math.floor(steps + 1e-6);
  if (mode === "once") return Math.min(count - 1, Math.max(0, whole));
  const round = roundOf(count, mode);
  const place = ((whole % round) + round) % round;
  return place < count ? place : round - place;
}

/** Whether a clip that is played once has come to its end. */
export function isOver(steps, count, mode) {
  return mode === "once" && steps >= count;
}

/** Frames in the order in which one round shows them. */
export function playedFrames(count, mode) {
  return Array.from({ length: roundOf(count, mode) }, (_, step) => frameAt(step, count, mode));
}

/** A frame within the clip; what lies beyond its ends comes back at the other. */
export function wrapped(frame, count) {
  return ((frame % count) + count) % count;
}

/** The number of a frame beside the last one, both from 0 as the nodes count: "07 / 15". */
export function frameLabel(frame, count) {
  const last = String(count - 1);
  return `${String(frame).padStart(last.length, "0")} / ${last}`;
}
