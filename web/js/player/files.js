// What a player asks of the host: to take a frame as an input picture, and to write a clip as a file.

/** The name in the input folder of a frame that was sent there. */
export async function uploadFrame(api, source, frame) {
  const canvas = await source.canvasOf(frame);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const body = new FormData();
  body.append("image", blob, `vdt_frame_${String(frame).padStart(4, "0")}.png`);
  const answer = await api.fetchApi("/upload/image", { method: "POST", body });
  if (!answer.ok) throw new Error(await answer.text());
  const { name, subfolder } = await answer.json();
  return subfolder ? `${subfolder}/${name}` : name;
}

/** Have the host write clips, several as one grid, and save what comes. */
export async function exportClips(api, clips, wish) {
  const keys = ["pages", "video", "columns", "rows", "width", "height", "frames"];
  const told = clips.map((clip) => Object.fromEntries(keys.filter((key) => key in clip).map((key) => [key, clip[key]])));
  const answer = await api.fetchApi("/vdt/export", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ clips: told, ...wish }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  const blob = await answer.blob();
  const name = `vdt_${new Date().toISOString().slice(0, 19).replace(/\D/g, "")}.${wish.format === "png" ? "zip" : wish.format}`;
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  return name;
}
