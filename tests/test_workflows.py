"""The shipped graphs: what they may hold, that they run without ComfyUI, and what comes out."""

import json
import uuid
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vdt import __version__
from vdt.checkpoints import bundled, sha256
from vdt.media.video import probe, read_frames
from vdt_studio.errors import InvalidGraph
from vdt_studio.graph.records import ApiNode, Link
from vdt_studio.media.video import tags
from vdt_studio.runtime import InterruptProcessingException
from vdt_studio.verify import verify

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "workflows"
GRAPHS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
NAMES = {
    "predict",
    "backward",
    "interpolate",
    "image_to_video",
    "first_last_frame",
    "complete_region",
    "connect_two_clips",
    "mixed",
    "extend",
    "own_clip",
    "loop",
    "slow_motion",
    "outpaint",
    "stock_ksampler",
    "painted_mask",
    "mask_for_other_models",
    "write_what_happens",
}
FOR_COMFYUI = {"mask_for_other_models": "UNETLoader"}  # the runner lacks these nodes
STOCK = {"stock_ksampler"}  # decoded by a stock node; tests/studio/test_stock_sampler.py runs it
RUNNABLE = sorted(NAMES - set(FOR_COMFYUI) - STOCK)
CORE = json.loads((ROOT / "tests/studio/golden/comfyui_0.3.64_object_info.json").read_text(encoding="utf-8"))
OURS = json.loads((ROOT / "tests/nodes/object_info.json").read_text(encoding="utf-8"))
GIVEN = {  # frames whose pixels must come back
    "predict": set(range(8)),
    "backward": set(range(8, 16)),
    "interpolate": {0, 4, 8, 12, 15},
    "image_to_video": {0},
    "first_last_frame": {0, 15},
    "complete_region": {*range(3), *range(13, 16)},  # and all but a rectangle of the others
    "connect_two_clips": {*range(5), *range(11, 16)},
    "mixed": {0, 6},
    "extend": set(range(8)),
    "own_clip": set(range(8)),
    "loop": {*range(6), *range(14, 20)},
    "slow_motion": set(range(0, 29, 4)),
    "write_what_happens": set(),
    "outpaint": set(),  # a part of every frame is generated
    "painted_mask": {*range(3), *range(13, 16)},
}
LENGTHS = {"extend": 28, "own_clip": 24, "loop": 20, "slow_motion": 29}
FRAMES = {name: LENGTHS.get(name, 16) for name in NAMES}
KEPT = {
    "complete_region": (0.8, 0.95),
    "outpaint": (0.74, 0.8),
    "painted_mask": (0.8, 0.95),
}  # the share of pixels given, or still as these were
ARRANGERS = {"VDTExtend", "VDTConnect", "VDTSlowMotion", "VDTOutpaint"}  # these change what VDT Encode made
SAVERS = {"SaveVideo", "VDTSaveVideo"}
MAX_NODES = 12
WAN = {"UNETLoader", "CLIPLoader", "VAELoader", "CLIPTextEncode", "WanVaceToVideo", "KSampler", "VAEDecode"}
FOREIGN = {"stock_ksampler": {"KSampler"}, "mask_for_other_models": WAN}  # stock nodes that the runner does not have


@pytest.fixture
def studio(studio):
    """With a picture in its input folder that somebody has painted on: of no size that any clip has."""
    picture = np.full((333, 501, 4), 255, np.uint8)
    picture[60:260, 170:330, 3] = 0  # the mask editor makes transparent what was painted
    Image.fromarray(picture).save(studio.folders.input / "vdt_painted.png")
    return studio


