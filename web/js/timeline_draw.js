// Draws the timeline of VDT Mask on two canvases: all frames as a strip, and one frame with its mask and the model's grid.

export const GIVEN = "rgb(168, 172, 178)";
export const GENERATED = "rgb(240, 128, 20)";
export const BAR = 14; // height of the line below the frames that says what is generated
const TINT = "rgba(240, 128, 20, 0.45)";
const SELECTED = "#4aa3ff";
const CELL = 8; // pixels along a latent cell, of which two by two make a patch

/** Let a canvas have as many pixels as it is large on the page; returns its context in page units. */
export function prepare(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** The strip: `states` holds for each frame "given", "generated", "partly" or "unknown". */
export function drawStrip(canvas, { states, selection, clip }) {
  const { context, width, height } = prepare(canvas);
  const step = width / states.length;
  states.forEach((state, index) => {
    const left = index * step;
    const box = [left, 0, step, height - BAR];
    drawFrame(context, clip, index, states.length, box);
    if (state === "generated" || state === "partly") {
      context.fillStyle = TINT;
      context.fillRect(left, state === "partly" ? (height - BAR) / 2 : 0, step, height);
    }
    context.fillStyle = state === "given" ? GIVEN : GENERATED;
    context.globalAlpha = state === "unknown" ? 0.35 : 1;
    context.fillRect(left + 1, height - BAR + 2, Math.max(1, step - 2), BAR - 3);
    context.globalAlpha = 1;
    if (step >= 16) {
      context.fillStyle = "#111";
      context.font = "9px sans-serif";
      context.textAlign = "center";
      context.fillText(index, left + step / 2, height - 4);
    }
  });
  const [first, last] = selection;
  context.strokeStyle = SELECTED;
  context.lineWidth = 2;
  context.strokeRect(first * step + 1, 1, (last - first + 1) * step - 2, height - BAR - 2);
}

/** One frame as large as fits, its mask tinted, over the grid of cells (thin) and patches; returns where it stands. */
export function drawStage(canvas, { frame, count, size, mask, clip }) {
  const { context, width, height } = prepare(canvas);
  const scale = Math.min(width / size.width, height / size.height);
  const place = { width: size.width * scale, height: size.height * scale };
  place.left = (width - place.width) / 2;
  place.top = (height - place.height) / 2;
  drawFrame(context, clip, frame, count, [place.left, place.top, place.width, place.height]);
  drawMask(context, mask, size, place);
  drawGrid(context, size, scale, place);
  return place;
}

function drawFrame(context, clip, index, count, [left, top, width, height]) {
  context.fillStyle = "#3a3d42";
  context.fillRect(left, top, width, height);
  if (!clip?.strip?.complete || !clip.strip.naturalWidth) return;
  const shown = Math.min(clip.shown - 1, Math.round((index * (clip.shown - 1)) / Math.max(1, count - 1)));
  const wide = clip.strip.naturalWidth / clip.shown;
  context.drawImage(clip.strip, shown * wide, 0, wide, clip.strip.naturalHeight, left, top, width, height);
}

function drawMask(context, mask, size, place) {
  if (!mask) return;
  const picture = new ImageData(size.width, size.height);
  mask.forEach((value, index) => {
    if (value) picture.data.set([240, 128, 20, 130], 4 * index);
  });
  const layer = new OffscreenCanvas(size.width, size.height);
  layer.getContext("2d").putImageData(picture, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(layer, place.left, place.top, place.width, place.height);
  context.imageSmoothingEnabled = true;
}

function drawGrid(context, size, scale, place) {
  for (let at = 0; at <= Math.max(size.width, size.height); at += CELL) {
    context.strokeStyle = at % (2 * CELL) ? "rgba(255, 255, 255, 0.10)" : "rgba(255, 255, 255, 0.28)";
    context.lineWidth = 1;
    context.beginPath();
    if (at <= size.width) {
      context.moveTo(place.left + at * scale, place.top);
      context.lineTo(place.left + at * scale, place.top + place.height);
    }
    if (at <= size.height) {
      context.moveTo(place.left, place.top + at * scale);
      context.lineTo(place.left + place.width, place.top + at * scale);
    }
    context.stroke();
  }
}
