// The elements of the timeline: tools with words, the strip, the bars of shapes, the stage, and what is said of them.

import { COLORS } from "../common/colors.js";
import { make, setText, tint } from "../common/page.js";

const TEXT = "font:11px/1.5 sans-serif;color:var(--input-text,#ddd)";
const BUTTON = "padding:1px 6px;border:1px solid var(--border-color,#555);border-radius:4px;cursor:pointer;font:inherit;white-space:nowrap";
const TOOLS = [
  ["rect", "▭", "Rectangle", "Rectangle (R): drag over the picture"],
  ["oval", "◯", "Oval", "Oval (O): drag over the picture"],
  ["poly", "⌒", "Lasso", "Lasso (L): draw around what is meant"],
  ["brush", "●", "Brush", "Brush (B): paint on the picture; [ and ] change its size"],
  ["move", "✥", "Move", "Move (M): click a shape, then drag it or its corners; with Animate on another frame sets a keyframe"],
];
const SWITCHES = [
  ["erase", "◇", "Erase", "Erase (E): what is painted now is given again"],
  ["animate", "◆", "Animate", "Animate (K): changes of a shape count from this frame on, and it goes there evenly; off, they count in all its frames"],
  ["onion", "◎", "Onion", "Onion skin (N): where the chosen shape was and will be, and its path"],
  ["peek", "◑", "Peek", "Peek (H): see the source under what will be generated; the model does not see it"],
];
const DEEDS = [
  ["play", "▶", "Play", "Play or pause (P)"],
  ["fit", "⤢", "Fit", "Show the whole clip and the whole picture (0)"],
  ["clear", "✕", "Clear", "Back to the task alone: all shapes and given frames set by hand go"],
  ["help", "?", "Keys", "All keys and gestures (?)"],
];
const LEAST_STAGE = 140; // pixels

export class Panel {
  /** `say` translates; `press(command, …)` and `slide(name, value)` are called by what is pressed and slid. */
  constructor(say, { press, slide }) {
    Object.assign(this, { say, press, buttons: {}, sliders: {} });
    this.root = make("div", "display:flex;flex-direction:column;gap:4px;outline:none;min-height:0;position:relative;user-select:none", { tabIndex: 0 });
    this.root.setAttribute("role", "group");
    this.root.dataset.captureWheel = "true"; // Nodes 2.0: the wheel is the timeline's while it has the focus
    this.root.setAttribute("aria-label", `Mask timeline: ${say("Mask timeline: arrows choose frames, space gives or generates them")}`);
    this.bar = make("div", `display:flex;flex-wrap:wrap;gap:3px;align-items:center;order:1;${TEXT}`);
    this.strip = this.canvas("width:100%;height:72px;cursor:pointer;order:2;flex:none", "Frames: drag chooses, the line below gives or generates, the wheel zooms");
    this.stage = this.canvas(`width:100%;flex:0 1 auto;min-height:${LEAST_STAGE}px;cursor:crosshair;order:6`, "Picture: draw what is generated; the wheel zooms, the middle button or Shift moves");
    this.lanes = this.canvas("width:100%;height:0;cursor:grab;order:3;flex:none", "Shapes: drag a bar in time, its ends, or a keyframe");
    // lines of a fixed height: what is said must not move the picture while one draws
    this.says = make("div", `${TEXT};order:4;flex:none;height:3em;overflow:hidden;display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical`);
    this.says.setAttribute("aria-live", "polite");
    const oneLine = "height:1.5em;overflow:hidden;white-space:nowrap;text-overflow:ellipsis";
    this.hint = make("div", `${TEXT};order:5;flex:none;${oneLine};color:${COLORS.shape}`);
    this.help = make("pre", `${TEXT};order:7;white-space:pre-wrap;margin:0;display:none`, { textContent: say("HELP") });
    for (const tool of TOOLS) this.button(tool, "tool", tool[0]);
    for (const each of SWITCHES) this.button(each, "flip", each[0]);
    for (const deed of DEEDS) this.button(deed, deed[0]);
    this.slider("size", "Size", "Radius of the brush, in parts of the shorter side: [ and ]", [0.01, 0.5, 0.005], slide);
    this.slider("hard", "Hardness", "Where the brush begins to thin out: { and }. A mask has no grey, so a soft rim takes fewer and fewer pixels", [0, 1, 0.05], slide);
    this.root.append(this.bar, this.strip, this.says, this.hint, this.stage, this.lanes, this.help);
  }

  canvas(style, title) {
    const made = make("canvas", `${style};touch-action:none`);
    made.setAttribute("role", "img");
    made.setAttribute("aria-label", this.say(title));
    made.title = this.say(title);
    return made;
  }

  button([name, sign, word, title], ...command) {
    const made = make("button", BUTTON, { type: "button", title: this.say(title) });
    made.dataset.tool = name;
    made.append(make("span", "opacity:.8", { textContent: sign }), " ", make("span", "", { textContent: this.say(word) }));
    made.setAttribute("aria-label", this.say(title));
    made.addEventListener("click", () => this.press(...command));
    this.buttons[name] = made;
    this.bar.append(made);
  }

  slider(name, word, title, [min, max, step], slide) {
    const label = make("label", "display:none;align-items:center;gap:3px", { title: this.say(title) });
    const input = make("input", "width:70px;margin:0", { type: "range", min, max, step });
    input.dataset.brush = name;
    input.setAttribute("aria-label", this.say(title));
    input.addEventListener("input", () => slide(name, Number(input.value)));
    const number = make("span", "min-width:2.4em");
    label.append(make("span", "", { textContent: this.say(word) }), input, number);
    this.sliders[name] = { label, input, number };
    this.bar.append(label);
  }

  /** How high all of it must be: as it is laid out now, with a stage that can be used. */
  get least() {
    const parts = [this.bar, this.strip, this.lanes, this.says, this.hint, this.help];
    const high = parts.reduce((sum, part) => sum + part.offsetHeight, 0);
    return this.root.isConnected && high ? high + LEAST_STAGE + 6 * 4 : 350;
  }

  /** Show which tool is chosen, what is on, the brush, and what is said. */
  show({ tool, on, brush, says, hint, lanes, playing, help, broken }) {
    for (const [name, button] of Object.entries(this.buttons)) {
      const pressed = name === tool || on.includes(name) || (name === "play" && playing) || (name === "help" && help);
      const deed = name === "fit" || name === "clear";
      tint(button, pressed);
      if (!deed) button.setAttribute("aria-pressed", String(pressed));
    }
    const [sign, word] = this.buttons.play.children;
    [sign.textContent, word.textContent] = playing ? ["❚❚", this.say("Pause")] : ["▶", this.say("Play")];
    for (const [name, { label, input, number }] of Object.entries(this.sliders)) {
      label.style.display = tool === "brush" ? "flex" : "none";
      input.value = brush[name];
      number.textContent = `${Math.round(brush[name] * 100)} %`;
    }
    for (const [line, text] of [[this.says, says], [this.hint, hint]]) {
      setText(line, text);
      line.title = text; // where it is longer than its lines
    }
    this.says.style.color = broken ? "#ff8a80" : "var(--input-text,#ddd)";
    this.lanes.style.height = `${lanes}px`;
    this.lanes.style.display = lanes ? "block" : "none";
    this.help.style.display = help ? "block" : "none";
  }
}
