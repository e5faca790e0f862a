"""What of a server's object_info is part of saved graphs, and the rule by which it may change: only by appending."""

FILES = {("VDTLoadModel", "model_name"), ("VDTLoadVAE", "vae_name")}  # their options are what lies in folders
BUNDLED = ("bundled", "bundled fast", "bundled text")  # but for these of the pack, which graphs name
CLIPS = ("VDTSampleClip", "clip")  # of the pack, which graphs name, so that none may go; then files of the input folder
KEPT = ("default", "min", "max", "step", "control_after_generate")


def snapshot(object_info):
    """The lasting part of object_info: {node: {"inputs": [[id, group, type, settings]], "outputs": [[name, type]]}}."""
    return {name: node(name, info) for name, info in sorted(object_info.items()) if name.startswith("VDT")}


def node(name, info):
    inputs = []
    for group, order in info["input_order"].items():
        if group == "hidden":
            continue
        for key in order:
            kind, *rest = info["input"][group][key]
            settings = dict(rest[0]) if rest else {}
            kept = {field: settings[field] for field in KEPT if settings.get(field) is not None}
            options = kind if isinstance(kind, list) else settings.get("options")
            if options is not None:
                kept["options"] = lasting(name, key, options)
            inputs.append([key, group, "COMBO" if isinstance(kind, list) else kind, kept])
    outputs = [list(pair) for pair in zip(info["output_name"], info["output"], strict=True)]
    facts = {key: info[key] for key in ("category", "display_name", "output_node")}
    return {**facts, "inputs": inputs, "outputs": outputs}


def lasting(name, key, options):
    if (name, key) in FILES:
        return [option for option in options if option in BUNDLED]
    return sorted(option for option in options if "." not in option) if (name, key) == CLIPS else options


def changes(stored, live):
    """What differs other than by appended nodes, inputs, outputs or options: sentences, none if all is well."""
    found = [f"{name} is gone" for name in stored if name not in live]
    for name in sorted(stored.keys() & live.keys()):
        for part in ("category", "display_name", "output_node"):
            if stored[name][part] != live[name][part]:
                found.append(f"{name}: {part} {stored[name][part]!r} became {live[name][part]!r}")
        for part in ("inputs", "outputs"):
            found += [f"{name}: {change}" for change in list_changes(name, stored[name][part], live[name][part], part)]
    return found


def list_changes(name, stored, live, part):
    if part == "outputs":
        return [] if live[: len(stored)] == stored else [f"outputs {stored} became {live}"]
    found = []
    # Widgets are saved by position over both groups, so that an appended one must come after all there were.
    for position, (old, new) in enumerate(zip(stored, live, strict=False)):
        if old[:3] != new[:3]:
            found.append(f"input {position} {old[:3]} became {new[:3]}")
        elif without_new_options(old[3], new[3], anywhere=(name, old[0]) == CLIPS) != old[3]:
            found.append(f"input {old[0]}: {old[3]} became {new[3]}")
    if len(live) < len(stored):
        found.append(f"inputs {[entry[0] for entry in stored[len(live) :]]} are gone")
    return found


def without_new_options(old, new, *, anywhere):
    if "options" not in old or "options" not in new:
        return new
    known = [option for option in new["options"] if option in old["options"]]
    return {**new, "options": known if anywhere else new["options"][: len(old["options"])]}
