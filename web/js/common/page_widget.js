// A page element as the last widget of a node. It survives whatever builds nodes anew: undo, reload, a change of tab.
//
// Nodes 2.0 patches rows of widgets instead of mounting them again, so that after an undo the element of the node before
// it stays on the page. `keepMounted`, called every now and then, puts the element of the living node in its place.

const mounted = new Map(); // a place and a name -> the element that stands there

/** Where a node is, as outputs name it: nodes that are built anew keep it. */
export function placeOf(node) {
  return node.graph?.isRootGraph === false ? `${node.graph.id}:${node.id}` : String(node.id);
}

/** Whether a node is still part of its graph. */
export function isAlive(node) {
  return !!node.graph && node.graph.getNodeById(node.id) === node;
}

/** Make an element the last widget of a node, not saved; minHeight() is asked again whenever the node is laid out. */
export function addPageWidget(node, name, root, minHeight) {
  const options = { serialize: false, hideOnZoom: false, getMinHeight: minHeight, getValue: () => "", setValue: () => {} };
  const widget = node.addDOMWidget(name, name.replaceAll(" ", "_"), root, options);
  widget.serialize = false; // else it would take a place among the saved values
}

export function keepMounted(node, name, root) {
  const key = `${placeOf(node)} ${name}`;
  const before = mounted.get(key);
  if (!root.isConnected && before?.isConnected) before.replaceWith(root);
  if (root.isConnected) mounted.set(key, root);
}
