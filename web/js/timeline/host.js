// What the timeline asks of the editor around it. `app` and `api` are the editor's; the rest is read off its graph.

import { nodesOf, recordStep, rootOf, viewUrl } from "../common/graph.js";
import { placeOf } from "../common/page_widget.js";
import { READ } from "./frames.js";
import { fileOf, planOf, settingOf } from "./sources.js";

const WIDTH = 360, ROOM = 160; // of a new node: its width, and what its picture gets beyond the least
const GAP = 4; // between widgets
const ALWAYS = ["control_after_generate"]; // belongs to the widget before it

export class Host {
  constructor(app, api, node) {
    Object.assign(this, { app, api, node, isFresh: true }); // until a graph says how large the node is
  }

  get locale() {
    const { app } = this;
    return app.extensionManager?.setting?.get?.("Comfy.Locale") ?? app.ui?.settings?.getSettingValue?.("Comfy.Locale") ?? "en";
  }

  setting(name) {
    return settingOf(this.node, name);
  }

  /** Whether something is connected to an input. */
  isLinked(name) {
    return this.node.inputs?.some((input) => input.name === name && input.link != null) ?? false;
  }

  /** What the node wrote in its last run; the editor keeps it through undo and changes of tab. */
  get output() {
    return this.app.nodeOutputs?.[placeOf(this.node)]?.vdt_clip?.[0] ?? null;
  }

  get plan() {
    return planOf(this.node, (graph) => this.hostsOf(graph));
  }

  /** The nodes of the whole graph that stand for a subgraph. */
  hostsOf(graph) {
    const root = rootOf(this.app);
    const graphs = [root, ...(root?.subgraphs?.values?.() ?? [])];
    return graphs.flatMap((each) => nodesOf(each)).filter((node) => node.subgraph === graph);
  }

  /** The address of a file that a run wrote, or of one that a node names. */
  urlOf(kind, file) {
    if (kind === "sample") return new URL(`../../clips/${encodeURIComponent(file)}.png`, import.meta.url).href;
    return viewUrl(this.api, typeof file === "string" ? fileOf(file) : file);
  }

  /** Draw the graph anew, and make what was done one step of undo. */
  record() {
    recordStep(this.app, this.node);
  }

  /** Show only the widgets that the task reads; what a wire sets stays, and so does what is saved. */
  showRead() {
    const { node } = this;
    const read = READ[this.setting("task")];
    if (!read) return; // a wire sets the task
    const wanted = new Set([...read, ...(read.includes("seed") ? ALWAYS : [])]);
    if (this.isLinked("mask")) wanted.add("policy");
    const optional = new Set([...Object.values(READ).flat(), ...ALWAYS, "policy"]);
    let changed = 0;
    for (const widget of node.widgets ?? []) {
      if (!optional.has(widget.name)) continue;
      const linked = node.inputs?.some((input) => input.widget?.name === widget.name && input.link != null);
      changed += hide(widget, !wanted.has(widget.name) && !linked);
    }
    if (changed) this.laidOut();
  }

  /** Let the editor see which widgets there are now. */
  laidOut() {
    const { node } = this;
    if (isReread(node)) node.widgets.push(node.widgets.pop());
    const least = node.computeSize?.();
    if (least && this.isFresh) node.setSize([Math.max(node.size[0], WIDTH), least[1] + ROOM]);
    else if (least && node.size[1] < least[1]) node.setSize([node.size[0], least[1]]);
    node.setDirtyCanvas?.(true, true);
  }
}

/** Hide a widget or show it, in both renderers; returns whether it was not so. The options stay the same object: one keeps it. */
export function hide(widget, hidden) {
  if (Boolean(widget.hidden) === hidden && Boolean(widget.options?.hidden) === hidden) return false;
  widget.hidden = hidden;
  widget.options ??= {};
  widget.options.hidden = hidden;
  if (hidden) widget.computeSize = () => [0, -GAP]; // editors before 1.28 leave room for it
  else delete widget.computeSize;
  return true;
}

/** Whether the editor reads what is hidden only when the list of widgets changes: Nodes 2.0 of frontend 1.49 does. */
function isReread(node) {
  for (let from = node.widgets?.[0]; from; from = Object.getPrototypeOf(from)) {
    const own = Object.getOwnPropertyDescriptor(from, "hidden");
    if (own?.set) return false;
  }
  return Boolean(Object.getOwnPropertyDescriptor(node, "widgets")?.set);
}
