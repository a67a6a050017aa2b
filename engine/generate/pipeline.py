# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way: a sound and a bound head in, takes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..audio.sound import Sound
from ..bundle import Bundle
from ..errors import SoundError
from ..geometry.topology import Binding
from ..parallel import in_threads
from ..progress import QUIET, CancelCheck, Progress, Stage
from .correctives import Correction
from .decode import Block, Mover
from .encode import encode_audio
from .options import GenerateOptions, Take, as_rate, frame_count
from .sample import Labels, sample_labels
from .upper_heads import head_temperatures

HEARING, SAMPLING, MOVING = 0.12, 1.1, 0.45
"""Milliseconds a frame, a group of lanes and a take, measured on 2 cores with the default sizes; only their
proportions count, for an even progress."""


@dataclass(frozen=True, eq=False)
class Performance:
    """Sampled takes before they are put on a head: ``labels`` (takes, T, heads) at the model's rate, and
    ``count`` samples at ``fps`` that each take will have; ``moving`` is the part of the job that is left.
    With a ``tolerance_mm`` each take gets correctives."""

    labels: Labels
    seeds: tuple[int, ...]
    fps: Fraction
    count: int
    moving: Stage = QUIET
    tolerance_mm: float | None = None

    def take(
        self,
        index: int,
        weights: NDArray[np.float32],
        unit_names: tuple[str, ...],
        vertices: NDArray[np.float32] | None = None,
        correction: Correction | None = None,
    ) -> Take:
        """Take ``index`` once its motion is known."""
        take = Take(weights, unit_names, self.fps, self.seeds[index], self.labels[index], vertices)
        if correction is None:
            return take
        return replace(
            take,
            corrective_weights=correction.weights,
            correctives=correction.shapes,
            corrective_names=correction.names,
            corrective_error_mm=correction.error_mm,
        )

    def stage(self, index: int, second: bool = False) -> Stage:
        """The part of the job that moves take ``index``: one pass, and a second one for correctives."""
        whole = self.moving.part(index, len(self.seeds))
        return whole if self.tolerance_mm is None else whole.part(int(second), 2)


def generate(
    bundle: Bundle,
    sound: Sound,
    binding: Binding,
    options: GenerateOptions,
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> tuple[Take, ...]:
    """Sample ``options.takes`` performances of a sound on a head.

    The same bundle, sound, head and seed give the same take, however many takes are asked for. Raises
    SoundError when the sound is shorter than a frame, Cancelled, and the errors of the bundle.
    """
    performance = perform(bundle, sound, options, _rising(progress), cancelled)
    mover = Mover(bundle, binding)

    def moved(index: int) -> Take:
        blocks = move(mover, performance, index, options.keep_vertices)
        weights, vertices = _joined(performance.count, len(bundle.unit_names), blocks)
        weights = mover.clean(weights)
        correction = correct(mover, performance, index, weights)
        return performance.take(index, weights, bundle.unit_names, vertices, correction)

    return tuple(in_threads(moved, range(options.takes), bundle.threads))


def perform(
    bundle: Bundle,
    sound: Sound,
    options: GenerateOptions,
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> Performance:
    """Listen to a sound and sample the labels of every take; no head is needed for this."""
    card = bundle.card
    fps = Fraction(card.frame_rate) if options.fps is None else as_rate(options.fps)
    count = frame_count(sound.duration, fps)
    if count == 0:
        raise SoundError(
            f"The sound is shorter than one frame ({float(sound.duration):.4f} s); choose a longer one."
        )
    frames = max(1, frame_count(sound.duration, Fraction(card.frame_rate)))
    tolerance = options.corrective_tolerance_mm if bundle.template.corrective_names else None
    passes = 1 if tolerance is None else 2
    hearing, sampling, moving = _stages(options.takes, card.lanes, passes, progress, cancelled)
    codes = encode_audio(bundle, sound.samples, frames, hearing)
    temperatures = head_temperatures(bundle, options.temperature, options.upper_temperature)
    labels = sample_labels(bundle, codes, options.seeds, temperatures, stage=sampling)
    return Performance(labels, options.seeds, fps, count, moving, tolerance)


def move(mover: Mover, performance: Performance, index: int, keep_vertices: bool = True) -> Iterator[Block]:
    """Motion of take ``index`` of a performance, block by block, so that a file can be written in bounded
    memory; the weights of all blocks together go through ``Mover.clean``."""
    stage = performance.stage(index)
    return mover.blocks(performance.labels[index], performance.fps, performance.count, keep_vertices, stage)


def correct(
    mover: Mover, performance: Performance, index: int, weights: NDArray[np.float32]
) -> Correction | None:
    """Correctives beside the cleaned weights (T', U) of take ``index``; None when they were not asked for or
    the model has none."""
    if performance.tolerance_mm is None:
        return None
    labels, stage = performance.labels[index], performance.stage(index, second=True)
    return mover.correct(labels, performance.fps, weights, performance.tolerance_mm, stage)


def _rising(progress: Progress | None) -> Progress | None:
    """Progress of takes that are moved beside each other, without steps back."""
    if progress is None:
        return None
    highest = 0.0

    def report(stage: str, fraction: float) -> None:
        nonlocal highest
        if fraction >= highest:
            highest = fraction
            progress(stage, fraction)

    return report


def _stages(
    takes: int, lanes: int, passes: int, progress: Progress | None, cancelled: CancelCheck | None
) -> tuple[Stage, Stage, Stage]:
    """Hearing, sampling and moving, as long as they take."""
    hearing, sampling, moving = HEARING, SAMPLING * -(-takes // lanes), MOVING * takes * passes
    whole = hearing + sampling + moving
    heard, sampled = hearing / whole, (hearing + sampling) / whole
    return (
        Stage("Listening", 0.0, heard, progress, cancelled),
        Stage("Sampling", heard, sampled, progress, cancelled),
        Stage("Moving", sampled, 1.0, progress, cancelled),
    )


def _joined(
    count: int, units: int, blocks: Iterator[Block]
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Weights (count, units) and vertices (count, V', 3) of all blocks."""
    weights = np.empty((count, units), np.float32)
    vertices: NDArray[np.float32] | None = None
    for block in blocks:
        part = slice(block.first, block.first + len(block.weights))
        weights[part] = block.weights
        if block.vertices is not None:
            if vertices is None:
                vertices = np.empty((count, *block.vertices.shape[1:]), np.float32)
            vertices[part] = block.vertices
    return weights, vertices
