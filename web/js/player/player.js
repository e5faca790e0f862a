// A player on a node: it shows the newest result that the editor keeps of the node, and loops it.

import { viewUrl } from "../common/graph.js";
import { setText } from "../common/page.js";
import { addPageWidget, isAlive, keepMounted, placeOf } from "../common/page_widget.js";
import { frameAt, frameLabel, isOver, wrapped } from "./clock.js";
import { buildControls, onDrag, setShown, showPressed } from "./controls.js";
import { drawStage, drawStrip } from "./drawing.js";
import { keepSeed, samplerOf } from "./graph.js";
import { boxAt, gridBoxes, isCrisp, stageHeight } from "./layout.js";
import { STATES, describeStates, frameUnder } from "./marks.js";
import { offerExport, offerPlaces } from "./menus.js";
import { sourceOf } from "./source.js";

const OUTPUT = "vdt_player"; // in what a node shows, see nodes/host/previews.py
const NAME = "vdt player";
const COMPARES = "VDTReport"; // shows the line between before and after from the start
const BELOW = 32; // height of the strip, and of the gaps between the parts
const ROW = 24; // height of a row of buttons
const settings = new Map(); // of players by their place: an undo builds nodes anew

export class Player {
  /** host: {app, api, words} */
  constructor(node, host) {
    Object.assign(this, { node, host, told: "", clips: [], boxes: [], sources: [], hovered: null, hoveredBox: -1, titled: null, seen: "" });
    this.state = { steps: 0, playing: !calm(), speed: 1, mode: "loop", compare: node.comfyClass === COMPARES, split: 0.5, chosen: -1 };
    this.parts = buildControls(host.words, this.actions());
    onDrag(this.parts.stage, {
      start: (place) => this.press(place),
      move: (place) => this.state.compare && this.slide(place),
      hover: (place) => this.hover(place),
      leave: () => this.hover(null),
    });
    onDrag(this.parts.strip, {
      start: (place) => this.scrub(place),
      move: (place) => this.scrub(place),
      hover: (place) => this.point("hovered", frameUnder(place.x, this.count)),
      leave: () => this.point("hovered", null),
    });
    this.parts.root.addEventListener("keydown", (event) => this.key(event));
    addPageWidget(node, NAME, this.parts.root, () => this.height);
  }

  get count() {
    return this.clips[0]?.frames ?? 1;
  }

  get frame() {
    return frameAt(this.state.steps, this.count, this.state.mode);
  }

  /** The clips on the stage: one that was chosen, else all. */
  get shown() {
    const { chosen } = this.state;
    return this.clips.length > 1 && chosen >= 0 ? [this.clips[chosen]] : this.clips;
  }

  get height() {
    const [clip] = this.clips;
    if (!clip) return 0;
    const { bar, says } = this.parts;
    return stageHeight(clip, this.shown.length, Math.max(120, this.node.size[0] - 20)) + BELOW + (bar.offsetHeight || ROW) + says.offsetHeight;
  }

  // ---- What comes from elsewhere ----

  /** Now and then: what the node shows now; false when the node is gone. */
  tick() {
    if (!isAlive(this.node)) return this.forget();
    keepMounted(this.node, NAME, this.parts.root);
    const place = placeOf(this.node);
    if (this.place !== place) {
      this.state = settings.get(place) ?? this.state;
      settings.set(place, this.state);
      this.place = this.parts.root.dataset.node = place;
    }
    const output = this.host.app.nodeOutputs?.[place]?.[OUTPUT]?.[0];
    const told = output ? JSON.stringify(output) : "";
    if (told !== this.told) this.load(told);
    this.layout();
    return true;
  }

