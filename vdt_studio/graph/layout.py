"""Where the nodes of a template stand: columns in four titled groups, from a table, so that graphs open legibly.

The editor fits a template to three quarters of the window: 1,780 x 1,100 of its units stay readable at 1440 x 900.
Wires to distant columns run through a band above the mask and the sampler; those that would run behind nodes are bent.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vdt.media.files import atomic_path

from ..errors import GraphError, one_line
from .editor import parse
from .files import read_json
from .wires import TITLE, Box, Wire, bend

GAP = 26  # between nodes of a column
FOLD_GAP, FOLD = 32, 24  # and more for each wire from a node to one below or above it
GUTTERS = {
    "encode": 38,
    "join": 38,
    "prepare": 56,
    "generate": 56,
    "result": 56,
    "decode": 64,
    "files": 62,
}  # before these columns
GUTTER = 46
PADDING, HEADING = 10, 44  # of a group


@dataclass(frozen=True)
class Place:
    """Where nodes of a type stand, how much room they need below their title, and what people call them."""

    column: str
    height: int
    title: str
    top: int = 0  # no higher than this
    width: int = 0  # if not that of the column


# From left to right: the group, and how wide the nodes are.
COLUMNS = {
    "clip": ("Source", 225),
    "encode": ("Source", 225),
    "keyframes": ("Mask", 250),
    "join": ("Mask", 225),
    "mask": ("Mask", 280),
    "prepare": ("Generate", 230),
    "generate": ("Generate", 245),
    "result": ("Result", 320),
    "decode": ("Result", 225),
    "files": ("Result", 225),
}
# From top to bottom within a column. Heights are those of Nodes 2.0, which are larger than the classic ones.
PLACES = {
    "VDTLoadVAE": Place("clip", 90, "VAE"),
    "VDTSampleClip": Place("clip", 170, "Clip"),
    "LoadVideo": Place("clip", 330, "Your clip"),
    "VDTEncode": Place("encode", 330, "Clip to latents", 70),
    "LoadImage": Place("encode", 330, "Painted picture"),
    "ImageFromBatch": Place("clip", 96, "Part of the clip"),
    "VDTMask": Place("mask", 690, "Mask", 240),
    "VDTConnect": Place("mask", 440, "Close the loop", 70),
    "VDTOutpaint": Place("mask", 520, "Room around the picture", 70),
    "VDTSlowMotion": Place("mask", 440, "Room between the frames", 70),
    "VDTKeyframes": Place("keyframes", 360, "Where the pictures stand", 120),
    "VDTLoadModel": Place("generate", 140, "Model", 200),
    "VDTConditioning": Place("prepare", 140, "Conditioning", 200),
    "SetLatentNoiseMask": Place("prepare", 60, "Mask to the latents"),
    "VDTTextEncode": Place("prepare", 240, "What happens"),
    "VDTMaskToControl": Place("prepare", 400, "Mask for the model", 90),
    "CLIPTextEncode": Place("prepare", 140, "Text"),
    "WanVaceToVideo": Place("generate", 310, "Wan VACE", 200),
    "VDTSampler": Place("generate", 380, "Generate"),
    "VDTExtend": Place("generate", 430, "Extend"),
    "KSampler": Place("generate", 280, "Generate (KSampler)"),
    "VDTDecode": Place("result", 550, "Result", 102),
    "VDTSaveVideo": Place("result", 560, "Result", 90),
    "VAEDecode": Place("result", 60, "Latents to pictures", 90),
    "VDTReport": Place("result", 330, "Result against the truth"),
    "CreateVideo": Place("files", 130, "Pictures to video"),
    "SaveVideo": Place("files", 380, "Save the video"),
    "SaveImage": Place("files", 190, "Save the sheet"),
    "UNETLoader": Place("clip", 166, "Wan VACE model"),
    "CLIPLoader": Place("clip", 200, "Text encoder"),
    "VAELoader": Place("clip", 130, "VAE"),
    "MarkdownNote": Place("result", 270, "What to change"),
}
# Where a type of node is, others stand elsewhere; later lines go before earlier ones.
_WIDE_NOTE = Place("clip", 330, "What to change", 470, 488)  # below both columns of the source
VARIANTS = {
    "SaveVideo": {"MarkdownNote": Place("result", 310, "What to change", width=490)},
    "VDTSaveVideo": {"MarkdownNote": Place("result", 340, "What to change")},
    "VDTExtend": {  # of one's own clip too, which may stand upright
        "VDTSaveVideo": Place("result", 860, "Result", 90),
        "MarkdownNote": Place("clip", 420, "What to change", 470, 488),
    },
    "VDTKeyframes": {"VDTEncode": Place("join", 330, "Pictures to latents", 70)},
    "VDTReport": {"MarkdownNote": _WIDE_NOTE},
    "VDTConditioning": {
        "MarkdownNote": _WIDE_NOTE,
        "CreateVideo": Place("result", 130, "Pictures to video"),
        "SaveVideo": Place("result", 450, "Save the video"),
    },
    "VDTTextEncode": {
        "VDTLoadModel": Place("prepare", 140, "Model", 200),
        "VDTSampler": Place("generate", 380, "Generate", 200),
        "MarkdownNote": Place("clip", 420, "What to change", 470, 488),
    },
    "WanVaceToVideo": {
        "VAEDecode": Place("decode", 60, "Latents to pictures", 90),
        "CreateVideo": Place("decode", 130, "Pictures to video"),
        "SaveVideo": Place("files", 400, "Save the video", 90),
        "MarkdownNote": Place("decode", 400, "What to change", 560, 512),  # below both columns of the result
    },
}
GROUP_COLOURS = {"Source": "#3f789e", "Mask": "#b06634", "Generate": "#6a5a8c", "Result": "#4c7a4c"}
SAMPLERS = ("VDTSampler", "VDTExtend", "KSampler")  # the masks' seeds stay: their graphs say what is generated


def lay_out(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same graph with other places, sizes, groups, bends of wires and titles, and samplers that draw a new seed.

    Titles that somebody has given stay. Raises GraphError for types of nodes that the table has no place for.
    """
    made = copy.deepcopy(dict(data))
    nodes = made["nodes"]
    unknown = sorted({node["type"] for node in nodes} - set(PLACES))
    if unknown:
        raise GraphError(f"no place is known for {', '.join(unknown)}: add lines to PLACES in graph/layout.py")
    places = _places(nodes)
    boxes = _boxes(made, places)
    for node in nodes:
        box = boxes[node["id"]]
        node["pos"], node["size"] = [box.left, box.top], [box.width, box.height]
        node["title"] = node.get("title") or places[node["id"]].title
        if node["type"] in SAMPLERS:
            values = node["widgets_values"]
            node["widgets_values"] = ["randomize" if value == "fixed" else value for value in values]
    made["groups"] = _groups(places, boxes)
    made["extra"] = {**made.get("extra", {}), **_bends(made, boxes)}
    return made


