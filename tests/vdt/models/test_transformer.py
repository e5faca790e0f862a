"""The transformer: official names, shapes and answers, any clip size, and options that change nothing at first."""

import dataclasses

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from vdt.checkpoints import convert_official, load_model
from vdt.config import VDT_CONFIGS, MaskSpec, VDTConfig
from vdt.models import VDT, Conditioning

TINY = VDT_CONFIGS["VDT-Tiny/2"]
MASKED = dataclasses.replace(TINY, conditioning=(MaskSpec(embed=True),))


def latents(*shape, seed=3):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def linear(name, outputs, inputs):
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def official_keys(width, depth, patch=2, channels=4, num_frames=16, side=32):
    """Names and shapes of an official file, written down from the released code."""
    keys = {
        "pos_embed": (1, (side // patch) ** 2, width),
        "time_embed": (1, num_frames, width),
        "x_embedder.proj.weight": (width, channels, patch, patch),
        "x_embedder.proj.bias": (width,),
        "y_embedder.embedding_table.weight": (2, width),
        **linear("t_embedder.mlp.0", width, 256),
        **linear("t_embedder.mlp.2", width, width),
        **linear("final_layer.linear", patch**2 * 2 * channels, width),
        **linear("final_layer.adaLN_modulation.1", 2 * width, width),
    }
    for i in range(depth):
        keys |= {f"blocks.{i}.temporal_norm1.weight": (width,), f"blocks.{i}.temporal_norm1.bias": (width,)}
        for name, outputs, inputs in (
            ("attn.qkv", 3 * width, width),
            ("attn.proj", width, width),
            ("temporal_attn.qkv", 3 * width, width),
            ("temporal_attn.proj", width, width),
            ("temporal_fc", width, width),
            ("mlp.fc1", 4 * width, width),
            ("mlp.fc2", width, 4 * width),
            ("adaLN_modulation.1", 6 * width, width),
        ):
            keys |= linear(f"blocks.{i}.{name}", outputs, inputs)
    return keys


# ---- Official files --------------------------------------------------------------------------------------------------


def test_golden_forward(golden, tmp_path, device):
    """The official network's answer, through the converter and the loader."""
    recorded = load_file(golden / "official_tiny_golden.safetensors")
    with safe_open(golden / "official_tiny_golden.safetensors", "pt") as file:
        sizes = file.metadata()
    converted = tmp_path / "model.safetensors"
    report = convert_official(golden / "official_tiny.pt", converted, num_heads=int(sizes["num_heads"]))
    assert report.config.patch_size == int(sizes["patch_size"])
    assert report.config.num_frames == int(sizes["num_frames"])
    with torch.no_grad():
        answer = load_model(converted).to(device)(recorded["forward_x"].to(device), recorded["forward_t"].to(device))
    torch.testing.assert_close(answer.cpu(), recorded["forward_out"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "width", "depth", "parameters"), [("VDT-S/2", 384, 12, 41_361_056), ("VDT-L/2", 1152, 28, 859_704_224)]
)
def test_keys_shapes_and_counts_are_the_official_ones(name, width, depth, parameters):
    """If this fails, no official checkpoint loads any more."""
    with torch.device("meta"):
        model = VDT(VDT_CONFIGS[name])
    assert {key: tuple(value.shape) for key, value in model.state_dict().items()} == official_keys(width, depth)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_our_options_add_the_keys_that_shipped_files_have():
    with torch.device("meta"):
        model = VDT(dataclasses.replace(MASKED, temporal_adaln=True))
    width, added = TINY.hidden_size, {"mask_embedder.proj.weight": (TINY.hidden_size, 1, 2, 2)}
    added |= {"mask_embedder.proj.bias": (width,)}
    for i in range(TINY.depth):
        added |= linear(f"blocks.{i}.temporal_adaLN.1", 3 * width, width)
    expected = {**official_keys(width, TINY.depth, num_frames=TINY.num_frames, side=TINY.input_size), **added}
    assert {key: tuple(value.shape) for key, value in model.state_dict().items()} == expected


# ---- Any size --------------------------------------------------------------------------------------------------------


def test_a_size_that_is_not_native_gets_the_tables_of_a_model_native_to_it(tiny_model):
    """The same weights under other native sizes answer the same, so computed tables equal stored ones."""
    native = VDT(dataclasses.replace(TINY, num_frames=3, input_size=4)).eval()
    shared = {key: value for key, value in tiny_model.state_dict().items() if key not in ("pos_embed", "time_embed")}
    native.load_state_dict(shared, strict=False)
    x, t = latents(2, 3, 4, 4, 4), torch.tensor([5, 900])
    with torch.no_grad():
        assert torch.equal(tiny_model(x, t), native(x, t))


def test_any_clip_size_keeps_its_shape_and_the_state_dict(tiny_model):
    keys = list(tiny_model.state_dict())
    for frames, height, width in ((6, 8, 8), (1, 8, 8), (16, 4, 12), (6, 12, 4), (2, 2, 2)):
        with torch.no_grad():
            answer = tiny_model(latents(2, frames, 4, height, width), torch.tensor([0, 999]))
        assert answer.shape == (2, frames, 8, height, width) and torch.isfinite(answer).all()
        assert list(tiny_model.state_dict()) == keys


def test_rows_and_columns_are_not_confused(tiny_model):
    """A patch depends on no other once attention is taken out, so a low wide clip is the top of a square one."""
    for block in tiny_model.blocks:
        torch.nn.init.zeros_(block.attn.proj.weight)
    x, t = latents(1, 6, 4, 8, 8), torch.tensor([100])
    with torch.no_grad():
        torch.testing.assert_close(tiny_model(x[..., :4, :], t), tiny_model(x, t)[..., :4, :], rtol=1e-4, atol=1e-5)


def test_computed_tables_follow_the_dtype_and_serve_training_after_sampling(tiny_model):
    x, t = latents(1, 2, 4, 4, 4), torch.tensor([3])
    with torch.inference_mode():
        tiny_model(x, t)
    tiny_model(x, t).sum().backward()
    tiny_model.double()
    assert tiny_model(x.double(), t).dtype == torch.float64


def test_wrong_sizes_are_named(tiny_model):
    for shape, t, words in (
        ((1, 2, 3, 8, 8), (1,), r"\(B, T, 4, h, w\), got \(1, 2, 3, 8, 8\)"),
        ((2, 4, 8, 8), (2,), r"\(B, T, 4, h, w\)"),
        ((2, 2, 4, 8, 8), (3,), r"timesteps .* got \(3,\)"),
    ):
        with pytest.raises(ValueError, match=words):
            tiny_model(torch.zeros(shape), torch.zeros(t))


def test_any_size_is_padded_to_whole_patches_with_its_last_row_and_column():
    model = VDT(MASKED, torch.Generator().manual_seed(3))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.1, generator=torch.Generator().manual_seed(5))
    for height, width in ((7, 8), (8, 5), (1, 1), (3, 7)):
        x, t = latents(2, 3, 4, height, width), torch.tensor([3, 900])
        mask = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1)) > 0.5
        rows, columns = ([min(i, side - 1) for i in range(side + side % 2)] for side in (height, width))
        with torch.no_grad():
            made = model(x, t, Conditioning(mask=mask))
            whole = model(x[..., rows, :][..., columns], t, Conditioning(mask=mask[..., rows, :][..., columns]))
        assert made.shape[-2:] == (height, width)
        assert torch.equal(made, whole[..., :height, :width])


