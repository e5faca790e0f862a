"""Several clips in one run: variations of one clip, in our sampler and in stock ones, each as it would be alone."""

import numpy as np
import pytest
import torch
from PIL import Image
from vdt_comfyui_graphs import SEED, close, node, own_sampler, sampled, sources, stock_sampler

from vdt.media.video import probe

pytestmark = [pytest.mark.comfy, pytest.mark.slow, pytest.mark.timeout(900)]


def test_variations_are_the_clips_of_the_next_seeds(server):
    graph = {**sources(), "one": own_sampler(), "next": own_sampler(seed=SEED + 1)}
    graph["batch"] = own_sampler(batch=2)
    graph["twice"] = node("RepeatLatentBatch", samples=["4", 0], amount=2)
    graph["repeated"] = own_sampler(latent=("twice", 0))
    graph["masked"] = node("SetLatentNoiseMask", samples=["4", 0], mask=["5", 0])
    graph["copies"] = node("RepeatLatentBatch", samples=["masked", 0], amount=2)
    graph["carried"] = own_sampler(latent=("copies", 0), mask=None)
    graph["more"] = node(
        "VDTExtend", model=["1", 0], latent=["batch", 0], frames=4, direction="after", seed=3, steps=2,
        sampler="ddim", guidance=1.0,
    )  # fmt: skip
    one, following, batch, repeated, carried, more = sampled(
        server, graph, "one", "next", "batch", "repeated", "carried", "more"
    )
    both = torch.cat([one, following])
    assert torch.equal(batch, both) and torch.equal(repeated, both) and torch.equal(carried, both)
    assert len(more) == 40 and torch.equal(more[:16], one) and torch.equal(more[20:36], following)


def test_stock_samplers_are_told_how_many_clips_there_are(server):
    """The first is that of one clip alone: ComfyUI draws the noise of all frames from one seed."""
    graph = {**sources(), **stock_sampler(), "6b": node("VDTConditioning", clips=2)}
    graph["twice"] = node("RepeatLatentBatch", samples=["7", 0], amount=2)
    inputs = {"latent_image": ["twice", 0], "positive": ["6b", 0], "negative": ["6b", 1], "cfg": 2.0}
    graph["both"] = node("KSampler", **{**graph["8"]["inputs"], **inputs})
    graph["8"]["inputs"]["cfg"] = 2.0
    encoded, one, both = sampled(server, graph, "4", "8", "both")
    assert len(both) == 32 and close(both[:16], one) <= 1e-4
    assert torch.equal(both[16:22], encoded[:6]) and not torch.allclose(both[16:], both[:16], atol=1e-2)
    graph["both"]["inputs"]["latent_image"] = ["7", 0]
    graph["6b"]["inputs"]["clips"] = 3
    graph["l"] = node("SaveLatent", samples=["both", 0], filename_prefix="latents/none")
    assert server.error(graph).startswith("VDT Conditioning says that the latent holds 3 clips, but its 16 frames")


def test_decoding_and_saving_know_clips_from_frames(server):
    graph = {**sources(), "6": own_sampler(batch=2, steps=2)}
    graph["d"] = node("VDTDecode", latent=["6", 0], vae=["2", 0], images=["4", 1])
    graph["one"] = node("VDTDecode", latent=["first", 0], vae=["2", 0], images=["4", 1])
    graph["first"] = own_sampler(steps=2)
    graph["s"] = node(
        "VDTSaveVideo", latent=["6", 0], vae=["2", 0], filename_prefix="batch/clip", fps=20.0, images=["4", 1]
    )
    graph["all"] = node("SaveImage", images=["d", 0], filename_prefix="batch/all")
    graph["alone"] = node("SaveImage", images=["one", 0], filename_prefix="batch/one")
    outputs = server.done(graph)
    videos = [server.file(entry) for entry in outputs["s"]["images"]]
    assert len(videos) == 2 and all(probe(video).frames == 16 for video in videos)
    frames, alone = (
        np.stack([np.asarray(Image.open(server.file(entry))) for entry in outputs[name]["images"]])
        for name in ("all", "alone")
    )
    assert len(frames) == 32 and np.array_equal(frames[:16], alone)
    assert np.array_equal(frames[16:22], frames[:6]) and not np.array_equal(frames[22:], frames[6:16])
