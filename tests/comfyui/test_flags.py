"""Servers with other options of the command line: half precision between nodes and in models, no cache, low memory."""

import pytest
import torch
from vdt_comfyui_graphs import node, own_sampler, sampled, sources, stock_sampler

pytestmark = [pytest.mark.comfy, pytest.mark.slow, pytest.mark.timeout(900)]

FLAGS = (  # options, and how far latents of the bundled model may be from those of float32
    (("--bf16-unet", "--cache-none"), 0.15),
    (("--fp16-intermediates", "--fast"), 0.02),
)


@pytest.mark.parametrize(("flags", "bound"), FLAGS)
def test_the_pack_runs_with_options_of_precision(server, start, host, flags, bound):
    known = [flag for flag in flags if host.has_option(flag)]
    graph = {**sources(), **stock_sampler("dpmpp_2m", 2.0), "own": own_sampler(steps=4, guidance=2.0)}
    graph["1"]["inputs"]["model_name"] = graph["2"]["inputs"]["vae_name"] = "bundled"
    graph["d"] = node("VDTDecode", latent=["own", 0], vae=["2", 0], images=["4", 1])
    graph["p"] = node("SaveImage", images=["d", 0], filename_prefix="flags")
    plain = sampled(server, graph, "8", "own")
    with start(*known) as other:
        encoded, *made = sampled(other, graph, "4", "8", "own")
    for clip, reference in zip(made, plain, strict=True):
        assert torch.equal(clip[:6], encoded[:6])
        assert float((clip.float() - reference).pow(2).mean().sqrt()) <= bound
