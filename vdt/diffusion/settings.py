"""How a model is sampled: the one record whose defaults the library, the command line, nodes and docs share."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ..bounds import MAX_TEMPERATURE, real, shown, whole
from .samplers import SAMPLERS
from .schedule import Schedule, Spacing

QUADRATIC_SUFFIX = "_quad"
STEPS_FROM_NOTHING = 8  # at least, see `SamplingConfig.for_given`


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """The measured defaults (LOG.md, 2026-11-27): five passes of the network make a clip.

    ValueError for an unknown sampler or spacing, or for numbers out of range.
    """

    steps: int = 3
    sampler: str = "dpmpp_2m"  # a name of SAMPLERS
    spacing: Spacing = "quadratic"  # of the steps, see `Schedule.respace`
    guidance: float = 1.5  # weight of the conditioning frames; 1 is off
    guidance_below: float = 0.2  # signal power up to which guidance acts: as good as on every step (measured, LOG.md)
    text_guidance: float = 5.0  # weight of the text, where there is one, on every step; 1 is off
    step_cache: float = 0.0  # threshold of the step cache, see `CachedModel`; 0 is off
    temperature: float = 0.5  # scale of a sample's noise, see `noise_scale`; 1 is as in training

    def __post_init__(self) -> None:
        if not isinstance(self.sampler, str) or self.sampler not in SAMPLERS:
            raise ValueError(
                f"unknown sampler {shown(self.sampler)}, expected one of {', '.join(SAMPLERS)}, or such a name with "
                f"_quad after it"
            )
        if self.spacing not in ("even", "strided", "quadratic"):
            raise ValueError(f"spacing must be 'even', 'strided' or 'quadratic', got {shown(self.spacing)}")
        whole("steps", self.steps, 1)
        for name in ("guidance", "guidance_below", "text_guidance", "step_cache"):
            real(name, getattr(self, name))
        if self.step_cache < 0:
            raise ValueError(f"step_cache must be 0 (off) or more, got {self.step_cache:g}")
        real("temperature", self.temperature, 0, MAX_TEMPERATURE)

    @classmethod
    def named(
        cls,
        sampler: str,
        *,
        steps: int | None = None,
        guidance: float | None = None,
        text_guidance: float | None = None,
        step_cache: float = 0.0,
        temperature: float | None = None,
    ) -> SamplingConfig:
        """From the sampler's name in graphs and on the command line: with "_quad" after it, steps are quadratic."""
        plain = sampler.removesuffix(QUADRATIC_SUFFIX) if isinstance(sampler, str) else sampler
        default = cls()
        return cls(
            steps=default.steps if steps is None else steps,
            sampler=plain,
            spacing="even" if plain == sampler else "quadratic",
            guidance=default.guidance if guidance is None else guidance,
            text_guidance=default.text_guidance if text_guidance is None else text_guidance,
            step_cache=step_cache,
            temperature=default.temperature if temperature is None else temperature,
        )

    @property
    def name(self) -> str:
        """The sampler's name in graphs and on the command line."""
        return self.sampler + (QUADRATIC_SUFFIX if self.spacing == "quadratic" else "")

    @property
    def is_guided(self) -> bool:
        """Whether some steps take a second pass, which is given nothing."""
        return self.guidance != 1

    @property
    def is_text_guided(self) -> bool:
        """Whether every step takes a pass without the text."""
        return self.text_guidance != 1

    @property
    def passes_at_once(self) -> int:
        """The most passes of one step, which go through the network as one batch."""
        return 1 + self.is_guided + self.is_text_guided

    def for_text(self, has_text: bool) -> SamplingConfig:
        """The same where there is a text, else without guidance by it, which would do nothing."""
        return self if has_text else dataclasses.replace(self, text_guidance=1.0)

    def for_given(self, is_given: bool, schedule: Schedule) -> SamplingConfig:
        """The same where a frame or a text is given, else with `STEPS_FROM_NOTHING` steps or more and all of the noise.

        Few steps, or less noise, lead to the middle of all clips that may be. Where much is given that is a likely
        clip; where less than a frame is, it is a grey empty scene (measured, LOG.md, 2026-11-28).
        """
        if is_given:
            return self
        steps = max(self.steps, min(STEPS_FROM_NOTHING, schedule.num_steps))
        return dataclasses.replace(self, steps=steps, temperature=max(self.temperature, 1.0))

    def respaced(self, schedule: Schedule) -> Schedule:
        """The chain of these steps."""
        return schedule.respace(self.steps, self.spacing)

    def noise_scale(self, schedule: Schedule) -> float:
        """What all noise of a sample is multiplied by: less of it makes clips that are likelier and more alike.

        1 where a model predicts noise: it is told how much there is, and must find as much.
        """
        return self.temperature if schedule.prediction == "v" else 1.0

    def guides(self, schedule: Schedule, index: int) -> bool:
        """Whether guidance takes its second pass at a step of the chain: while noise outweighs the signal."""
        return self.is_guided and bool(schedule.alphas_cumprod[index] < self.guidance_below)

    def count_passes(self, schedule: Schedule) -> int:
        """How often a clip goes through the network: once a step, and once more for each guidance that acts.

        That of a text acts on every step; of a clip without one count `for_text(False)`.
        """
        chain = self.respaced(schedule)
        guided = sum(self.guides(chain, index) for index in range(chain.num_steps))
        return chain.num_steps * (1 + self.is_text_guided) + guided

    def describe(self) -> str:
        """Such as "dpmpp_2m_quad, 3 steps, guidance 1.5, text guidance 3, temperature 0.5"."""
        text = f", text guidance {self.text_guidance:g}" if self.is_text_guided else ""
        cache = f", step cache {self.step_cache:g}" if self.step_cache else ""
        weights = f"guidance {self.guidance:g}{text}, temperature {self.temperature:g}"
        return f"{self.name}, {self.steps} steps, {weights}{cache}"

    def to_dict(self) -> dict[str, object]:
        """JSON values, for reports."""
        return dataclasses.asdict(self)


FAST = SamplingConfig(steps=2, guidance=1.0, text_guidance=1.0)  # of the bundled student
EVEN_DDIM = SamplingConfig(
    steps=20, sampler="ddim", spacing="even", guidance=1.0, text_guidance=1.0
)  # of models still in training
