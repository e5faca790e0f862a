// The elements of a player: a stage, a strip of frames, and a bar of buttons. What they do is told by callbacks.

import { make, tint } from "../common/page.js";
import { MODES, SPEEDS } from "./clock.js";

const INK = "color:var(--input-text,#ddd)";
const FIELD = `${INK};background:var(--comfy-input-bg,#222);border:1px solid var(--border-color,#555);border-radius:4px`;

/** {root, stage, strip, buttons: {name: button}, speed, mode, says}; `act` has a function for each control. */
export function buildControls(words, act) {
  const column = "display:flex;flex-direction:column;gap:4px;outline:none;min-height:0;overflow:hidden;width:100%;height:100%";
  const root = make("div", column, { tabIndex: 0, className: "vdt-player" });
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", words("Player of the result: space plays, arrows choose a frame"));
  const stage = make("canvas", "width:100%;flex:1 1 0;min-height:0;touch-action:none;cursor:pointer", { className: "vdt-stage" });
  const strip = make("canvas", "width:100%;height:24px;flex:none;touch-action:none;cursor:ew-resize", { className: "vdt-strip", tabIndex: -1 });
  strip.setAttribute("role", "slider");
  strip.setAttribute("aria-label", words("frame"));
  const bar = make("div", `display:flex;flex-wrap:wrap;gap:4px;align-items:center;flex:none;font:11px sans-serif;${INK}`);
  const parts = { root, stage, strip, bar, buttons: {} };
  const button = (name, text, title) => {
    const made = make("button", `padding:1px 5px;height:20px;cursor:pointer;font:11px sans-serif;${FIELD}`, { type: "button", textContent: text, title: words(title) });
    made.setAttribute("aria-label", words(title));
    made.dataset.vdt = name;
    made.addEventListener("click", (event) => act[name](event));
    parts.buttons[name] = made;
    bar.append(made);
  };
  button("play", "▶", "play or pause (space)");
  parts.at = bar.appendChild(make("span", "min-width:40px;text-align:center;font-variant-numeric:tabular-nums"));
  parts.speed = select(bar, words("speed"), SPEEDS.map((speed) => [speed, `${speed}×`]), act.speed);
  parts.mode = select(bar, words("how it goes on at the end"), MODES.map((mode) => [mode, words(mode)]), act.mode);
  button("all", words("all"), "show all variations");
  button("keep", words("keep"), "set the sampler to this seed alone");
  button("compare", words("compare"), "compare with the source (C): drag the line");
  button("use", words("use frame"), "use this frame as an input picture");
  button("export", words("export"), "save as mp4, gif, webp or png files");
  parts.says = make("div", `display:none;font:11px sans-serif;${INK};flex:none;line-height:15px`);
  parts.says.setAttribute("aria-live", "polite");
  const middle = "display:flex;align-items:center;justify-content:center;flex:1 1 0;min-height:0;overflow:hidden;text-align:center";
  parts.hint = make("div", `${middle};font:15px/22px sans-serif;padding:0 12px;${INK}`, { textContent: words("Press Run: the result plays here.") });
  root.append(stage, strip, bar, parts.says, parts.hint);
  return parts;
}

export function showPressed(button, on) {
  tint(button, on);
  button.setAttribute("aria-pressed", String(on));
}

export function setShown(element, on, display = "") {
  element.style.display = on ? display : "none";
}

/** Call with the place in a canvas, from 0 to 1 on both axes, while a pointer is pressed; `hover` without. */
export function onDrag(canvas, { start, move, end, hover, leave }) {
  let down = false;
  const place = (event) => {
    const box = canvas.getBoundingClientRect(); // as it is seen, at any zoom
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  };
  const on = (type, run) => canvas.addEventListener(type, (event) => {
    event.stopPropagation(); // else the node is dragged
    run(event);
  });
  on("pointerdown", (event) => {
    if (event.button !== 0) return;
    down = true;
    canvas.setPointerCapture(event.pointerId);
    start(place(event));
  });
  on("pointermove", (event) => (down ? move(place(event)) : hover?.(place(event))));
  on("pointerleave", () => leave?.());
  for (const type of ["pointerup", "pointercancel"]) on(type, (event) => {
    if (down) end?.(place(event));
    down = false;
  });
}

function select(bar, title, options, change) {
  const made = make("select", `height:20px;padding:0;font:11px sans-serif;max-width:64px;${FIELD}`, { title });
  made.setAttribute("aria-label", title);
  for (const [value, text] of options) made.append(make("option", "", { value, textContent: text }));
  made.addEventListener("change", () => change(made.value));
  return bar.appendChild(made);
}