  load(told) {
    this.forget();
    const isNew = told !== this.state.told; // else it is what was shown before nodes were built anew
    this.told = this.state.told = told;
    this.output = told ? JSON.parse(told) : null; // of our own: what the editor keeps may be another object every time
    this.clips = this.output?.clips ?? [];
    const view = (clip) => {
      const source = sourceOf(clip, (file) => viewUrl(this.host.api, file));
      source.listeners.add((this.redraw ??= () => this.dirty()));
      return source;
    };
    this.sources = this.clips.map((clip) => ({ source: view(clip), before: clip.before ? view(clip.before) : null }));
    if (isNew) Object.assign(this.state, { steps: 0, chosen: -1, playing: this.state.playing || !calm() });
    this.parts.speed.value = String(this.state.speed);
    this.parts.mode.value = this.state.mode;
    this.say("");
    this.fit();
  }

  /** Show or hide the controls; let the node grow where the player has become larger. */
  fit() {
    const { node, parts } = this;
    const isEmpty = !this.clips.length;
    for (const [part, display] of [[parts.stage, ""], [parts.strip, ""], [parts.bar, "flex"]]) setShown(part, !isEmpty, display);
    setShown(parts.hint, isEmpty, "flex"); // in what room there is: it makes no node larger
    parts.root.style.minHeight = `${this.height}px`;
    const grown = node.computeSize();
    if (grown[1] > node.size[1]) node.setSize([node.size[0], grown[1]]);
    node.setDirtyCanvas?.(true, true);
    this.dirty();
  }

  /** Draw again where the room or the zoom has changed. */
  layout() {
    const { stage } = this.parts;
    const size = [stage.clientWidth, stage.clientHeight, stage.getBoundingClientRect().width, this.height].join();
    if (size === this.size) return;
    this.size = size;
    this.fit();
  }

  /** Leave what is shown; what no other player shows rests. */
  forget() {
    for (const one of this.sources.flatMap(({ source, before }) => [source, before])) {
      if (!one) continue;
      one.listeners.delete(this.redraw);
      if (!one.listeners.size) one.rest();
    }
    this.told = null; // it is loaded again where the node comes back
    return false;
  }

  // ---- Playing ----

  /** For every picture of the screen. */
  animate(now) {
    const past = Math.min(0.25, (now - (this.now ?? now)) / 1000);
    this.now = now;
    const { state, parts } = this;
    if (!this.clips.length || !parts.stage.clientWidth || !parts.root.isConnected) return;
    const fps = this.output.fps * state.speed;
    if (state.playing) {
      state.steps += past * fps;
      if (isOver(state.steps, this.count, state.mode)) this.pause();
    }
    const frame = this.frame;
    for (const { source } of this.sources) source.follow(frame, state.playing && state.mode !== "back and forth" ? state.speed : 0);
    const seen = `${frame} ${state.playing}`;
    if (seen === this.seen && !this.changed && !(state.playing && this.clips[0].video)) return;
    Object.assign(this, { seen, changed: false });
    this.draw(frame);
  }

  pause(at = this.frame) {
    Object.assign(this.state, { playing: false, steps: at });
    this.dirty();
  }

  play() {
    if (isOver(this.state.steps + 1, this.count, this.state.mode)) this.state.steps = 0;
    this.state.playing = true;
    this.dirty();
  }

  dirty() {
    this.changed = true;
  }

  // ---- What a person does ----

  actions() {
    return {
      play: () => (this.state.playing ? this.pause() : this.play()),
      speed: (value) => (this.state.speed = Number(value)),
      mode: (value) => this.dirty(Object.assign(this.state, { mode: value, steps: this.frame })),
      all: () => this.choose(-1),
      keep: () => this.keep(),
      compare: () => this.dirty((this.state.compare = !this.state.compare)),
      use: (event) => offerPlaces(this, event),
      export: (event) => offerExport(this, event),
    };
  }

  press(place) {
    this.parts.root.focus({ preventScroll: true });
    if (this.state.compare && this.canCompare) return this.slide(place);
    if (this.shown.length > 1) {
      const chosen = this.under(place);
      return chosen >= 0 && this.choose(chosen);
    }
    this.state.playing ? this.pause() : this.play();
  }

  slide({ x }) {
    const box = this.boxes[0];
    if (!box) return;
    this.state.split = Math.min(1, Math.max(0, (x * this.parts.stage.clientWidth - box.left) / box.width));
    this.dirty();
  }

