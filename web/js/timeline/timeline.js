// The timeline of one node: what it knows, what it shows, and how a change becomes the text that is saved.

import { placeOf } from "../common/page_widget.js";
import { run as runCommand } from "./commands.js";
import { drawLanes, drawStrip, lanesHeight } from "./draw_strip.js";
import { drawStage } from "./draw_stage.js";
import { READ, SETTINGS, generatedFrames, presetFrames, problem } from "./frames.js";
import { commandOf } from "./keys.js";
import { Panel } from "./panel.js";
import { Base, Planned, RunStrip, remembered } from "./pictures.js";
import { onPointers } from "./pointer.js";
import { clamp, select } from "./selection.js";
import { sizeOf } from "./sources.js";
import { stageGestures } from "./stage_gestures.js";
import { baseOf, frameStates } from "./states.js";
import { laneGestures, stripGestures } from "./strip_gestures.js";
import { summary } from "./summary.js";
import { count, formatTimeline, parseTimeline, runs } from "./text.js";
import { WHOLE, fitStrip, reveal, wholeStrip } from "./view.js";
import { translator } from "./words.js";

const EMPTY = { given: null, paint: [] };
const SPEED = 10; // frames a second of play, where the source has no rate
const SHARP = 128; // pixels: of a larger picture the strip of a run is too small for the stage
const WANTED = 160; // frames of a video that are fetched before they are looked at
const remains = new Map(); // the place of a node -> how its timeline was looked at; nodes are built anew by every undo
const ranWith = new Map(); // the strip of a run -> what its frames came from

export class MaskTimeline {
  constructor(host, text) {
    Object.assign(this, { host, node: host.node, text, draft: null, hover: null, pointer: null, playing: null, message: null });
    this.look = { tool: "rect", on: [], brush: { size: 0.06, hard: 1 }, selection: select(0), strip: null, stage: WHOLE, shape: -1, help: false };
    this.parsed = { text: null, timeline: null };
    this.say = translator(host.locale);
    this.panel = new Panel(this.say, {
      press: (...command) => this.run(...command),
      slide: (name, value) => this.set({ brush: { ...this.look.brush, [name]: value } }),
    });
    this.root = this.panel.root;
    const isActive = () => this.root.contains(document.activeElement);
    const focused = (handlers) => ({ ...handlers, begin: (at) => (this.focus(), handlers.begin(at)) });
    onPointers(this.panel.strip, focused(stripGestures(this)), isActive);
    onPointers(this.panel.stage, focused(stageGestures(this)), isActive);
    onPointers(this.panel.lanes, focused(laneGestures(this)), isActive);
    this.root.addEventListener("keydown", (event) => this.key(event));
  }

  get least() {
    return this.panel.least;
  }

  focus() {
    this.root.focus({ preventScroll: true });
  }

  // ---- What there is ------------------------------------------------------------------------------------------------

  /** The timeline that is saved; strokes stay the same objects as long as the text does. */
  get value() {
    if (this.parsed.text !== this.text.value) this.parsed = { text: this.text.value, timeline: parseTimeline(this.text.value) };
    return this.parsed.timeline ?? EMPTY;
  }

  get isBroken() {
    return this.value && this.parsed.timeline === null;
  }

  get isWired() {
    return this.host.isLinked("timeline");
  }

  get settings() {
    return Object.fromEntries(SETTINGS.map((name) => [name, this.host.setting(name)]));
  }

  /** For each frame whether the task generates it; null where only a run, or a wire, can tell. */
  get preset() {
    const { settings } = this;
    if (READ[settings.task]?.some((name) => this.host.setting(name) === undefined)) return null;
    return presetFrames(settings.task, settings, this.size.count);
  }

  /** What the last run said, if the task and its settings are still those. */
  get known() {
    const output = this.output;
    if (!output?.base || output.frames !== this.size.count) return null;
    const { settings: ran = {} } = output;
    return ["task", ...(READ[ran.task] ?? [])].every((name) => this.host.setting(name) === ran[name]) ? output : null;
  }

  /** What each frame is before strokes: true is generated, false given; else "partly" or null. */
  basesOf(timeline) {
    const length = this.size.count;
    if (timeline.given != null) return generatedFrames(timeline, null, length);
    const { known, preset } = this;
    if (known) return count(0, length).map((frame) => baseOf(null, known.base, frame));
    if (this.host.isLinked("mask")) return count(0, length).map((frame) => (preset?.[frame] === false ? false : "partly"));
    return count(0, length).map((frame) => baseOf(preset, null, frame));
  }

