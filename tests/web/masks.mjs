// Masks of timelines by the editor's code: JSON cases on stdin, one string of 0 and 1 each on stdout.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const math = await import(pathToFileURL(process.argv[2]));
const made = JSON.parse(readFileSync(0, "utf8")).map(({ text, task, settings, size: [frames, height, width] }) => {
  const timeline = math.parseTimeline(text);
  if (timeline === null) return "unreadable";
  const flags = math.generatedFrames(timeline, math.presetFrames(task, settings, frames), frames);
  if (flags === null) return "unknown";
  const parts = flags.map((generated, frame) => math.frameMask(timeline, generated, frame, height, width).join(""));
  return { mask: parts.join(""), text: math.formatTimeline(timeline) };
});
process.stdout.write(JSON.stringify(made));
