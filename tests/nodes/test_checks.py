"""Mistakes that need no run to be found: the validation marks the node and says one sentence."""

import pytest

from vdt_studio.engine import validate
from vdt_studio.graph.records import from_api
from vdt_studio.studio import Studio

MASK = {"task": "predict", "given": 3, "every": 4, "frame": 0, "known": "0-3,-1", "seed": 0}
SIZE = {"length": 6, "width": 64, "height": 64, "policy": "crop"}
SAMPLING = {"seed": 3, "steps": 2, "sampler": "ddim", "guidance": 1.0}
PLACES = {"frame_1": 0, "frame_2": -1, "frame_3": 5, "frame_4": 10}
SIDES = {"left": 25.0, "top": 0.0, "right": 25.0, "bottom": 0.0}
NODES = {
    "clip": ("VDTSampleClip", {"clip": "projectile"}),
    "vae": ("VDTLoadVAE", {"vae_name": "bundled"}),
    "model": ("VDTLoadModel", {"model_name": "bundled", "precision": "auto"}),
    "encode": ("VDTEncode", {"vae": ["vae", 0], "images": ["clip", 0], **SIZE, "fps": 0.0, "start": 0.0}),
    "mask": ("VDTMask", {"images": ["encode", 1], **MASK}),
    "combine": ("VDTMaskCombine", {"a": ["mask", 0], "b": ["mask", 0], "operation": "union"}),
    "sampler": ("VDTSampler", {"model": ["model", 0], "latent": ["encode", 0], "mask": ["combine", 0], **SAMPLING}),
    "extend": (
        "VDTExtend",
        {"model": ["model", 0], "latent": ["sampler", 0], "frames": 8, "direction": "after", **SAMPLING},
    ),
    "decode": ("VDTDecode", {"latent": ["extend", 0], "vae": ["vae", 0]}),
    "keyframes": ("VDTKeyframes", {"image_1": ["clip", 0], "image_2": ["clip", 0], **SIZE, "length": 16, **PLACES}),
    "outpaint": ("VDTOutpaint", {"vae": ["vae", 0], "images": ["clip", 0], **SIDES}),
    "shown": ("PreviewImage", {"images": ["decode", 0]}),
    "shown_keyframes": ("PreviewImage", {"images": ["keyframes", 0]}),
    "shown_outpaint": ("PreviewImage", {"images": ["outpaint", 1]}),
}
GONE = object()  # a wire that is taken away
WRONG = (
    ("clip", {"clip": "own.mp4"}, "there is no clip 'own.mp4': choose projectile"),
    ("clip", {"clip": "../clip.mp4"}, "there is no clip '../clip.mp4'"),
    ("vae", {"vae_name": "lost.safetensors"}, "there is no file 'lost.safetensors'; searched"),
    ("model", {"model_name": "lost.safetensors"}, "put a .safetensors file there, or choose 'bundled'"),
    ("encode", {"images": GONE}, "nothing to encode: connect images or a video"),
    ("encode", {"length": 4096, "width": 4096, "height": 4096}, "a clip of 4096 frames of 4096x4096 takes"),
    ("encode", {"length": 0}, "the length of the clip must be a whole number"),
    ("encode", {"width": -8}, "width must be a whole number"),
    ("mask", {"task": "guess"}, "unknown task 'guess': expected one of predict"),
    ("mask", {"task": "frames", "known": "0-3, last"}, "'last' in frame list '0-3, last' is no frame or range"),
    ("mask", {"task": "frames", "known": " , "}, "names no frame: write it like 0-3,8,-1"),
    ("mask", {"task": "frames", "known": "7-3"}, "range '7-3' in frame list '7-3' runs backwards"),
    ("mask", {"task": "frames", "known": "-1--3"}, "runs backwards: write the earlier frame first"),
    ("mask", {"timeline": "{broken"}, "timeline"),
    ("combine", {"b": GONE}, "union takes two masks: connect b, or choose invert"),
    ("combine", {"operation": "add"}, "unknown operation 'add': expected one of union"),
    ("sampler", {"window": 2}, "got a window of 2 frames: use 3 or more, or 0 for the model's own"),
    ("sampler", {"window": 16, "overlap": 15}, "use an overlap of 1 to 14, or 0 for half of the window"),
    ("extend", {"window": 8, "overlap": 8}, "got windows of 8 frames that overlap by 8"),
    ("extend", {"window": -1}, "window must be a whole number"),
    ("keyframes", {"frame_2": 0}, "images 1 and 2 both stand at frame 0: move one of them"),
    ("keyframes", {"frame_1": 15}, "images 1 and 2 both stand at frame 15"),
    ("keyframes", {"frame_2": 16}, "image 2: frame 16 is outside a clip of 16 frames"),
    ("outpaint", {"left": 0.0, "right": 0.0}, "a picture that grows by nothing has nothing to generate"),
    ("outpaint", {"top": 500.0}, "expected 0 to 400 on each side"),
)
RIGHT = (  # what only the clip, the model or another node decides
    ("mask", {"task": "frames", "known": "3--2, -4-1"}),
    ("mask", {"task": "predict", "known": "nonsense"}),
    ("combine", {"b": GONE, "operation": "invert"}),
    ("sampler", {"window": 0, "overlap": 4000}),
    ("sampler", {"window": 16, "overlap": 14}),
    ("keyframes", {"image_2": GONE, "frame_2": 0}),
    ("encode", {"width": 0, "height": 0}),
    ("encode", {"width": ["encode_size", 0]}),
)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    from vdt_studio.paths import Folders

    folder = tmp_path_factory.mktemp("studio")
    return Studio.open(Folders(input=folder, output=folder, temp=folder, models=folder), device="cpu").registry


def findings(registry, changed, inputs):
    nodes = {key: {"class_type": kind, "inputs": dict(values)} for key, (kind, values) in NODES.items()}
    nodes["encode_size"] = {"class_type": "PrimitiveInt", "inputs": {"value": 64}}
    for name, value in inputs.items():
        if value is GONE:
            del nodes[changed]["inputs"][name]
        else:
            nodes[changed]["inputs"][name] = value
    return [(problem.node.id, str(problem)) for problem in validate(from_api(nodes), registry).problems]


def test_a_mistake_is_found_on_its_node_before_anything_runs(registry):
    assert findings(registry, "mask", {}) == []
    wrong = []
    for node, inputs, part in WRONG:
        found = findings(registry, node, inputs)
        if len(found) != 1 or found[0][0] != node or part not in found[0][1] or "\n" in found[0][1]:
            wrong.append((node, inputs, found))
    assert wrong == []


def test_what_nobody_can_know_yet_is_no_mistake(registry):
    found = {str(inputs): findings(registry, node, inputs) for node, inputs in RIGHT}
    assert not any(found.values()), found
