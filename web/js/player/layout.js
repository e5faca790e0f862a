// Where pictures stand: clips in a grid, frames on the pages that the host writes. No page is needed here.

const CRISP_SIDE = 192; // pictures with a longer side are enlarged smoothly, smaller ones by whole pixels
const GAP = 4;

/** The largest box of a picture's proportions in another, in its middle. Small pictures grow by whole factors. */
export function fitted(size, box, ratio = 1) {
  let scale = Math.min(box.width / size.width, box.height / size.height);
  const whole = Math.floor(scale * ratio) / ratio; // in pixels of the screen
  if (isCrisp(size) && whole * ratio >= 2) scale = whole;
  const [width, height] = [size.width * scale, size.height * scale];
  const middle = (start, room, taken) => start + Math.round(((room - taken) / 2) * ratio) / ratio;
  return { left: middle(box.left, box.width, width), top: middle(box.top, box.height, height), width, height };
}

/** Whether a picture is enlarged by whole pixels. */
export function isCrisp({ width, height }) {
  return Math.max(width, height) <= CRISP_SIDE;
}

/** How many columns let `count` pictures of these proportions be largest in a box. */
export function columnsFor(count, size, box) {
  let [best, largest] = [1, 0];
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const room = { width: (box.width - GAP * (columns - 1)) / columns, height: (box.height - GAP * (rows - 1)) / rows };
    const scale = Math.min(room.width / size.width, room.height / size.height);
    if (scale > largest + 1e-9) [best, largest] = [columns, scale];
  }
  return best;
}

/** A box for each of `count` pictures. */
export function gridBoxes(count, size, box) {
  const columns = columnsFor(count, size, box);
  const rows = Math.ceil(count / columns);
  const width = (box.width - GAP * (columns - 1)) / columns;
  const height = (box.height - GAP * (rows - 1)) / rows;
  return Array.from({ length: count }, (_, index) => ({
    left: box.left + (index % columns) * (width + GAP),
    top: box.top + Math.floor(index / columns) * (height + GAP),
    width,
    height,
  }));
}

/** The number of the box that a point lies in, -1 for none. */
export function boxAt(boxes, x, y) {
  return boxes.findIndex((box) => box.left <= x && x < box.left + box.width && box.top <= y && y < box.top + box.height);
}

/** Where a frame stands: the number of its page, and its left and top edge there. */
export function tileOf({ width, height, columns, rows }, frame) {
  const place = frame % (columns * rows);
  return {
    page: Math.floor(frame / (columns * rows)),
    left: (place % columns) * width,
    top: Math.floor(place / columns) * height,
  };
}

/** How high the picture of a player should be for its width: whole, but no higher than the screen likes. */
export function stageHeight(size, count, width) {
  const lowest = 120, highest = 420;
  if (count > 1) return Math.min(highest, Math.max(200, width));
  return Math.round(Math.min(highest, Math.max(lowest, (width * size.height) / size.width)));
}

/** By which whole factors a clip is offered for export: as it is, and so large that players show more than a stamp. */
export function exportScales({ width, height }) {
  const side = Math.max(width, height);
  const large = Math.floor(512 / side);
  return isCrisp({ width, height }) && large > 1 ? [large, 1] : [1];
}
