"""Areas drawn all at once are those drawn one by one: as large as asked for, and as often at every place."""

import torch

from vdt.masks.blocks import random_blocks, spatial_block


def test_areas_drawn_at_once_have_their_sizes_and_the_places_of_single_ones():
    ratio = torch.full((3000,), 0.4, dtype=torch.float64)
    together = random_blocks(ratio, 6, 5, torch.Generator().manual_seed(1))
    assert together.shape == (3000, 6, 5) and (together.flatten(1).sum(1) == 12).all()
    generator = torch.Generator().manual_seed(2)
    single = torch.cat([spatial_block(1, 6, 5, ratio=0.4, generator=generator) for _ in range(3000)])
    assert (together.float().mean(0) - single.float().mean(0)).abs().max() < 0.06
    assert random_blocks(ratio, 1, 2, torch.Generator()).flatten(1).sum(1).tolist() == [1] * 3000
