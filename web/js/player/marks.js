// What the strip below a clip says of its frames: given, generated or in part. No page is needed here.

import { COLORS } from "../common/colors.js";

export const STATES = { 0: "given", 1: "generated", 2: "partly generated" };
export const STATE_COLORS = { 0: COLORS.given, 1: COLORS.generated, 2: COLORS.partly };

/** Runs of frames of one state: [{state, first, last}]. */
export function runsOf(states) {
  const runs = [];
  [...(states ?? "")].forEach((state, frame) => {
    const run = runs.at(-1);
    if (run?.state === state) run.last = frame;
    else runs.push({ state, first: frame, last: frame });
  });
  return runs;
}

/** In words, for those who do not see the strip: "given 0–7, generated 8–15". */
export function describeStates(states, translate = (text) => text) {
  const runs = runsOf(states).map(({ state, first, last }) => `${translate(STATES[state])} ${range(first, last)}`);
  return runs.join(", ");
}

/** The frame that a place along the strip belongs to, from 0 to 1. */
export function frameUnder(share, count) {
  return Math.min(count - 1, Math.max(0, Math.floor(share * count)));
}

/** Every how many frames a number is written, so that they do not touch. */
export function labelEvery(count, width) {
  const room = 18;
  const steps = [1, 2, 4, 5, 8, 10, 16, 20, 25, 32, 50, 64, 100, 128, 200, 250, 500, 1000, 2000, 5000];
  return steps.find((every) => (width / count) * every >= room) ?? count;
}

function range(first, last) {
  return first === last ? `${first}` : `${first}–${last}`;
}