# ---- Time ------------------------------------------------------------------------------------------------------------


def test_one_timestep_per_frame_equals_one_per_clip_when_constant(tiny_model):
    x, t = latents(2, 6, 4, 8, 8), torch.tensor([10, 700])
    for temporal_adaln in (False, True):
        model = VDT(dataclasses.replace(TINY, temporal_adaln=temporal_adaln))
        model.load_state_dict(tiny_model.state_dict(), strict=False)
        with torch.no_grad():
            torch.testing.assert_close(model(x, t[:, None].expand(2, 6)), model(x, t), rtol=1e-5, atol=1e-5)


def test_integer_and_float_timesteps_agree_and_matter(tiny_model):
    x, t = latents(1, 6, 4, 8, 8), torch.tensor([40])
    with torch.no_grad():
        assert torch.equal(tiny_model(x, t), tiny_model(x, t.float()))
        assert not torch.allclose(tiny_model(x, t), tiny_model(x, t + 1))


# ---- Initialisation and options --------------------------------------------------------------------------------------


def test_an_untrained_model_answers_zero():
    for name in ("VDT-Tiny/2", "VDT-XS/2"):
        config = dataclasses.replace(VDT_CONFIGS[name], depth=1)
        assert torch.count_nonzero(VDT(config)(latents(1, 2, 4, 4, 4), torch.tensor([500]))) == 0


def test_a_generator_decides_the_weights():
    first, second, other = (VDT(TINY, torch.Generator().manual_seed(seed)).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["blocks.0.attn.qkv.weight"], other["blocks.0.attn.qkv.weight"])


def test_the_tables_are_not_trained(tiny_model):
    assert not {"pos_embed", "time_embed"} & {name for name, _ in tiny_model.named_parameters()}


def test_an_option_adds_keys_but_changes_nothing_at_first(tiny_model):
    """A plain file grafted into a model with the option gives the plain model's answers."""
    x, t, mask = latents(2, 6, 4, 8, 8), torch.tensor([10, 700]), latents(2, 6, 8, 8) > 0
    for config, part in (
        (MASKED, "mask_embedder.proj."),
        (dataclasses.replace(TINY, temporal_adaln=True), ".temporal_adaLN.1."),
    ):
        model = VDT(config).eval()
        missing, unexpected = model.load_state_dict(tiny_model.state_dict(), strict=False)
        assert missing and not unexpected and all(part in key for key in missing)
        with torch.no_grad():
            assert torch.equal(model(x, t, Conditioning(mask=mask)), tiny_model(x, t))


def test_our_temporal_branch_starts_closed():
    block = VDT(dataclasses.replace(TINY, temporal_adaln=True)).blocks[0]
    x = latents(1, 3, 4, TINY.hidden_size)
    assert torch.equal(block(x, torch.ones(1, 1, 1, TINY.hidden_size)), x)


def test_a_width_that_the_tables_cannot_fill_is_refused():
    with pytest.raises(ValueError, match="multiple of 4"):
        VDT(VDTConfig(hidden_size=6, depth=1, num_heads=2))


@torch.no_grad()
def test_the_answer_does_not_depend_on_how_the_latents_lie_in_memory():
    """Those that a channels-last VAE has just made lie otherwise than those read from a file; sums round by that."""
    model = VDT(TINY, torch.Generator().manual_seed(0))
    for parameter in model.parameters():
        parameter.add_(latents(*parameter.shape) * 0.05)
    x, t = latents(2, 3, 4, 8, 8), torch.tensor([10, 500])
    other = x.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
    assert torch.equal(x, other) and x.stride() != other.stride()
    assert torch.equal(model(x, t), model(other, t))
