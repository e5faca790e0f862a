// Which key means what on the timeline.

const LETTERS = {
  r: ["tool", "rect"],
  o: ["tool", "oval"],
  l: ["tool", "poly"],
  b: ["tool", "brush"],
  m: ["tool", "move"],
  e: ["flip", "erase"],
  k: ["flip", "animate"],
  n: ["flip", "onion"],
  h: ["flip", "peek"],
  p: ["play"],
};
const SIGNS = {
  " ": ["toggle"],
  "[": ["size", 1 / 1.25],
  "]": ["size", 1.25],
  "{": ["hard", -0.1],
  "}": ["hard", 0.1],
  "+": ["zoom", 1.25],
  "=": ["zoom", 1.25],
  "-": ["zoom", 1 / 1.25],
  "0": ["fit"],
  "?": ["help"],
  Escape: ["escape"],
};
const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
const CLIPBOARD = { c: ["copy"], x: ["cut"], v: ["paste"], a: ["all"] };

/** [command, argument] of a key that was pressed; null leaves it to the editor, undo above all. */
export function commandOf({ key, shiftKey, ctrlKey, metaKey, altKey }) {
  if (altKey) return null;
  if (ctrlKey || metaKey) return shiftKey ? null : (CLIPBOARD[key.toLowerCase()] ?? null);
  if (key in STEPS) return ["step", STEPS[key], shiftKey];
  if (key === "Delete" || key === "Backspace") return ["remove", shiftKey];
  return SIGNS[key] ?? LETTERS[key.toLowerCase()] ?? null;
}
