// What the check of a graph says of nodes of ours. Nothing here knows the editor.

const OWN = "custom_validation_failed"; // said by a node itself; of all else the editor speaks where it stands

/** Pairs of a node's id and its sentences, from the node_errors that a host answers. */
export function sentencesOf(nodeErrors) {
  const ours = Object.entries(nodeErrors ?? {}).filter(([, { class_type }]) => class_type?.startsWith("VDT"));
  return ours.map(([id, { errors }]) => [id, said(errors ?? [])]).filter(([, text]) => text);
}

function said(errors) {
  return [...new Set(errors.filter(({ type }) => type === OWN).map(plain))].join("\n");
}

/** Without the name of an input: ComfyUI repeats the sentence for every input, behind its name. */
function plain({ details, extra_info }) {
  const text = String(details ?? ""), head = `${extra_info?.input_name} - `;
  return text.startsWith(head) ? text.slice(head.length) : text;
}
