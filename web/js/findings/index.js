// A mistake that is found before a run stands on its node, as what goes wrong in a run does; newer editors show it only
// behind a button. The text is the editor's own, the one that nodes at work write, in both renderers.
// The only file of this folder that does something when it is loaded.

import { api } from "../../../../scripts/api.js";
import { app } from "../../../../scripts/app.js";
import { nodesOf } from "../common/graph.js";
import { sentencesOf } from "./sentences.js";

const TEXT = "$$node-text-preview"; // the editor's name of that widget
const shown = new Set(); // ids of nodes, as prompts name them

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
    api.dispatchCustomEvent?.("progress_text", { nodeId: id, text });
    shown.add(id.split(":").at(-1));
  }
}

/** The next run says anew what is wrong. */
function clear() {
  for (const node of nodesOf(app.canvas.graph ?? app.graph)) {
    const at = shown.has(String(node.id)) ? (node.widgets ?? []).findIndex((widget) => widget.name === TEXT) : -1;
    if (at < 0) continue;
    node.widgets[at].onRemove?.();
    node.widgets.splice(at, 1);
    node.setDirtyCanvas?.(true, true);
  }
  shown.clear();
}
