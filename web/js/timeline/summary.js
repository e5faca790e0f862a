// What a timeline says of all its frames in one line.

import { formatFrames } from "./text.js";

/** A sentence: why the task cannot run, or which frames are given, generated and partly so. */
export function summary({ say, isBroken, trouble, size, host, value, known }, { states, selection }) {
  if (isBroken) return say("cannot be read: press Clear");
  if (trouble) {
    const sentences = {
      full: "nothing left to generate: fewer frames must be given than the {0} of the clip",
      beyond: "a given frame is beyond the clip of {0} frames",
      unreadable: "the list of given frames cannot be read: write it like 0-3,-1",
    };
    return say(sentences[trouble], size.count);
  }
  if (states.every((state) => state === "given")) return say("nothing is generated: all frames are given");
  const parts = ["given", "generated", "partly"].flatMap((state) => {
    const frames = states.flatMap((each, index) => (each === state ? [index] : []));
    return frames.length ? [`${say(state)} ${formatFrames(frames).replaceAll("-", "–").replaceAll(",", ", ")}`] : [];
  });
  const unknown = states.flatMap((state, index) => (state === "unknown" ? [index] : []));
  if (unknown.length) parts.push(say("{0} decided in the run", formatFrames(unknown).replaceAll("-", "–")));
  if (host.isLinked("mask") && value.given == null && !known) parts.push(say("generated only inside the connected mask"));
  const chosen = formatFrames(selection.frames).replaceAll("-", "–");
  const where = selection.frames.length > 1 ? "frames {0} of {1}" : "frame {0} of {1}";
  return `${parts.join(" · ")}  —  ${say(where, chosen, size.count)}`;
}
