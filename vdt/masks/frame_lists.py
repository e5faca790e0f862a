"""Lists of frames as people write them, such as "0-3,8,-1", and masks in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch import Tensor

from ..bounds import SHOWN, shown

_PIECE = re.compile(r"(-?\d+)(?:\s*-\s*(-?\d+))?")


def parse_frames(text: str, num_frames: int) -> list[int]:
    """Sorted frame indices of a list such as "0-3,8,-1": ranges include both ends, -1 is the last frame."""
    found: set[int] = set()
    for piece in filter(None, (part.strip() for part in text.split(","))):
        match = _PIECE.fullmatch(piece)
        if match is None or len(piece) > SHOWN:
            raise ValueError(f"{shown(piece)} in frame list {shown(text)} is no frame or range: write it like 0-3,8,-1")
        start, stop = (resolve_frame(int(end), num_frames) for end in (match[1], match[2] or match[1]))
        if start > stop:
            raise ValueError(
                f"range '{piece}' in frame list {shown(text)} runs backwards in a clip of {num_frames} frames "
                f"({start} to {stop}): write the earlier frame first"
            )
        found.update(range(start, stop + 1))
    if not found:
        raise ValueError(f"frame list {shown(text)} names no frame: write it like 0-3,8,-1")
    return sorted(found)


def check_frames(text: str) -> None:
    """What of `parse_frames` needs no clip: ValueError for a list that reads in none."""
    pieces = [part.strip() for part in text.split(",") if part.strip()]
    for piece in pieces:
        match = _PIECE.fullmatch(piece)
        if match is None or len(piece) > SHOWN:
            raise ValueError(f"{shown(piece)} in frame list {shown(text)} is no frame or range: write it like 0-3,8,-1")
        start, stop = int(match[1]), int(match[2] or match[1])
        if start > stop and (start < 0) == (stop < 0):  # else the length of the clip decides
            raise ValueError(
                f"range '{piece}' in frame list {shown(text)} runs backwards: write the earlier frame first"
            )
    if not pieces:
        raise ValueError(f"frame list {shown(text)} names no frame: write it like 0-3,8,-1")


def resolve_frame(index: int, num_frames: int) -> int:
    """The index from 0 on of a frame counted from either end; ValueError outside the clip."""
    if not -num_frames <= index < num_frames:
        raise ValueError(
            f"frame {index} is outside a clip of {num_frames} frames: "
            f"use 0 to {num_frames - 1}, or -1 (last) to {-num_frames}"
        )
    return index % num_frames


def describe_mask(mask: Tensor) -> str:
    """Say in words what a mask (T, h, w) does, such as "frames 0–7 given, 8–15 generated"."""
    share = mask.flatten(1).float().mean(dim=1).tolist()  # (T,)
    groups = {
        "given": [i for i, value in enumerate(share) if value == 0.0],
        "generated": [i for i, value in enumerate(share) if value == 1.0],
        "partly generated": [i for i, value in enumerate(share) if 0.0 < value < 1.0],
    }
    if part := groups["partly generated"]:
        percent = max(1, min(99, round(100 * sum(share[i] for i in part) / len(part))))
        groups[f"partly generated ({percent} %)"] = groups.pop("partly generated")
    present = {name: indices for name, indices in groups.items() if indices}
    if len(present) == 1:
        (name,) = present
        note = {"given": ": nothing to generate", "generated": ": nothing given"}.get(name, "")
        return f"all {len(share)} frames {name}{note}"
    texts = [f"{format_frames(indices)} {name}" for name, indices in present.items()]
    plural = "frame" if len(next(iter(present.values()))) == 1 else "frames"
    return f"{plural} " + ("; " if any(", " in text for text in texts) else ", ").join(texts)


def format_frames(indices: Sequence[int], *, most: int = 10) -> str:
    """Sorted frame indices as ranges, such as "0–3, 8"; of more than `most` ranges the middle is left out."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    texts = [str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs]  # noqa: RUF001
    return ", ".join(texts if len(texts) <= most else [*texts[:8], "…", texts[-1]])
