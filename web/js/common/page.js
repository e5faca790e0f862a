// Elements of the page, for what nodes show.

import { COLORS } from "./colors.js";

/** An element with these properties; `style` is a text. */
export function make(tag, style = "", values = {}) {
  const element = Object.assign(document.createElement(tag), values);
  element.style.cssText = style;
  return element;
}

/** Let a button look pressed, or not. */
export function tint(button, on) {
  button.style.background = on ? COLORS.generated : "var(--comfy-input-bg,#222)";
  button.style.color = on ? "#111" : "var(--input-text,#ddd)";
}

/** Only if it is another: a screen reader says what changes. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Let a canvas have as many pixels as it covers on the screen; returns its context in page units, and their ratio. */
export function prepare(canvas) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const zoom = width ? canvas.getBoundingClientRect().width / width : 1; // of the graph, which scales the page in it
  const ratio = (window.devicePixelRatio || 1) * Math.min(4, Math.max(0.5, zoom));
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height, ratio };
}
