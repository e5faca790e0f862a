"""Weights stored as int8: how far they are off, that they stay as they are, and files whose parts do not fit."""

import contextlib
import json
import struct
import weakref

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import vdt
from vdt.checkpoints import (
    add_metadata,
    change_dtype,
    convert_official,
    describe,
    is_dit,
    is_own,
    load_model,
    load_vae,
    save_model,
    save_sharded,
    save_vae,
)
from vdt.checkpoints.int8 import LEAST_SCALE, dequantize, encode, quantize
from vdt.cli import main
from vdt.config import VAE_CONFIGS, VDT_CONFIGS

TINY = VDT_CONFIGS["VDT-Tiny/2"]
KEY = "blocks.0.attn.qkv.weight"  # (192, 64)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def int8_file(tiny_model, tmp_path):
    path = tmp_path / "int8.safetensors"
    save_model(tiny_model, TINY, path, {"note": "drawn"}, dtype="int8")
    return path


# ---- The numbers -----------------------------------------------------------------------------------------------------


def test_rows_of_known_codes_have_them():
    codes, scale = quantize(torch.tensor([[1.27, -0.64, 0.012], [0.0, 0.0, 0.0], [-12.7, 0.04, 0.16]]).double())
    assert codes.tolist() == [[127, -64, 1], [0, 0, 0], [-127, 0, 2]]
    assert scale[1] == LEAST_SCALE
    assert torch.allclose(scale[[0, 2]], torch.tensor([0.01, 0.1]), rtol=2**-16)


def test_no_weight_is_off_by_more_than_half_a_scale():
    for size in (1e-35, 1e-20, 1e-3, 1.0, 6e4, 1e30):
        for shape in ((64, 100), (32, 4, 3, 3), (1, 1)):
            weights = drawn(*shape) * size
            codes, scale = quantize(weights)
            assert codes.dtype == torch.int8 and codes.shape == weights.shape and scale.shape == shape[:1]
            halves = scale.double().view(-1, *[1] * (len(shape) - 1)) / 2
            error = (dequantize(codes, scale).double() - weights.double()).abs()
            assert bool((error <= halves * (1 + 1e-9)).all()), (size, shape)


def test_what_was_read_has_the_same_codes_and_scales():
    for size in (1e-36, 1e-30, 1e-5, 3e-3, 1.0, 777.0, 1e30):
        weights = drawn(500, 40, seed=3) * size
        codes, scale = quantize(weights)
        again = quantize(dequantize(codes, scale))
        assert torch.equal(again[0], codes) and torch.equal(again[1], scale), size


def test_small_wide_and_uneven_tensors_stay_in_half_precision():
    uneven, lost = drawn(64, 64), drawn(64, 64) * 1e-3
    uneven[:, 0], lost[:, 0] = 60.0, 1.0  # that column sets the scales, and leaves few codes or none to all others
    state = {
        "matrix": drawn(64, 64),
        "tensor": drawn(32, 8, 2, 2),
        "vector": drawn(64),
        "few rows": drawn(31, 64),
        "short rows": drawn(64, 31),
        "table": drawn(1, 64, 64),
        "uneven": uneven,
        "lost": lost,
        "large": drawn(64, 64) * 1e5,
        "infinite": drawn(64, 64) / 0,
        "whole": torch.arange(3),
        "zeros": torch.zeros(64, 64),
        "number": torch.tensor(3.0),
        "nearly nothing": drawn(64, 64) * 1e-10,
    }
    stored = {name: value.dtype for name, value in encode(state).items() if not name.endswith(".scale")}
    coded = {name for name, dtype in stored.items() if dtype == torch.int8}
    assert coded == {"matrix", "tensor", "zeros", "nearly nothing"}
    assert {name for name, dtype in stored.items() if dtype == torch.float32} == {"large", "infinite"}
    assert stored["whole"] == torch.int64


# ---- Files -----------------------------------------------------------------------------------------------------------


def test_a_model_comes_back_within_half_a_scale_and_is_saved_as_the_same_bytes(tiny_model, int8_file, tmp_path):
    stored, loaded = load_file(int8_file), load_model(int8_file)
    assert loaded.config == TINY and {value.dtype for value in loaded.state_dict().values()} == {torch.float32}
    assert stored[KEY].dtype == torch.int8 and stored["pos_embed"].dtype == torch.float16
    for name, value in tiny_model.state_dict().items():
        limit = stored[f"{name}.scale"][:, None] / 2 if f"{name}.scale" in stored else value.abs() * 2**-10 + 1e-7
        error = (loaded.state_dict()[name] - value).flatten(1) if value.ndim == 2 else loaded.state_dict()[name] - value
        assert bool((error.abs() <= limit * (1 + 1e-6)).all()), name
    save_model(loaded, TINY, tmp_path / "again.safetensors", {"note": "drawn"}, dtype="int8")
    assert (tmp_path / "again.safetensors").read_bytes() == int8_file.read_bytes()
    whole = sum(value.numel() * 4 for value in tiny_model.state_dict().values())
    assert int8_file.stat().st_size < whole * 0.4  # a tiny one has many vectors


