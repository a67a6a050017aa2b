# SPDX-License-Identifier: GPL-3.0-or-later
"""The job behind Generate: sounds in, takes of one or several heads out. No bpy in here: it runs in a
thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...engine.errors import HeadError
from ...engine.progress import CancelCheck, Progress, Stage
from ..models import loaded_bundle
from ..scene.sound import SoundSource, read_sound
from .bound import fit_of
from .job import FITTED, LOADED, Rising, bind_request, figures_of
from .matching import own_shapes_of
from .writing import HeadResult, Spoken, Target

if TYPE_CHECKING:
    from ...engine.bundle import Bundle
    from ...engine.generate import GenerateOptions, Mover, Performance, Take
    from ...engine.geometry.topology import Binding


@dataclass(frozen=True)
class SpeechRequest:
    """Heads that speak the same sounds, one after the other; all of one model. `upper_temperature` is that of
    brows, lids and gaze; None: as all."""

    targets: tuple[Target, ...]
    sources: tuple[SoundSource, ...]
    seed: int = 0
    temperature: float = 1.0
    upper_temperature: float | None = None


@dataclass(frozen=True, eq=False)
class _Bound:
    """A head that is tied to the model; `data` are the bytes of a new fit."""

    target: Target
    binding: Binding
    data: bytes | None
    mover: Mover


def run_speech(request: SpeechRequest, progress: Progress, cancelled: CancelCheck) -> tuple[HeadResult, ...]:
    """Do the whole job here and now: one result for each head. Raises MeshTalkError."""
    first = request.targets[0]
    rising = Rising(progress)
    whole = Stage("Loading the model", 0.0, 1.0, rising, cancelled)
    whole.at(0, 1)
    bundle = loaded_bundle(first.model, first.threads)
    fitting = whole.span("Fitting the head", LOADED, FITTED)
    count = len(request.targets)
    heads = [
        _bind(bundle, target, fitting.part(number, count)) for number, target in enumerate(request.targets)
    ]
    speaking = whole.span("Reading the sound", max(LOADED, rising.highest), 1.0)
    options = _options(request, bundle.card.default_temperature)
    temperature = request.temperature * bundle.card.default_temperature
    count = len(request.sources)
    takes = [
        _speak(bundle, heads, source, options, speaking.part(number, count))
        for number, source in enumerate(request.sources)
    ]
    return tuple(
        _result(head, [spoken[number] for spoken in takes], request.sources, temperature)
        for number, head in enumerate(heads)
    )


def _options(request: SpeechRequest, unit: float) -> GenerateOptions:
    """The engine's options; temperatures are in units of the model's own."""
    from ...engine.generate import GenerateOptions

    target, upper = request.targets[0], request.upper_temperature
    return GenerateOptions(
        seed=request.seed,
        temperature=request.temperature * unit,
        upper_temperature=None if upper is None else upper * unit,
        fps=target.rate,
        keep_vertices=False,
        corrective_tolerance_mm=target.tolerance_mm,
    )


def _bind(bundle: Bundle, target: Target, stage: Stage) -> _Bound:
    from ...engine.generate import Mover

    try:
        binding, data = bind_request(bundle.template, fit_of(target), stage)
    except HeadError as error:
        raise HeadError(f"“{target.head.face.name}” is refused: {error}") from None
    return _Bound(target, binding, data, Mover(bundle, binding))


def _speak(
    bundle: Bundle,
    heads: Sequence[_Bound],
    source: SoundSource,
    options: GenerateOptions,
    stage: Stage,
) -> list[Take]:
    """One take of each head: what is heard and sampled is the same for all."""
    from ...engine.generate import perform

    stage.at(0, 1)
    sound = read_sound(source, stage.cancelled)
    performance = perform(bundle, sound, options, partial(_report, stage), stage.cancelled)
    count = len(heads)
    return [
        _move(bundle, head, performance, performance.moving.part(number, count))
        for number, head in enumerate(heads)
    ]


def _report(stage: Stage, name: str, fraction: float) -> None:
    """Pass on how far a part of the job is, as a part of the whole."""
    if stage.progress is not None:
        stage.progress(name, stage.begin + (stage.end - stage.begin) * fraction)


def _move(bundle: Bundle, head: _Bound, performance: Performance, stage: Stage) -> Take:
    from ...engine.generate import correct, move

    tolerance = head.target.tolerance_mm if bundle.template.corrective_names else None
    own = replace(performance, moving=stage, tolerance_mm=tolerance)
    weights = np.concatenate([block.weights for block in move(head.mover, own, 0, False)])
    weights = head.mover.clean(weights, own.fps)
    return own.take(0, weights, bundle.unit_names, None, correct(head.mover, own, 0, weights))


def _result(
    head: _Bound, takes: Sequence[Take], sources: Sequence[SoundSource], temperature: float
) -> HeadResult:
    figures, landmarks = figures_of(head.binding)
    most = max(takes, key=lambda take: len(take.corrective_names or ()))
    return HeadResult(
        tuple(
            Spoken(take, source, temperature=temperature) for take, source in zip(takes, sources, strict=True)
        ),
        head.binding.unit_deltas(),
        None if most.correctives is None else head.binding.carry(most.correctives),
        head.data,
        figures,
        landmarks,
        own_shapes=own_shapes_of(head.binding, head.target),
    )
