"""NaN, infinite and huge numbers at every stage: they are refused in a sentence, or the result is finite."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from ..family import Family
from ..outcomes import check, is_line
from .material import open_studio, square, tiny_model, tiny_pipeline, tiny_vae

STAGES = (
    "latents",
    "hidden latents",
    "model",
    "vae",
    "sampler",
    "encoder",
    "decoder",
    "node images",
    "node masks",
    "step",
)
NODES = {
    "encode": ("VDTEncode", {"vae": ["9", 0], "images": ["1", 0], "length": 8, "width": 64, "height": 64}),
    "preview": ("PreviewImage", {"images": ["1", 0]}),
    "save": ("SaveImage", {"images": ["1", 0], "filename_prefix": "x"}),
    "video": ("CreateVideo", {"images": ["1", 0], "fps": 8.0}),
    "vae encode": ("VAEEncode", {"pixels": ["1", 0], "vae": ["9", 0]}),
}
SINKS = {
    "CreateVideo": ("SaveVideo", {"filename_prefix": "v", "format": "auto", "codec": "auto"}, "video"),
    "VDTEncode": ("PreviewImage", {}, None),
    "VAEEncode": ("VAEDecode", {"vae": ["9", 0]}, "samples"),
}


class NotNumbers(Family):
    name = "NaN at each stage"
    small = 20
    full = 600
    piece = 300
    seconds = 120.0

    def prepare(self, folder: Path) -> Any:
        import torch

        studio = open_studio(folder / "studio")
        _add_bad_images(studio)
        return {"studio": studio, "torch": torch, "pipeline": tiny_pipeline()}

    def case(self, shared: Any, number: int, rng: random.Random) -> str | None:
        stage = STAGES[number % len(STAGES)]
        value = rng.choice((float("nan"), float("inf"), float("-inf"), 3e38, -1e30))
        if stage.startswith("node"):
            return _run_graph(shared["studio"], stage, value, rng)
        if stage in ("latents", "hidden latents"):
            return _latents(shared["pipeline"], stage == "latents", value, rng)
        if stage == "step":
            return _training(value, rng)
        pipeline = tiny_pipeline()
        _spoil(pipeline, stage, value, rng)
        return _generate(pipeline, rng)


def _spoil(pipeline: Any, stage: str, value: float, rng: random.Random) -> None:
    """Put the value into a weight, or into what a network makes at some call of it."""
    import torch

    if stage in ("model", "vae"):
        parameters = list((pipeline.model if stage == "model" else pipeline.vae).parameters())
        with torch.no_grad():
            _put(rng.choice(parameters) if rng.random() < 0.5 else parameters[-1], value, rng)
        return
    module = {"sampler": pipeline.model, "encoder": pipeline.vae.encoder, "decoder": pipeline.vae.decoder}[stage]
    calls = iter(range(1000))
    bad = rng.randrange(3)

    def spoiled(module: Any, inputs: Any, output: Any) -> Any:
        if next(calls) == bad:
            output = output.clone()
            _put(output, value, rng)
        return output

    module.register_forward_hook(spoiled)


def _put(tensor: Any, value: float, rng: random.Random) -> None:
    tensor[tuple(rng.randrange(side) for side in tensor.shape)] = value


def _generate(pipeline: Any, rng: random.Random) -> str | None:
    import numpy as np
    import torch

    import vdt
    from vdt.diffusion import SamplingConfig

    frames = square(6, 64, 64)
    mask = vdt.masks.predict(frames, given=rng.choice((1, 3)))
    name = rng.choice(("ddim", "dpmpp_2m_quad", "unipc_quad", "ancestral"))
    made = pipeline(
        frames, mask, seed=number_of(rng), sampling=SamplingConfig.named(name, steps=2, guidance=rng.choice((1.0, 2.0)))
    )
    check(bool(torch.isfinite(made.latents).all()), "latents of a clip that was made are finite")
    given = ~made.mask
    check(np.array_equal(made.frames[given], frames[given]), "given pixels come back bit for bit")
    return None


def number_of(rng: random.Random) -> int:
    return rng.randrange(2**64)


def _latents(pipeline: Any, given: bool, value: float, rng: random.Random) -> str | None:
    """A bad latent at a given cell is refused; at one that is generated it changes nothing."""
    import torch

    from vdt.diffusion import SamplingConfig
    from vdt.inference.rollout import extension_mask, generate_latents

    generator = torch.Generator().manual_seed(rng.randrange(1000))
    raw = torch.randn(1, 6, 4, 8, 8, generator=generator)
    cells = extension_mask(6, 3, 8, 8)
    sampling = SamplingConfig(steps=2)
    bad = raw.clone()
    bad[0, rng.randrange(3) if given else rng.randrange(3, 6), rng.randrange(4), rng.randrange(8), rng.randrange(8)] = (
        value
    )
    made = generate_latents(pipeline.model, bad, cells, seeds=[5], sampling=sampling)
    check(bool(torch.isfinite(made).all()), "latents that were made are finite")
    if not given:
        plain = generate_latents(pipeline.model, raw, cells, seeds=[5], sampling=sampling)
        check(torch.equal(made, plain), "what the mask covers may hold anything")
    return None


def _training(value: float, rng: random.Random) -> str | None:
    """A bad weight, average or batch: the state on the disk stays good."""
    import tempfile

    import torch
    from safetensors.torch import load_file

    from vdt.training.loop import new_state
    from vdt.training.recipe import OptimRecipe

    state = new_state(rng.choice((tiny_model, tiny_vae))(), OptimRecipe(), 0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        state.save(path, "{}")
        before = path.read_bytes()
        values = list(rng.choice((state.model.state_dict(), state.ema.shadow)).values())
        with torch.no_grad():
            _put(rng.choice(values), value, rng)
        try:
            state.save(path, "{}")
        except ValueError:
            check(path.read_bytes() == before, "the good state is kept")
            raise
        for name, tensor in load_file(path).items():
            check(not tensor.is_floating_point() or bool(torch.isfinite(tensor).all()), f"{name} on the disk is finite")
    return None


# ---- Nodes -----------------------------------------------------------------------------------------------------------


def _add_bad_images(studio: Any) -> None:
    """A node that makes images and masks with one bad value in them."""
    import torch

    from vdt_studio.shim.comfy_api.latest import io

    class BadImages(io.ComfyNode):
        value = 0.0

        @classmethod
        def define_schema(cls) -> Any:
            outputs = [io.Image.Output(display_name="image"), io.Mask.Output(display_name="mask")]
            return io.Schema(node_id="BadImages", inputs=[io.Int.Input("seed", default=0)], outputs=outputs)

        @classmethod
        def execute(cls, seed: int) -> Any:
            images, mask = torch.full((8, 64, 64, 3), 0.5), torch.zeros(8, 64, 64)
            images.view(-1)[seed % images.numel()] = cls.value
            mask.view(-1)[seed % mask.numel()] = cls.value
            return io.NodeOutput(images, mask)

    studio.registry.add(BadImages, module="tests")


def _run_graph(studio: Any, stage: str, value: float, rng: random.Random) -> str | None:
    from vdt_studio.errors import NodeError
    from vdt_studio.graph import read_workflow

    studio.registry.types["BadImages"].cls.value = value
    nodes: dict[str, Any] = {
        "1": {"class_type": "BadImages", "inputs": {"seed": rng.randrange(10**6)}},
        "9": {"class_type": "VDTLoadVAE", "inputs": {}},
    }
    if stage == "node images":
        kind, inputs = NODES[rng.choice(list(NODES))]
        nodes["2"] = {"class_type": kind, "inputs": inputs}
        if kind in SINKS:
            sink, more, socket = SINKS[kind]
            nodes["3"] = {"class_type": sink, "inputs": {**more, socket or "images": ["2", 0 if socket else 1]}}
        if kind == "VAEEncode":
            nodes["4"] = {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}}
    else:
        inputs = {"images": ["1", 0], "mask": ["1", 1], "task": rng.choice(("spatial", "predict"))}
        nodes["1"]["inputs"]["seed"] = rng.randrange(10**6)
        nodes["2"] = {"class_type": rng.choice(("VDTMask", "MaskToImage")), "inputs": inputs}
        if nodes["2"]["class_type"] == "VDTMask":
            nodes["3"] = {"class_type": "MaskToImage", "inputs": {"mask": ["2", 0]}}
        nodes["4"] = {"class_type": "PreviewImage", "inputs": {"images": ["3" if "3" in nodes else "2", 0]}}
    defaults = {name: _defaults(studio, node["class_type"]) for name, node in nodes.items()}
    for name, node in nodes.items():
        node["inputs"] = {**defaults[name], **node["inputs"]}
    try:
        studio.run(read_workflow(nodes, studio.registry))
    except NodeError as error:
        named = stage != "node images" or "NaN" in error.sentence or "finite" in error.sentence
        check(named and is_line(error.sentence), f"the sentence says what is wrong: {error}")
        return "refused"
    return None


def _defaults(studio: Any, kind: str) -> dict[str, Any]:
    """The values that the editor would fill in."""
    found = {}
    info = studio.registry.types[kind].info()["input"]
    for name, spec in {**info.get("required", {})}.items():
        options = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
        if "default" in options:
            found[name] = options["default"]
        elif isinstance(spec[0], list) and spec[0]:
            found[name] = spec[0][0]
        elif options.get("options"):
            found[name] = options["options"][0]
    return found
