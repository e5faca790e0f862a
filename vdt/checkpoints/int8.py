"""Weights as int8 with one scale for each row: `name` int8 (O, ...) and `name.scale` float32 (O,) in a file.

A weight is its code times the scale of its output channel. Scales have so few digits that this product is exact in
float32: what was read can be written again as the same bytes. Vectors, tables and small matrices stay in half
precision, and so does what int8 cannot tell well enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

SCALE = ".scale"  # after the name of the weights that it belongs to
CODE = "I8"  # as a safetensors header says it
SCALE_CODES = ("F16", "F32")
LEVELS = 127  # codes are -127 to 127
DIGITS = 16  # bits of a scale's mantissa: with the 7 of a code they fit into the 24 of float32
LEAST_SCALE = 2.0**-100  # of rows of zeros, and of weights below it: nothing becomes subnormal
LEAST_SIDE = 32  # rows, and values of a row: what a smaller matrix would save is next to nothing
MAX_LOSS = 0.03  # root mean square of the errors, by the mean magnitude of the weights; 0.01 is usual


class Int8Error(ValueError):
    """Codes and scales in a file that do not belong together; what the sentence says comes after the file's name."""


def encode(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as they lie in a file: matrices and convolutions as int8 with scales, all else in half precision.

    What half precision cannot hold stays float32. The same weights make the same bytes on every machine.
    """
    encoded: dict[str, Tensor] = {}
    for name, value in state.items():
        weights = value.detach().cpu()
        halves = as_half(weights)
        encoded[name] = halves
        large = halves.dtype == torch.float16 and min(_sides(weights)) >= LEAST_SIDE
        if large and _loss(halves) <= MAX_LOSS:  # of the halves: what is read and written again is then judged alike
            assert name + SCALE not in state
            encoded[name], encoded[name + SCALE] = quantize(weights)
    return encoded


def as_half(value: Tensor) -> Tensor:
    """Floating-point numbers in half precision, or in float32 where that has not their range; others as they are."""
    if not value.is_floating_point():
        return value
    halves = value.half()
    return halves if bool(torch.isfinite(halves).all()) else value.float()


def quantize(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Codes int8 (O, ...) and scales float32 (O,) of finite weights (O, ...); errors are at most half a scale."""
    rows = weights.double().flatten(1)
    mantissa, exponent = torch.frexp(rows.abs().amax(dim=1) / LEVELS)
    scale = torch.ldexp((mantissa * 2**DIGITS).round(), exponent - DIGITS).clamp(min=LEAST_SCALE)
    codes = (rows / scale[:, None]).round().clamp(-LEVELS, LEVELS)
    return codes.to(torch.int8).reshape(weights.shape), scale.float()


def dequantize(codes: Tensor, scale: Tensor) -> Tensor:
    """Weights float32 (O, ...) of codes int8 (O, ...) and scales (O,)."""
    return codes.float().mul_(scale.float().view(-1, *[1] * (codes.ndim - 1)))


def _sides(weights: Tensor) -> tuple[int, int]:
    """Rows, and values of a row; a vector has rows of nothing."""
    rows = len(weights) if weights.ndim > 1 else 0
    return rows, weights.numel() // max(rows, 1) if rows else 0


def _loss(weights: Tensor) -> float:
    """The error that int8 makes, as a part of the weights' mean magnitude, which a few large ones hardly raise."""
    exact = weights.double()
    error = (dequantize(*quantize(weights)).double() - exact).square().mean().sqrt()
    return float(error / exact.abs().mean().clamp(min=LEAST_SCALE))


class Int8File:
    """An open safetensors file with int8 weights, read like one of float32 weights; scales are no tensors of it."""

    def __init__(self, file: Any) -> None:
        """Raises Int8Error where codes have no scales of their own."""
        self._file = file
        there = set(file.keys())
        coded = [key for key in sorted(there) if file.get_slice(key).get_dtype() == CODE]
        for key in coded:
            self._check(key, there)
        self._scales = {key: key + SCALE for key in coded}

    def _check(self, key: str, there: set[str]) -> None:
        shape = list(self._file.get_slice(key).get_shape())
        if key + SCALE not in there:
            raise Int8Error(f"holds {key} as int8 without its scales {key}{SCALE}")
        scale = self._file.get_slice(key + SCALE)
        found, dtype = list(scale.get_shape()), scale.get_dtype()
        if len(shape) < 2 or found != shape[:1] or dtype not in SCALE_CODES:
            raise Int8Error(
                f"holds {key} as int8 {tuple(shape)} with scales {dtype} {tuple(found)}, expected a matrix with one "
                f"scale in {' or '.join(SCALE_CODES)} for each row"
            )

    def keys(self) -> list[str]:
        """Names of all weights."""
        scales = set(self._scales.values())
        return [key for key in self._file.keys() if key not in scales]  # noqa: SIM118 - not a dict

    def metadata(self) -> dict[str, str] | None:
        """That of the file."""
        return self._file.metadata()  # type: ignore[no-any-return]

    def get_slice(self, key: str) -> Any:
        """Shape of weights, and the type in which they are stored."""
        return self._file.get_slice(key)

    def get_tensor(self, key: str) -> Tensor:
        """Weights, float32 where they are stored as int8. Raises Int8Error where scales are not finite."""
        value: Tensor = self._file.get_tensor(key)
        if key not in self._scales:
            return value
        scale: Tensor = self._file.get_tensor(self._scales[key]).float()
        if not bool(torch.isfinite(scale * (LEVELS + 1)).all()):
            raise Int8Error(f"holds scales {self._scales[key]} that are not finite, or too large")
        return dequantize(value, scale)
