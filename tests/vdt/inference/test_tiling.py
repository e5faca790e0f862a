"""Tiles cover a picture of any size, and what is made of them joins without a trace where they agree."""

from itertools import pairwise, product

import pytest
import torch
from torch import Tensor, nn

from vdt.inference.tiling import SHARED, Tile, TiledModel, join_tiles, plan_tiles
from vdt.models import Conditioning

SIZES = [(1, 1), (8, 8), (9, 8), (8, 30), (17, 23), (64, 5), (100, 100)]


def test_tiles_cover_every_cell_and_stay_inside():
    for size, side in product(SIZES, (1, 2, 8, 64)):
        seen = torch.zeros(size, dtype=torch.int)
        for tile in plan_tiles(size, side):
            assert (tile.height, tile.width) == (min(side, size[0]), min(side, size[1]))
            tile.of(seen).add_(1)
            assert tile.of(seen).shape == (tile.height, tile.width)
        assert bool((seen > 0).all()), (size, side)


def test_neighbours_share_enough_and_distances_are_even():
    for length in range(9, 60):
        starts = [tile.left for tile in plan_tiles((8, length), 8)]
        steps = [b - a for a, b in pairwise(starts)]
        assert starts[0] == 0 and starts[-1] == length - 8
        assert max(steps) <= 8 - 8 // SHARED and max(steps) - min(steps) <= 1, length


def test_no_tiles_of_nothing():
    for size, side in (((8, 8), 0), ((0, 8), 8)):
        with pytest.raises(ValueError, match="expected 1 or more"):
            plan_tiles(size, side)


def test_tiles_of_one_picture_join_to_that_picture():
    for size, scale in product(SIZES, (1, 4)):
        picture = torch.randn(2, 3, size[0] * scale, size[1] * scale, generator=torch.Generator().manual_seed(1))
        tiles = plan_tiles(size, 8)
        joined = join_tiles(((tile, tile.of(picture, scale)) for tile in tiles), size, scale=scale)
        torch.testing.assert_close(joined, picture, rtol=1e-6, atol=1e-6)


def test_tiles_fade_into_each_other():
    tiles = [Tile(0, 0, 1, 8), Tile(0, 6, 1, 8)]
    joined = join_tiles([(tiles[0], torch.zeros(1, 8)), (tiles[1], torch.ones(1, 8))], (1, 14))[0]
    assert joined[:6].tolist() == [0.0] * 6 and joined[8:].tolist() == [1.0] * 6
    torch.testing.assert_close(joined[6:8], torch.tensor([1 / 3, 2 / 3]))  # weights 2:1 and 1:2


class Pointwise(nn.Module):
    """Answers a function of each cell, its mask and its timestep; says how large the clips were that it saw."""

    def __init__(self, config) -> None:
        super().__init__()
        self.config = config
        self.seen: list[torch.Size] = []

    def forward(self, x: Tensor, t: Tensor, conditioning: Conditioning) -> Tensor:
        self.seen.append(x.shape)
        masked = x if conditioning.mask is None else x * conditioning.mask[:, :, None]
        return masked * (1 + t.reshape(len(t), -1, 1, 1, 1))


def test_each_clip_of_a_batch_keeps_its_own_time_and_mask_in_every_tile(tiny_model):
    side = tiny_model.config.input_size
    size = (3 * side + 1, side + 2)
    for frame_times, masked in product((False, True), (False, True)):
        model, generator = Pointwise(tiny_model.config), torch.Generator().manual_seed(2)
        x = torch.randn(2, 3, 4, *size, generator=generator)
        t = torch.arange(6).reshape(2, 3) if frame_times else torch.tensor([1, 5])
        mask = torch.rand(2, 3, *size, generator=generator) > 0.5 if masked else None
        tiled = TiledModel(model)(x, t, Conditioning(mask=mask))
        assert all(shape[-2:] == (side, side) for shape in model.seen)
        torch.testing.assert_close(tiled, model(x, t, Conditioning(mask=mask)))


def test_a_clip_of_one_tile_is_the_models_own(tiny_model):
    side = tiny_model.config.input_size
    x, t = torch.randn(1, 2, 4, side, side, generator=torch.Generator().manual_seed(0)), torch.tensor([7])
    with torch.no_grad():
        assert torch.equal(TiledModel(tiny_model)(x, t), tiny_model(x, t))
        larger = torch.randn(1, 2, 4, 2 * side, side)
        assert torch.equal(TiledModel(tiny_model, 2 * side)(larger, t), tiny_model(larger, t))


@torch.no_grad()
def test_with_a_step_cache_every_group_of_tiles_skips_steps_of_its_own(tiny_model, monkeypatch):
    monkeypatch.setattr("vdt.inference.tiling.TILES_AT_ONCE", 2)
    side = tiny_model.config.input_size
    generator = torch.Generator().manual_seed(3)
    x, t = torch.randn(1, 2, 4, 2 * side, side, generator=generator), torch.tensor([7])
    tiled = TiledModel(tiny_model, step_cache=1e-3)
    first, again = tiled(x, t), tiled(x, t)
    torch.testing.assert_close(first, TiledModel(tiny_model)(x, t))
    torch.testing.assert_close(again, first)
    groups = tiled.cached.values()
    assert len(groups) == -(-len(plan_tiles((2 * side, side), side)) // 2) > 1
    assert [(group.calls, group.skipped) for group in groups] == [(2, 1)] * len(groups)
