// What of the frames and of the picture is seen: zoom and place of the strip and of the stage, without a page.

const LEAST_SPAN = 4; // frames across the strip at most
const MOST_ZOOM = 16;

/** Width and height of a picture with at most so many pixels along its longer side. */
export function scaledTo({ width, height }, most) {
  const scale = Math.min(1, most / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

// ---- The strip: {first, span} in frames ------------------------------------------------------------------------------

export function wholeStrip(count) {
  return { first: 0, span: count };
}

/** A view within so many frames. */
export function fitStrip({ first, span }, count) {
  const kept = Math.min(count, Math.max(Math.min(LEAST_SPAN, count), span));
  return { first: Math.min(count - kept, Math.max(0, first)), span: kept };
}

/** Closer (factor > 1) or further, the frame at a place (0 to 1) stays there. */
export function zoomStrip(view, count, at, factor) {
  const span = Math.min(count, Math.max(Math.min(LEAST_SPAN, count), view.span / factor));
  return fitStrip({ first: view.first + at * (view.span - span), span }, count);
}

export function scrollStrip(view, count, by) {
  return fitStrip({ ...view, first: view.first + by }, count);
}

/** The view with a frame in it. */
export function reveal(view, count, frame) {
  if (frame < view.first) return fitStrip({ ...view, first: frame }, count);
  if (frame + 1 > view.first + view.span) return fitStrip({ ...view, first: frame + 1 - view.span }, count);
  return view;
}

export function frameAt(view, count, x) {
  return Math.min(count - 1, Math.max(0, Math.floor(view.first + x * view.span)));
}

/** Where a frame begins, in widths of the strip. */
export function placeOfFrame(view, frame) {
  return (frame - view.first) / view.span;
}

/** Rows of bars for strokes, the newest first, none over another; as many as fit. */
export function lanes(paint, most) {
  const rows = [];
  for (let index = paint.length - 1; index >= 0; index--) {
    const { on } = paint[index];
    const free = rows.find((row) => row.every((other) => on[1] < paint[other].on[0] || paint[other].on[1] < on[0]));
    if (free) free.push(index);
    else if (rows.length < most) rows.push([index]);
  }
  return rows;
}

// ---- The stage: {zoom, x, y}, the point of the picture in its middle ---------------------------------------------------

export const WHOLE = { zoom: 1, x: 0.5, y: 0.5 };

/** Where the whole picture stands on a stage of this size, in its units. */
export function placePicture(view, size, width, height) {
  const scale = Math.min(width / size.width, height / size.height) * view.zoom;
  const place = { width: size.width * scale, height: size.height * scale, scale };
  place.left = width / 2 - view.x * place.width;
  place.top = height / 2 - view.y * place.height;
  return place;
}

/** A point of the stage in fractions of the picture. */
export function toPicture(place, x, y) {
  return [(x - place.left) / place.width, (y - place.top) / place.height];
}

/** Closer or further; the point of the picture under [x, y] of the stage stays there. */
export function zoomStage(view, place, [x, y], factor) {
  const zoom = Math.min(MOST_ZOOM, Math.max(1, view.zoom * factor));
  const [px, py] = toPicture(place, x, y);
  const ratio = view.zoom / zoom;
  return fitStage({ zoom, x: px + (view.x - px) * ratio, y: py + (view.y - py) * ratio });
}

/** The picture moved by so many units of the stage. */
export function panStage(view, place, dx, dy) {
  return fitStage({ ...view, x: view.x - dx / place.width, y: view.y - dy / place.height });
}

function fitStage({ zoom, x, y }) {
  const edge = 0.5 / zoom;
  const inside = (value) => Math.min(1 - edge, Math.max(edge, value));
  return { zoom, x: inside(x), y: inside(y) };
}