def lay_out_file(path: Path) -> Path:
    """Write a workflow file over with its graph laid out; GraphError if it is none that the table has places for."""
    data = read_json(path)
    parse(data)  # says what is damaged
    try:
        text = json.dumps(lay_out(data), indent=1, ensure_ascii=False)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        if isinstance(error, GraphError):
            raise
        said = f"{type(error).__name__}: {one_line(error)}"
        raise GraphError(
            f"{path} cannot be laid out, its nodes or links are not those of an editor ({said})"
        ) from error
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return path


def _places(nodes: list[Any]) -> dict[int, Place]:
    """What the table says of each node."""
    table = dict(PLACES)
    types = {node["type"] for node in nodes}
    for variant in (VARIANTS[kind] for kind in VARIANTS if kind in types):
        table.update(variant)
    return {node["id"]: table[node["type"]] for node in nodes}


def _boxes(data: Mapping[str, Any], places: Mapping[int, Place]) -> dict[int, Box]:
    """Column by column, each as a stack in the order of the table, and of ids where types are equal."""
    order = {kind: number for number, kind in enumerate(PLACES)}
    nodes = sorted(data["nodes"], key=lambda node: (order[node["type"]], node["id"]))
    boxes: dict[int, Box] = {}
    left = 0
    for column, (_, width) in COLUMNS.items():
        stack = [node["id"] for node in nodes if places[node["id"]].column == column]
        left += GUTTERS.get(column, GUTTER) if stack and boxes else 0
        bottom = None
        for number in stack:
            place = places[number]
            above = bottom + TITLE + _gap(data["links"], number, stack) if bottom is not None else place.top
            boxes[number] = Box(left, max(place.top, above), place.width or width, place.height)
            bottom = boxes[number].bottom
        left += width if stack else 0
    return boxes


def _gap(links: list[Any], number: int, stack: list[int]) -> int:
    """Above a node: more where wires run from others of its column, above or below."""
    above = set(stack[: stack.index(number)])
    folds = sum((a == number and b in above) or (b == number and a in above) for _, a, _, b, *_ in links)
    return FOLD_GAP + FOLD * folds if folds else GAP


def _groups(places: Mapping[int, Place], boxes: Mapping[int, Box]) -> list[dict[str, Any]]:
    """Panels of one height around the columns of each group that has nodes."""
    top = min(box.top for box in boxes.values()) - TITLE - PADDING - HEADING
    bottom = max(box.bottom for box in boxes.values()) + PADDING
    made: list[dict[str, Any]] = []
    for title, colour in GROUP_COLOURS.items():
        inside = [boxes[number] for number, place in places.items() if COLUMNS[place.column][0] == title]
        if inside:
            left = min(box.left for box in inside) - PADDING
            width = max(box.right for box in inside) + PADDING - left
            look = {"color": colour, "font_size": 24, "flags": {}}
            made.append({"id": len(made) + 1, "title": title, "bounding": [left, top, width, bottom - top], **look})
    return made


def _bends(data: Mapping[str, Any], boxes: Mapping[int, Box]) -> dict[str, Any]:
    """The editor's reroutes: points on wires, each with the one before it; a wire names its last."""
    nodes = {node["id"]: node for node in data["nodes"]}
    wires = []
    for number, origin, slot, target, place, _ in data["links"]:
        start = (boxes[origin].right, boxes[origin].top + 14 + 20 * slot)
        end = (boxes[target].left, boxes[target].top + _input_height(nodes[target], place))
        wires.append(Wire(number, start, end, (origin, target)))
    reroutes: list[dict[str, Any]] = []
    last: list[dict[str, Any]] = []
    for number, points in bend(wires, boxes).items():
        for point in points:
            parent = {"parentId": len(reroutes)} if point != points[0] else {}
            reroutes.append({"id": len(reroutes) + 1, **parent, "pos": list(point), "linkIds": [number]})
        last.append({"id": number, "parentId": len(reroutes)})
    return {"reroutes": reroutes, "linkExtensions": last}


def _input_height(node: Mapping[str, Any], place: int) -> int:
    """How far below the title's edge a wire ends: at a socket, or at the widget of that name."""
    sockets = [slot for slot in node["inputs"] if "widget" not in slot]
    widgets = [slot for slot in node["inputs"] if "widget" in slot]
    slot = node["inputs"][place]
    if slot in sockets:
        return 14 + 20 * sockets.index(slot)
    rows = max(len(sockets), len(node["outputs"]))
    return 10 + 20 * rows + round(26 * (widgets.index(slot) + 0.5))
