"""Frames and a mask as the stock nodes of other video models take them, with every rounding said in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from .frame_lists import describe_mask, format_frames
from .grids import Form, Target, find_target

# T pixel frames (those of the grid of the target), t latent frames, H x W pixels, h x w latent cells. Frames are float
# (T, H, W, 3) in 0..1; masks bool, True = generate. Rounding goes to the safe side: a latent frame or cell counts as
# given only if all of its pixels are. Given pixels always stay in the frames.

GREY = 0.5  # what VACE and inpainting models expect where they generate


@dataclass(frozen=True, kw_only=True)
class Guide:
    """Frames that stay together: `count` of them from frame `start` on."""

    start: int
    count: int

    @property
    def covered(self) -> range:
        """The frames that are sure to be kept: newer nodes leave out the last of more than one in mid-clip."""
        return range(self.start, self.start + self.count - (self.start > 0 and self.count > 1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Control:
    """What the nodes of a target take.

    frames: float (T, H, W, 3), T of the grid of the target; given pixels are those of the clip.
    mask: bool for the mask input of its nodes: (T, H, W) of pixels or (t, h, w) of latent cells.
    generated: bool (T, H, W), what the model makes new after all rounding.
    first, last: how many frames at the beginning and at the end are given as images of their own.
    guides: runs of given frames, each for one guide node. report: all that was changed, in words.
    """

    frames: Tensor
    mask: Tensor
    generated: Tensor
    first: int = 0
    last: int = 0
    guides: tuple[Guide, ...] = ()
    report: str = ""

    def guide(self, number: int) -> Guide | None:
        """Guide `number`, from 1 on; None for a target without any. ValueError beyond the last."""
        if not self.guides:
            return None
        if not 1 <= number <= len(self.guides):
            raise ValueError(f"there is no guide {number}: this mask makes {len(self.guides)}, use 1 to that")
        return self.guides[number - 1]


def make_control(frames: Tensor, mask: Tensor, name: str, *, source: tuple[int, int] | None = None) -> Control:
    """Frames float (n, H, W, 3) and a mask bool (n, H, W), True = generate, for the target of that name.

    The length is padded up to one of the grid by repeats of the last frame and of its mask; no frame is ever cut.
    `source` is the height and width that the clip had before it was resized, for the report.
    ValueError for an unknown target, and for sizes that do not fit it or each other.
    """
    target = find_target(name)
    _check(frames, mask, target, name)
    count = len(frames)
    places = [min(index, count - 1) for index in range(target.grid.padded(count))]
    made = _MAKERS[target.form](frames[places], mask[places], target)
    return _reported(made, mask[places], name, count, source)


def _check(frames: Tensor, mask: Tensor, target: Target, name: str) -> None:
    if frames.ndim != 4 or frames.shape[:3] != mask.shape or not len(frames):
        raise ValueError(
            f"the frames are {tuple(frames.shape)}, the mask is {tuple(mask.shape)}: expected (frames, height, width, "
            f"3) and (frames, height, width)"
        )
    height, width = mask.shape[1:]
    if target.size((height, width)) != (height, width):
        raise ValueError(f"{name} takes sizes that are multiples of {target.step}, got {width}x{height}: resize both")


def _vace(frames: Tensor, mask: Tensor, target: Target) -> Control:
    """Control video, grey where generated, and its mask; a mask frame the node looks at for another group is adapted.

    WanVaceToVideo takes for each latent frame the mask of one pixel frame, resized with "nearest-exact". In the first
    seconds that frame lies behind its group. Where such a group is all given and the frame looked at is not, its mask
    becomes black: its pixels are grey in either case, so nothing else changes.
    """
    sent = mask.clone()
    for place, span in zip(vace_places(len(mask), target), target.grid.spans(len(mask)), strict=True):
        group_given = ~mask[span.start : span.stop].any(0)
        sent[place] &= ~group_given
    return Control(frames=_grey(frames, mask), mask=sent, generated=mask)


def vace_places(count: int, target: Target) -> list[int]:
    """The pixel frame whose mask WanVaceToVideo takes for each latent frame."""
    latent = len(target.grid.spans(count))
    places = torch.arange(count, dtype=torch.float32)[None, None]
    return [int(place) for place in F.interpolate(places, size=latent, mode="nearest-exact")[0, 0]]


def _ends(frames: Tensor, mask: Tensor, target: Target) -> Control:
    """The given frames at the beginning and at the end: 4n + 1 and 4n, so that they fill their latent frames.

    One to three last frames go in as they are: these models are trained with one last picture. A frame of which only a
    part is given counts as generated.
    """
    given, block = ~mask.flatten(1).any(1), target.grid.block[0]
    leading = _run(given)
    first = (leading - 1) // block * block + 1 if leading else 0
    trailing = _run(given.flip(0)) if leading < len(given) else 0
    last = trailing // block * block or trailing
    generated = torch.ones_like(mask)
    generated[:first] = False
    generated[len(mask) - last :] = False
    return Control(frames=_grey(frames, mask), mask=generated, generated=generated, first=first, last=last)


def _latent(frames: Tensor, mask: Tensor, target: Target) -> Control:
    """The mask of latent cells; the frames are to be encoded as they are."""
    cells = target.cells(mask)
    return Control(frames=frames, mask=cells, generated=target.pixels(cells, len(mask)))


def _guides(frames: Tensor, mask: Tensor, target: Target) -> Control:
    """Runs of frames that are given whole, as guides of 8n + 1 frames from frame 0, 1, 9, 17, … on, or of one frame."""
    given, block = (~mask.flatten(1).any(1)).tolist(), target.grid.block[0]
    guides = [guide for run in _runs(given) for guide in _guides_of(run, block)]
    generated = torch.ones_like(mask)
    for guide in guides:
        generated[guide.covered.start : guide.covered.stop] = False
    return Control(frames=_grey(frames, mask), mask=generated, generated=generated, guides=tuple(guides))


def _guides_of(run: range, block: int) -> list[Guide]:
    """The longest guide that the grid allows in a run, and its two ends as single frames where that leaves them out."""
    start = 0 if run.start == 0 else -(-(run.start - 1) // block) * block + 1
    count = (run.stop - start - 1) // block * block + 1
    long = [Guide(start=start, count=count)] if count > block else []
    covered = long[0].covered if long else range(0)
    ends = [Guide(start=end, count=1) for end in {run.start, run.stop - 1} if end not in covered]
    return sorted([*long, *ends], key=lambda guide: guide.start)


_MAKERS: Mapping[Form, Callable[[Tensor, Tensor, Target], Control]] = {
    "vace": _vace,
    "ends": _ends,
    "guides": _guides,
    "latent": _latent,
}


def _grey(frames: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask[..., None], torch.full_like(frames, GREY), frames)


def _run(given: Tensor) -> int:
    """How many frames from the first on are given."""
    return int(given.long().cumprod(0).sum())


def _runs(given: Sequence[bool]) -> list[range]:
    edges = [
        index
        for index in range(len(given) + 1)
        if (index < len(given) and given[index]) != (index > 0 and given[index - 1])
    ]
    return [range(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


# ---- In words --------------------------------------------------------------------------------------------------------


def _reported(made: Control, asked: Tensor, name: str, count: int, source: tuple[int, int] | None) -> Control:
    target, (height, width) = find_target(name), tuple(asked.shape[1:])
    before = f" (resized from {source[1]}x{source[0]})" if source not in (None, (height, width)) else ""
    notes = [
        f"{name}: {len(asked)} frames of {width}x{height}{before}, {describe_mask(made.generated)}",
        _added(count, len(asked)),
        _images(made),
        _rounded(made.generated[:count], asked[:count]),
        *(_seen_by_vace(made.mask, asked, target) if target.form == "vace" else ()),
    ]
    return replace(made, report=". ".join(filter(None, notes)) + ".")


def _added(count: int, total: int) -> str:
    if count == total:
        return ""
    added = _named(range(count, total))
    return f"Added at the end: {added}, repeats of frame {count - 1}; cut the result to {count} frames"


def _images(made: Control) -> str:
    total = len(made.frames)
    parts = [f"start_image: {_named(range(made.first))}"] if made.first else []
    parts += [f"end_image: {_named(range(total - made.last, total))}"] if made.last else []
    for number, guide in enumerate(made.guides, start=1):
        held = _named(range(guide.start, guide.start + guide.count))
        parts.append(f"guide {number}: {held} at frame_idx {guide.start}")
    return "; ".join(parts)


def _rounded(generated: Tensor, asked: Tensor) -> str:
    """Which frames of the clip are generated in part or whole although the mask gives them."""
    lost = generated & ~asked
    if not lost.any():
        return ""
    share = float(lost.sum() / (~asked).sum())
    places = lost.flatten(1).any(1).nonzero().flatten().tolist()
    return (
        f"Treated as generated by rounding, though given in part or whole: {_named(places)} "
        f"({max(1, round(100 * share))} % of the given pixels)"
    )


def _seen_by_vace(sent: Tensor, asked: Tensor, target: Target) -> list[str]:
    """Where the mask for VACE differs from that of the clip, and where one pixel frame cannot speak for its group."""
    notes = []
    black = (asked & ~sent).flatten(1).any(1).nonzero().flatten().tolist()
    if black:
        notes.append(
            f"Black in the mask though generated: {_named(black)}, where the node looks for the given frames before; "
            f"their pixels stay grey"
        )
    spans = target.grid.spans(len(asked))
    unsaid = [
        span
        for place, span in zip(vace_places(len(asked), target), spans, strict=True)
        if bool((asked[span.start : span.stop].any(0) & ~sent[place]).any())
    ]
    if unsaid:
        frames = [index for span in unsaid for index in span if bool(asked[index].any())]
        notes.append(
            f"The mask of their latent frame reads as given, as one of its frames is: {_named(frames)}; they are grey "
            f"in the control video"
        )
    return notes


def _named(frames: Sequence[int]) -> str:
    plural = "frame" if len(frames) == 1 else "frames"
    return f"{plural} {format_frames(frames, most=len(frames))}"