  hover(place) {
    this.point("hoveredBox", place && this.shown.length > 1 ? this.under(place) : -1);
  }

  /** What the pointer is on; drawn again only where that is something else. */
  point(name, value) {
    if (this[name] === value) return;
    this[name] = value;
    this.dirty();
  }

  under({ x, y }) {
    return boxAt(this.boxes, x * this.parts.stage.clientWidth, y * this.parts.stage.clientHeight);
  }

  scrub({ x }) {
    this.parts.root.focus({ preventScroll: true });
    this.pause(frameUnder(x, this.count));
  }

  choose(index) {
    this.state.chosen = index;
    this.fit();
  }

  keep() {
    const seed = this.shown[0].seed;
    const sampler = samplerOf(this.node);
    if (!sampler || seed === undefined) return;
    keepSeed(this.host.app, sampler, seed);
    this.say(`${this.host.words("kept seed")} ${seed}`);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return; // the editor's own
    const last = this.count - 1;
    const step = { ArrowLeft: this.frame - 1, ArrowRight: this.frame + 1, Home: 0, End: last }[event.key];
    if (step !== undefined) this.pause(wrapped(step, this.count));
    else if (event.key === " " && event.target.tagName !== "BUTTON") this.parts.buttons.play.click();
    else if (event.key.toLowerCase() === "c" && this.canCompare) this.parts.buttons.compare.click();
    else if (event.key === "Escape" && this.state.chosen >= 0) this.choose(-1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  say(text) {
    setText(this.parts.says, text);
    setShown(this.parts.says, !!text);
  }

  get canCompare() {
    return this.shown.length === 1 && !!this.shown[0].before;
  }

  // ---- Drawing ----

  draw(frame) {
    const { parts, state, host: { words } } = this;
    const whole = { left: 0, top: 0, width: parts.stage.clientWidth, height: parts.stage.clientHeight };
    const shown = this.shown, several = shown.length > 1;
    const boxes = several ? gridBoxes(shown.length, shown[0], whole) : [whole];
    const views = shown.map((clip, index) => ({
      ...this.sources[this.clips.indexOf(clip)],
      box: boxes[index],
      label: this.clips.length > 1 && clip.seed !== undefined ? `${words("seed")} ${clip.seed}` : "",
    }));
    const before = shown[0].before?.label ?? "source";
    const labels = { before: words(before), after: words("result"), missing: words("no source for this frame") };
    const split = state.compare && this.canCompare ? state.split : null;
    parts.stage.style.imageRendering = isCrisp(shown[0]) ? "pixelated" : "auto";
    this.boxes = drawStage(parts.stage, { views, frame, split, labels, hovered: this.hoveredBox });
    drawStrip(parts.strip, { states: shown[0].states, count: this.count, frame, hovered: this.hovered });
    this.drawBar(frame, before);
    if (views.some(({ source }) => source.failed)) this.say(words("The frames are gone from the host: run again."));
  }

  drawBar(frame, before) {
    const { parts, state, host: { words } } = this;
    const { play, all, keep, compare } = parts.buttons;
    const [clip] = this.shown;
    play.textContent = state.playing ? "❚❚" : "▶";
    parts.at.textContent = frameLabel(frame, this.count);
    const part = STATES[clip.states?.[frame]];
    if (clip.states !== this.titled) {
      this.titled = clip.states;
      parts.strip.title = describeStates(clip.states, words);
    }
    for (const [name, value] of Object.entries({ valuemin: 0, valuemax: this.count - 1, valuenow: frame, valuetext: `${frame} ${part ? words(part) : ""}` })) {
      parts.strip.setAttribute(`aria-${name}`, String(value));
    }
    setShown(all, this.clips.length > 1 && state.chosen >= 0);
    setShown(keep, this.clips.length > 1 && this.shown.length === 1 && clip.seed !== undefined);
    setShown(compare, this.canCompare);
    compare.title = words(before === "truth" ? "compare with the truth (C): drag the line" : "compare with the source (C): drag the line");
    showPressed(compare, state.compare);
  }
}

function calm() {
  return globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches ?? false;
}
