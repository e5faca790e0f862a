// The pattern over what is generated: stripes instead of a tint, so that it is told from any colour beneath.

const SIDE = 8;
const made = new Map();

/** A fill of diagonal stripes; `ground` is what lies between them, "transparent" to see through. */
export function hatch(context, stripe, ground) {
  const key = `${stripe} ${ground}`;
  if (!made.has(key)) made.set(key, tile(stripe, ground));
  return context.createPattern(made.get(key), "repeat");
}

function tile(stripe, ground) {
  const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
  const context = canvas.getContext("2d");
  if (ground !== "transparent") {
    context.fillStyle = ground;
    context.fillRect(0, 0, SIDE, SIDE);
  }
  context.strokeStyle = stripe;
  context.lineWidth = 2;
  context.beginPath();
  for (const start of [-SIDE, 0, SIDE]) {
    context.moveTo(start, SIDE);
    context.lineTo(start + SIDE, 0);
  }
  context.stroke();
  return canvas;
}