def watched(studio, name, *settings):
    """The graph with two nodes more, which save what was encoded and what was decoded, without a video codec."""
    workflow = studio.load(FOLDER / f"{name}.json", settings)
    by_class = {node.class_type: node.id for node in workflow.graph}
    frames = next(iter(ARRANGERS & set(by_class)), "VDTEncode")
    if "VDTDecode" not in by_class:  # it is decoded straight into the file
        links = workflow.graph.nodes[by_class["VDTSaveVideo"]].links
        inputs = {key: links[key] for key in ("latent", "vae", "images")}
        workflow.graph.nodes["decode"] = ApiNode(id="decode", class_type="VDTDecode", inputs=inputs)
        by_class["VDTDecode"] = "decode"
    for node_id, origin, slot in (("encoded", frames, 1), ("decoded", "VDTDecode", 0)):
        inputs = {"images": Link(by_class[origin], slot), "filename_prefix": node_id}
        workflow.graph.nodes[node_id] = ApiNode(id=node_id, class_type="SaveImage", inputs=inputs)
    return workflow


def pictures(studio, result, node_id):
    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in studio.written(result.ui[node_id])])


# ---- What is in the files --------------------------------------------------------------------------------------------


def test_the_promised_graphs_are_there_with_a_picture_each():
    assert set(GRAPHS) == NAMES
    assert {path.stem for path in FOLDER.glob("*.jpg")} == NAMES
    assert {path.suffix for path in FOLDER.iterdir()} == {".json", ".jpg"}


def test_no_other_folder_hides_the_graphs_from_comfyui():
    """It serves the first of these that is there, and nothing of the others, though it lists the graphs of all."""
    assert not [name for name in ("example_workflows", "example", "examples", "workflow") if (ROOT / name).exists()]


def test_a_thumbnail_is_small_and_of_one_shape():
    for name in sorted(NAMES):
        path = FOLDER / f"{name}.jpg"
        assert Image.open(path).size == (512, 512) and path.stat().st_size < 120_000, name


def test_a_graph_is_small_explained_and_made_of_core_and_own_nodes():
    for name in sorted(NAMES):
        nodes = GRAPHS[name]["nodes"]
        kinds = [node["type"] for node in nodes]
        assert len(nodes) <= MAX_NODES + 2 * (name == "mask_for_other_models"), name  # a text model has more parts
        assert kinds.count("MarkdownNote") == 1 and SAVERS & set(kinds), name
        stock = set(CORE) | FOREIGN.get(name, set())
        assert set(kinds) - {"MarkdownNote"} <= set(OURS) | stock, name
        for node in nodes:
            if node["type"] in OURS:
                assert node["properties"]["cnr_id"] == "vdt-video", name  # the name of the pack, for who lacks it


def test_the_id_is_one_the_editor_accepts():
    for name in sorted(NAMES):
        assert str(uuid.UUID(GRAPHS[name]["id"])) == GRAPHS[name]["id"], name
    assert len({graph["id"] for graph in GRAPHS.values()}) == len(NAMES)


def test_both_ends_of_every_wire_know_it():
    for name in sorted(NAMES):
        nodes = {node["id"]: node for node in GRAPHS[name]["nodes"]}
        wires = GRAPHS[name]["links"]
        for number, origin, slot, target, place, kind in wires:
            out, into = nodes[origin]["outputs"][slot], nodes[target]["inputs"][place]
            assert number in out["links"] and into["link"] == number, (name, number)
            assert kind == out["type"] == into["type"], (name, number)
        ends = [slot["link"] for node in nodes.values() for slot in node.get("inputs", []) if slot.get("link")]
        assert sorted(ends) == sorted(wire[0] for wire in wires), name


def test_a_second_run_draws_another_seed_but_the_first_shows_what_the_picture_promises():
    """The editor changes a seed after a run, so the first one uses what is saved; masks stay as they are."""
    for name in sorted(NAMES):
        for node in GRAPHS[name]["nodes"]:
            control = {"fixed", "randomize"} & set(map(str, node.get("widgets_values") or []))
            draws = node["type"] in ("VDTSampler", "VDTExtend", "KSampler")
            assert control <= {"randomize" if draws else "fixed"} and (control or not draws), (name, node["id"])


def test_nodes_do_not_lie_on_each_other():
    for name in sorted(NAMES):
        boxes = [(node["id"], *node["pos"], *node["size"]) for node in GRAPHS[name]["nodes"]]
        for i, x, y, width, height in boxes:
            for j, left, top, wide, high in boxes:
                apart = x + width <= left or left + wide <= x or y + height + 30 <= top or top + high + 30 <= y
                assert i == j or apart, f"{name}: nodes {i} and {j}"


