// From strokes to pixels, without a page: vdt/masks/timeline.py does the same, pixel by pixel, and a test compares them.

import { isOn, outlineAt, pairs } from "./outline.js";
import { kindOf } from "./text.js";

// Which pixels of each 4x4 block the thinning rim of a soft brush takes first, as its share of the way to the middle.
const ORDER = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5];
const THIN = ORDER.map((place) => (2 * place + 1) / 32);

/** The mask of one frame, one byte a pixel (1 = generate), row by row. */
export function frameMask(timeline, generated, frame, height, width) {
  return paintAll(new Uint8Array(height * width).fill(generated ? 1 : 0), timeline, frame, height, width);
}

/** Put all strokes of a frame on a mask, in place, in their order. */
export function paintAll(mask, { paint }, frame, height, width) {
  for (const stroke of paint) {
    if (isOn(stroke, frame)) paintStroke(mask, stroke, frame, height, width);
  }
  return mask;
}

/** Put one stroke on a mask, in place: into it what it generates, out of it what it erases. */
export function paintStroke(mask, stroke, frame, height, width) {
  const numbers = outlineAt(stroke, frame);
  const value = stroke.erase ? 0 : 1;
  const draw = { rect: rectangle, oval, poly: polygon, brush }[kindOf(stroke)];
  draw(numbers, { height, width, stroke }, (y, x) => (mask[y * width + x] = value));
}

/** Columns or rows whose middle may lie between two places, in pixels. */
function within(low, high, size) {
  return [Math.max(0, Math.floor(low - 1)), Math.min(size - 1, Math.ceil(high + 1))];
}

function corners([x0, y0, x1, y1]) {
  return [Math.min(x0, x1), Math.max(x0, x1), Math.min(y0, y1), Math.max(y0, y1)];
}

function rectangle(numbers, { height, width }, set) {
  const [left, right, top, bottom] = corners(numbers);
  const [firstY, lastY] = within(top * height, bottom * height, height);
  const [firstX, lastX] = within(left * width, right * width, width);
  for (let row = firstY; row <= lastY; row++) {
    const y = (row + 0.5) / height;
    if (y < top || y >= bottom) continue;
    for (let column = firstX; column <= lastX; column++) {
      const x = (column + 0.5) / width;
      if (left <= x && x < right) set(row, column);
    }
  }
}

function oval(numbers, { height, width }, set) {
  const [left, right, top, bottom] = corners(numbers);
  const [mx, my, rx, ry] = [(left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2];
  if (!(rx > 0 && ry > 0)) return;
  const [firstY, lastY] = within(top * height, bottom * height, height);
  const [firstX, lastX] = within(left * width, right * width, width);
  for (let row = firstY; row <= lastY; row++) {
    const v = ((row + 0.5) / height - my) / ry;
    for (let column = firstX; column <= lastX; column++) {
      const u = ((column + 0.5) / width - mx) / rx;
      if (u * u + v * v <= 1) set(row, column);
    }
  }
}

/** Inside where a line to the right crosses the outline an odd number of times. */
function polygon(numbers, { height, width }, set) {
  const points = pairs(numbers).map(([x, y]) => [x * width, y * height]);
  for (let row = 0; row < height; row++) {
    const y = row + 0.5;
    const crossings = [];
    points.forEach(([ax, ay], index) => {
      const [bx, by] = points[(index + 1) % points.length];
      if (ay > y !== by > y) crossings.push(((bx - ax) * (y - ay)) / (by - ay) + ax);
    });
    if (!crossings.length) continue;
    const [first, last] = within(Math.min(...crossings), Math.max(...crossings), width);
    for (let column = first; column <= last; column++) {
      const x = column + 0.5;
      if (crossings.filter((crossing) => x < crossing).length % 2) set(row, column);
    }
  }
}

/** Pixels within the radius of the line through the points; the rim of a soft brush takes fewer and fewer of them. */
function brush(numbers, { height, width, stroke }, set) {
  const way = pairs(numbers).map(([x, y]) => [x * width, y * height]);
  const reach = stroke.r * Math.min(height, width);
  const soft = 1 - (stroke.hard ?? 1);
  const limits = THIN.map((thin) => {
    const limit = reach * (1 - thin * soft);
    return limit * limit;
  });
  const far = Math.abs(reach);
  way.forEach(([ax, ay], index) => {
    const [bx, by] = way[Math.min(index + 1, way.length - 1)];
    const [vx, vy] = [bx - ax, by - ay];
    const length = vx * vx + vy * vy;
    const [firstY, lastY] = within(Math.min(ay, by) - far, Math.max(ay, by) + far, height);
    const [firstX, lastX] = within(Math.min(ax, bx) - far, Math.max(ax, bx) + far, width);
    for (let row = firstY; row <= lastY; row++) {
      for (let column = firstX; column <= lastX; column++) {
        const [x, y] = [column + 0.5, row + 0.5];
        const along = length > 0 ? Math.min(1, Math.max(0, ((x - ax) * vx + (y - ay) * vy) / length)) : 0;
        const [dx, dy] = [x - (ax + along * vx), y - (ay + along * vy)];
        if (dx * dx + dy * dy <= limits[(row % 4) * 4 + (column % 4)]) set(row, column);
      }
    }
  });
}
