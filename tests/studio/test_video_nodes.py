"""Video in and out: what is saved can be loaded, with its tags, and a run can be repeated."""

import dataclasses
import gc
import json
import os
import resource
from fractions import Fraction
from io import BytesIO

import av
import numpy as np
import pytest
import torch

from vdt_studio.engine import Engine
from vdt_studio.graph import read_workflow
from vdt_studio.media import video as media
from vdt_studio.paths import PathError
from vdt_studio.shim.comfy_api.latest import InputImpl, Types


def moving(frames=6, height=32, width=48):
    ramp = torch.linspace(0, 0.6, width).expand(height, width)
    return torch.stack([ramp + index / 40 for index in range(frames)])[..., None].expand(-1, -1, -1, 3).contiguous()


def video(images=None, fps=8, audio=None):
    components = Types.VideoComponents(
        images=moving() if images is None else images, frame_rate=Fraction(fps), audio=audio
    )
    return InputImpl.VideoFromComponents(components)


def tone(seconds, channels=2, rate=16000):
    wave = torch.sin(torch.arange(round(seconds * rate)) * (440 * 2 * torch.pi / rate)) / 2
    return {"waveform": wave.expand(1, channels, -1).clone(), "sample_rate": rate}


@pytest.fixture
def save_graph():
    def build(name="clip", source="in.mp4"):
        return {
            "1": {"class_type": "LoadVideo", "inputs": {"file": source}},
            "2": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
            "3": {"class_type": "CreateVideo", "inputs": {"images": ["2", 0], "fps": ["2", 2]}},
            "4": {
                "class_type": "SaveVideo",
                "inputs": {"video": ["3", 0], "filename_prefix": name, "format": "auto", "codec": "auto"},
            },
        }

    return build


def test_a_video_survives_saving_and_loading(tmp_path):
    path = str(tmp_path / "a.mp4")
    video().save_to(path, metadata={"prompt": {"1": 2}})
    loaded = InputImpl.VideoFromFile(path)
    assert loaded.get_dimensions() == (48, 32)
    assert loaded.get_duration() == pytest.approx(6 / 8)
    assert (loaded.get_frame_count(), loaded.get_frame_rate()) == (6, 8)
    components = loaded.get_components()
    assert components.frame_rate == 8 and components.audio is None
    assert components.images.shape == (6, 32, 48, 3) and components.images.dtype == torch.float32
    assert (components.images - moving()).abs().mean() < 0.01
    assert json.loads(components.metadata["prompt"]) == {"1": 2}


def test_values_are_truncated_and_nan_is_refused(tmp_path):
    with pytest.raises(ValueError, match="NaN"):
        video(torch.full((2, 16, 16, 3), float("nan"))).save_to(str(tmp_path / "a.mp4"))
    assert list(tmp_path.iterdir()) == []


def test_odd_sizes_become_even(tmp_path):
    video(moving(2, 17, 31)).save_to(str(tmp_path / "a.mp4"))
    assert InputImpl.VideoFromFile(str(tmp_path / "a.mp4")).get_dimensions() == (32, 18)


def test_buffers_work_as_files_do():
    buffer = BytesIO()
    video().save_to(buffer)
    loaded = InputImpl.VideoFromFile(BytesIO(buffer.getvalue()))
    assert loaded.get_components().images.shape == (6, 32, 48, 3)
    assert InputImpl.VideoFromFile(video().get_stream_source()).get_dimensions() == (48, 32)


def test_copying_keeps_every_packet_and_adds_tags(tmp_path):
    first, second = tmp_path / "a.mp4", tmp_path / "b.mp4"
    video(audio=tone(0.75)).save_to(str(first), metadata={"old": "1"})
    InputImpl.VideoFromFile(str(first)).save_to(str(second), metadata={"new": "2"})

    def packets(path):
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux() if packet.size]

    assert packets(first) == packets(second)
    tags = media.tags(second)
    assert (tags["old"], tags["new"]) == ("1", "2")


def test_what_nothing_decodes_is_left_out_of_a_copy(tmp_path):
    """F3, F13: a track without decoder, tags that are not UTF-8."""
    first, second = tmp_path / "a.mp4", tmp_path / "b.mp4"
    video(audio=tone(0.75)).save_to(str(first), metadata={"note": "wurde"})
    data = first.read_bytes()
    assert data.count(b"mp4a") == 1
    for name, changed in (
        ("undecodable.mp4", data.replace(b"mp4a", b"zzzz").replace(b"esds", b"zzzz").replace(b"wurde", b"w\xfcrde")),
        ("tags.mp4", data.replace(b"wurde", b"w\xfcrde")),
    ):
        (tmp_path / name).write_bytes(changed)
        assert media.is_h264_mp4(tmp_path / name)
        InputImpl.VideoFromFile(str(tmp_path / name)).save_to(str(second), metadata={"new": "2"})
        assert media.tags(second) | {"new": "2", "note": "w\ufffdrde"} == media.tags(second)
        assert np.array_equal(media.read(second).frames, media.read(first).frames)
        assert (media.read(second).audio is None) == (name == "undecodable.mp4")
        assert media.encoding(tmp_path / name) == media.encoding(first)


def test_a_file_without_a_decodable_picture_is_one_sentence(tmp_path):
    path = tmp_path / "a.mp4"
    video().save_to(str(path))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(ValueError, match="no decoder"):
        media.encoding(path)
    assert not media.is_h264_mp4(path)
    with pytest.raises(ValueError, match="no decoder"):
        InputImpl.VideoFromFile(str(path)).save_to(str(tmp_path / "b.mp4"))
    assert [item.name for item in tmp_path.iterdir()] == ["a.mp4"]