# ---- What comes out --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RUNNABLE)
def test_a_graph_makes_a_video_that_keeps_what_was_given_and_a_second_run_makes_the_same(studio, name):
    result = studio.run(watched(studio, name))
    (video,) = [path for ui in result.ui.values() for path in studio.written(ui) if path.suffix == ".mp4"]
    info = probe(video)
    assert video == studio.folders.output / "video" / f"{name}_00001_.mp4"
    assert (info.width, info.height, info.frames, float(info.fps)) == (64, 64, FRAMES[name], 20.0)
    encoded, decoded = (pictures(studio, result, node_id) for node_id in ("encoded", "decoded"))
    same = (encoded == decoded).all(-1)
    assert {index for index in range(FRAMES[name]) if same[index].all()} == GIVEN[name]
    low, high = KEPT.get(name, (0, 1))
    assert low <= same.mean() <= high
    shown = np.stack(list(read_frames(video)))
    assert np.abs(shown.astype(int) - decoded).mean() < 8  # of 255: the codec's share
    again = studio.run(studio.load(FOLDER / f"{name}.json"))
    (second,) = [path for ui in again.ui.values() for path in studio.written(ui) if path.suffix == ".mp4"]
    assert second != video and np.array_equal(np.stack(list(read_frames(second))), shown)


def test_another_seed_makes_another_clip_and_the_same_one_the_same(studio):
    made = [
        pictures(
            studio, studio.run(watched(studio, "predict", f"VDTSampler.seed={seed}", "VDTSampler.steps=2")), "decoded"
        )
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(made[0], made[1]) and not np.array_equal(made[1], made[2])


@pytest.mark.parametrize(("name", "kind"), [("predict", "VDTSampler"), ("extend", "VDTExtend")])
def test_a_saved_video_says_how_it_was_made_and_can_be_verified(studio, name, kind):
    result = studio.run(studio.load(FOLDER / f"{name}.json", [f"{kind}.seed=3", f"{kind}.steps=3"]))
    (video,) = [path for ui in result.ui.values() for path in studio.written(ui) if path.suffix == ".mp4"]
    kept = tags(video)
    assert {node["type"] for node in json.loads(kept["workflow"])["nodes"]} >= {kind, "MarkdownNote"}
    (sampler,) = [node for node in json.loads(kept["prompt"]).values() if node["class_type"] == kind]
    assert sampler["inputs"]["seed"] == 3
    made_by = json.loads(kept["vdt"])
    assert made_by == {"pack": __version__, "model": sha256(bundled("vdt")), "vae": sha256(bundled("vae"))}
    assert verify(studio, video).matches


def test_interrupting_leaves_no_file(studio):
    def stop(event):
        if getattr(event, "value", 0) == 3:
            studio.engine.interrupt()

    with pytest.raises(InterruptProcessingException):
        studio.run(studio.load(FOLDER / "predict.json"), stop)
    assert not [path for path in studio.folders.output.rglob("*") if path.is_file()]


def test_a_dozen_runs_do_not_grow_memory(studio):
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("this system does not tell a process' memory")

    def run(seed):
        short = ["VDTEncode.length=4", "VDTMask.given=2", "VDTSampler.steps=2", f"VDTSampler.seed={seed}"]
        studio.run(studio.load(FOLDER / "predict.json", short))
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmRSS"].split()[0]) / 1024

    before = [run(seed) for seed in range(4)][-1]
    after = [run(seed) for seed in range(4, 16)][-1]
    assert after - before < 12, f"{before:.0f} MiB became {after:.0f} MiB"  # a model has 30, such a clip in float 0.2


@pytest.mark.parametrize("name", sorted(FOR_COMFYUI))
def test_the_runner_says_which_stock_node_it_lacks(studio, name):
    with pytest.raises(InvalidGraph, match=FOR_COMFYUI[name]) as raised:
        studio.run(studio.load(FOLDER / f"{name}.json"))
    assert "ComfyUI" in str(raised.value)
