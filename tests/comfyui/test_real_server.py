"""The pack inside a real ComfyUI: every test talks to one server that is started for this file (COMFYUI_PATH)."""

import importlib.util
import io
import json
import os
import re
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from vdt_comfyui_graphs import SEED, STEPS, close, node, own_sampler, sampled, sources, stock_sampler

from vdt import load_model, load_vae
from vdt.diffusion import GivenCells, GuidedDenoiser, Schedule, sample_ddim, scale_latents, unscale_latents
from vdt.inference.codec import AutoencoderCodec
from vdt.inference.rollout import generate_latents
from vdt.inference.settings import SamplingConfig
from vdt.masks.pixel import to_cells
from vdt.masks.tasks import Predict, over_cells
from vdt.media.frames import PLACEHOLDER, fit_frames
from vdt.media.video import probe, read_frames

pytestmark = [pytest.mark.comfy, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
SNAPSHOT = ROOT / "tests/nodes/object_info.json"


def tools():
    spec = importlib.util.spec_from_file_location("object_info_tools", ROOT / "tests/nodes/object_info_tools.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def clip_frames():
    return fit_frames(read_frames(ROOT / "samples/clips/projectile.mp4"), (64, 64), "crop")


# ---- The pack is there -----------------------------------------------------------------------------------------------


def test_pack_is_imported_without_a_warning(server):
    text = server.text().partition("To see the GUI")[0]  # other files' tests may have run graphs that fail
    assert "custom_nodes/ComfyUI-VDT" in text  # in the list of import times
    assert "(IMPORT FAILED): /" not in text
    ours = [
        line for line in text.splitlines() if "VDT" in line and "seconds:" not in line and "user directory" not in line
    ]
    bad = [line for line in ours if re.search(r"warn|error|cannot|skip|fail", line, re.IGNORECASE)]
    assert not bad


def test_every_node_is_in_object_info_and_changed_only_by_appending(server):
    live = tools().snapshot(server.request("/object_info"))
    if os.environ.get("VDT_WRITE_OBJECT_INFO"):  # for a deliberate addition
        SNAPSHOT.write_text(json.dumps(live, indent=1) + "\n", encoding="utf-8")
    stored = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    assert tools().changes(stored, live) == []
    assert set(stored) == set(live)


def test_every_node_has_a_help_page_that_the_server_serves(server):
    for name in json.loads(SNAPSHOT.read_text(encoding="utf-8")):
        page = f"http://127.0.0.1:{server.port}/extensions/ComfyUI-VDT/docs/{name}.md"
        import urllib.request

        with urllib.request.urlopen(page, timeout=30) as answer:
            assert answer.read().decode().startswith("# ")


def test_no_stable_version_of_the_node_api_has_our_nodes_classes(host):
    """Until one has, the nodes take them from comfy_api.latest; then nodes/ is to import that version where it is."""
    stable = {
        path.parent.name: path.read_text(encoding="utf-8")
        for path in sorted((host.checkout / "comfy_api").glob("v*/__init__.py"))
        if "STABLE = True" in path.read_text(encoding="utf-8")
    }
    assert [name for name, text in stable.items() if re.search(r"\b(io|IO|ComfyExtension)\b", text)] == []


def test_inputs_for_few_are_folded_away_where_the_editor_can(server):
    info = server.request("/object_info")
    marked = {"VDTSampler": ["window", "overlap", "tile", "reuse"], "VDTExtend": ["window", "overlap", "tile", "reuse"]}
    for name, keys in marked.items():
        optional = info[name]["input"]["optional"]
        assert [key for key, (_, *rest) in optional.items() if rest and rest[0].get("advanced")] == keys


# ---- From clip to clip -----------------------------------------------------------------------------------------------


def test_clip_to_saved_video(server):
    graph = {
        **sources(seed=1),  # a mask that no other test has asked for: hosts are silent about what they have cached
        "6": own_sampler(),
        "7": node("VDTDecode", latent=["6", 0], vae=["2", 0], images=["4", 1]),
        "8": node("CreateVideo", images=["7", 0], fps=["4", 2]),
        "9": node("SaveVideo", video=["8", 0], filename_prefix="video/test", format="auto", codec="auto"),
        "10": node("VDTReport", truth=["4", 1], result=["7", 0], mask=["5", 0]),
        "11": node("SaveImage", images=["7", 0], filename_prefix="frame"),
    }
    outputs = server.done(graph)
    (video,) = outputs["9"]["images"]
    info = probe(server.file(video))
    assert (info.width, info.height, info.frames, float(info.fps)) == (64, 64, 16, 20.0)
    assert "bit-exact" in outputs["10"]["text"][0]
    assert outputs["5"]["text"] == ["frames 0–5 given, 6–15 generated"]  # noqa: RUF001
    frames = np.concatenate([np.stack(list(read_frames(server.file(entry)))) for entry in outputs["11"]["images"]])
    assert np.array_equal(frames[:6], clip_frames()[:6])
    assert not np.array_equal(frames[6:], clip_frames()[6:])


def test_two_runs_are_equal(server):
    graph = {**sources(), "6": own_sampler(sampler="ancestral")}
    (first,) = sampled(server, graph, "6")
    graph["1"] = node("VDTLoadModel", model_name="tiny.safetensors", precision="float32")  # not from the cache
    (second,) = sampled(server, graph, "6")
    assert torch.equal(first, second)


@pytest.mark.parametrize(("sampler", "guidance"), [("ddim", 1.0), ("dpmpp_2m", 2.0), ("ancestral", 1.0)])
def test_latents_are_the_librarys_bit_for_bit(server, base, sampler, guidance):
    encoded, made = sampled(server, {**sources(), "6": own_sampler(sampler=sampler, guidance=guidance)}, "4", "6")
    raw = AutoencoderCodec(load_vae(base / "models/vae/tiny.safetensors")).encode(clip_frames())
    assert torch.equal(encoded, raw)
    cells = over_cells(Predict(given=6).frame_mask(16), 8, 8)
    model = load_model(base / "models/vdt/tiny.safetensors")
    sampling = SamplingConfig.named(sampler, steps=STEPS, guidance=guidance, temperature=1.0)
    expected = generate_latents(model, raw[None], cells, seeds=[SEED], sampling=sampling)
    assert torch.equal(made, expected[0])


def test_stock_vae_nodes_and_noise_mask_work_with_our_sampler(server):
    graph = {
        **sources(),
        "6": node("VAEEncode", pixels=["4", 1], vae=["2", 0]),
        "7": node("SetLatentNoiseMask", samples=["6", 0], mask=["5", 0]),
        "8": own_sampler(latent=("7", 0), mask=None),
        "9": node("VAEDecode", samples=["8", 0], vae=["2", 0]),
        "10": node("SaveImage", images=["9", 0], filename_prefix="stock"),
    }
    stock, own, made = sampled(server, graph, "6", "4", "8")
    assert close(stock, own) < 1e-3  # ComfyUI's VAE class with our weights
    assert torch.equal(made[:6], stock[:6]) and not torch.equal(made[6:], stock[6:])


@pytest.mark.parametrize("file", ["bundled", "bundled fast"])
def test_a_bundled_vae_is_the_same_in_stock_nodes(server, file):
    graph = {**sources(), "6": node("VAEEncode", pixels=["4", 1], vae=["2", 0])}
    graph["2"] = node("VDTLoadVAE", vae_name=file)
    graph["7"] = node("VAEDecode", samples=["6", 0], vae=["2", 0])
    graph["8"] = node("VDTDecode", latent=["4", 0], vae=["2", 0])
    graph |= {f"{name}0": node("SaveImage", images=[name, 0], filename_prefix="bundled") for name in ("7", "8")}
    stock, own = sampled(server, graph, "6", "4")
    assert close(stock, own) < 1e-3
    outputs = server.done(graph)
    frames = {
        name: np.concatenate([np.stack(list(read_frames(server.file(entry)))) for entry in outputs[name]["images"]])
        for name in ("70", "80")
    }
    assert np.abs(frames["70"].astype(int) - frames["80"]).max() <= 1  # SaveImage cuts off where we round


def test_missing_frames_are_grey_and_may_hold_anything(server):
    graph = {**sources(length=20), "6": own_sampler()}
    encoded, made = sampled(server, graph, "4", "6")
    assert len(made) == 20 and torch.equal(made[:6], encoded[:6])
    grey = np.full((1, 64, 64, 3), PLACEHOLDER, np.uint8)
    raw = AutoencoderCodec(load_vae(server.base / "models/vae/tiny.safetensors")).encode(grey)
    assert close(encoded[19:], raw) < 1e-5


# ---- Stock samplers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cfg", [1.0, 2.0])
@pytest.mark.parametrize("sampler", ["ddim", "dpmpp_2m", "euler_ancestral", "uni_pc"])
def test_stock_samplers_generate_what_the_mask_says(server, sampler, cfg):
    encoded, made = sampled(server, {**sources(), **stock_sampler(sampler, cfg)}, "4", "8")
    assert torch.equal(made[:6], encoded[:6])  # given cells, bit for bit
    assert bool(torch.isfinite(made).all()) and not torch.allclose(made[6:], encoded[6:])


@pytest.mark.parametrize("model", ["tiny", "learned"])
def test_stock_ddim_agrees_with_our_sampler(server, model):
    """v prediction with a scale per channel, and epsilon with learned variance; both at the same timesteps."""
    graph = {**sources(model), **stock_sampler("ddim", 1.0), "9": own_sampler()}
    stock, own = sampled(server, graph, "8", "9")
    assert close(stock, own) <= 1e-3


def test_stock_cfg_is_our_guidance(server, base):
    """With the noise that ComfyUI hides given cells with, which is that of the start; and on every step, as it does."""
    encoded, stock = sampled(server, {**sources(), **stock_sampler("ddim", 2.0)}, "4", "8")
    model = load_model(base / "models/vdt/tiny.safetensors")
    config = model.config.diffusion
    schedule = Schedule.from_config(config).respace(STEPS)
    mask = torch.ones(1, 16, 8, 8, dtype=torch.bool)
    mask[:, :6] = False
    noise = torch.randn(1, 16, 4, 8, 8, generator=torch.Generator().manual_seed(SEED))
    sampling = SamplingConfig(steps=STEPS, sampler="ddim", spacing="even", guidance=2.0, guidance_below=2.0)
    with torch.no_grad():
        given = GivenCells(scale_latents(encoded, config)[None], mask)
        denoise = GuidedDenoiser(model, schedule, given, sampling, noise)
        ours = unscale_latents(sample_ddim(denoise, noise, schedule)[0], config)
    assert close(stock, ours) <= 1e-3


def test_stock_sampler_sees_painted_masks_as_whole_cells(server):
    """One white pixel in the corner of a cell: ComfyUI would look at the cell's middle and miss it."""
    pixel = node("SolidMask", value=1.0, width=1, height=1)
    black = node("SolidMask", value=0.0, width=64, height=64)
    dot = node("MaskComposite", destination=["21", 0], source=["20", 0], x=17, y=33, operation="add")
    graph = {**sources(), "20": pixel, "21": black, "22": dot}
    graph["5"] = node(
        "VDTMask", images=["4", 1], task="spatial", given=8, every=4, frame=0, known="0", seed=0, mask=["22", 0]
    )
    graph |= stock_sampler("ddim", 1.0)
    graph["9"] = own_sampler()
    encoded, stock, own = sampled(server, graph, "4", "8", "9")
    cells = torch.zeros(16, 1, 8, 8, dtype=torch.bool)
    cells[:, :, 4, 2] = True
    painted = torch.zeros(1, 64, 64, dtype=torch.bool)
    painted[0, 33, 17] = True
    assert torch.equal(to_cells(painted, (16, 8, 8)), cells[:, 0])
    assert torch.equal((stock != encoded).any(1, keepdim=True), cells)
    assert close(stock, own) <= 1e-3


def test_custom_sampling_nodes_drive_the_model(server):
    graph = {**sources(), **stock_sampler()}
    del graph["8"]
    graph |= {
        "10": node("RandomNoise", noise_seed=SEED),
        "11": node("CFGGuider", model=["1", 0], positive=["6", 0], negative=["6", 1], cfg=1.0),
        "12": node("KSamplerSelect", sampler_name="euler"),
        "13": node("BasicScheduler", model=["1", 0], scheduler="normal", steps=STEPS, denoise=1.0),
        "14": node(
            "SamplerCustomAdvanced", noise=["10", 0], guider=["11", 0], sampler=["12", 0], sigmas=["13", 0],
            latent_image=["7", 0],
        ),
        "15": own_sampler(),
    }  # fmt: skip
    stock, own = sampled(server, graph, "14", "15")
    assert close(stock, own) <= 1e-3


@pytest.mark.parametrize("scheduler", ["karras", "simple", "ddim_uniform", "beta"])
def test_every_schedule_and_other_nodes_patches_run(server, scheduler):
    """In half precision, with CFG changed by a stock node, and with a part of the noise only."""
    graph = {**sources(), **stock_sampler("dpmpp_2m", 2.0)}
    graph["1"] = node("VDTLoadModel", model_name="tiny.safetensors", precision="bfloat16")
    graph["9"] = node("RescaleCFG", model=["1", 0], multiplier=0.7)
    graph["8"]["inputs"] |= {"scheduler": scheduler, "model": ["9", 0], "denoise": 0.8}
    encoded, made = sampled(server, graph, "4", "8")
    assert torch.equal(made[:6], encoded[:6])
    assert bool(torch.isfinite(made).all()) and not torch.allclose(made[6:], encoded[6:])


# ---- Bad input and a user's hand -------------------------------------------------------------------------------------


def refusal(server, graph):
    """What is said of a graph that must fail; newer versions look at combos before they run anything."""
    try:
        return server.error(graph)
    except AssertionError as error:
        return str(error)


def test_a_missing_file_is_named(server):
    graph = {**sources(), "6": own_sampler()}
    graph["1"] = node("VDTLoadModel", model_name="absent.safetensors", precision="auto")
    graph["7"] = node("SaveLatent", samples=["6", 0], filename_prefix="latents/none")
    message = refusal(server, graph)
    ours = "there is no file 'absent.safetensors'" in message and "models/vdt" in message
    assert ours or "model_name: 'absent.safetensors' not in ['bundled'" in message


@pytest.mark.parametrize(
    ("change", "message", "by_host"),
    [
        ({"5": {"given": 16}}, "VDT Mask: given 16 of 16 frames: nothing left to generate", "no"),
        ({"5": {"task": "nonsense"}}, "VDT Mask: unknown task 'nonsense'", "task: 'nonsense' not in ['predict'"),
        (
            {"4": {"length": 20}, "5": {"task": "backward"}},
            "VDT Mask: frame 16 is given by the mask but holds no picture",
            "no",
        ),
        ({"6": {"sampler": "euler"}}, "VDT Sampler: unknown sampler 'euler'", "sampler: 'euler' not in ['ddim'"),
        (
            {"4": {"policy": "squeeze"}},
            "VDT Encode: the fit mode must be one of crop, fit, stretch",
            "policy: 'squeeze' not in ['crop', 'fit', 'stretch']",
        ),
        ({"1": {"precision": "int8"}}, "VDT Load Model: unknown precision 'int8'", "'int8' not in ['auto'"),
    ],
)
def test_a_bad_value_gets_one_sentence_that_names_the_node(server, change, message, by_host):
    graph = {**sources(), "6": own_sampler()}
    for name, inputs in change.items():
        graph[name]["inputs"] |= inputs
    graph["7"] = node("SaveLatent", samples=["6", 0], filename_prefix="latents/none")
    said = refusal(server, graph)
    ours = message.partition(": ")[2]  # where it is found before the run, the host names the node
    assert said.startswith(message) or (said.startswith("the graph was refused") and (by_host in said or ours in said))


def test_interrupting_ends_the_run_and_leaves_no_file(server):
    graph = {
        **sources(),
        "6": own_sampler(steps=1000, guidance=2.0),
        "7": node("SaveLatent", samples=["6", 0], filename_prefix="latents/interrupted"),
    }

    def stop():
        while not server.request("/queue")["queue_running"]:
            time.sleep(0.05)
        time.sleep(3.0)
        server.request("/interrupt", {})

    watcher = threading.Thread(target=stop)
    watcher.start()
    entry = server.run(graph)  # it would take minutes
    watcher.join()
    assert "execution_interrupted" in dict(entry["status"]["messages"])
    assert not list((server.base / "output/latents").glob("interrupted*"))


def test_our_sampler_shows_all_frames(server):
    """Previews take a small share of the time, so that of quick steps only some are shown."""
    graph = {**sources(), "6": own_sampler(steps=4, seed=77), "7": node("PreviewAny", source=["6", 0])}
    shown = previews(server, graph)
    assert 1 <= len(shown) <= 4
    assert min(shown[-1].size) >= 4 * 32  # a grid of 4 by 4 frames


def test_stock_samplers_show_all_frames_where_the_host_can(server, host):
    """Since 0.3.76, through latent_rgb_factors_reshape; older hosts show the first frame, as large."""
    graph = {**sources(), **stock_sampler("euler", steps=4)}
    graph["8"]["inputs"]["seed"] = 77
    graph["9"] = node("PreviewAny", source=["8", 0])
    shown = previews(server, graph)
    assert len(shown) == 4 and shown[-1].size == (512, 512)
    picture = np.asarray(shown[-1].convert("RGB"), float)
    inner = [x for x in range(16, 512, 16) if x % 64]  # edges of the cells of a grid; one frame has its cells at 64
    jumps = float(np.abs(picture[:, inner] - picture[:, [x - 1 for x in inner]]).mean())
    can = "latent_rgb_factors_reshape" in (host.checkout / "latent_preview.py").read_text(encoding="utf-8")
    assert jumps > 10 if can else jumps < 5


def previews(server, graph):
    """The pictures that a client is shown while a graph runs."""
    client = pytest.importorskip("websockets.sync.client")
    pictures = []
    with client.connect(f"ws://127.0.0.1:{server.port}/ws?clientId=test", max_size=None) as socket:
        socket.send(json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}}))
        prompt = server.request("/prompt", {"prompt": graph, "client_id": "test"})["prompt_id"]
        while True:
            message = socket.recv(timeout=300)
            if isinstance(message, bytes):
                pictures.append(message)
                continue
            event = json.loads(message)
            if event["type"] in ("execution_success", "execution_error") and event["data"]["prompt_id"] == prompt:
                break
    assert event["type"] == "execution_success"
    jpegs = [data[data.index(b"\xff\xd8") :] for data in pictures if b"\xff\xd8" in data]
    return [Image.open(io.BytesIO(jpeg)) for jpeg in jpegs]


def test_twenty_runs_do_not_grow_memory(server):
    status = Path(f"/proc/{server.process.pid}/status")
    if not status.exists():
        pytest.skip("this system does not tell a process' memory")

    def run(seed):
        graph = {**sources(), "6": own_sampler(seed=seed, steps=2)}
        graph |= {"7": node("VDTDecode", latent=["6", 0], vae=["2", 0], images=["4", 1])}
        graph |= {"8": node("SaveImage", images=["7", 0], filename_prefix="memory")}
        server.done(graph)
        return int(re.search(r"VmRSS:\s+(\d+)", status.read_text())[1]) / 1024

    before = [run(seed) for seed in range(5)][-1]
    after = [run(seed) for seed in range(5, 25)][-1]
    assert after - before < 40, f"{before:.0f} MiB became {after:.0f} MiB"
