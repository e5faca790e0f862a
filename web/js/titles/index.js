// Templates in the language of the editor. The only file of this folder that does something when it is loaded.

import { app } from "../../../../scripts/app.js";
import { nodesOf, rootOf } from "../common/graph.js";
import { translate } from "./words.js";

app.registerExtension({
  name: "vdt.Titles",
  afterConfigureGraph() {
    const graph = rootOf(app), locale = app.extensionManager?.setting?.get?.("Comfy.Locale") ?? navigator.language;
    translate(nodesOf(graph), graph._groups ?? graph.groups ?? [], locale);
  },
});
