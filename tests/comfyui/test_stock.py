"""Stock samplers, guiders and patches of a real ComfyUI on a VDT, each against our own sampler or the library."""

import itertools
import re

import pytest
import torch
from vdt_comfyui_graphs import SEED, STEPS, close, node, own_sampler, sampled, sources, stock_sampler

pytestmark = [pytest.mark.comfy, pytest.mark.slow, pytest.mark.timeout(900)]

SCHEDULERS = ("simple", "sgm_uniform", "karras", "exponential", "ddim_uniform", "beta", "normal", "kl_optimal")
# Samplers that follow the one path that the model predicts: all of them near its end after 10 steps.
EXACT = (
    "euler", "heun", "heunpp2", "exp_heun_2_x0", "dpm_2", "lms", "dpm_fast", "dpmpp_2m", "ipndm", "ipndm_v", "deis",
    "res_multistep", "ddim", "uni_pc", "uni_pc_bh2",
)  # fmt: skip
# Samplers that draw noise on their way, or leave it on purpose: their clips are others, but as good.
FREE = (
    "euler_cfg_pp", "euler_ancestral", "dpmpp_sde", "dpmpp_2m_sde", "ddpm", "lcm", "er_sde", "sa_solver",
)  # fmt: skip
# Root mean square distances of generated latents, whose spread is about 1. Measured: our 10 steps are 0.08 from our 60,
# and 0.55 from the truth; a clip of other noise is about 0.6 from ours.
NEAR = 0.2
AS_GOOD = 0.85


def bundled_sources():
    graph = sources()
    graph["1"]["inputs"]["model_name"] = graph["2"]["inputs"]["vae_name"] = "bundled"
    return graph


def rms(a, b, first=6):
    return float((a - b)[first:].pow(2).mean().sqrt())


def test_pairs_of_samplers_and_schedulers_agree_with_our_sampler(server):
    """Given latents bit for bit; generated ones within the bounds above."""
    there = server.request("/object_info/KSampler")["KSampler"]["input"]["required"]
    samplers, schedulers = there["sampler_name"][0], [name for name in SCHEDULERS if name in there["scheduler"][0]]
    graph = {**bundled_sources(), **stock_sampler()}
    graph["ours"] = own_sampler(steps=60)
    pairs = list(zip([name for name in (*EXACT, *FREE) if name in samplers], itertools.cycle(schedulers), strict=False))
    for sampler, scheduler in pairs:
        graph[sampler] = stock_sampler(sampler, scheduler=scheduler)["8"]
    encoded, ours, *made = sampled(server, graph, "4", "ours", *(name for name, _ in pairs))
    found = {name: clip for (name, _), clip in zip(pairs, made, strict=True)}
    assert len(pairs) >= 20
    assert [name for name, clip in found.items() if not torch.equal(clip[:6], encoded[:6])] == []
    assert {name: rms(clip, ours) for name, clip in found.items() if name in EXACT and rms(clip, ours) > NEAR} == {}
    assert {name: rms(clip, encoded) for name, clip in found.items() if rms(clip, encoded) > AS_GOOD} == {}


# ---- Masks -----------------------------------------------------------------------------------------------------------


def rectangle(x, y, width, height, name="m", side=64):
    """Nodes of a square MASK with one white rectangle; the last is called `name`."""
    return {
        f"{name}b": node("SolidMask", value=0.0, width=side, height=side),
        f"{name}w": node("SolidMask", value=1.0, width=width, height=height),
        name: node(
            "MaskComposite", destination=[f"{name}b", 0], source=[f"{name}w", 0], x=x, y=y, operation="add"
        ),
    }  # fmt: skip