def test_frames_beyond_what_a_header_says_are_held_against_the_memory(tmp_path, monkeypatch):
    video(moving(70)).save_to(str(tmp_path / "a.mp4"))
    says_less = dataclasses.replace(media.probe(tmp_path / "a.mp4"), frames=None)
    monkeypatch.setattr(media, "probe", lambda path: says_less)
    monkeypatch.setattr("vdt.bounds.free_bytes", lambda: 1 << 20)
    with pytest.raises(ValueError, match=r"'a.mp4' of 64 frames of 48x32 takes .* GiB are free"):
        media.read(tmp_path / "a.mp4")


def test_what_a_killed_run_left_is_swept(registry, folders, save_graph):
    video().save_to(str(folders.input / "in.mp4"))
    left = folders.output / ".clip_00007_-0123abcd.mp4"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    Engine(registry).run(read_workflow(save_graph(), registry).graph)
    assert [path.name for path in folders.output.iterdir()] == ["clip_00001_.mp4"]


@pytest.mark.parametrize("channels", [1, 2])
def test_sound_is_kept_and_cut_to_the_video(tmp_path, channels):
    path = str(tmp_path / "a.mp4")
    video(audio=tone(3.0, channels), fps=8).save_to(path, metadata={"workflow": "{}"})
    components = InputImpl.VideoFromFile(path).get_components()
    wave = components.audio["waveform"]
    assert components.audio["sample_rate"] == 16000 and wave.shape[:2] == (1, channels)
    assert 0.7 < wave.shape[2] / 16000 < 1.0  # 0.75 s and the padding of the codec
    assert 0.2 < wave.std() < 0.5
    assert components.metadata["workflow"] == "{}"
    assert len(components.images) == 6


def test_the_saved_file_carries_graph_and_workflow(registry, folders, save_graph, canvas):
    video().save_to(str(folders.input / "in.mp4"))
    data = canvas(
        [
            (1, "LoadVideo", {"widgets_values": ["in.mp4", "image"]}),
            (2, "SaveVideo", {"widgets_values": ["video/clip", "auto", "auto"]}),
        ],
        [(1, 0, 2, "video", "VIDEO")],
    )
    workflow = read_workflow(data, registry)
    ui = Engine(registry).run(workflow.graph, extra_pnginfo={"workflow": data}).ui["2"]
    assert ui == {
        "images": [{"filename": "clip_00001_.mp4", "subfolder": "video", "type": "output"}],
        "animated": [True],
    }
    tags = media.tags(folders.output / "video" / "clip_00001_.mp4")
    assert json.loads(tags["workflow"]) == data
    assert json.loads(tags["prompt"]) == workflow.graph.to_api()
    assert read_workflow(json.loads(tags["prompt"]), registry).graph == workflow.graph


def test_running_twice_gives_identical_frames(registry, folders, save_graph):
    video().save_to(str(folders.input / "in.mp4"))
    engine = Engine(registry)
    for _ in range(2):
        engine.run(read_workflow(save_graph(), registry).graph)
    first, second = (media.read(folders.output / f"clip_0000{number}_.mp4").frames for number in (1, 2))
    assert np.array_equal(first, second)


def test_a_changed_file_is_read_again(registry, folders, save_graph, cached_engine):
    video().save_to(str(folders.input / "in.mp4"))
    graph = read_workflow(save_graph(), registry).graph
    assert len(cached_engine.run(graph).executed) == 4
    assert cached_engine.run(graph).executed == ()
    video(moving(3)).save_to(str(folders.input / "in.mp4"))
    assert len(cached_engine.run(graph).executed) == 4


def test_an_interrupted_run_leaves_no_file(registry, folders, save_graph, monkeypatch):
    video().save_to(str(folders.input / "in.mp4"))
    encode = av.VideoFrame.from_ndarray

    def stop(*args, **kwargs):
        stop.frames += 1
        if stop.frames == 4:
            raise KeyboardInterrupt
        return encode(*args, **kwargs)

    stop.frames = 0
    monkeypatch.setattr("vdt.media.video.av.VideoFrame", type("Frames", (), {"from_ndarray": staticmethod(stop)}))
    with pytest.raises(KeyboardInterrupt):
        Engine(registry).run(read_workflow(save_graph(), registry).graph)
    assert stop.frames == 4 and [path for path in folders.output.rglob("*") if path.is_file()] == []


def test_prefixes_that_lead_out_write_nothing(registry, folders, save_graph):
    video().save_to(str(folders.input / "in.mp4"))
    with pytest.raises(Exception, match="leads out") as caught:
        Engine(registry).run(read_workflow(save_graph("../out"), registry).graph)
    assert isinstance(caught.value.__cause__, PathError)
    assert sorted(path.name for path in folders.output.parent.iterdir()) == ["input", "models", "output", "temp"]


def test_memory_stays_flat_over_runs(registry, folders, save_graph):
    video(moving(8, 256, 256)).save_to(str(folders.input / "in.mp4"))  # 6 MB of frames as floats
    engine, graph = Engine(registry), read_workflow(save_graph(), registry).graph

    def tensors():
        gc.collect()
        return sum(issubclass(type(item), torch.Tensor) for item in gc.get_objects())

    for _ in range(3):
        engine.run(graph)
    before, peak = tensors(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(10):
        engine.run(graph)
    assert tensors() == before
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 20 * 1024  # KiB: less than 4 clips
