// The text that graphs keep, and what it means: vdt/masks/timeline.py reads and refuses the same, and a test compares both.
//
// A timeline is {given: [frame, …] or null, paint: [stroke, …]}; null leaves the frames to the task. A stroke is
// {on: [first, last], rect: [x0, y0, x1, y1]}, {on, oval: [x0, y0, x1, y1]}, {on, poly: [x, y, …]} or
// {on, brush: [x, y, …], r}, and has erase, hard (of a brush, 0 to 1), and move [dx, dy] or keys [[frame, …], …] if it
// needs them. Points are fractions of width and height, r of the shorter side. Version 2 added oval, poly, hard and keys;
// what needs none of them is written as version 1, which older packs read.

const KINDS = ["rect", "oval", "poly", "brush"];
export const BOUNDS = { frames: 1000000, points: 100000, coordinate: 1000 }; // those of vdt/bounds.py
const NEW = ["oval", "poly", "hard", "keys"];
const EMPTY = { given: null, paint: [] };

/** The timeline of a text; null if it cannot be read. */
export function parseTimeline(text) {
  if (!text || !text.trim()) return { ...EMPTY };
  try {
    const values = JSON.parse(text);
    if (values.v !== 1 && values.v !== 2) return null;
    const given = values.given == null ? null : expand(parseRanges(values.given));
    const entries = "paint" in values ? values.paint : [];
    const paint = list(entries).map((entry) => stroke(entry, values.v));
    expect(paint.reduce((sum, each) => sum + pointCount(each), 0) <= BOUNDS.points);
    return { given, paint };
  } catch {
    return null;
  }
}

/** The text of a timeline, short and readable; empty if it changes nothing. */
export function formatTimeline({ given, paint }) {
  if (given == null && !paint.length) return "";
  const values = { v: paint.some((each) => NEW.some((key) => key in each)) ? 2 : 1 };
  if (given != null) values.given = formatFrames(given);
  if (paint.length) values.paint = paint.map((each) => ({ ...each, on: formatRange(each.on) }));
  return JSON.stringify(values, (key, value) => (typeof value === "number" ? Math.round(value * 1e4) / 1e4 : value));
}

/** "0-3,8" of [0, 1, 2, 3, 8]. */
export function formatFrames(indices) {
  return runs(indices).map(formatRange).join(",");
}

/** [[0, 3], [8, 8]] of [0, 1, 2, 3, 8]: first and last frame of all that follow each other. */
export function runs(indices) {
  const found = [];
  for (const index of [...new Set(indices)].sort((a, b) => a - b)) {
    const run = found.at(-1);
    if (run && index === run[1] + 1) run[1] = index;
    else found.push([index, index]);
  }
  return found;
}

/** Which of its four kinds a stroke is. */
export function kindOf(each) {
  return KINDS.find((kind) => kind in each);
}

/** The numbers from one up to, but without, another. */
export function count(from, to) {
  return Array.from({ length: Math.max(0, to - from) }, (_, offset) => from + offset);
}

function formatRange([first, last]) {
  return first === last ? `${first}` : `${first}-${last}`;
}

// ---- What is read, and refused --------------------------------------------------------------------------------------

function expect(holds) {
  if (!holds) throw new Error("this is no timeline");
}

function stroke(entry, version) {
  const ranges = parseRanges(entry.on);
  expect(ranges.length === 1);
  const on = ranges[0];
  const known = version === 1 ? ["rect", "brush"] : KINDS;
  const kind = known.find((each) => each in entry) ?? "brush";
  const numbers = outline(entry[kind], kind);
  const read = { on, [kind]: numbers };
  if (kind === "brush") read.r = number(entry.r);
  if (truthy(entry.erase)) read.erase = true;
  if ("move" in entry) read.move = pair(entry.move);
  if (version > 1) extend(read, entry, kind);
  return read;
}

function extend(read, entry, kind) {
  if (kind === "brush" && "hard" in entry) {
    read.hard = number(entry.hard);
    expect(read.hard >= 0 && read.hard <= 1);
  }
  if (!("keys" in entry)) return;
  expect(!("move" in entry));
  read.keys = list(entry.keys).map((key) => keyframe(list(key), read[kind].length));
  read.keys.reduce((before, [frame]) => (expect(frame > before), frame), read.on[0]);
}

function keyframe([frame, ...numbers], length) {
  expect(Number.isInteger(frame) && frame < BOUNDS.frames && numbers.length === length);
  return [frame, ...numbers.map(number)];
}

function outline(values, kind) {
  const numbers = list(values).map(number);
  const few = { rect: 4, oval: 4, poly: 6, brush: 2 }[kind];
  expect(numbers.length % 2 === 0 && numbers.length >= few);
  expect(few !== 4 || numbers.length === 4);
  return numbers;
}

function pair(values) {
  expect(list(values).length === 2);
  return values.map(number);
}

function list(values) {
  expect(Array.isArray(values));
  return values;
}

function number(value) {
  expect(typeof value === "number" && Math.abs(value) <= BOUNDS.coordinate);
  return value;
}

/** As Python takes it: an empty list or table is false too. */
function truthy(value) {
  return value && typeof value === "object" ? Object.keys(value).length > 0 : Boolean(value);
}

function pointCount(each) {
  const numbers = each[kindOf(each)].length / 2;
  return numbers * (1 + (each.keys?.length ?? 0));
}

function parseRanges(text) {
  let total = 0;
  return split(text).map((piece) => {
    const match = /^(\d+)(?:-(\d+))?$/.exec(piece);
    const range = match && [Number(match[1]), Number(match[2] ?? match[1])];
    expect(range && range[0] <= range[1] && range[1] < BOUNDS.frames);
    total += range[1] - range[0] + 1;
    expect(total <= BOUNDS.frames);
    return range;
  });
}

/** The pieces of a list with commas, without empty ones. */
export function split(text) {
  return text.split(",").map((piece) => piece.trim()).filter(Boolean);
}

function expand(ranges) {
  return ranges.flatMap(([first, last]) => count(first, last + 1));
}
