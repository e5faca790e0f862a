// The pictures of a timeline: of the last run, as its node wrote them, or before any run from the files themselves.

import { fitBox, secondOf } from "./sources.js";

const SIDE = 512; // pixels along the longer side of a picture that is kept
const KEPT_BYTES = 96e6; // of the pictures of one video
const KEPT_SOURCES = 48; // whose pictures stay loaded: an undo or a change of tab shows them at once
const MEASURED = 12; // frames by which the rate of a video is told
const LONGEST = 1500; // milliseconds for that
const kept = new Map();
const rates = new Map(); // frames a second of the videos that were measured, by their address

/** The source of a key, made once: sources of the last few clips stay. */
export function remembered(key, build) {
  const source = kept.get(key) ?? build();
  kept.delete(key);
  kept.set(key, source);
  if (kept.size > KEPT_SOURCES) {
    const [oldest, gone] = kept.entries().next().value;
    kept.delete(oldest);
    gone.close();
  }
  return source;
}

class Source {
  version = 0; // goes up with every picture that comes

  changed() {
    this.version++;
  }

  want() {}
  close() {}
}

/** The strip that a run wrote: `shown` of the frames side by side. */
export class RunStrip extends Source {
  constructor(clip, url) {
    super();
    this.clip = clip;
    this.picture = loaded(url, () => this.changed());
  }

  get found() {
    return { count: this.clip.frames, width: this.clip.width, height: this.clip.height };
  }

  draw(context, frame, box) {
    const { picture, clip } = this;
    if (!picture.naturalWidth) return false;
    const column = Math.min(clip.shown - 1, Math.round((frame * (clip.shown - 1)) / Math.max(1, clip.frames - 1)));
    const wide = picture.naturalWidth / clip.shown;
    context.drawImage(picture, column * wide, 0, wide, picture.naturalHeight, ...box);
    return true;
  }
}

/** The masks of a run before strokes, `shown` of its frames side by side: white is generated. */
export class Base extends RunStrip {
  /** One byte a pixel (1 = generate) of a frame at a size; null until the picture has come. */
  maskOf(frame, width, height) {
    if (!this.picture.naturalWidth) return null;
    this.masks ??= new Map();
    const key = `${frame} ${width} ${height}`;
    if (!this.masks.has(key)) {
      const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
      this.draw(context, frame, [0, 0, width, height]);
      const { data } = context.getImageData(0, 0, width, height);
      this.masks.set(key, Uint8Array.from({ length: width * height }, (_, index) => (data[4 * index] > 127 ? 1 : 0)));
    }
    return this.masks.get(key).slice();
  }
}

/** Pictures of a plan (see sources.js), before it has run. */
export class Planned extends Source {
  constructor(plan, urlOf) {
    super();
    this.plan = plan;
    this.pieces = plan.pieces.map((piece) => {
      const { kind, file, at } = piece;
      const url = urlOf(kind, file);
      const media = kind === "video" ? new Film(url, piece, () => this.changed()) : new Still(url, piece, () => this.changed());
      return { at, media };
    });
  }

  get found() {
    return this.pieces[0]?.media.found ?? null;
  }

  draw(context, frame, box) {
    for (const { at, media } of [...this.pieces].reverse()) {
      const picture = media.pictureOf(frame - at);
      if (!picture) continue;
      const { from, to } = fitBox(this.plan.fit, picture.width, picture.height, box);
      const [x, y, w, h] = from;
      context.drawImage(picture.source, picture.x + x, picture.y + y, w, h, ...to);
      return true;
    }
    return false;
  }

  /** The frames that are needed, the most urgent first. */
  want(frames) {
    for (const { at, media } of this.pieces) media.want?.(frames.map((frame) => frame - at).filter((frame) => frame >= 0));
  }

  close() {
    for (const { media } of this.pieces) media.close?.();
  }
}

/** One picture, or the frames of a sample clip side by side, each as wide as high. */
class Still {
  constructor(url, { kind, start }, changed) {
    this.isStrip = kind === "sample";
    this.skipped = Math.round(start * 8); // images without a rate are eight a second
    this.picture = loaded(url, changed);
  }

  get found() {
    const { naturalWidth: width, naturalHeight: height } = this.picture;
    if (!width) return null;
    return this.isStrip ? { count: width / height, width: height, height } : { count: 1, width, height };
  }