SHAPES = {  # x, y, width, height of the white, and how many of the 64 cells it touches
    "one pixel": ((17, 33, 1, 1), 1),
    "an 8 px stripe off the grid": ((20, 0, 8, 64), 16),
    "a block off the grid": ((21, 21, 22, 22), 16),
    "a line one pixel high": ((0, 40, 64, 1), 8),
    "a corner": ((57, 57, 7, 7), 1),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_masks_of_every_shape_are_whole_cells_in_stock_samplers(server, shape):
    """Through VDT Mask, and through VDT Encode alone: in both, KSampler makes what VDT Sampler makes."""
    place, touched = SHAPES[shape]
    graph = {**sources(task="spatial"), **rectangle(*place), **stock_sampler()}
    graph["5"]["inputs"]["mask"] = ["m", 0]
    graph["own"] = own_sampler()
    graph["4b"] = node("VDTEncode", **graph["4"]["inputs"], mask=["m", 0])
    graph["wire"] = node("KSampler", **{**graph["8"]["inputs"], "latent_image": ["4b", 0]})
    graph["kept"] = own_sampler(latent=("8", 0), mask=None)  # with the noise mask that KSampler passes on
    encoded, stock, own, wire, kept = sampled(server, graph, "4", "8", "own", "wire", "kept")
    changed = (own != encoded).any(1)  # (T, h, w)
    assert int(changed[0].sum()) == touched and bool((changed == changed[0]).all())
    for made in (stock, wire, kept):
        assert torch.equal((made != encoded).any(1), changed)
        assert close(made, own) <= 1e-3


def test_a_mask_of_another_size_is_that_of_the_clip(server):
    """512x512 over a clip of 64x64: fitted before anything is sampled, and never refused after it."""
    graph = {**sources(task="spatial"), **rectangle(21, 21, 22, 22), **rectangle(168, 168, 176, 176, "big", 512)}
    graph["small"] = own_sampler(mask=("m", 0))
    graph["large"] = own_sampler(mask=("big", 0))
    graph["d"] = node("VDTDecode", latent=["large", 0], vae=["2", 0], images=["4", 1])
    graph["p"] = node("SaveImage", images=["d", 0], filename_prefix="large")
    small, large = sampled(server, graph, "small", "large")
    assert torch.equal(small, large)


def test_a_mask_that_moves_is_followed_frame_by_frame(server):
    graph = {**sources(task="spatial"), **rectangle(3, 3, 20, 20, "a"), **rectangle(40, 30, 9, 9, "c")}
    graph["long"] = node("RepeatImageBatch", image=["ia", 0], amount=10)
    graph["rest"] = node("RepeatImageBatch", image=["ic", 0], amount=6)
    graph |= {"ia": node("MaskToImage", mask=["a", 0]), "ic": node("MaskToImage", mask=["c", 0])}
    graph["both"] = node("ImageBatch", image1=["long", 0], image2=["rest", 0])
    graph["moving"] = node("ImageToMask", image=["both", 0], channel="red")
    graph["5"]["inputs"]["mask"] = ["moving", 0]
    graph |= stock_sampler()
    graph["own"] = own_sampler()
    encoded, stock, own = sampled(server, graph, "4", "8", "own")
    changed = (stock != encoded).any(1)
    assert int(changed[0].sum()) == 9 and int(changed[15].sum()) == 4 and not bool((changed[9] & changed[10]).any())
    assert torch.equal(changed, (own != encoded).any(1)) and close(stock, own) <= 1e-3


# ---- Guiders, windows and other nodes' patches -----------------------------------------------------------------------


def custom(guider, latent=("7", 0), sampler="euler", **sigmas):
    """Nodes of SamplerCustomAdvanced around a guider, without its own name."""
    return {
        "noise": node("RandomNoise", noise_seed=SEED),
        "select": node("KSamplerSelect", sampler_name=sampler),
        "sigmas": node("BasicScheduler", model=["1", 0], scheduler="normal", steps=STEPS, denoise=1.0),
        "guider": guider,
        "out": node(
            "SamplerCustomAdvanced", noise=["noise", 0], guider=["guider", 0], sampler=["select", 0],
            sigmas=["sigmas", 0], latent_image=list(latent), **sigmas,
        ),
    }  # fmt: skip


GUIDERS = {
    "BasicGuider": {"model": ["1", 0], "conditioning": ["6", 0]},
    "CFGGuider": {"model": ["1", 0], "positive": ["6", 0], "negative": ["6", 1], "cfg": 1.0},
    "DualCFGGuider": {
        "model": ["1", 0], "cond1": ["6", 0], "cond2": ["6", 0], "negative": ["6", 1], "cfg_conds": 1.0,
        "cfg_cond2_negative": 1.0, "style": "regular",
    },
}  # fmt: skip


@pytest.mark.parametrize("guider", GUIDERS)
def test_guiders_drive_the_model(server, guider):
    graph = {**sources(), **stock_sampler(), **custom(node(guider, **GUIDERS[guider])), "own": own_sampler()}
    del graph["8"]
    made, own = sampled(server, graph, "out", "own")
    assert close(made, own) <= 1e-3


def test_a_sampling_in_two_parts_is_the_whole(server):
    graph = {**sources(), **stock_sampler("euler"), "own": own_sampler()}
    first = {**graph["8"]["inputs"], "noise_seed": SEED, "add_noise": "enable", "start_at_step": 0, "end_at_step": 4}
    for name in ("seed", "denoise"):
        del first[name]
    second = {
        **first, "add_noise": "disable", "start_at_step": 4, "end_at_step": 1000, "latent_image": ["half", 0],
        "return_with_leftover_noise": "disable",
    }  # fmt: skip
    graph["half"] = node("KSamplerAdvanced", **first, return_with_leftover_noise="enable")
    graph["whole"] = node("KSamplerAdvanced", **second)
    encoded, whole, own = sampled(server, graph, "4", "whole", "own")
    assert torch.equal(whole[:6], encoded[:6]) and close(whole, own) <= 1e-2


def windows(dim=0, length=16):
    """Nodes of ContextWindowsManual, with inputs of newer versions: older ones pass them over."""
    newer = {
        "freenoise": False, "cond_retain_index_list": "", "split_conds_to_windows": False,
        "latent_retain_index_list": "", "causal_window_fix": False,
    }  # fmt: skip
    return node(
        "ContextWindowsManual", model=["1", 0], context_length=length, context_overlap=8,
        context_schedule="standard_static", context_stride=1, closed_loop=False, fuse_method="pyramid", dim=dim,
        **newer,
    )  # fmt: skip


def said_of(server, graph, name):
    """The message of a graph that may fail at a node; empty if it does not."""
    entry = server.run({**graph, "last": node("SaveLatent", samples=[name, 0], filename_prefix="latents/may")})
    return dict(entry["status"]["messages"]).get("execution_error", {}).get("exception_message", "")


def test_context_windows_see_a_long_clip_in_parts(server):
    """A clip that fits one window is sampled as without; of a longer one without them it is said so."""
    long = {**sources(length=32), **stock_sampler(), "windows": windows()}
    long["windowed"] = node("KSampler", **{**long["8"]["inputs"], "model": ["windows", 0]})
    if "newer ComfyUI" in (message := said_of(server, long, "windowed")):
        assert message.startswith("this ComfyUI cannot make context windows of frames: use VDT Sampler")
        pytest.skip("this ComfyUI compares the noise of every frame with its schedule")
    encoded, whole, windowed = sampled(server, long, "4", "8", "windowed")
    assert torch.equal(windowed[:6], encoded[:6]) and bool(torch.isfinite(windowed).all())
    assert not torch.allclose(windowed[6:], whole[6:], atol=1e-3)
    said = "the model sees 32 frames at once but learned 16: put Context Windows (Manual)"
    assert server.text().count(said) == 1  # not for the windowed one
    short = {**sources(), **stock_sampler(), "windows": windows()}
    short["windowed"] = node("KSampler", **{**short["8"]["inputs"], "model": ["windows", 0]})
    plain, windowed = sampled(server, short, "8", "windowed")
    assert torch.equal(plain, windowed)


def test_easy_cache_skips_steps_and_keeps_the_clip(server):
    """At its default threshold: 9 of 20 steps, 0.08 from all of them. LazyCache, which reuses noise, is warned of."""
    graph = {**bundled_sources(), **stock_sampler(steps=20)}
    settings = {"model": ["1", 0], "start_percent": 0.15, "end_percent": 0.95, "verbose": False}
    for name, kind in (("easy", "EasyCache"), ("lazy", "LazyCache")):
        graph[name] = node(kind, reuse_threshold=0.2, **settings)
        graph[f"{name}s"] = node("KSampler", **{**graph["8"]["inputs"], "model": [name, 0]})
    encoded, plain, easy, lazy = sampled(server, graph, "4", "8", "easys", "lazys")
    skipped = {name: int(count) for name, count in re.findall(r"(\w+Cache) - skipped (\d+)/20", server.text())}
    assert skipped["EasyCache"] >= 5 and rms(easy, plain) <= NEAR
    assert torch.equal(easy[:6], encoded[:6]) and torch.equal(lazy[:6], encoded[:6])
    assert "LazyCache spoils the clips of this model" in server.text()


@pytest.mark.parametrize(("dtype", "bound"), [("bf16", 0.1), ("fp16", 0.02), ("fp32", 1e-6)])
def test_another_compute_dtype_is_cast(server, dtype, bound):
    graph = {**bundled_sources(), **stock_sampler(cfg=2.0)}
    graph["typed"] = node("ModelComputeDtype", model=["1", 0], dtype=dtype)
    graph["out"] = node("KSampler", **{**graph["8"]["inputs"], "model": ["typed", 0]})
    encoded, plain, made = sampled(server, graph, "4", "8", "out")
    assert torch.equal(made[:6], encoded[:6]) and rms(made, plain) <= bound


PATCHES = {
    "RescaleCFG": {"multiplier": 0.7},
    "CFGZeroStar": {},
    "DifferentialDiffusion": {},
    "APG": {"eta": 1.0, "norm_threshold": 5.0, "momentum": 0.0},
}


def test_patches_of_other_nodes_run_in_stock_samplers_and_are_named_by_ours(server):
    graph = {**sources(), **stock_sampler("dpmpp_2m", 2.0), "own": own_sampler(guidance=2.0)}
    for name, settings in PATCHES.items():
        graph[name] = node(name, model=["1", 0], **settings)
        graph[f"{name}s"] = node("KSampler", **{**graph["8"]["inputs"], "model": [name, 0]})
    graph["ours"] = own_sampler(guidance=2.0, model=("RescaleCFG", 0))
    made = sampled(server, graph, "4", "own", "ours", *(f"{name}s" for name in PATCHES))
    encoded, own, ours, *others = made
    assert all(torch.equal(clip[:6], encoded[:6]) and bool(torch.isfinite(clip).all()) for clip in others)
    assert torch.equal(own, ours)
    assert "this node runs without sampler_cfg_function of other nodes: KSampler runs them" in server.text()


# ---- What does not fit is said ---------------------------------------------------------------------------------------


def refused(server, graph):
    """Message and type of a graph that ends in node "out" and must fail."""
    failure = server.failure({**graph, "last": node("SaveLatent", samples=["out", 0], filename_prefix="latents/no")})
    return failure["exception_message"].strip(), failure["exception_type"]


def test_what_the_model_cannot_do_gets_a_sentence(server):
    graph = {**sources(), **stock_sampler()}
    sampler = graph.pop("8")["inputs"]
    patched = {
        "ModelSamplingSD3": {"shift": 3.0},
        "ModelSamplingContinuousEDM": {"sampling": "v_prediction", "sigma_max": 120.0, "sigma_min": 0.002},
        "ModelSamplingDiscrete": {"sampling": "eps", "zsnr": False},
    }
    for name, settings in patched.items():
        patch = node(name, model=["1", 0], **settings)
        message, kind = refused(
            server, {**graph, "p": patch, "out": node("KSampler", **{**sampler, "model": ["p", 0]})}
        )
        assert message.startswith("a node of the graph gave the model the noise schedule ModelSampling"), name
        assert message.endswith("or use ModelSamplingDiscrete with v_prediction") and kind == "ValueError", name
    video = node("EmptyHunyuanLatentVideo", width=64, height=64, length=13, batch_size=1)
    message, kind = refused(
        server, {**graph, "v": video, "out": node("KSampler", **{**sampler, "latent_image": ["v", 0]})}
    )
    assert "expected (frames, 4, height, width): encode the clip with the VAE of this model" in message
    assert kind == "ValueError"
    along_height = {**graph, "w": windows(dim=2, length=4), "out": node("KSampler", **{**sampler, "model": ["w", 0]})}
    message, kind = refused(server, along_height)
    assert message.startswith("the context windows cut along dim 2, a VDT clip has its frames in dim 0: set dim")


def test_the_right_discrete_sampling_is_no_change(server):
    graph = {**sources(), **stock_sampler()}
    graph["p"] = node("ModelSamplingDiscrete", model=["1", 0], sampling="v_prediction", zsnr=False)
    graph["out"] = node("KSampler", **{**graph["8"]["inputs"], "model": ["p", 0]})
    plain, made = sampled(server, graph, "8", "out")
    assert close(made, plain) <= 1e-5


def test_a_cfg_that_spoils_the_clip_is_said(server):
    graph = {**sources(), **stock_sampler(cfg=8.0, steps=2)}
    sampled(server, graph, "8")
    assert "VDT: cfg 8 makes harsh colours with this model: 1 to 3 follows the given frames well" in server.text()


def test_errors_have_the_plain_name_of_their_type(server):
    broken = server.base / "input" / "broken.mp4"
    broken.write_bytes(b"this is no video")
    graph = {**sources(), "v": node("LoadVideo", file="broken.mp4")}
    graph["4"]["inputs"] = {**graph["4"]["inputs"], "video": ["v", 0]}
    del graph["4"]["inputs"]["images"]
    failure = server.failure({**graph, "l": node("SaveLatent", samples=["4", 0], filename_prefix="latents/no")})
    assert failure["exception_type"] == "ValueError" and failure["exception_message"].startswith("VDT Encode: ")
