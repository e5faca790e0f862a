// The two menus of a player: where a frame goes, and which file a clip becomes.

import { playedFrames } from "./clock.js";
import { exportClips, uploadFrame } from "./files.js";
import { placesFor } from "./graph.js";
import { exportScales } from "./layout.js";

const FORMATS = { mp4: "MP4", gif: "GIF", webp: "WebP", png: "png files" };

/** Ask where the frame on the stage goes, and bring it there. */
export function offerPlaces(player, event) {
  const { host, frame } = player;
  const [clip] = player.shown;
  const { source } = player.sources[player.clips.indexOf(clip)];
  player.pause();
  const entries = placesFor(host.app, player.node).map(({ label: [text, title], place }) => ({
    content: `${host.words(text)} ${title}`.trim(),
    callback: () =>
      attempt(player, async () => {
        const node = place(await uploadFrame(host.api, source, frame));
        return `${host.words("frame")} ${frame} ${host.words("sent to")} ${node.title} (${node.id})`;
      }),
  }));
  openMenu(entries, event);
}

/** Ask for a format, and save what is on the stage: at its speed, in the order in which it plays. */
export function offerExport(player, event) {
  const { host, state, shown } = player;
  const scales = exportScales(shown[0]);
  const entries = Object.entries(FORMATS).flatMap(([format, name]) =>
    (format === "png" ? [1] : scales).map((scale) => ({
      content: `${host.words(name)} ${shown[0].width * scale}×${shown[0].height * scale}`,
      callback: () =>
        attempt(player, () => {
          player.say(`${host.words("writing")}…`);
          const order = playedFrames(player.count, state.mode);
          return exportClips(host.api, shown, { format, scale, fps: player.output.fps * state.speed, order });
        }),
    })),
  );
  openMenu(entries, event);
}

async function attempt(player, run) {
  try {
    player.say(await run());
  } catch (error) {
    player.say(error.message);
  }
}

function openMenu(entries, event) {
  event.stopPropagation();
  new globalThis.LiteGraph.ContextMenu(entries, { event, className: "dark" });
}