  pictureOf(frame) {
    const { found, picture: source } = this;
    const index = frame + (this.isStrip ? this.skipped : 0);
    if (!found || frame < 0 || index >= found.count) return null;
    return { source, x: index * found.width, y: 0, width: found.width, height: found.height };
  }
}

/** A video, whose frames are sought one after another, those first that are looked at. */
class Film {
  constructor(url, timing, changed) {
    Object.assign(this, { timing, changed, frames: new Map(), wanted: [], busy: true, own: 0 });
    const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, preload: "auto" });
    this.video = video;
    video.addEventListener("loadeddata", () => this.begin(), { once: true });
    video.src = url;
  }

  get found() {
    const { videoWidth: width, videoHeight: height, duration } = this.video;
    if (!this.own) return null;
    return { count: Math.max(1, Math.floor((duration - this.timing.start) * (this.timing.rate || this.own) + 1e-6)), width, height };
  }

  pictureOf(frame) {
    const source = this.frames.get(frame);
    return source ? { source, x: 0, y: 0, width: source.width, height: source.height } : null;
  }

  want(frames) {
    this.wanted = frames.slice(0, this.limit);
    this.next();
  }

  /** How many of its pictures are kept. */
  get limit() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const scale = Math.min(1, SIDE / Math.max(width, height, 1));
    return Math.max(24, Math.floor(KEPT_BYTES / (4 * width * height * scale * scale + 1)));
  }

  close() {
    this.wanted = [];
    this.video.removeAttribute("src");
    this.video.load();
  }

  async begin() {
    const url = this.video.src;
    if (!rates.has(url)) rates.set(url, await rateOf(this.video));
    this.own = rates.get(url);
    this.busy = false;
    this.changed();
    this.next();
  }

  async next() {
    if (this.busy || !this.own) return;
    const { duration } = this.video;
    const about = { duration, own: this.own };
    const frame = this.wanted.find((each) => !this.frames.has(each) && secondOf(each, this.timing, about) !== null);
    if (frame === undefined) return;
    this.busy = true;
    await sought(this.video, secondOf(frame, this.timing, about));
    this.keep(frame);
    this.busy = false;
    this.changed();
    this.next();
  }

  keep(frame) {
    const { videoWidth, videoHeight } = this.video;
    const scale = Math.min(1, SIDE / Math.max(videoWidth, videoHeight));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [Math.round(videoWidth * scale), Math.round(videoHeight * scale)];
    canvas.getContext("2d").drawImage(this.video, 0, 0, canvas.width, canvas.height);
    this.frames.set(frame, canvas);
    const wanted = new Set(this.wanted);
    if (this.frames.size > this.limit) this.frames.delete([...this.frames.keys()].find((each) => !wanted.has(each)));
  }
}

function loaded(url, done) {
  const picture = new Image();
  picture.onload = done;
  picture.src = url;
  return picture;
}

function sought(video, second) {
  return new Promise((done) => {
    video.addEventListener("seeked", done, { once: true });
    video.currentTime = second;
  });
}

/** Frames a second of a video: it plays for a moment, and the shortest time between two of its frames is counted. */
async function rateOf(video) {
  if (!video.requestVideoFrameCallback) return 24;
  const times = [];
  const heard = new Promise((done) => {
    const next = (_now, { mediaTime }) => {
      times.push(mediaTime);
      if (times.length < MEASURED) video.requestVideoFrameCallback(next);
      else done();
    };
    video.requestVideoFrameCallback(next);
    video.addEventListener("ended", done, { once: true });
    setTimeout(done, LONGEST);
  });
  await video.play().catch(() => {});
  await heard;
  video.pause();
  return rateFrom(times);
}

/** The rate that the moments of frames tell, near a usual one if it can be; 24 if there are too few. */
export function rateFrom(times) {
  const gaps = times.slice(1).map((time, index) => time - times[index]).filter((gap) => gap > 1e-3);
  if (!gaps.length) return 24;
  const rate = 1 / Math.min(...gaps);
  const usual = [8, 10, 12, 15, 16, 20, 23.976, 24, 25, 29.97, 30, 48, 50, 59.94, 60, 120];
  const near = usual.reduce((best, each) => (Math.abs(each - rate) < Math.abs(best - rate) ? each : best));
  return Math.abs(near - rate) < 0.004 * rate ? near : rate;
}
