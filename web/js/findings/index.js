// A mistake that is found before a run stands on its node, as what goes wrong in a run does; newer editors show it only
// behind a button. The text is the editor's own, the one that nodes at work write, in both renderers.
// The only file of this folder that does something when it is loaded.

import { api } from "../../../../scripts/api.js";
import { app } from "../../../../scripts/app.js";
import { nodesOf } from "../common/graph.js";
import { sentencesOf } from "./sentences.js";

const TEXT = "$$node-text-preview"; // the editor's name of that widget
const DRAWN = 500; // milliseconds until the editor has made room for a sentence
const shown = new Map(); // of nodes by their ids in prompts, how high they were, and are with the sentence

app.registerExtension({
  name: "vdt.Findings",
  setup() {
    const queue = api.queuePrompt;
    api.queuePrompt = async function (...inputs) {
      clear();
      try {
        const answer = await queue.apply(this, inputs);
        show(answer?.node_errors);
        return answer;
      } catch (error) {
        show(error?.response?.node_errors);
        throw error;
      }
    };
  },
});

function show(nodeErrors) {
  for (const [id, text] of sentencesOf(nodeErrors)) {
    const own = id.split(":").at(-1), node = nodeOf(own), heights = { before: node?.size[1] };
    api.dispatchCustomEvent?.("progress_text", { nodeId: id, text });
    setTimeout(() => (heights.after = node?.size[1]), DRAWN);
    shown.set(own, heights);
  }
}

/** The next run says anew what is wrong. A node that nobody has resized since is as high as before. */
function clear() {
  for (const [id, { before, after }] of shown) {
    const node = nodeOf(id), at = (node?.widgets ?? []).findIndex((widget) => widget.name === TEXT);
    if (at < 0) continue;
    node.widgets[at].onRemove?.();
    node.widgets.splice(at, 1);
    if (node.size[1] === after) node.setSize([node.size[0], before]);
    node.setDirtyCanvas?.(true, true);
  }
  shown.clear();
}

function nodeOf(id) {
  return nodesOf(app.canvas.graph ?? app.graph).find((node) => String(node.id) === id);
}
