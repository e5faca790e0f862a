// What the timeline and the player ask of the editor and its graph. Nothing here knows the page; `app` and `api` are the
// editor's.

/** The whole graph, with all subgraphs in it. */
export function rootOf(app) {
  return app.rootGraph ?? app.graph;
}

export function nodesOf(graph) {
  return graph?._nodes ?? graph?.nodes ?? [];
}

/** Run something after what a node, or a widget, does anyway. */
export function chain(owner, name, run) {
  const before = owner?.[name];
  if (owner) owner[name] = function (...values) {
    const answer = before?.apply(this, values);
    run();
    return answer;
  };
}

/** Draw the graph anew, and make what was done to a node one step of undo. */
export function recordStep(app, node) {
  node.setDirtyCanvas?.(true, true);
  const tracker = app.extensionManager?.workflow?.activeWorkflow?.changeTracker;
  (tracker?.captureCanvasState ?? tracker?.checkState)?.call(tracker);
}

/** The address of a file of the host. */
export function viewUrl(api, { filename, subfolder, type }) {
  return api.apiURL(`/view?${new URLSearchParams({ filename, subfolder: subfolder ?? "", type: type ?? "input" })}`);
}
