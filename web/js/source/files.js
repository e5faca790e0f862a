// What is known of a dropped file before the host has it. Nothing here touches a page.

const PART = 1 << 21; // bytes at either end of a file: videos carry their tags there
const MARKS = ['"class_type"', '"last_node_id"', "class_type\\\"", "last_node_id\\\""]; // of graphs, plain or within a text

export function isVideo(file) {
  return Boolean(file?.type?.startsWith("video/"));
}

/** Whether a file carries a graph: then dropping it on the editor opens that. */
export async function holdsGraph(file) {
  const ends = file.size <= 2 * PART ? [file] : [file.slice(0, PART), file.slice(-PART)];
  for (const end of ends) {
    const text = new TextDecoder("latin1").decode(await end.arrayBuffer());
    if (MARKS.some((mark) => text.includes(mark))) return true;
  }
  return false;
}

/** Have the host keep a file in its input folder; its name there, as widgets say it. */
export async function upload(api, file) {
  const body = new FormData();
  body.append("image", file, file.name);
  const answer = await api.fetchApi("/upload/image", { method: "POST", body });
  if (!answer.ok) throw new Error((await answer.text()) || answer.statusText);
  const { name, subfolder } = await answer.json();
  return subfolder ? `${subfolder}/${name}` : name;
}
