// Draws a player: one clip or several on the stage, with a line between before and after, and the strip of frames.

import { COLORS } from "../common/colors.js";
import { prepare } from "../common/page.js";
import { fitted } from "./layout.js";
import { STATE_COLORS, labelEvery } from "./marks.js";

const MARK = 8; // height of the line of the strip that says what is generated
const FONT = "10px sans-serif";

/** Draw views [{source, before, box, label}] at a frame; returns the boxes of the pictures. */
export function drawStage(canvas, { views, frame, split, labels, hovered }) {
  const { context, ratio } = prepare(canvas);
  return views.map((view, index) => {
    const box = fitted(view.source.size, view.box, ratio);
    const drawn = view.source.draw(context, frame, box);
    if (drawn && split !== null && view.before) drawBefore(context, view.before, frame, box, split, labels);
    if (view.label) drawLabel(context, view.label, box.left + 3, box.top + 3);
    if (index === hovered) outline(context, box);
    return box;
  });
}

/** The strip: runs of given and generated frames, numbers, the frame that is shown, and one below the pointer. */
export function drawStrip(canvas, { states, count, frame, hovered }) {
  const { context, width, height } = prepare(canvas);
  const step = width / count;
  context.fillStyle = "rgba(128, 128, 128, 0.25)";
  context.fillRect(0, 0, width, MARK);
  for (let index = 0; index < count; index++) {
    context.fillStyle = STATE_COLORS[states?.[index]] ?? "rgb(120, 124, 130)";
    const gap = step > 4 ? 1 : 0;
    context.fillRect(index * step, 0, Math.max(0.5, step - gap), MARK);
  }
  const every = labelEvery(count, width);
  context.font = FONT;
  context.textAlign = "center";
  context.textBaseline = "bottom";
  for (let index = 0; index < count; index += every) {
    context.fillStyle = index === frame ? COLORS.selected : "rgb(150, 154, 160)";
    context.fillText(index, Math.min(width - 6, Math.max(6, (index + 0.5) * step)), height - 1);
  }
  for (const [at, color] of [[hovered, "rgba(255, 255, 255, 0.5)"], [frame, COLORS.selected]]) {
    if (at == null) continue;
    const wide = Math.max(3, step);
    context.strokeStyle = color;
    context.lineWidth = 2;
    context.strokeRect(Math.min(width - wide, Math.max(0, (at + 0.5) * step - wide / 2)) + 1, 1, Math.max(1, wide - 2), MARK + 3);
  }
}

function drawBefore(context, before, frame, box, split, labels) {
  const line = box.left + box.width * split;
  const missing = before.clip.missing?.[frame] === "1";
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, line - box.left, box.height);
  context.clip();
  if (missing) {
    context.fillStyle = "#3a3d42";
    context.fillRect(box.left, box.top, box.width, box.height);
  } else before.draw(context, frame, box);
  drawLabel(context, missing ? labels.missing : labels.before, box.left + 3, box.top + box.height - 16);
  context.restore();
  context.save();
  context.beginPath();
  context.rect(line, box.top, box.left + box.width - line, box.height);
  context.clip();
  drawLabel(context, labels.after, box.left + box.width - 3, box.top + box.height - 16, "right");
  context.restore();
  context.fillStyle = COLORS.selected;
  context.fillRect(line - 1, box.top, 2, box.height);
  context.beginPath();
  context.arc(line, box.top + box.height / 2, 6, 0, 2 * Math.PI);
  context.fill();
}

function drawLabel(context, text, left, top, side = "left") {
  context.font = FONT;
  const wide = context.measureText(text).width + 6;
  const start = side === "right" ? left - wide : left;
  context.fillStyle = "rgba(0, 0, 0, 0.6)";
  context.fillRect(start, top, wide, 13);
  context.fillStyle = "#eee";
  context.textAlign = "left";
  context.textBaseline = "top";
  context.fillText(text, start + 3, top + 2);
}

function outline(context, { left, top, width, height }) {
  context.strokeStyle = COLORS.selected;
  context.lineWidth = 2;
  context.strokeRect(left + 1, top + 1, width - 2, height - 2);
}
