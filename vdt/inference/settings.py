"""How a clip is made and shown: frozen records, made once where options come in and passed on whole.

Their defaults are the measured ones. The command line, nodes, evaluation, estimates and docs read them from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..bounds import real, whole
from ..config import VDTConfig
from ..diffusion import STEPS_FROM_NOTHING, SamplingConfig

__all__ = ["STEPS_FROM_NOTHING", "CompositingConfig", "GenerationConfig", "SamplingConfig", "WindowConfig"]

MIN_WINDOW = 3  # one known frame, one new one, and the other end of a gap


@dataclass(frozen=True, kw_only=True)
class WindowConfig:
    """How a clip is made that is longer, or larger, than what the model sees at once; 0 is what it was trained with."""

    frames: int = 0  # that the model sees at once
    overlap: int = 0  # of these, how many are known; 0 is half of them
    tile: int = 0  # side, in cells, of the tiles in which a larger picture is seen

    def __post_init__(self) -> None:
        for name in ("frames", "overlap", "tile"):
            whole(f"{name} of a window", getattr(self, name), 0)

    def resolve(self, config: VDTConfig) -> WindowConfig:
        """The same with the model's own numbers in place of zeros."""
        frames = self.frames or max(config.num_frames, MIN_WINDOW)
        overlap = self.overlap or frames // 2
        if frames < MIN_WINDOW or not 1 <= overlap <= frames - 2:
            raise ValueError(
                f"got windows of {frames} frames that overlap by {overlap}: expected {MIN_WINDOW} or more frames, and "
                f"an overlap of 1 to that number less 2"
            )
        return WindowConfig(frames=frames, overlap=overlap, tile=self.tile or config.input_size)


@dataclass(frozen=True, kw_only=True)
class CompositingConfig:
    """How decoded frames are put together with what is given; both in levels of 255, 0 is off."""

    static_background: float = 24.0  # see `hold_background`
    color_match: float = 24.0  # see `match_colors`

    def __post_init__(self) -> None:
        for name in ("static_background", "color_match"):
            real(name, getattr(self, name))


@dataclass(frozen=True, kw_only=True)
class GenerationConfig:
    """All settings of a run, for what takes them together: streams, video jobs, evaluation and the command line."""

    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    windows: WindowConfig = field(default_factory=WindowConfig)
    compositing: CompositingConfig = field(default_factory=CompositingConfig)
    seed: int = 0  # of all noise, 0 to 2**64 - 1
    text: str = ""  # what happens, for models that read it; "" is no text

    def describe(self) -> str:
        """Such as "dpmpp_2m_quad, 3 steps, guidance 1.5, temperature 0.5, seed 0", and the text where there is one."""
        text = f", text {self.text!r}" if self.text else ""
        return f"{self.sampling.for_text(bool(self.text)).describe()}, seed {self.seed}{text}"
