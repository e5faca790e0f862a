"""The picture of a graph that template browsers show: what it makes, drawn from a run of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from vdt.media.files import atomic_path
from vdt.visualize.thumbnail import thumbnail

from .engine.events import Listener
from .errors import GraphError
from .graph import Workflow
from .graph.records import ApiNode, Graph, Link
from .media.images import load_rgba
from .studio import Studio

_FRAMES, _MASK, _PICTURES = "thumbnail frames", "thumbnail mask", "thumbnail mask pictures"  # no editor makes such ids
_DECODED = "thumbnail decoded"
_MASKED = ("VDTSampler", "SetLatentNoiseMask")  # whose mask says what is generated


def draw_thumbnail(studio: Studio, path: Path, listener: Listener = lambda event: None) -> Path:
    """Run a workflow file and write the .jpg of the same name beside it; GraphError if it makes no video."""
    workflow = studio.load(path)
    decoded, frames, mask = _sources(workflow.graph)
    watched = workflow.graph.replace(
        *decoded,
        ApiNode(id=_FRAMES, class_type="PreviewImage", inputs={"images": frames}),
        ApiNode(id=_MASK, class_type="MaskToImage", inputs={"mask": mask}),
        ApiNode(id=_PICTURES, class_type="PreviewImage", inputs={"images": Link(_MASK, 0)}),
    )
    ui = studio.run(Workflow(graph=watched), listener).ui
    shown, generated = (_pictures(studio, ui[node_id]) for node_id in (_FRAMES, _PICTURES))
    picture = thumbnail(shown, torch.from_numpy(generated[..., 0] > 127))
    target = path.with_suffix(".jpg")
    from PIL import Image

    with atomic_path(target) as temporary:
        Image.fromarray(picture).save(temporary, format="JPEG", quality=88)
    return target


def _sources(graph: Graph) -> tuple[list[ApiNode], Link, Link]:
    """The outputs that hold the frames of the video which the graph saves, and their mask.

    Where a node decodes straight into a file, one more node decodes the same.
    """
    for node in graph:
        if node.class_type == "VDTSaveVideo":
            inputs = {name: node.links[name] for name in ("latent", "vae", "images", "mask") if name in node.links}
            decode = ApiNode(id=_DECODED, class_type="VDTDecode", inputs=inputs)
            if "mask" in inputs:
                return [decode], Link(_DECODED, 0), inputs["mask"]
    videos = [node.links.get("images") for node in graph if node.class_type == "CreateVideo"]
    masks = [node.links.get("mask") for node in graph if node.class_type in _MASKED]
    if not (videos and videos[0] and masks and masks[0]):
        raise GraphError("a thumbnail needs a graph with Create Video and a mask at VDT Sampler")
    return [], videos[0], masks[0]


def _pictures(studio: Studio, ui: Any) -> np.ndarray:
    """The pictures a node has shown, uint8 (T, H, W, 3)."""
    paths = [studio.folders.of(entry["type"]) / entry["subfolder"] / entry["filename"] for entry in ui["images"]]
    return np.concatenate([load_rgba(path)[0][..., :3] for path in paths])
