// Where the frames of a mask come from, read off the graph before anything runs: which files, at which frames, how fitted.
// Nothing here touches a page: nodes are what the editor's graph holds.

const MUTED = 2, BYPASSED = 4;
const FILES = {
  LoadVideo: { widget: "file", kind: "video" },
  LoadImage: { widget: "image", kind: "image" },
  VDTSampleClip: { widget: "clip", kind: "sample" },
};
const THROUGH = { // nodes whose output shows what goes in, and by which input
  Reroute: 0,
  GetVideoComponents: "video",
  CreateVideo: "images",
  ImageScale: "image",
  ImageScaleBy: "image",
  ImageScaleToTotalPixels: "image",
  VDTMaskToControl: "images",
};

/** The value of a widget; undefined where a wire sets it or there is none. */
export function settingOf(node, name) {
  if (node?.inputs?.some((input) => input.widget?.name === name && input.link != null)) return undefined;
  return node?.widgets?.find((widget) => widget.name === name)?.value;
}

/**
 * What the images of a mask node will be, as far as the graph says it:
 * {count, width, height, fit, pieces: [{kind, file, at, start, rate}]}; null if nothing is connected.
 * `at` is the frame where a picture stands, "all" of a clip that begins there; zeros follow from the file.
 */
export function planOf(node, hostsOf = () => []) {
  const origin = originOf(node, "images", hostsOf);
  if (!origin) return null;
  const number = (name) => Number(settingOf(origin, name)) || 0;
  const size = { count: number("length"), width: number("width"), height: number("height") };
  const fit = settingOf(origin, "policy") ?? "crop";
  if (origin.comfyClass === "VDTEncode") {
    const source = originOf(origin, "video", hostsOf) ?? originOf(origin, "images", hostsOf);
    const timing = { start: number("start"), rate: number("fps") };
    return { ...size, fit, pieces: piece(source, { at: 0, ...timing }) };
  }
  if (origin.comfyClass === "VDTKeyframes") {
    const pieces = [1, 2, 3, 4].flatMap((slot) => {
      const at = number(`frame_${slot}`);
      const place = { at: at < 0 ? at + size.count : at, start: 0, rate: 0 };
      return piece(originOf(origin, `image_${slot}`, hostsOf), place);
    });
    return { ...size, fit, pieces };
  }
  if (origin.comfyClass === "VDTScene") return { count: number("length"), width: number("size"), height: number("size"), fit, pieces: [] };
  return { count: 0, width: 0, height: 0, fit: "stretch", pieces: piece(origin, { at: 0, start: 0, rate: 0 }) };
}

function piece(node, timing) {
  const known = FILES[node?.comfyClass];
  const file = known && settingOf(node, known.widget);
  if (typeof file !== "string" || !file) return [];
  const kind = known.kind === "sample" && file.includes(".") ? "video" : known.kind; // one's own clips have a suffix
  return [{ kind, file, ...timing }];
}

/** The node that makes what an input gets: past reroutes, bypassed nodes, and the borders of subgraphs. */
function originOf(node, name, hostsOf) {
  let at = { node, slot: slotOf(node, name) };
  for (let steps = 0; steps < 100 && at && at.slot >= 0; steps++) {
    const link = linkOf(at.node, at.slot);
    if (!link) return null;
    const origin = entered(at.node.graph, link, hostsOf);
    if (!origin) return null;
    if (origin.outside) {
      at = origin.outside;
      continue;
    }
    const through = THROUGH[origin.node.comfyClass ?? origin.node.type] ?? THROUGH[origin.node.type];
    if (origin.node.mode === MUTED) return null;
    if (origin.node.mode === BYPASSED) at = { node: origin.node, slot: slotOfType(origin.node, origin.type) };
    else if (through !== undefined) at = { node: origin.node, slot: slotOf(origin.node, through) };
    else return origin.node;
  }
  return null;
}

function slotOf(node, name) {
  return typeof name === "number" ? name : (node?.inputs?.findIndex((input) => input.name === name) ?? -1);
}

function slotOfType(node, type) {
  return node.inputs?.findIndex((input) => input.type === type && input.link != null) ?? -1;
}

function linkOf(node, slot) {
  const id = node.inputs?.[slot]?.link;
  return id == null ? null : linkById(node.graph, id);
}

function linkById(graph, id) {
  return graph?.getLink?.(id) ?? graph?.links?.get?.(id) ?? graph?.links?.[id] ?? null;
}

/** The node at the beginning of a link; of a subgraph node the one within, at the border the input of the node around. */
function entered(graph, link, hostsOf) {
  const node = graph.getNodeById(link.origin_id);
  if (!node) {
    const host = hostsOf(graph)[0];
    return host ? { outside: { node: host, slot: link.origin_slot } } : null;
  }
  const type = node.outputs?.[link.origin_slot]?.type;
  if (!node.subgraph) return { node, type };
  const id = node.subgraph.outputs?.[link.origin_slot]?.linkIds?.[0];
  const inner = id == null ? null : linkById(node.subgraph, id);
  return inner ? entered(node.subgraph, inner, hostsOf) : null;
}

/** {filename, subfolder, type} of a file as widgets name it: "folder/name.mp4 [output]". */
export function fileOf(text) {
  const [, path, type] = /^(.*?)(?: \[(input|output|temp)\])?$/.exec(text);
  const cut = path.lastIndexOf("/");
  return { filename: path.slice(cut + 1), subfolder: cut < 0 ? "" : path.slice(0, cut), type: type ?? "input" };
}

/** The part of a picture that is shown, and where in a box: {from: [x, y, w, h], to: [x, y, w, h]}, as the fit mode says. */
export function fitBox(mode, width, height, box) {
  const [left, top, wide, high] = box;
  if (mode === "stretch" || !width || !height) return { from: [0, 0, width, height], to: box };
  const scales = [wide / width, high / height];
  if (mode === "fit") {
    const scale = Math.min(...scales);
    const [w, h] = [width * scale, height * scale];
    return { from: [0, 0, width, height], to: [left + (wide - w) / 2, top + (high - h) / 2, w, h] };
  }
  const scale = Math.max(...scales);
  const [w, h] = [wide / scale, high / scale];
  return { from: [(width - w) / 2, (height - h) / 2, w, h], to: box };
}

/** Where in a video a frame is looked for, in seconds; null past its end. `rate` 0 takes the video's own. */
export function secondOf(frame, { start, rate }, { duration, own }) {
  const second = start + frame / (rate || own);
  if (second >= duration - 1e-3) return null;
  return rate ? second + 2e-3 : second + 0.4 / own; // in the middle of a frame, or just past the moment asked for
}

/** The size and length of a clip, where the plan leaves them to what was found in its file {count, width, height}. */
export function sizeOf(plan, found) {
  const [width, height] = [found?.width || 64, found?.height || 64];
  const count = plan?.count || found?.count || 16;
  if (plan?.width && plan.height) return { count, width: plan.width, height: plan.height };
  if (plan?.width) return { count, width: plan.width, height: Math.max(1, Math.round((plan.width * height) / width)) };
  if (plan?.height) return { count, width: Math.max(1, Math.round((plan.height * width) / height)), height: plan.height };
  return { count, width, height };
}