def test_a_vae_comes_back_and_is_saved_as_the_same_bytes(tiny_vae, tmp_path):
    first, second = tmp_path / "1.safetensors", tmp_path / "2.safetensors"
    save_vae(tiny_vae, VAE_CONFIGS["tiny"], first, dtype="int8")
    vae = load_vae(first)
    assert describe(first).dtype == "float16, int8"
    save_vae(vae, vae.config, second, dtype="int8")
    assert first.read_bytes() == second.read_bytes()
    weight = tiny_vae.state_dict()["decoder.mid.block_1.conv1.weight"]
    error = vae.state_dict()["decoder.mid.block_1.conv1.weight"] - weight
    assert 0 < float(error.norm() / weight.norm()) < 0.02


def test_equal_weights_make_equal_files(tiny_model, int8_file, tmp_path):
    weights = {name: value.clone() for name, value in reversed(tiny_model.state_dict().items())}
    save_model(weights, TINY, tmp_path / "other.safetensors", {"note": "drawn"}, dtype="int8")
    assert (tmp_path / "other.safetensors").read_bytes() == int8_file.read_bytes()


def test_other_dtypes_and_none(tiny_model, model_file, tmp_path, int8_file):
    path = tmp_path / "other.safetensors"
    for dtype in ("float32", "float16"):
        save_model(tiny_model, TINY, path, {"note": "drawn"}, dtype=dtype)
        assert describe(path).dtype == dtype and describe(path).metadata["format_version"] == "1"
    save_model(tiny_model, TINY, path, {"note": "drawn"})
    assert path.read_bytes() == model_file.read_bytes()
    with pytest.raises(ValueError, match="dtype must be 'float32' or 'float16' or 'int8', got 'int4'"):
        save_model(tiny_model, TINY, path, dtype="int4")
    for dtype in (torch.float32, torch.bfloat16, torch.float64):
        assert {value.dtype for value in load_model(int8_file, dtype=dtype).state_dict().values()} == {dtype}


def test_description_counts_weights_and_not_scales(tiny_model, model_file, int8_file):
    info, whole = describe(int8_file), describe(model_file)
    assert (info.kind, info.config, info.parameters, info.num_tensors) == (
        whole.kind,
        TINY,
        whole.parameters,
        whole.num_tensors,
    )
    assert info.dtype == "float16, int8" and info.metadata["format_version"] == "1-int8"


def test_metadata_is_added_to_codes_that_stay(int8_file):
    before = load_file(int8_file)
    add_metadata(int8_file, {"metrics": "{}"})
    after = load_file(int8_file)
    assert after.keys() == before.keys() and all(torch.equal(after[key], before[key]) for key in before)
    assert all(after[key].dtype == before[key].dtype for key in before)
    assert describe(int8_file).metadata["metrics"] == "{}" and load_model(int8_file).config == TINY


def test_every_reader_takes_them(tiny_model, tiny_vae, int8_file, tmp_path, golden):
    vae_path, folder = tmp_path / "vae.safetensors", tmp_path / "pieces"
    save_vae(tiny_vae, VAE_CONFIGS["tiny"], vae_path, dtype="int8")
    pipe = vdt.Pipeline.from_pretrained(int8_file, vae_path, device="cpu")
    own = load_model(int8_file).state_dict()
    assert all(torch.equal(value, own[name]) for name, value in pipe.model.state_dict().items())
    assert not is_dit(int8_file) and is_own(int8_file)
    save_sharded(tiny_model, TINY, folder, dtype="int8")
    assert all(torch.equal(value, own[name]) for name, value in load_model(folder).state_dict().items())
    source = golden / "official_tiny.pt"
    convert_official(source, tmp_path / "official.safetensors", num_heads=TINY.num_heads, dtype="int8")
    assert describe(tmp_path / "official.safetensors").dtype == "float16, int8"
    again = tmp_path / "again.safetensors"  # which knows our files as it knows those of others
    convert_official(tmp_path / "official.safetensors", again, num_heads=TINY.num_heads)
    assert describe(again).dtype == "float16, float32"


def test_files_change_their_dtype_and_keep_what_they_say(int8_file, tmp_path):
    half, back = tmp_path / "half.safetensors", tmp_path / "back.safetensors"
    assert change_dtype(int8_file, half, "float16").dtype == "float16"
    assert describe(half).metadata == {**describe(int8_file).metadata, "format_version": "1"}
    change_dtype(int8_file, back, "float32")
    change_dtype(back, back, "int8")
    assert back.read_bytes() == int8_file.read_bytes()


