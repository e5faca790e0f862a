// What the timeline of VDT Mask means, without a page: vdt/timeline.py does the same, and a test compares the two.
//
// A timeline is {given: [frame, …] or null, paint: [stroke, …]}; null leaves the frames to the task. A stroke is
// {on: [first, last], rect: [x0, y0, x1, y1]} or {on, brush: [x, y, …], r}, with erase and move [dx, dy] if it has them.
// Points are fractions of width and height, r of the shorter side.

export const VERSION = 1;

// ---- The text that graphs keep --------------------------------------------------------------------------------------

/** The timeline of a text; null if it cannot be read. */
export function parseTimeline(text) {
  if (!text || !text.trim()) return { given: null, paint: [] };
  try {
    const values = JSON.parse(text);
    if (values.v !== VERSION) return null;
    const given = values.given == null ? null : expand(parseRanges(values.given));
    return { given, paint: (values.paint ?? []).map((stroke) => ({ ...stroke, on: parseRanges(stroke.on)[0] })) };
  } catch {
    return null;
  }
}

/** The text of a timeline, short and readable; empty if it changes nothing. */
export function formatTimeline({ given, paint }) {
  if (given == null && !paint.length) return "";
  const values = { v: VERSION };
  if (given != null) values.given = formatFrames(given);
  if (paint.length) values.paint = paint.map((stroke) => ({ ...stroke, on: formatRange(stroke.on) }));
  return JSON.stringify(values, (key, value) => (typeof value === "number" ? Math.round(value * 1e4) / 1e4 : value));
}

/** "0-3,8" of [0, 1, 2, 3, 8]. */
export function formatFrames(indices) {
  const runs = [];
  for (const index of [...new Set(indices)].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run && index === run[1] + 1) run[1] = index;
    else runs.push([index, index]);
  }
  return runs.map(formatRange).join(",");
}

function formatRange([first, last]) {
  return first === last ? `${first}` : `${first}-${last}`;
}

function parseRanges(text) {
  return split(text).map((piece) => {
    const match = /^(\d+)(?:-(\d+))?$/.exec(piece);
    const range = match && [Number(match[1]), Number(match[2] ?? match[1])];
    if (!range || range[1] < range[0]) throw new Error(`${piece} is no frame or range`);
    return range;
  });
}

function split(text) {
  return text.split(",").map((piece) => piece.trim()).filter(Boolean);
}

function expand(ranges) {
  return ranges.flatMap(([first, last]) => count(first, last + 1));
}

/** The numbers from one up to, but without, another. */
function count(from, to) {
  return Array.from({ length: Math.max(0, to - from) }, (_, offset) => from + offset);
}

// ---- Frames ----------------------------------------------------------------------------------------------------------

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

function givenByTask(task, { given, every, frame, known }, length) {
  if (task === "unconditional") return [];
  if (task === "predict" || task === "backward") {
    if (given < 1 || given >= length) return null;
    return task === "predict" ? count(0, given) : count(length - given, length);
  }
  if (task === "interpolate") return every < 2 ? null : [...count(0, length).filter((i) => i % every === 0), length - 1];
  if (task === "image_to_video") return [frame];
  if (task === "frames") return knownFrames(known, length);
  return null;
}

function knownFrames(text, length) {
  const found = [];
  for (const piece of split(text)) {
    const match = /^(-?\d+)(?:\s*-\s*(-?\d+))?$/.exec(piece);
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

// ---- Pixels ----------------------------------------------------------------------------------------------------------

/** The mask of one frame, one byte a pixel (1 = generate), row by row. */
export function frameMask(timeline, generated, frame, height, width) {
  const mask = new Uint8Array(height * width).fill(generated ? 1 : 0);
  for (const stroke of timeline.paint) {
    if (frame < stroke.on[0] || frame > stroke.on[1]) continue;
    const covers = inside(stroke, frame, height, width);
    const value = stroke.erase ? 0 : 1;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) if (covers(x, y)) mask[y * width + x] = value;
    }
  }
  return mask;
}

/** The points of a stroke in a frame: it moves evenly from its first frame to its last. */
export function pointsAt(stroke, frame) {
  const [first, last] = stroke.on;
  const share = last > first ? (frame - first) / (last - first) : 0;
  const [dx, dy] = stroke.move ?? [0, 0];
  const numbers = stroke.rect ?? stroke.brush;
  const points = [];
  for (let i = 0; i + 1 < numbers.length; i += 2) points.push([numbers[i] + dx * share, numbers[i + 1] + dy * share]);
  return points;
}

function inside(stroke, frame, height, width) {
  const points = pointsAt(stroke, frame);
  return stroke.rect ? insideRectangle(points, height, width) : insideBrush(points, stroke.r, height, width);
}

function insideRectangle([[x0, y0], [x1, y1]], height, width) {
  const [left, right, top, bottom] = [Math.min(x0, x1), Math.max(x0, x1), Math.min(y0, y1), Math.max(y0, y1)];
  return (column, row) => {
    const [x, y] = [(column + 0.5) / width, (row + 0.5) / height];
    return left <= x && x < right && top <= y && y < bottom;
  };
}

function insideBrush(points, radius, height, width) {
  const way = points.map(([x, y]) => [x * width, y * height]);
  const reach = radius * Math.min(height, width);
  return (column, row) => {
    const [x, y] = [column + 0.5, row + 0.5];
    return way.some(([ax, ay], index) => {
      const [bx, by] = way[Math.min(index + 1, way.length - 1)];
      const [vx, vy] = [bx - ax, by - ay];
      const length = vx * vx + vy * vy;
      const along = length > 0 ? Math.min(1, Math.max(0, ((x - ax) * vx + (y - ay) * vy) / length)) : 0;
      const [dx, dy] = [x - (ax + along * vx), y - (ay + along * vy)];
      return dx * dx + dy * dy <= reach * reach;
    });
  };
}
