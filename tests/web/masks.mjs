// Masks of timelines by the editor's code: JSON cases on stdin, one string of 0 and 1 each on stdout.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [text, frames, raster] = await Promise.all(
  ["text", "frames", "raster"].map((name) => import(pathToFileURL(`${process.argv[2]}/${name}.js`))),
);
const made = JSON.parse(readFileSync(0, "utf8")).map(({ text: given, task, settings, size: [length, height, width] }) => {
  const timeline = text.parseTimeline(given);
  if (timeline === null) return "unreadable";
  const flags = frames.generatedFrames(timeline, frames.presetFrames(task, settings, length), length);
  if (flags === null) return "unknown";
  const parts = flags.map((generated, frame) => raster.frameMask(timeline, generated, frame, height, width).join(""));
  return { mask: parts.join(""), text: text.formatTimeline(timeline), problem: frames.problem(task, settings, length) };
});
process.stdout.write(JSON.stringify(made));