  reread() {
    this.seen = this.seenSettings = undefined; // a graph that is loaded is no choice of a task
    this.host.isFresh = false;
  }

  // ---- Pictures ------------------------------------------------------------------------------------------------------

  /** Look at what the graph and the last run say; called whenever something may have changed. */
  lookAround() {
    const plan = this.host.plan;
    const key = JSON.stringify(plan);
    const output = this.host.output;
    const file = output?.strip?.filename;
    if (file && !ranWith.has(file)) ranWith.set(file, key);
    this.output = file && (ranWith.get(file) === key || !plan) ? output : null;
    this.ran = this.output && remembered(file, () => new RunStrip(output, this.host.urlOf("run", output.strip)));
    const { base_strip: base } = this.output ?? {};
    this.base = base ? remembered(base.filename, () => new Base(output, this.host.urlOf("run", base))) : null;
    this.planned = plan?.pieces.length ? remembered(key, () => new Planned(plan, (...what) => this.host.urlOf(...what))) : null;
    this.size = sizeOf(plan, this.ran?.found ?? this.planned?.found);
    this.plan = plan;
  }

  /** What draws a frame on the strip: what ran, else the file. */
  get pictures() {
    return drawnBy([this.ran, this.planned]);
  }

  /** What draws it large: the strip of a run is small, so the file where its frames are surely the same, or much larger. */
  get largePictures() {
    const { ran, planned, size, plan } = this;
    const isFile = plan?.pieces.every(({ kind }) => kind !== "video") || Math.max(size.width, size.height) > SHARP;
    return drawnBy(isFile ? [planned, ran] : [ran, planned]);
  }

  get rate() {
    return this.plan?.pieces[0]?.rate || SPEED;
  }

  // ---- Changes -------------------------------------------------------------------------------------------------------

  /** Keep a timeline as the text of the node: one step of undo. */
  commit(timeline, message = null) {
    this.draft = null;
    this.message = message;
    if (this.isWired) return this.draw();
    const text = formatTimeline(timeline);
    if (text === this.text.value) return this.draw();
    this.text.value = text;
    this.text.callback?.(text);
    this.host.record();
    this.seen = undefined;
    this.tick();
  }

  /** Show a timeline while it is being changed. */
  preview(timeline) {
    this.draft = timeline;
    this.draw();
  }

  /** Change how it is looked at. */
  set(look) {
    Object.assign(this.look, look);
    remains.set(placeOf(this.node), this.look);
    this.draw();
  }

  tell(message) {
    this.message = message;
    this.draw();
  }

  run(command, ...values) {
    runCommand(this, command, ...values);
  }

  /** Set whether whole frames are generated. */
  withFrames(frames, generate) {
    const { value } = this;
    const given = new Set(this.basesOf(value).flatMap((base, frame) => (base === false ? [frame] : [])));
    for (const frame of frames) given[generate ? "delete" : "add"](frame);
    return { ...value, given: [...given].sort((a, b) => a - b) };
  }

  key(event) {
    if (event.target?.tagName === "INPUT" && !event.ctrlKey) return void event.stopPropagation();
    const command = commandOf(event);
    if (!command || (event.target?.tagName === "BUTTON" && event.key === " ")) return;
    event.preventDefault();
    event.stopPropagation(); // Delete must not remove the node
    this.run(...command);
  }

  // ---- What is seen ---------------------------------------------------------------------------------------------------

  tick() {
    this.place ??= this.remember();
    this.lookAround();
    const settings = JSON.stringify(this.settings);
    const chosen = this.seenSettings !== undefined && settings !== this.seenSettings && this.text.value === this.seenText;
    Object.assign(this, { seenSettings: settings, seenText: this.text.value });
    if (chosen && this.value.given != null) return this.commit({ ...this.value, given: null }); // a task sets the frames anew
    const { strip, stage } = this.panel;
    const sight = [strip.clientWidth, stage.clientWidth, stage.clientHeight, strip.getBoundingClientRect().width];
    const pictures = [this.ran?.version, this.planned?.version, this.base?.version];
    const linked = [this.host.isLinked("mask"), this.isWired];
    const now = JSON.stringify([settings, this.text.value, this.size, sight, pictures, linked, this.host.setting("seed")]);
    if (now === this.seen) return;
    this.seen = now;
    this.host.showRead();
    this.draw();
  }

