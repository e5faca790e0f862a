"""The last step of every clip: generated frames decoded, their background and colours matched, given pixels put back.

The pipeline, streams, evaluation and nodes all finish here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from ..media.frames import latent_grid_size
from .codec import Progress, Size, VideoCodec
from .color_match import match_colors
from .memory import FRAMES_AT_ONCE, frames_at_once
from .settings import CompositingConfig
from .static_background import ReferenceFrame, hold_background, reference_places

# T or n frames, H x W pixels, C channels, h x w latent cells; generated is bool (T, H, W).


class Compositor:
    """Makes finished frames of raw latents with one codec and one way of compositing."""

    def __init__(self, codec: VideoCodec, config: CompositingConfig | None = None) -> None:
        self.codec = codec
        self.config = config or CompositingConfig()

    def clip(
        self, latents: Tensor, images: np.ndarray, generated: Tensor, *, progress: Progress | None = None
    ) -> Iterator[np.ndarray]:
        """Frames uint8 (H, W, 3), a few decoded at a time: of `latents` where generated, else the images, bit for bit.

        Args:
            latents: raw (T, C, h, w).
            images: uint8 (T, H, W, 3); any value where generated.
            generated: bool (T, H, W).
            progress: called with frames decoded and frames to decode.

        Raises:
            ValueError: latents and images do not belong to each other.
        """
        self.check(latents, images)
        held = reference_places(generated) if self.config.static_background > 0 else []
        new = generated.flatten(1).any(1).nonzero().flatten()
        chunks = [chunk.tolist() for chunk in new.split(frames_at_once(*self._padded(latents)))]
        references: list[ReferenceFrame] = []
        position = done = 0
        for places in filter(None, [held, *chunks]):
            decoded = self.codec.decode(latents[places], images.shape[1:3])
            if places is held:
                references = _reference_frames(places, images[places], decoded)
                continue
            finished = self._finish(decoded, places, images[places], generated[places], references)
            for place, frame in zip(places, finished, strict=True):
                yield from images[position:place]
                yield np.where(generated[place, ..., None].numpy(), frame, images[place])
                position = place + 1
            done += len(places)
            if progress is not None:
                progress(done, len(new))
        yield from images[position:]

    def new_frames(
        self, latents: Iterable[Tensor], size: Size, references: Sequence[ReferenceFrame]
    ) -> Iterator[np.ndarray]:
        """Frames uint8 (H, W, 3) generated whole, a few decoded at a time as their latents (C, h, w) come.

        The first of them stands at place 0 of the references.
        """
        latents, start = iter(latents), 0
        while chunk := list(islice(latents, FRAMES_AT_ONCE)):
            decoded = self.codec.decode(torch.stack(chunk), size)
            yield from hold_background(
                decoded, range(start, start + len(chunk)), references, self.config.static_background
            )
            start += len(chunk)

    def decode(self, latents: Tensor, size: Size, *, progress: Progress | None = None) -> Iterator[np.ndarray]:
        """Frames uint8 (H, W, 3) of raw latents (T, C, h, w), as the codec makes them."""
        done = 0
        for part in latents.split(frames_at_once(*self._padded(latents))):
            yield from self.codec.decode(part, size)
            done += len(part)
            if progress is not None:
                progress(done, len(latents))

    def references(
        self,
        latents: Tensor,
        images: np.ndarray,
        places: Sequence[int],
        *,
        shown_at: Sequence[int] | None = None,
    ) -> list[ReferenceFrame]:
        """Given frames at `places` of a clip (T, H, W, 3), with what the codec makes of them; [] where none is needed.

        `shown_at` says where else they stand as references, for clips that are made a part at a time.
        """
        if self.config.static_background <= 0 or not len(places):
            return []
        places = list(places)
        decoded = self.codec.decode(latents[places], images.shape[1:3])
        return _reference_frames(shown_at or places, images[places], decoded)

    def check(self, latents: Tensor, images: np.ndarray) -> None:
        """ValueError unless latents (T, C, h, w) decode to as many frames of the size of the images (T, H, W, 3)."""
        rows, columns = latents.shape[-2:]
        grid = latent_grid_size(images.shape[1:3], self.codec.downscale)
        if len(images) != len(latents) or grid != (rows, columns):
            height, width = self._padded(latents)
            raise ValueError(
                f"the images are {len(images)} frames of {images.shape[2]}x{images.shape[1]}, the latent decodes to "
                f"{len(latents)} frames of {width}x{height}: use the images that were encoded"
            )

    def _finish(
        self,
        frames: np.ndarray,
        places: Sequence[int],
        images: np.ndarray,
        generated: Tensor,
        references: Sequence[ReferenceFrame],
    ) -> np.ndarray:
        """Decoded frames (n, H, W, 3) at `places` with their colours matched and their static background held.

        Places are judged to be still before colours are shifted, and show no shift: the best of three orders (LOG.md).
        """
        matched = match_colors(frames, images, generated, self.config.color_match)
        return hold_background(frames, places, references, self.config.static_background, onto=matched)

    def _padded(self, latents: Tensor) -> Size:
        """Height and width that whole cells cover."""
        height, width = (side * self.codec.downscale for side in latents.shape[-2:])
        return height, width


def _reference_frames(places: Sequence[int], given: np.ndarray, decoded: np.ndarray) -> list[ReferenceFrame]:
    """Records of given frames (n, H, W, 3) and what the codec makes of them, at places of a clip."""
    each = zip(places, given, decoded, strict=True)
    return [ReferenceFrame(index=place, given=frame, decoded=shown) for place, frame, shown in each]