def test_the_command_line_stores_in_another_precision(int8_file, model_file, tmp_path, golden, capsys):
    target = tmp_path / "out.safetensors"
    assert main(["convert", str(model_file), str(target), "--dtype", "int8"]) == 0
    assert "float16, int8" in capsys.readouterr().out and target.read_bytes() == int8_file.read_bytes()
    assert main(["convert", str(golden / "official_tiny.pt"), str(target), "--num-heads", "4", "--dtype", "int8"]) == 0
    assert describe(target).dtype == "float16, int8"
    for flags, words in (([], "give --dtype"), (["--dtype", "int8", "--num-heads", "4"], "leave out --num-heads")):
        assert main(["convert", str(model_file), str(target), *flags]) == 2
        assert words in capsys.readouterr().err


# ---- Files whose parts do not fit, and memory ------------------------------------------------------------------------


def test_codes_and_scales_that_do_not_fit_are_refused_in_a_sentence(int8_file, tmp_path, refusal):
    good = load_file(int8_file)
    with safe_open(int8_file, "pt") as file:
        metadata = file.metadata()
    scale = good[f"{KEY}.scale"]
    path = tmp_path / "bad.safetensors"
    for change, words in (
        ({f"{KEY}.scale": None}, f"holds {KEY} as int8 without its scales"),
        ({f"{KEY}.scale": scale[:3].clone()}, "with scales F32 (3,)"),
        ({f"{KEY}.scale": scale[:, None].clone()}, "with scales F32 (192, 1)"),
        ({f"{KEY}.scale": torch.ones(())}, "with scales F32 ()"),
        ({f"{KEY}.scale": scale.double()}, "with scales F64"),
        ({f"{KEY}.scale": torch.ones(192, dtype=torch.int8)}, "int8"),
        ({f"{KEY}.scale": scale / 0}, "not finite"),
        ({f"{KEY}.scale": torch.where(scale == scale[5], torch.nan, scale)}, "not finite"),
        ({f"{KEY}.scale": scale.clamp(min=3e38)}, "too large"),
        ({"time_embed": torch.ones(1, 6, 64, dtype=torch.int8)}, "time_embed as int8 without its scales"),
        ({"x_embedder.proj.bias": torch.ones(64, dtype=torch.int8), "x_embedder.proj.bias.scale": torch.ones(64)}, "a"),
        ({"x_embedder.proj.bias": torch.ones((), dtype=torch.int8), "x_embedder.proj.bias.scale": torch.ones(())}, "a"),
        ({KEY: good[KEY].float()}, f"unexpected: {KEY}.scale"),
        ({KEY: good[KEY].int()}, f"unexpected: {KEY}.scale"),
        ({KEY: None}, f"missing: {KEY}"),
        ({KEY: good[KEY][:5].clone(), f"{KEY}.scale": scale[:5].clone()}, "of another shape"),
        ({"pos_embed": torch.ones(1, 16, 64, dtype=torch.int32)}, "pos_embed as torch.int32, expected floating-point"),
    ):
        tensors = {name: value for name, value in {**good, **change}.items() if value is not None}
        save_file(tensors, path, metadata)
        message = refusal(load_model, path)
        assert words in message and str(path) in message and len(message) < 600, (words, message)
        with contextlib.suppress(vdt.CheckpointError):
            describe(path)


def test_a_version_to_come_and_codes_without_the_version_are_refused(int8_file, tmp_path, refusal):
    tensors, path = load_file(int8_file), tmp_path / "bad.safetensors"
    with safe_open(int8_file, "pt") as file:
        metadata = file.metadata()
    for version, words in (("2-int8", "format version 2-int8"), ("1", ".scale"), ("", "format version")):
        save_file(tensors, path, {**metadata, "format_version": version})
        assert words in refusal(load_model, path)
    plain = {name: value for name, value in tensors.items() if not name.endswith(".scale")}
    save_file(plain, path, {**metadata, "format_version": "1"})
    assert "as torch.int8, expected floating-point weights" in refusal(load_model, path)


def test_no_shape_of_a_header_is_believed(int8_file, tmp_path, refusal):
    data, path = int8_file.read_bytes(), tmp_path / "bad.safetensors"
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    for name in (KEY, f"{KEY}.scale"):
        for shape in ([2**40, 2**20], [2**62], [], [0], [-1], [64, 192], [1, 192], "x", None):
            changed = json.dumps({**header, name: {**header[name], "shape": shape}}).encode()
            path.write_bytes(struct.pack("<Q", len(changed)) + changed + data[8 + size :])
            refusal(load_model, path)
            with contextlib.suppress(vdt.CheckpointError):
                describe(path)


def test_weights_are_read_one_after_the_other(int8_file, monkeypatch):
    """Beside the network never more than one tensor is in memory, as codes are 4 bytes each once they are weights."""
    alive = []
    made = vdt.checkpoints.int8.dequantize

    def watched(codes, scale):
        assert not any(each() is not None for each in alive)
        weights = made(codes, scale)
        alive.append(weakref.ref(weights))
        return weights

    monkeypatch.setattr("vdt.checkpoints.int8.dequantize", watched)
    model = load_model(int8_file)
    assert len(alive) > 10 and model.config == TINY
