# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way: a sound and a bound head in, takes out."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..arrays import equal_parts
from ..audio.sound import Sound
from ..blas import one_thread_a_product
from ..bundle import Bundle
from ..errors import SoundError
from ..geometry.topology import Binding
from ..parallel import Ahead, in_threads_then
from ..progress import QUIET, CancelCheck, Progress, Stage
from .correctives import Correction
from .decode import Block, Mover
from .encode import encode_audio
from .moving import MovingTakes
from .options import GenerateOptions, Take, as_rate, frame_count
from .sample import Labels, sample_blocks, sample_labels, seed_groups, told_by
from .upper_heads import head_temperatures
from .weights import ROWS

HEARING, SAMPLING, MOVING, FINISHING = 0.1, 0.4, 0.1, 0.03
"""Milliseconds a frame, a group of lanes, a take and its curves, measured on 2 cores with the default sizes;
only their proportions count, for an even progress."""


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
    SoundError when the sound is shorter than a frame, Cancelled, and the errors of the bundle. Takes move
    while they are sampled: several groups of seeds beside each other, one group beside its own sampling.
    """
    job = _prepared(bundle, sound, options)
    hearing, sampling, finishing = job.stages(True, _rising(progress), cancelled)
    groups, threads = seed_groups(options.takes, bundle.threads), bundle.threads
    beside = len(groups) < threads
    with ExitStack() as stack:
        stack.enter_context(one_thread_a_product())
        codes = encode_audio(bundle, sound.samples, job.frames, hearing)
        sampled = [
            job.labels(codes, seeds, told_by(sampling, index, len(groups), threads))
            for index, seeds in enumerate(groups)
        ]
        workers = None
        if beside:
            workers = ThreadPoolExecutor(threads, "meshtalk vertices")
            stack.callback(workers.shutdown, cancel_futures=True)
            sampled = [stack.enter_context(Ahead(labels)) for labels in sampled]
        maker = _Maker(job, Mover(bundle, binding), finishing, workers)
        made = in_threads_then(
            lambda index: maker.moved(groups[index], sampled[index]), maker.takes, range(len(groups)), threads
        )
    return tuple(take for takes in made for take in takes)


def perform(
    bundle: Bundle,
    sound: Sound,
    options: GenerateOptions,
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> Performance:
    """Listen to a sound and sample the labels of every take; no head is needed for this."""
    job = _prepared(bundle, sound, options)
    hearing, sampling, moving = job.stages(False, _rising(progress), cancelled)
    codes = encode_audio(bundle, sound.samples, job.frames, hearing)
    labels = sample_labels(bundle, codes, options.seeds, job.temperatures, stage=sampling)
    return job.performance(labels, moving)


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


@dataclass(frozen=True, eq=False)
class _Job:
    """What is to be generated: ``frames`` at the model's rate, ``count`` samples at ``fps``."""

    bundle: Bundle
    options: GenerateOptions
    frames: int
    fps: Fraction
    count: int

    @property
    def tolerance(self) -> float | None:
        """That of the correctives, None where there will be none."""
        return self.options.corrective_tolerance_mm if self.bundle.template.corrective_names else None

    @property
    def temperatures(self) -> float | NDArray[np.float32]:
        """The temperature of all heads, or of each (heads,)."""
        return head_temperatures(self.bundle, self.options.temperature, self.options.upper_temperature)

    def labels(self, codes: NDArray[np.float32], seeds: slice, stage: Stage) -> Iterator[Labels]:
        """Labels (seeds, n, heads) of some seeds, n the decoder's block but for the last."""
        size, waiting = self.bundle.card.block_frames, np.zeros((0, 0, 0), np.int16)
        for labels in sample_blocks(
            self.bundle, codes, self.options.seeds[seeds], self.temperatures, stage=stage
        ):
            waiting = np.concatenate([waiting, labels], axis=1) if waiting.size else labels
            while waiting.shape[1] >= size:
                yield waiting[:, :size]
                waiting = waiting[:, size:]
        if waiting.size:
            yield waiting

    def performance(self, labels: Labels, moving: Stage, seeds: slice = slice(None)) -> Performance:
        """All takes, or those of some seeds, once their labels (takes, T, heads) are known."""
        return Performance(labels, self.options.seeds[seeds], self.fps, self.count, moving, self.tolerance)

    def stages(
        self, beside: bool, progress: Progress | None, cancelled: CancelCheck | None
    ) -> tuple[Stage, Stage, Stage]:
        """Hearing, sampling and moving, as long as they take; what is moved ``beside`` the sampling counts
        there."""
        takes = self.options.takes
        hearing, sampling = HEARING, SAMPLING * -(-takes // self.bundle.card.lanes)
        moving = takes * (MOVING if self.tolerance is None else 2 * MOVING)
        if beside:
            sampling, moving = sampling + MOVING * takes, moving + (FINISHING - MOVING) * takes
        whole = hearing + sampling + moving
        heard, sampled = hearing / whole, (hearing + sampling) / whole
        return (
            Stage("Listening", 0.0, heard, progress, cancelled),
            Stage("Sampling", heard, sampled, progress, cancelled),
            Stage("Moving", sampled, 1.0, progress, cancelled),
        )


def _prepared(bundle: Bundle, sound: Sound, options: GenerateOptions) -> _Job:
    """The job; SoundError where there is nothing to hear."""
    rate = Fraction(bundle.card.frame_rate)
    fps = rate if options.fps is None else as_rate(options.fps)
    count = frame_count(sound.duration, fps)
    if count == 0:
        raise SoundError(
            f"The sound is shorter than one frame ({float(sound.duration):.4f} s); choose a longer one."
        )
    return _Job(bundle, options, max(1, frame_count(sound.duration, rate)), fps, count)


@dataclass(frozen=True, eq=False)
class _Maker:
    """Makes takes on one head of labels as they come: moves them, then finishes them part by part."""

    job: _Job
    mover: Mover
    finishing: Stage
    workers: Executor | None

    def moved(self, seeds: slice, labels: Iterator[Labels]) -> list[_Moved]:
        """The takes of some seeds, whose labels (seeds, n, heads) come block by block, as parts that are
        finished together: as many takes as a pass over their weights bears."""
        job, takes, every = self.job, seeds.stop - seeds.start, list[Labels]()
        vertices = job.options.keep_vertices
        moving = MovingTakes(self.mover, takes, job.frames, job.fps, job.count, vertices, self.workers)
        for block in labels:
            self.finishing.check()
            every.append(block)
            moving.add(block)
        first, last = (at / job.options.takes for at in (seeds.start, seeds.stop))
        share = self.finishing.span(self.finishing.name, first, last)
        performance = job.performance(np.concatenate(every, axis=1), share, seeds)
        parts = equal_parts(takes, -(-takes // max(1, ROWS // job.count)))
        return [_Moved(performance, moving, range(part.start, part.stop)) for part in parts]

    def takes(self, moved: _Moved) -> list[Take]:
        """The takes of a part."""
        weights = [moved.moving.weights[index] for index in moved.indices]
        moved.performance.stage(moved.indices[0]).at(0, 2)
        cleaned = self.mover.clean_takes(weights, self.job.fps)
        return [self._take(moved, *each) for each in zip(moved.indices, cleaned, strict=True)]

    def _take(self, moved: _Moved, index: int, weights: NDArray[np.float32]) -> Take:
        """Take ``index`` of a performance, with clean weights (T', U)."""
        performance = moved.performance
        stage = performance.stage(index)
        stage.at(1, 2)
        moved.moving.finish()
        stage.at(2, 2)
        correction = correct(self.mover, performance, index, weights)
        names, vertices = self.job.bundle.unit_names, moved.moving.vertices[index]
        return performance.take(index, weights, names, vertices, correction)


@dataclass(frozen=True, eq=False)
class _Moved:
    """Takes whose labels have all come: those of some ``indices`` among the ``performance``'s."""

    performance: Performance
    moving: MovingTakes
    indices: range
