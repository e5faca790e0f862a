"""The parts of the transformer: position tables and the sinusoid of timesteps, in the order of the official files."""

import math

import torch

from vdt.models.layers import TimestepEmbedder, spatial_table, temporal_table


def test_spatial_table_is_half_column_then_half_row():
    rows, columns, width = 2, 3, 8
    table = spatial_table(rows, columns, width)
    for row in range(rows):
        for column in range(columns):
            expected = []
            for place in (column, row):
                angles = [place / 10000 ** (i / (width / 4)) for i in range(width // 4)]
                expected += [*map(math.sin, angles), *map(math.cos, angles)]
            torch.testing.assert_close(table[0, row * columns + column], torch.tensor(expected))


def test_temporal_table_is_sine_then_cosine_of_the_frame_number():
    expected = [[*(f(frame / 10000 ** (i / 3)) for f in (math.sin, math.cos) for i in range(3))] for frame in range(4)]
    torch.testing.assert_close(temporal_table(4, 6)[0], torch.tensor(expected))


def test_timestep_sinusoid_is_cosine_first():
    embedder = TimestepEmbedder(256)
    embedder.mlp = torch.nn.Sequential(torch.nn.Linear(256, 256))
    torch.nn.init.eye_(embedder.mlp[0].weight)
    torch.nn.init.zeros_(embedder.mlp[0].bias)
    angles = 7.5 * 10000 ** -(torch.arange(128) / 128)
    torch.testing.assert_close(embedder(torch.tensor([7.5]))[0], torch.cat([angles.cos(), angles.sin()]))
