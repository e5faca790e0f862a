"""Weights are found under whatever entries and prefixes trainers and wrappers put them, averaged ones first."""

import argparse
import collections
import itertools

import pytest
import torch
from safetensors.torch import save_file

from vdt.checkpoints import convert_official, load_model, load_vae
from vdt.checkpoints.wrappers import find_networks, prefixes
from vdt.config import VDT_CONFIGS

HEADS = VDT_CONFIGS["VDT-Tiny/2"].num_heads
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "diffusion_model.", "transformer.", "ema.", "ema_model.")


@pytest.fixture
def worse(official):
    """The same model with other weights."""
    return {key: value + 1 for key, value in official.items()}


@pytest.fixture
def weights_of(official, tmp_path):
    """What comes out of a file that holds `content`: a multiple of the weight that is 1 for the official ones."""

    def convert(content) -> str:
        torch.save(content, tmp_path / "source.pt")
        report = convert_official(tmp_path / "source.pt", tmp_path / "out.safetensors", num_heads=HEADS)
        state = load_model(report.dst).state_dict()
        same = all(torch.allclose(state[key], value, atol=1e-6) for key, value in official.items())
        return report.found_in if same else f"other weights, from {report.found_in}"

    return convert


def under(prefix, state):
    return {prefix + key: value for key, value in state.items()}


def test_any_mixture_of_prefixes_is_stripped(official, weights_of):
    for first, second in itertools.product(PREFIXES, ("", *PREFIXES)):
        (network,) = find_networks(under(first + second, official), "x_embedder.proj.weight")
        assert network.tensors == official and network.averaged == ("ema" in first + second), (first, second)
    for prefix in ("_orig_mod.module.", "a.b.c.d."):
        assert not weights_of(under(prefix, official)).startswith("other"), prefix


