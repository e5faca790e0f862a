"""Pictures, names and tags that nobody should make: each is one sentence, before memory or time is spent on it."""

import io
import json
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from vdt.media.files import WriteError
from vdt_studio.engine import Engine
from vdt_studio.errors import GraphError, sentence_of
from vdt_studio.media.comparison import Encoding, compare, encoding_of
from vdt_studio.media.images import load_rgba, save_pngs
from vdt_studio.paths import PathError, confine, is_file, list_files, save_slot, split_annotation
from vdt_studio.studio import Studio
from vdt_studio.verify import verify


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def huge_png(width, height, **texts):
    """A small file whose header states a size that nobody has the memory for."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    notes = b"".join(chunk(b"tEXt", key.encode() + b"\0" + value.encode()) for key, value in texts.items())
    data = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + notes + data + chunk(b"IEND", b"")


def damaged(tmp_path):
    """Files of every kind of damage that Pillow has an exception of its own for."""
    good = io.BytesIO()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(good, format="PNG")
    png = good.getvalue()
    made = {
        "huge.png": huge_png(20000, 20000),
        "large.png": huge_png(12000, 12000),
        "flat.png": huge_png(2**31 - 1, 1),
        "none.png": b"",
        "text.png": b"not a picture",
        "cut.png": png[: len(png) // 2],
        "chunk.png": png[:8] + chunk(b"IHDR", b"\0" * 3) + png[33:],
        "crc.png": png[:40] + b"\xff\xff\xff\xff" + png[44:],
        "gif.gif": b"GIF89a" + b"\xff\xff\xff\xff\x00\x00\x00" + b",",
        "webp.webp": b"RIFF\x10\0\0\0WEBPVP8L" + b"\xff" * 20,
        "tiff.tiff": b"II*\0\x08\0\0\0" + b"\xff" * 40,
        "text_bomb.png": png[:33] + chunk(b"zTXt", b"a\0\0" + zlib.compress(b"0" * (70 << 20))) + png[33:],
    }
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
        yield tmp_path / name


def test_pictures_that_cannot_be_read_are_named(tmp_path):
    for path in damaged(tmp_path):
        with pytest.raises(ValueError, match=r"^'\w+\.\w+' (cannot be read as an image|is|has)") as caught:
            load_rgba(path)
        assert path.name in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="million pixels, expected at most 89"):
        load_rgba(tmp_path / "large.png")


def test_many_frames_are_held_against_the_memory(tmp_path, monkeypatch):
    frames = [Image.new("L", (64, 64), number) for number in range(40)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert load_rgba(tmp_path / "a.gif")[0].shape == (40, 64, 64, 4)
    monkeypatch.setattr("vdt.bounds.free_bytes", lambda: 1 << 20)
    with pytest.raises(ValueError, match=r"'a.gif' of 40 frames of 64x64 takes .* GiB are free"):
        load_rgba(tmp_path / "a.gif")


# ---- Names -----------------------------------------------------------------------------------------------------------


def test_names_that_no_file_can_have(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    (tmp_path / "file").write_text("x")
    for name in ("a" * 256, "é" * 128, "b/" + "a" * 300, "a/" * 3000, "\ud800.png", "x\0"):
        with pytest.raises(PathError) as caught:
            confine(tmp_path, name)
        assert len(str(caught.value)) < 400
    for name in ("loop", "one/x", "file/x", "two"):
        try:
            assert not is_file(confine(tmp_path, name))
        except PathError:
            continue
    assert not is_file(tmp_path / ("a" * 300))


def test_links_in_a_circle_and_outward_are_not_listed(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "deep").mkdir(parents=True), outside.mkdir()
    (outside / "secret.png").write_text("x")
    (root / "own.png").write_text("x")
    (root / "deep/b.png").write_text("x")
    (root / "loop.png").symlink_to("loop.png")
    (root / "out.png").symlink_to(outside / "secret.png")
    (root / "deep/up").symlink_to(root)
    (root / "in.png").symlink_to(root / "deep/b.png")
    assert list_files(root, deep=True) == ["deep/b.png", "in.png", "own.png"]
    assert list_files(root) == ["in.png", "own.png"]


def test_prefixes_that_name_no_file(tmp_path):
    for prefix in (".", "a/.", "..", "a/..", "x" * 230, "é" * 120, "\ud800"):
        with pytest.raises(PathError) as caught:
            save_slot(tmp_path / "output", prefix)
        assert len(str(caught.value)) < 300
    with pytest.raises(PathError, match=r"got the filename_prefix '\.', expected a folder and a name"):
        save_slot(tmp_path / "output", ".")
    assert save_slot(tmp_path, "").name("png") == "_00001_.png"
    (tmp_path / f"clip_{'9' * 200}_.png").write_text("x")
    assert save_slot(tmp_path, "clip").counter == 1


def test_annotations_are_read_in_one_go():
    name = "a" + " " * 2_000_000 + "[output"
    assert split_annotation(name) == (name, None)
    assert split_annotation("a  [temp]") == ("a", "temp")


# ---- Disks -----------------------------------------------------------------------------------------------------------


def test_a_full_disk_names_the_file(tmp_path, monkeypatch):
    def full(self, target, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(WriteError, match=r"cannot write '.*clip_00001_\.png': No space left on device"):
        save_pngs(torch.zeros(2, 8, 8, 3), tmp_path, "clip")
    assert not list(tmp_path.iterdir())


def test_errors_of_the_system_are_told_without_numbers():
    assert sentence_of(OSError(28, "No space left on device")) == "No space left on device"
    assert sentence_of(OSError(28, "No space left on device", "a.mp4")) == "No space left on device: a.mp4"
    torch_says = RuntimeError(
        "[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you tried"
    )
    for error in (MemoryError(), torch_says, torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate")):
        assert sentence_of(error).startswith("there is not enough memory: use fewer frames")


# ---- Verify ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def studio(folders, registry):
    return Studio(folders=folders, registry=registry, engine=Engine(registry))


def test_odd_tags_are_said(studio, tmp_path):
    prompt = json.dumps({"1": {"class_type": "Grey", "inputs": {"value": 0.5, "frames": 1}}})
    pixels = Image.fromarray(np.zeros((16, 32, 3), np.uint8))
    cases = (
        ({"prompt": prompt, "vdt": "[1]"}, "vdt is .* expected an object"),
        ({"prompt": prompt, "vdt": "5"}, "vdt is 5, expected an object"),
        ({"prompt": prompt, "vdt": "nonsense"}, "are damaged"),
        ({"prompt": "[" * 100_000}, "are damaged"),
        ({"prompt": "[1]"}, "this is not a workflow"),
        ({"prompt": "5"}, "this is not a workflow"),
        ({"prompt": "{}"}, "this is not a workflow"),
        ({"prompt": '{"1": 5}'}, "no class_type"),
        ({"prompt": prompt}, "has no output"),
    )
    for tags, sentence in cases:
        info = PngImagePlugin.PngInfo()
        for key, value in tags.items():
            info.add_text(key, value)
        pixels.save(tmp_path / "a.png", pnginfo=info)
        with pytest.raises(GraphError, match=sentence):
            verify(studio, tmp_path / "a.png")
    (tmp_path / "huge.png").write_bytes(huge_png(20000, 20000, prompt=prompt))
    with pytest.raises(ValueError, match=r"'huge.png' (has|is) .*million pixels"):
        verify(studio, tmp_path / "huge.png")


def clip(seed=0, frames=6, size=64):
    """Smooth frames with a moving square."""
    grid = np.linspace(0, 200, size)
    made = np.stack([np.dstack(np.broadcast_arrays(grid[None], grid[:, None], 60.0))] * frames)
    for number in range(frames):
        made[number, 20 + seed : 36 + seed, 5 * number : 5 * number + 16] = 230
    return made.astype(np.uint8)


def test_a_lossy_file_of_another_encoder_is_compared_within_what_it_changes(tmp_path):
    from vdt.media.video import write_video
    from vdt_studio.media import video as media

    def saved(frames, crf):
        path = tmp_path / f"{crf}.mp4"
        write_video(path, frames, 8, crf=crf)
        return media.read(path).frames, media.encoding(path)

    ours, our_encoding = saved(clip(), 16)
    theirs, their_encoding = saved(clip(), 23)
    assert (our_encoding.crf, their_encoding.crf) == (16.0, 23.0) and our_encoding != their_encoding
    close = compare(theirs, ours, their_encoding, our_encoding)
    assert close.matches and close.largest > 0 and all(close.allowed)
    moved, _ = saved(clip(seed=6), 23)
    far = compare(moved, ours, their_encoding, our_encoding)
    assert not far.matches and far.different == 6
    same = compare(ours, ours, our_encoding, our_encoding)
    assert same.matches and same.allowed == (0.0, 0.0, 0.0)
    touched = ours.copy()
    touched[2, 3, 3] ^= 1
    assert compare(touched, ours, our_encoding, our_encoding).different == 1  # the same encoder: bit for bit


def test_settings_of_x264_are_read():
    packet = b"\0\0x264 - core 165 - H.264 - options: cabac=1 rc=crf crf=23.0 aq=1\0\x80"
    found = encoding_of("h264", ("yuv420p",), packet)
    assert (found.crf, str(found), found.is_lossless) == (23.0, "h264 at crf 23", False)
    assert encoding_of("h264", (), b"x264 - core 165 - options: rc=cqp qp=0 x\0").is_lossless
    assert str(encoding_of("av1", (), b"")) == "av1" and Encoding(codec="png").is_lossless


def test_whatever_a_decoder_of_pillow_raises_names_the_file(tmp_path, monkeypatch):
    """The decoder of AVIF raises RuntimeError for planes that it cannot decode."""
    frames = [Image.new("RGB", (16, 16), (40 * number, 0, 0)) for number in range(3)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])

    def load(self):
        raise RuntimeError("Failed to decode frame 3: Decoding of color planes failed")

    monkeypatch.setattr("PIL.WebPImagePlugin.WebPImageFile.load", load)
    with pytest.raises(ValueError, match=r"^'a\.webp' cannot be read as an image: Failed to decode frame 3"):
        load_rgba(tmp_path / "a.webp")