  /** How the timeline at this place was looked at before its node was built anew. */
  remember() {
    const place = placeOf(this.node);
    if (remains.has(place)) this.look = remains.get(place);
    return place;
  }

  /** What is drawn, all of it. */
  get scene() {
    const { look, size } = this;
    const timeline = this.draft ?? this.value;
    look.selection = clamp(look.selection, size.count);
    const isWhole = !look.strip || look.strip.span >= look.count; // a clip that was seen whole stays so at another length
    look.strip = isWhole ? wholeStrip(size.count) : fitStrip(look.strip, size.count);
    look.count = size.count;
    if (look.shape >= timeline.paint.length) look.shape = -1;
    const bases = this.basesOf(timeline);
    const states = frameStates(timeline, bases, size, this.draft !== null);
    const shown = Math.min(size.count - 1, this.playing ?? this.hover ?? look.selection.cursor);
    const { known } = this;
    const usesBase = timeline.given == null && known && this.base;
    return {
      ...look, timeline, size, bases, states, shown,
      view: look.strip,
      pictures: this.pictures,
      largePictures: this.largePictures,
      peek: look.on.includes("peek"),
      onion: look.on.includes("onion"),
      erase: look.on.includes("erase"),
      selection: { ...look.selection, runs: runs(look.selection.frames) },
      pointer: this.pointer,
      draft: this.draft && this.drawing,
      baseMask: usesBase ? (frame, w, h) => (known.base[frame] === "2" ? this.base.maskOf(frame, w, h) : null) : null,
    };
  }

  draw() {
    if (!this.size) return;
    if (!this.panel.strip.clientWidth) return void (this.seen = undefined); // it is not seen: drawn when it is again
    const { panel, look } = this;
    const { scene } = this;
    const before = [panel.least, panel.lanes.style.height];
    panel.show({
      ...look,
      playing: this.playing !== null,
      broken: this.isBroken || this.trouble !== null,
      says: summary(this, scene),
      hint: this.message ?? this.advice(scene),
      lanes: lanesHeight(this.value.paint, scene.view, scene.size.count),
    });
    panel.stage.style.aspectRatio = `${scene.size.width} / ${scene.size.height}`;
    drawStrip(panel.strip, scene);
    drawLanes(panel.lanes, scene);
    this.placed = drawStage(panel.stage, scene);
    this.planned?.want(wanted(scene));
    if (String(before) !== String([panel.least, panel.lanes.style.height])) this.node.setDirtyCanvas?.(true, true);
  }

  /** Why the task cannot run as it is set. */
  get trouble() {
    const { settings } = this;
    if (READ[settings.task]?.some((name) => settings[name] === undefined && name !== "seed")) return null;
    return settings.task in READ ? problem(settings.task, settings, this.size.count) : null;
  }

  advice(scene) {
    if (this.isWired) return this.say("the timeline comes through a wire");
    if (this.ran || !this.plan) return "";
    return this.say(scene.pictures && this.planned ? "pictures of the file, before the run" : "no pictures before a run");
  }

  /** Let the strip show the frame of the cursor. */
  reveal() {
    this.look.strip = reveal(this.look.strip, this.size.count, this.look.selection.cursor);
  }

  play(on = this.playing === null) {
    if (!on && this.playing === null) return;
    clearInterval(this.clock);
    this.playing = on ? this.look.selection.cursor : null;
    const next = () => {
      if (!this.root.isConnected) return this.play(false);
      this.playing = (this.playing + 1) % this.size.count;
      this.draw();
    };
    if (on) this.clock = setInterval(next, 1000 / this.rate);
    this.draw();
  }
}

/** A source that draws with the first of these that can. */
function drawnBy(sources) {
  return { draw: (...what) => sources.some((source) => source?.draw(...what)) };
}

/** The frames whose pictures are needed, the most urgent first. */
function wanted({ shown, view, size }) {
  const first = Math.floor(view.first);
  const last = Math.min(size.count, Math.ceil(view.first + view.span));
  const stride = Math.max(1, Math.ceil((last - first) / 40));
  const coarse = count(first, last).filter((frame) => frame % stride === 0);
  return [...new Set([shown, ...coarse, ...count(first, last)])].slice(0, WANTED);
}