def test_every_nesting_of_trainers_is_found(official, worse, weights_of):
    scalars = {"epoch": 3, "args": argparse.Namespace(lr=1e-4), "step": torch.tensor(5)}
    moments = {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": []}
    for found, content in (
        ("ema", {"model": worse, "ema": official, "opt": moments, **scalars}),
        ("ema", {"model": under("module.", worse), "ema": under("module._orig_mod.", official)}),
        ("state_dict.model", {"state_dict": under("model.", official), **scalars}),
        ("state_dict.ema", {"state_dict": {**under("model.", worse), **under("ema.", official)}}),
        ("state_dict.model_ema", {"state_dict": {**under("model.", worse), **under("model_ema.", official)}}),
        ("module", {"module": official, "ds_version": "0.14", "optimizer": None}),
        ("ema", {"model": worse, "ema": collections.OrderedDict(official)}),
        ("model_state_dict", {"model_state_dict": official, "optimizer_state_dict": moments}),
        ("ema_state_dict", {"ema_state_dict": official, "model_state_dict": worse}),
        ("net", {"net": official}),
        ("ema_model", {"model": worse, "ema_model": official}),
        ("model_ema", {"model": worse, "model_ema": official}),
        ("ema.shadow", {"model": worse, "ema": {"decay": 0.999, "shadow": official}}),
        ("ema.module", {"ema": {"module": official, "updates": 3}, "model": worse}),
        ("state.model.ema", {"state": {"model": {"ema": under("_orig_mod.", official), "online": worse}}}),
        ("model", {"model": official, "ema": {}}),
        ("model", {"model": official, "ema": None}),
        ("model", {"model": official, "ema": {"decay": 0.99, "num_updates": torch.tensor(3)}}),
        ("model", {"model": official, "ema": {key: value for key, value in worse.items() if "attn.proj" not in key}}),
        ("model", {"optimizer": {"exp_avg": worse}, "optim": worse, "model": official}),
        ("models.0", {"models": [official, moments]}),
        ("bare state dict", {key: torch.nn.Parameter(value) for key, value in official.items()}),
    ):
        expected = found.removesuffix(".module") if "." in found else found
        assert weights_of(content) == expected, found


def test_shadow_parameters_have_the_names_of_the_model_beside_them(official, worse, weights_of):
    trained = [value for key, value in official.items() if key not in ("pos_embed", "time_embed")]
    model = {**worse, **{key: official[key] for key in ("pos_embed", "time_embed")}}
    for shadows in (list(official.values()), trained, tuple(trained)):
        for beside in (model, under("module._orig_mod.", model)):
            ema = {"decay": 0.999, "optimization_step": 5, "shadow_params": shadows, "collected_params": None}
            assert weights_of({"model": beside, "ema": ema}) == "ema.shadow_params"
    assert weights_of({"model": official, "ema": {"shadow_params": trained[:5]}}) == "model"  # of another model


def test_missing_position_tables_are_taken_from_the_file_or_computed(official, weights_of):
    bare = {key: value for key, value in official.items() if key not in ("pos_embed", "time_embed")}
    tables = {key: official[key] for key in ("pos_embed", "time_embed")}
    assert weights_of({**tables, "model": bare}) == "model"
    assert weights_of({"model": under("module.", official), "ema": under("module.", bare)}) == "ema"


def test_computed_tables_are_those_of_the_released_models(official, tmp_path):
    bare = {key: value for key, value in official.items() if key not in ("pos_embed", "time_embed")}
    torch.save(bare, tmp_path / "source.pt")
    torch.save(official, tmp_path / "whole.pt")
    x, t = torch.randn(1, 6, 4, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([500])
    made = []
    for name in ("source", "whole"):
        report = convert_official(tmp_path / f"{name}.pt", tmp_path / f"{name}.safetensors", num_heads=HEADS)
        with torch.no_grad():
            made.append(load_model(report.dst)(x, t))
    torch.testing.assert_close(*made, rtol=0, atol=1e-5)
    assert report.config.num_frames == 6 and load_model(tmp_path / "source.safetensors").config.num_frames == 16


def test_a_file_without_weights_is_refused_with_what_it_holds(official, tmp_path, refusal):
    circle: dict = {"epoch": 3}
    circle["self"] = circle
    for content, words in (
        ({"model": {"a": torch.zeros(2)}, "epoch": 3}, "found model (a dict of 1), epoch (int)"),
        (circle, "epoch (int), self (a dict of 2)"),
        ({f"key{i}": i for i in range(50)}, "key9 (int), ..."),
        ({"optimizer": {"exp_avg": official}}, "optimizer (a dict of 1)"),
        ({}, "found nothing"),
    ):
        torch.save(content, tmp_path / "source.pt")
        message = refusal(convert_official, tmp_path / "source.pt", tmp_path / "out.safetensors", num_heads=HEADS)
        assert words in message and len(message) < 600


def test_tied_tensors_are_written_apart(official, weights_of):
    official["blocks.1.attn.proj.bias"] = official["blocks.0.attn.proj.bias"]
    assert weights_of(official) == "bare state dict"
    flat = torch.cat([value.flatten() for value in official.values()])
    parts = flat.split([value.numel() for value in official.values()])
    views = {key: part.view(value.shape) for (key, value), part in zip(official.items(), parts, strict=True)}
    assert weights_of(views) == "bare state dict"


def test_prefixes_of_averaged_weights_come_first_and_words_that_only_look_like_it_do_not():
    keys = [f"{prefix}x.weight" for prefix in ("", "cinema.", "a.b.", "model_ema.", "schema.")]
    assert prefixes(keys, "x.weight", ("schema.",)) == ["model_ema.", "", "schema.", "a.b.", "cinema."]
    assert prefixes(["xx.weight"], "x.weight") == []
    networks = find_networks(
        {"model": {"x.weight": torch.zeros(1)}, "EMA-0.99": {"x.weight": torch.ones(1)}}, "x.weight"
    )
    assert [network.name for network in networks] == ["EMA-0.99", "model"]


def test_vaes_are_found_under_any_prefix(golden, tmp_path):
    from safetensors.torch import load_file

    plain = load_file(golden / "vae_tiny.safetensors")
    expected = load_vae(golden / "vae_tiny.safetensors").state_dict()
    for prefix in (
        "",
        "module.",
        "_orig_mod.",
        "module._orig_mod.",
        "vae.",
        "first_stage_model.",
        "state_dict.",
        "model.",
    ):
        others = {} if not prefix else {"unet.encoder.conv_in.weight": torch.zeros(1), "loss.logvar": torch.zeros(())}
        save_file({**under(prefix, plain), **others}, tmp_path / "vae.safetensors")
        state = load_vae(tmp_path / "vae.safetensors").state_dict()
        assert all(torch.equal(state[key], value) for key, value in expected.items()), prefix
    worse = {key: value + 1 for key, value in plain.items()}
    save_file({**under("model.", worse), **under("ema.", plain)}, tmp_path / "vae.safetensors")
    state = load_vae(tmp_path / "vae.safetensors").state_dict()
    assert all(torch.equal(state[key], value) for key, value in expected.items())


def test_wrappers_within_names_are_left_out(official, weights_of):
    """torch.compile of single blocks, FSDP, activation checkpoints."""
    for word in ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "module", "_orig_mod.module"):
        inner = {key.replace("blocks.", f"blocks.{word}.").replace(".attn.", f".{word}.attn."): value
                 for key, value in official.items()}  # fmt: skip
        for prefix in ("", "module.", "model.", "model._fsdp_wrapped_module."):
            assert not weights_of(under(prefix, inner)).startswith("other"), (word, prefix)
        outer = {key.replace("x_embedder.", f"x_embedder.{word}."): value for key, value in official.items()}
        assert not weights_of({"state_dict": outer}).startswith("other"), word


def test_averaged_weights_of_ldm_trainers_have_names_without_dots(official, worse, weights_of):
    for prefix, tail in (("model.diffusion_model.", "diffusion_model."), ("model.", ""), ("", ""), ("dit.", "dit.")):
        trained = {key: value for key, value in official.items() if key not in ("pos_embed", "time_embed")}
        twin = {f"model_ema.{(tail + key).replace('.', '')}": value for key, value in trained.items()}
        live = {**worse, **{key: official[key] for key in ("pos_embed", "time_embed")}}
        counters = {"model_ema.decay": torch.tensor(0.999), "model_ema.num_updates": torch.tensor(3)}
        content = {"state_dict": {**under(prefix, live), **twin, **counters}}
        assert weights_of(content) == "state_dict.model_ema", prefix
        assert weights_of({**under(prefix, official), **counters}).startswith(("bare", "model", "dit")), prefix


def test_averaged_weights_are_known_by_every_usual_name(official, worse, weights_of):
    names = ("EMA", "model_EMA", "netEMA", "ema0.9999", "emaModel", "net_ema", "params_ema", "avg_model", "swa_model")
    for name in (*names, "averaged", "average_model", "state_dict_ema", "modelEma", "polyak_params", "model_avg"):
        assert weights_of({"model": worse, name: official}) == name, name
    for name in ("schema", "cinema", "stemEmbed", "demand", "avgpool"):
        assert weights_of({"model": official, name: worse}) == "model", name


def test_lists_of_averaged_parameters_are_found_under_any_averaged_entry(official, worse, weights_of):
    trained = [value for key, value in official.items() if key not in ("pos_embed", "time_embed")]
    other = [value + 1 for value in trained]
    model = {**worse, **{key: official[key] for key in ("pos_embed", "time_embed")}}
    for found, content in (
        ("callbacks.EMA.ema_weights", {"callbacks": {"EMA": {"ema_weights": trained, "decay": 0.9}}}),
        ("ema.params", {"ema": {"params": tuple(trained)}}),
        ("ema.shadow_params", {"ema": {"collected_params": other, "shadow_params": trained}}),
    ):
        assert weights_of({"state_dict": under("model.", model), **content}) == found


def test_keys_whose_parts_are_nested_entries_and_lists_of_dicts_are_read(official, weights_of):
    nested: dict = {}
    for key, value in official.items():
        place, parts = nested, key.split(".")
        for part in parts[:-1]:
            place = place.setdefault(part, {})
        place[parts[-1]] = value
    for content in (nested, {"params": nested}, {"model": {"dit": nested}}, [official], (official, {"lr": 1e-4})):
        assert not weights_of(content).startswith("other")


def test_weights_that_are_not_finite_are_refused_and_good_ones_beside_them_taken(
    official, tmp_path, weights_of, refusal
):
    for value in (float("nan"), float("inf")):
        (tmp_path / "out.safetensors").unlink(missing_ok=True)
        broken = {**official, "blocks.0.attn.qkv.weight": official["blocks.0.attn.qkv.weight"] * value}
        torch.save(broken, tmp_path / "source.pt")
        message = refusal(convert_official, tmp_path / "source.pt", tmp_path / "out.safetensors", num_heads=HEADS)
        assert "not finite in 1 of 49 tensors, such as blocks.0.attn.qkv.weight" in message
        assert not (tmp_path / "out.safetensors").exists()
        assert weights_of({"model": official, "ema": broken}) == "model"


def test_a_vae_compiled_or_wrapped_in_parts_is_read(golden, tmp_path):
    from safetensors.torch import load_file

    plain = load_file(golden / "vae_tiny.safetensors")
    expected = load_vae(golden / "vae_tiny.safetensors").state_dict()
    for word in ("_orig_mod", "module", "_checkpoint_wrapped_module"):
        parts = {key.replace("encoder.", f"encoder.{word}.").replace("decoder.", f"decoder.{word}."): value
                 for key, value in plain.items()}  # fmt: skip
        save_file(under("first_stage_model.", parts), tmp_path / "vae.safetensors")
        state = load_vae(tmp_path / "vae.safetensors").state_dict()
        assert all(torch.equal(state[key], value) for key, value in expected.items()), word


def test_converting_reads_only_the_weights_of_a_file_and_may_replace_it(official, tmp_path):
    """What lies beside them stays on the disk: the tensors of the file are mapped, and only those needed are copied."""
    path = tmp_path / "whole.safetensors"
    save_file({**under("dit.", official), "unet.weight": torch.zeros(1000)}, path)
    convert_official(path, path, num_heads=HEADS)
    state = load_model(path).state_dict()
    assert all(torch.allclose(state[key], value, atol=1e-6) for key, value in official.items())
