# SPDX-License-Identifier: GPL-3.0-or-later
"""The gallery of seeds: the job that samples them, and what is kept of it in memory. No bpy in here: the job
runs in a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...engine.progress import CancelCheck, Progress, Stage
from ..scene.sound import SoundSource, read_sound
from .bound import bind_target
from .job import figures_of
from .matching import own_shapes_of
from .plan import Plan
from .writing import HeadResult, Spoken, Target

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...engine.bundle import Bundle
    from ...engine.generate import GenerateOptions, Take
    from ...engine.geometry.topology import Binding
    from ...engine.picture.sheet import Overview

PAINTING = 0.15
"""Part of the job that painting the pictures takes."""


@dataclass(frozen=True)
class SeedsRequest:
    """`count` seeds of one head, from that of the `plan` on. The upper face's temperature is a factor on the
    model's own, None for the plan's. The head's `colours` (V', 3) are for the pictures; NaN where unknown."""

    plan: Plan
    count: int = 8
    upper_temperature: float | None = None
    colours: NDArray[np.float32] | None = None

    @property
    def target(self) -> Target:
        """The one head."""
        return self.plan.targets[0]

    @property
    def sources(self) -> tuple[SoundSource, ...]:
        """What it speaks."""
        return self.plan.request.sources

    @property
    def temperature(self) -> float:
        """A factor on the model's own."""
        return self.plan.request.temperature


@dataclass(frozen=True, eq=False)
class SeedTake:
    """One seed: what is written when it is looked at, and how it looks."""

    seed: int
    result: HeadResult
    overview: Overview


@dataclass(frozen=True)
class Before:
    """What a head had: the uid of the `take` that played ("" for none), the names of the shape `keys` by the
    session_uid of each object (None where it had no keys at all), and the sound `strip` that was made to hear
    the preview ("" for none)."""

    take: str
    keys: Mapping[int, frozenset[str] | None]
    strip: str = ""


@dataclass(eq=False)
class Gallery:
    """All sampled seeds of one head.

    `pictures` are icon numbers by seed, `before` is what the head had before the first of them was looked at,
    `shown` the number of the seed that was looked at last.
    """

    request: SeedsRequest
    seeds: tuple[SeedTake, ...]
    pictures: list[int] = field(default_factory=list)
    before: Before | None = None
    shown: int = -1

    @property
    def head_uid(self) -> int:
        """The session_uid of the head's face."""
        return self.request.target.head.face.object_uid


def run_seeds(request: SeedsRequest, progress: Progress, cancelled: CancelCheck) -> Gallery:
    """Sample all seeds, put them on the head and paint them, here and now. Raises MeshTalkError."""
    bound = bind_target(request.target, progress, cancelled)
    bundle, binding = bound.bundle, bound.binding
    speaking = bound.rest("Reading the sound", 1.0 - PAINTING)
    count = len(request.sources)
    spoken = [
        _speak(bundle, binding, request, source, speaking.part(number, count))
        for number, source in enumerate(request.sources)
    ]
    painting = bound.whole.span("Painting", 1.0 - PAINTING, 1.0)
    return _gallery(bundle, binding, bound.data, request, spoken, painting)


def _speak(
    bundle: Bundle, binding: Binding, request: SeedsRequest, source: SoundSource, stage: Stage
) -> tuple[Take, ...]:
    """The takes of all seeds of one sound."""
    from ...engine.generate import generate

    stage.at(0, 1)
    sound = read_sound(source, stage.cancelled)
    return generate(
        bundle, sound, binding, _options(bundle, request), partial(_report, stage), stage.cancelled
    )


def _options(bundle: Bundle, request: SeedsRequest) -> GenerateOptions:
    from ...engine.generate import GenerateOptions

    own, upper = bundle.card.default_temperature, request.upper_temperature
    return GenerateOptions(
        seed=request.plan.request.seed,
        takes=request.count,
        temperature=request.temperature * own,
        fps=request.target.rate,
        keep_vertices=False,
        corrective_tolerance_mm=request.target.tolerance_mm,
        upper_temperature=None if upper is None else upper * own,
    )


def _report(stage: Stage, name: str, fraction: float) -> None:
    """Pass on how far a part of the job is, as a part of the whole."""
    stage.span(name, 0.0, 1.0).at(round(1000 * fraction), 1000)


def _gallery(
    bundle: Bundle,
    binding: Binding,
    data: bytes | None,
    request: SeedsRequest,
    spoken: Sequence[tuple[Take, ...]],
    stage: Stage,
) -> Gallery:
    from ...engine.picture.sheet import own_sheets

    stage.at(0, request.count)
    figures, landmarks = figures_of(binding)
    units = binding.unit_deltas()
    most = max(
        (take for takes in spoken for take in takes), key=lambda take: len(take.corrective_names or ())
    )
    correctives = None if most.correctives is None else binding.carry(most.correctives)
    painter = own_sheets(binding, units, request.target.rest.polygons, request.colours)
    shapes = own_shapes_of(binding, request.target)
    temperature = request.temperature * bundle.card.default_temperature
    seeds = []
    for number in range(request.count):
        takes = [each[number] for each in spoken]
        stretches = tuple(
            Spoken(take, source, temperature=temperature)
            for take, source in zip(takes, request.sources, strict=True)
        )
        used = max(len(take.corrective_names or ()) for take in takes)
        own = None if correctives is None else correctives[:used]
        result = HeadResult(stretches, units, own, data, figures, landmarks, own_shapes=shapes)
        overview = painter.overview(np.concatenate([take.weights for take in takes]), request.target.rate)
        seeds.append(SeedTake(takes[0].seed, result, overview))
        stage.at(number + 1, request.count)
    return Gallery(request, tuple(seeds))
