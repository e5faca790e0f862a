// Where the frames of a clip come from: pages of frames that the host wrote, or a video file where they would be too many.
// Both draw a frame into a box, and say when there is something to draw.

import { isCrisp, tileOf } from "./layout.js";

const KEPT = 24; // clips whose pictures stay loaded: an undo or a change of tab shows them at once
const kept = new Map();

/** The source of a clip as a node describes it; urlOf(file) is its address. */
export function sourceOf(clip, urlOf) {
  const key = JSON.stringify([clip.pages, clip.video]);
  const source = kept.get(key) ?? (clip.pages ? new Pages(clip, urlOf) : new Film(clip, urlOf));
  kept.delete(key);
  kept.set(key, source); // the newest last
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  return source;
}

/** Draw a part of a picture into a box, by whole pixels where it is small. */
export function drawPart(context, picture, [left, top, width, height], box) {
  context.imageSmoothingEnabled = !isCrisp({ width, height });
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, left, top, width, height, box.left, box.top, box.width, box.height);
}

class Source {
  constructor(clip) {
    Object.assign(this, { clip, failed: false, listeners: new Set() });
  }

  get size() {
    return { width: this.clip.width, height: this.clip.height };
  }

  get count() {
    return this.clip.frames;
  }

  changed() {
    this.listeners.forEach((run) => run());
  }

  /** No player shows it any more: until one does again, nothing is decoded. */
  rest() {}

  /** The frame alone on a canvas of its own size, for files. */
  async canvasOf(frame) {
    const canvas = Object.assign(document.createElement("canvas"), this.size);
    await this.ready(frame);
    this.draw(canvas.getContext("2d"), frame, { left: 0, top: 0, ...this.size });
    return canvas;
  }
}

class Pages extends Source {
  constructor(clip, urlOf) {
    super(clip);
    this.pages = clip.pages.map((file) => {
      const page = new Image();
      page.onload = () => this.changed();
      page.onerror = () => {
        this.failed = true;
        this.changed();
      };
      page.src = urlOf(file);
      return page;
    });
  }

  get loaded() {
    return this.pages.every((page) => page.complete && page.naturalWidth);
  }

  ready(frame) {
    return this.pages[tileOf(this.clip, frame).page].decode();
  }

  draw(context, frame, box) {
    const { page, left, top } = tileOf(this.clip, frame);
    const picture = this.pages[page];
    if (!picture?.complete || !picture.naturalWidth) return false;
    drawPart(context, picture, [left, top, this.clip.width, this.clip.height], box);
    return true;
  }

  follow() {} // every frame is there at any time
}

class Film extends Source {
  constructor(clip, urlOf) {
    super(clip);
    this.video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, preload: "auto", loop: true });
    for (const type of ["loadeddata", "seeked"]) this.video.addEventListener(type, () => this.changed());
    this.video.addEventListener("error", () => {
      this.failed = true;
      this.changed();
    });
    this.video.src = urlOf(clip.video);
  }

  get loaded() {
    return this.video.readyState >= 2;
  }

  /** Lead the video to a frame: it runs by itself while it plays forward, else it is sought. */
  follow(frame, speed) {
    const { video, clip } = this;
    const wanted = (frame + 0.5) / clip.fps;
    const runs = speed > 0 && speed <= 4;
    if (runs && video.paused) video.play().catch(() => {});
    if (!runs && !video.paused) video.pause();
    if (runs) video.playbackRate = speed;
    const away = Math.abs(video.currentTime - wanted);
    if (away > (runs ? 4 : 0.4) / clip.fps && !video.seeking) video.currentTime = wanted;
  }

  rest() {
    this.video.pause();
  }

  async ready(frame) {
    this.video.pause();
    const sought = new Promise((done) => this.video.addEventListener("seeked", done, { once: true }));
    this.video.currentTime = (frame + 0.5) / this.clip.fps;
    await sought;
  }

  draw(context, _frame, box) {
    if (!this.loaded) return false;
    const { videoWidth, videoHeight } = this.video;
    drawPart(context, this.video, [0, 0, Math.min(videoWidth, this.clip.width), Math.min(videoHeight, this.clip.height)], box);
    return true;
  }
}
