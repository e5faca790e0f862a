// What tasks and timelines say of whole frames; vdt/masks/tasks.py has the table of which this knows the meaning.

import { count, split } from "./text.js";

export const SETTINGS = ["task", "given", "every", "frame", "known"]; // what sets the frames of a task
export const DRAWN = ["spatial", "random"]; // tasks whose masks only a run can tell
/** The widgets that each task reads; all others on the node say nothing to it. */
export const READ = {
  predict: ["given"],
  backward: ["given"],
  interpolate: ["every"],
  image_to_video: ["frame"],
  frames: ["known"],
  spatial: ["seed"],
  random: ["seed"],
  unconditional: [],
};

/** For each frame whether a task generates it; null where only a run can tell (random, spatial) or nothing fits. */
export function presetFrames(task, settings, length) {
  const given = givenByTask(task, settings, length);
  if (given == null) return null;
  const generated = Array(length).fill(true);
  for (const index of given) {
    const place = index < 0 ? index + length : index;
    if (place < 0 || place >= length) return null;
    generated[place] = false;
  }
  return generated.some(Boolean) ? generated : null;
}

/** Why a task cannot run on so many frames: "full" (nothing is left to generate), "beyond" or "unreadable"; else null. */
export function problem(task, settings, length) {
  if (DRAWN.includes(task) || presetFrames(task, settings, length)) return null;
  if (task === "frames" && split(settings.known ?? "").length === 0) return "unreadable";
  if (task === "predict" || task === "backward" || task === "interpolate") return "full";
  const given = givenByTask(task, settings, length);
  if (given == null) return pieces(settings.known ?? "") ? "beyond" : "unreadable";
  return given.every((index) => index < length && index >= -length) ? "full" : "beyond";
}

function givenByTask(task, { given, every, frame, known }, length) {
  if (task === "unconditional") return [];
  if (task === "predict" || task === "backward") {
    if (given < 1 || given >= length) return null;
    return task === "predict" ? count(0, given) : count(length - given, length);
  }
  if (task === "interpolate") return every < 2 ? null : [...count(0, length).filter((i) => i % every === 0), length - 1];
  if (task === "image_to_video") return [frame];
  if (task === "frames") return knownFrames(known ?? "", length);
  return null;
}

function pieces(text) {
  const found = split(text).map((piece) => /^(-?\d+)(?:\s*-\s*(-?\d+))?$/.exec(piece));
  return found.every(Boolean) ? found : null;
}

function knownFrames(text, length) {
  const found = [];
  for (const match of pieces(text) ?? [null]) {
    if (!match) return null;
    const [start, stop] = [match[1], match[2] ?? match[1]].map((end) => (Number(end) < 0 ? Number(end) + length : Number(end)));
    if (start < 0 || stop < 0 || stop >= length || start > stop) return null;
    found.push(...count(start, stop + 1));
  }
  return found.length ? found : null;
}

/** For each frame whether it is generated as a whole before strokes; null where only a run can tell. */
export function generatedFrames(timeline, preset, length) {
  if (timeline.given == null) return preset;
  const given = new Set(timeline.given);
  return count(0, length).map((index) => !given.has(index));
}
