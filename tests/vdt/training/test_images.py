"""Single frames: among clips, alone without the temporal branch, and from a DiT checkpoint."""

import dataclasses
import math

import pytest
import torch
from einops import rearrange
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from vdt.checkpoints import CheckpointError, graft_dit, is_dit, load_model
from vdt.config import VDT_CONFIGS, MaskSpec
from vdt.models.layers import spatial_table
from vdt.models.transformer import VDT
from vdt.training.data import LatentClips, LatentSet
from vdt.training.objectives import VDTObjective
from vdt.training.recipe import ImagesRecipe, VDTRecipe

CPU = torch.device("cpu")
WIDTH, DEPTH, HEADS, PATCH, SIDE, CHANNELS = 32, 2, 4, 2, 8, 4
CONFIG = dataclasses.replace(
    VDT_CONFIGS["VDT-Tiny/2"],
    hidden_size=WIDTH,
    depth=DEPTH,
    num_heads=HEADS,
    input_size=SIDE,
    time_positions="temporal",
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# ---- Clips and single frames together --------------------------------------------------------------------------------


def objective(pictures=None, recipe=None):
    latents = torch.randn(5, 6, 4, 8, 8, generator=seeded(1)).half()
    clips = LatentClips(latents=latents, vae=None, shown=None, preview=None, images=pictures)
    return VDTObjective(VDT(VDT_CONFIGS["VDT-Tiny/2"], seeded(2)), clips, recipe)


def test_a_batch_has_its_share_of_single_frames_which_are_frames_of_the_clips():
    made = objective(recipe=VDTRecipe(images=ImagesRecipe(share=0.25)))
    clips, frames = made.draw(8, seeded(3), CPU)
    assert clips.x0.shape == (6, 6, 4, 8, 8) and frames.x0.shape == (2, 1, 4, 8, 8)
    assert frames.mask.all()  # nothing is given of a single frame
    every = made.clips.latents.flatten(0, 1).float()
    assert all((every == frame[0]).flatten(1).all(1).any() for frame in frames.x0)
    loss = made.score([clips, frames]).total
    alone = [made.score([each]).total for each in (clips, frames)]
    assert torch.allclose(loss, 0.75 * alone[0] + 0.25 * alone[1])


def test_pictures_of_their_own_stand_in_the_place_of_frames():
    pictures = LatentSet(latents=torch.full((3, 1, 4, 8, 8), 7.0).half())
    made = objective(pictures, VDTRecipe(mode="spatial"))
    (frames,) = made.draw(4, seeded(3), CPU)
    assert frames.x0.shape == (4, 1, 4, 8, 8) and bool((frames.x0 == 7).all())


def test_spatial_training_leaves_the_temporal_branch_out_and_what_follows_begins_with_it_as_identity(workbench):
    """A model of images first, then the same weights on clips."""
    spatial = workbench.train("spatial", top='mode = "spatial"', optim="steps = 3")
    model = load_model(spatial.weight)
    temporal = {name: value for name, value in model.state_dict().items() if "temporal_" in name}
    assert not any(value.any() for name, value in temporal.items() if "temporal_fc" in name)
    fresh = VDT(model.config, seeded(0)).state_dict()
    kept = [name for name in temporal if "temporal_fc" not in name]
    assert kept and all(torch.allclose(temporal[name], fresh[name], atol=1e-3) for name in kept)  # half precision
    assert any(
        not torch.allclose(model.state_dict()[name], fresh[name], atol=1e-3) for name in fresh if "attn.qkv" in name
    )

    x, t = torch.randn(1, 4, 4, 4, 4, generator=seeded(4)), torch.tensor([300])
    tokens = model.embed(x)
    c = model.time_condition(t)
    together = model.transform(tokens, c)
    apart = torch.cat([model.transform(tokens[:, frame : frame + 1], c) for frame in range(4)], 1)
    assert torch.allclose(together, apart, atol=1e-5)  # no frame sees another one yet

    joint = workbench.train(
        "joint", top='init = "spatial/spatial.safetensors"', optim="steps = 3", tables="[images]\nshare = 0.5"
    )
    moved = load_file(joint.weight)
    assert any(moved[name].any() for name in moved if "temporal_fc.weight" in name)


# ---- A DiT's weights -------------------------------------------------------------------------------------------------


def dit_weights(seed=0, *, classes=10):
    """Drawn weights under the key names of the official DiT (facebookresearch/DiT, models.py)."""
    generator = seeded(seed)

    def drawn(*shape):
        return 0.2 * torch.randn(shape, generator=generator)

    state = {
        "pos_embed": spatial_table(SIDE // PATCH, SIDE // PATCH, WIDTH),
        "x_embedder.proj.weight": drawn(WIDTH, CHANNELS, PATCH, PATCH),
        "x_embedder.proj.bias": drawn(WIDTH),
        "t_embedder.mlp.0.weight": drawn(WIDTH, 256),
        "t_embedder.mlp.0.bias": drawn(WIDTH),
        "t_embedder.mlp.2.weight": drawn(WIDTH, WIDTH),
        "t_embedder.mlp.2.bias": drawn(WIDTH),
        "y_embedder.embedding_table.weight": drawn(classes + 1, WIDTH),
        "final_layer.linear.weight": drawn(PATCH**2 * 2 * CHANNELS, WIDTH),
        "final_layer.linear.bias": drawn(PATCH**2 * 2 * CHANNELS),
        "final_layer.adaLN_modulation.1.weight": drawn(2 * WIDTH, WIDTH),
        "final_layer.adaLN_modulation.1.bias": drawn(2 * WIDTH),
    }
    for block in range(DEPTH):
        for name, rows, columns in (
            ("attn.qkv", 3 * WIDTH, WIDTH),
            ("attn.proj", WIDTH, WIDTH),
            ("mlp.fc1", 4 * WIDTH, WIDTH),
            ("mlp.fc2", WIDTH, 4 * WIDTH),
            ("adaLN_modulation.1", 6 * WIDTH, WIDTH),
        ):
            state[f"blocks.{block}.{name}.weight"] = drawn(rows, columns)
            state[f"blocks.{block}.{name}.bias"] = drawn(rows)
    return state


def dit(state, x, t, label):
    """The official image model, written from its description: x (B, 4, 8, 8), t (B,), the number of a class."""

    def layer(name, value):
        return F.linear(value, state[f"{name}.weight"], state[f"{name}.bias"])

    def modulated(value, shift, scale):
        return F.layer_norm(value, (WIDTH,), eps=1e-6) * (1 + scale[:, None]) + shift[:, None]

    frequencies = torch.exp(-math.log(10000) * torch.arange(128) / 128)
    angles = t[:, None].float() * frequencies
    time = layer("t_embedder.mlp.2", F.silu(layer("t_embedder.mlp.0", torch.cat([angles.cos(), angles.sin()], 1))))
    c = time + state["y_embedder.embedding_table.weight"][label]
    tokens = F.conv2d(x, state["x_embedder.proj.weight"], state["x_embedder.proj.bias"], stride=PATCH)
    tokens = tokens.flatten(2).transpose(1, 2) + state["pos_embed"]
    for block in range(DEPTH):
        name = f"blocks.{block}"
        parts = layer(f"{name}.adaLN_modulation.1", F.silu(c)).chunk(6, 1)
        qkv = layer(f"{name}.attn.qkv", modulated(tokens, parts[0], parts[1]))
        q, k, v = rearrange(qkv, "b n (three h d) -> three b h n d", three=3, h=HEADS)
        weights = torch.softmax(q @ k.transpose(-2, -1) * (WIDTH // HEADS) ** -0.5, -1)
        attended = layer(f"{name}.attn.proj", rearrange(weights @ v, "b h n d -> b n (h d)"))
        tokens = tokens + parts[2][:, None] * attended
        hidden = layer(f"{name}.mlp.fc1", modulated(tokens, parts[3], parts[4]))
        tokens = tokens + parts[5][:, None] * layer(f"{name}.mlp.fc2", F.gelu(hidden, approximate="tanh"))
    shift, scale = layer("final_layer.adaLN_modulation.1", F.silu(c)).chunk(2, 1)
    patches = layer("final_layer.linear", modulated(tokens, shift, scale))
    rows = SIDE // PATCH
    return rearrange(patches, "b (h w) (p q c) -> b c (h p) (w q)", h=rows, p=PATCH, q=PATCH)


@pytest.mark.parametrize("form", ["bare", "ema", "pickle"])
def test_every_frame_of_a_grafted_model_is_what_the_image_model_makes_of_it(tmp_path, form):
    state = dit_weights()
    path = tmp_path / ("dit.pt" if form == "pickle" else "dit.safetensors")
    if form == "pickle":
        torch.save({"model": dit_weights(1), "ema": state}, path)
    else:
        save_file({f"ema.{name}" if form == "ema" else name: value for name, value in state.items()}, path)
    assert is_dit(path)
    for temporal_adaln, attention in ((True, "factorized"), (False, "spatial_first")):
        config = dataclasses.replace(
            CONFIG, conditioning=(MaskSpec(embed=True),), temporal_adaln=temporal_adaln, attention=attention
        )
        model = graft_dit(path, config, seeded(5))
        x, t = torch.randn(2, 5, CHANNELS, SIDE, SIDE, generator=seeded(6)), torch.tensor([3, 870])
        made = model(x, t)
        for frame in range(5):
            torch.testing.assert_close(made[:, frame], dit(state, x[:, frame], t, -1), rtol=1e-4, atol=1e-4)
        with torch.no_grad():  # what the branch learns tells frames apart
            for block in model.blocks:
                block.temporal_fc.weight.normal_(generator=seeded(7))
        swapped = model(x[:, [1, 0, 2, 3, 4]], t)[:, [1, 0, 2, 3, 4]]
        assert not torch.allclose(model(x, t), swapped, atol=1e-3)


def test_what_is_no_dit_or_does_not_fit_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "dit.safetensors"
    save_file(dit_weights(), path)
    for config, words in (
        (dataclasses.replace(CONFIG, time_positions="tokens"), 'set time_positions = "temporal"'),
        (
            dataclasses.replace(CONFIG, diffusion=dataclasses.replace(CONFIG.diffusion, prediction="v")),
            "predicts noise",
        ),
        (dataclasses.replace(CONFIG, depth=3), "missing: blocks.2"),
        (dataclasses.replace(CONFIG, depth=1), "unexpected: blocks.1"),
        (dataclasses.replace(CONFIG, hidden_size=64), "of another shape"),
        (dataclasses.replace(CONFIG, learn_sigma=False), "of another shape: final_layer"),
    ):
        with pytest.raises(CheckpointError, match=words):
            graft_dit(path, config)
    labels = "y_embedder.embedding_table.weight"
    save_file({**dit_weights(), labels: dit_weights()[labels][None]}, path)
    with pytest.raises(CheckpointError, match=f"of another shape: {labels}"):
        graft_dit(path, CONFIG)
    save_file({**dit_weights(), "blocks.0.temporal_fc.weight": torch.zeros(1)}, path)
    assert not is_dit(path)
    save_file({"a": torch.zeros(1)}, path)
    assert not is_dit(path)
    with pytest.raises(CheckpointError, match="no image transformer"):
        graft_dit(path, CONFIG)
    (tmp_path / "dit.pt").write_bytes(b"not a pickle")
    with pytest.raises(CheckpointError, match="get it again"):
        is_dit(tmp_path / "dit.pt")
    with pytest.raises(ValueError, match="'joint' has none"):
        dataclasses.replace(CONFIG, attention="joint")


def test_a_recipe_starts_from_a_dit(workbench):
    save_file(dit_weights(), workbench.folder / "dit.safetensors")
    model = 'hidden_size = 32\nnum_heads = 4\ntime_positions = "temporal"\ndiffusion = { prediction = "epsilon" }'
    result = workbench.train("grafted", top='init = "dit.safetensors"', model=model, optim="steps = 1\nwarmup = 1000")
    made = load_model(result.weight)
    assert made.config.time_positions == "temporal"
    weight = dit_weights()["blocks.1.mlp.fc1.weight"]
    torch.testing.assert_close(made.blocks[1].mlp.fc1.weight, weight, atol=1e-3, rtol=1e-2)
