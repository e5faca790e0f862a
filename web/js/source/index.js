// A video of one's own becomes the source of the graph: dropped on the editor, dropped on a node of ours, or chosen there.
// The only file of this folder that does something when it is loaded.

import { api } from "../../../../scripts/api.js";
import { app } from "../../../../scripts/app.js";
import { CLIP, ENCODE, connectVideo, take, targetOf } from "./graph.js";
import { holdsGraph, isVideo, upload } from "./files.js";

const WORDS = {
  choose: { en: "choose a video of your own", zh: "选择自己的视频" },
  failed: { en: "The video was not taken", zh: "未能使用该视频" },
};

app.registerExtension({
  name: "vdt.Source",
  setup() {
    const open = app.handleFile;
    if (!open) return;
    app.handleFile = async function (file, ...others) {
      const node = isVideo(file) ? targetOf(app.canvas.graph ?? app.graph) : null;
      if (!node || (await holdsGraph(file))) return open.call(this, file, ...others);
      await put(node, file);
    };
  },
  nodeCreated(node) {
    if (![CLIP, ENCODE].includes(node.comfyClass)) return;
    node.onDragOver = (event) => holdsFiles(event.dataTransfer);
    node.onDragDrop = async (event) => {
      const file = [...(event.dataTransfer?.files ?? [])].find(isVideo);
      if (file) await put(node, file);
      return Boolean(file);
    };
    if (node.comfyClass !== CLIP) return;
    addButton(node);
    const clip = node.widgets.find((widget) => widget.name === "clip"), before = clip.callback;
    clip.callback = function (value, ...others) { // a choice from the list, or a drop
      before?.call(this, value, ...others);
      if (String(value).includes(".")) connectVideo(node);
    };
  },
});

async function put(node, file) {
  try {
    take(app, node, await upload(api, file));
  } catch (error) {
    const toast = { severity: "error", summary: word("failed"), detail: String(error.message ?? error) };
    app.extensionManager?.toast?.add(toast);
  }
}

function addButton(node) {
  const pick = Object.assign(document.createElement("input"), { type: "file", accept: "video/*" });
  pick.onchange = () => {
    if (pick.files.length) put(node, pick.files[0]);
    pick.value = ""; // the same file may be chosen again
  };
  const button = node.addWidget("button", "own clip", "", () => pick.click(), { serialize: false });
  button.label = word("choose");
  button.serialize = false; // else it would take a place among the saved values
}

function holdsFiles(data) {
  return [...(data?.items ?? [])].some((item) => item.kind === "file");
}

function word(name) {
  const locale = app.extensionManager?.setting?.get?.("Comfy.Locale") ?? navigator.language;
  return WORDS[name][locale.startsWith("zh") ? "zh" : "en"];
}
