// Which frames are chosen: {frames: [sorted], cursor, anchor}. The cursor is the frame that is shown.

import { count } from "./text.js";

export function select(frame) {
  return { frames: [frame], cursor: frame, anchor: frame };
}

/** All frames between the anchor and a frame, and those that were chosen before. */
export function extend(selection, frame, before = []) {
  const between = range(selection.anchor, frame);
  return { ...selection, frames: merged(before, between), cursor: frame };
}

/** One frame more, or less; at least one stays. */
export function toggle(selection, frame) {
  const rest = selection.frames.filter((each) => each !== frame);
  const frames = rest.length === selection.frames.length ? merged(rest, [frame]) : rest;
  return frames.length ? { frames, cursor: frame, anchor: frame } : selection;
}

export function all(selection, length) {
  return { ...selection, frames: count(0, length) };
}

/** Only frames of a clip of this length. */
export function clamp(selection, length) {
  const inside = (frame) => Math.min(length - 1, Math.max(0, frame));
  const frames = selection.frames.filter((frame) => frame < length);
  const cursor = inside(selection.cursor);
  return { frames: frames.length ? frames : [cursor], cursor, anchor: inside(selection.anchor) };
}

/** The next frame: alone, or with all up to it. */
export function step(selection, by, length, extending) {
  const frame = Math.min(length - 1, Math.max(0, selection.cursor + by));
  return extending ? extend(selection, frame) : select(frame);
}

/** All frames from one to another, whichever comes first. */
export function range(one, other) {
  return count(Math.min(one, other), Math.max(one, other) + 1);
}

function merged(some, others) {
  return [...new Set([...some, ...others])].sort((a, b) => a - b);
}
