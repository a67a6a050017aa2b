# SPDX-License-Identifier: GPL-3.0-or-later
"""Sampling labels from the autoregressive model, frame by frame, many seeds in one batch (paper, section
3.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..arrays import equal_parts
from ..bundle import Bundle
from ..bundle.loop_graph import CHUNK
from ..parallel import in_threads, one_ahead
from ..progress import QUIET, Stage
from .loop import open_sampler
from .noise import GumbelStream

Float32 = NDArray[np.float32]
Labels = NDArray[np.int16]


FRAMES_AT_ONCE = 2 * CHUNK
"""Frames between two looks at the clock and the cancel button; also bounds the noise that is kept."""

MOST_SEEDS, FEWEST_SEEDS = 16, 2
"""Seeds that run beside each other on one thread; fewer aren't worth a thread of their own."""

SAMPLE = -1
"""In ``forced``: take what the model samples."""


def sample_labels(
    bundle: Bundle,
    audio_code: Float32,
    seeds: Sequence[int],
    temperature: float | Float32,
    forced: Labels | None = None,
    stage: Stage = QUIET,
) -> Labels:
    """Labels ``(seeds, T, heads)`` for audio codes ``(T, audio_code)``; ``temperature`` of all heads, or one
    for each (heads,).

    A seed's labels don't depend on how many others run beside it. ``forced`` (T, heads) gives labels to keep,
    −1 where to sample.
    """
    labels = np.empty((len(seeds), len(audio_code), bundle.card.heads), np.int16)
    groups = seed_groups(len(seeds), bundle.threads)

    def run(index: int) -> None:
        told, first = told_by(stage, index, len(groups), bundle.threads), 0
        for block in sample_blocks(bundle, audio_code, seeds[groups[index]], temperature, forced, told):
            labels[groups[index], first : first + block.shape[1]] = block
            first += block.shape[1]

    in_threads(run, range(len(groups)), bundle.threads)
    stage.at(1, 1)
    return labels


def sample_blocks(
    bundle: Bundle,
    audio_code: Float32,
    seeds: Sequence[int],
    temperature: float | Float32,
    forced: Labels | None = None,
    stage: Stage = QUIET,
) -> Iterator[Labels]:
    """The labels of `sample_labels` as they come, in blocks ``(seeds, n, heads)``, on one thread; the noise
    of a single seed, which leaves cores free, on another."""
    group, count = _Group(bundle, seeds, temperature), len(audio_code)
    blocks = [slice(first, min(first + FRAMES_AT_ONCE, count)) for first in range(0, count, FRAMES_AT_ONCE)]
    noises = (group.draw(frames.stop - frames.start) for frames in blocks)
    if bundle.threads > 1 and len(seeds) < FEWEST_SEEDS:
        noises = one_ahead(noises)
    for frames, noise in zip(blocks, noises, strict=True):
        stage.at(frames.start, count)
        yield group.run(audio_code[frames], noise, None if forced is None else forced[frames])


def seed_groups(seeds: int, threads: int) -> list[slice]:
    """Seeds that run beside each other: as many groups as there are threads, where each has some."""
    count = max(-(-seeds // MOST_SEEDS), min(threads, seeds // FEWEST_SEEDS), 1)
    return equal_parts(seeds, count)


def told_by(stage: Stage, index: int, groups: int, threads: int) -> Stage:
    """The part of a stage that a group of seeds tells: those that begin together are told of by the first."""
    told = stage.part(index, groups) if groups > threads else stage
    return told if index % threads == 0 else replace(told, progress=None)


class _Group:
    """Some seeds and their noise, beside each other through the model."""

    def __init__(self, bundle: Bundle, seeds: Sequence[int], temperature: float | Float32) -> None:
        card = bundle.card
        self._sampler = open_sampler(bundle, len(seeds))
        self._streams = [GumbelStream(seed, card.heads, card.categories) for seed in seeds]
        self._temperature = np.broadcast_to(np.asarray(temperature, np.float32), card.heads)[:, None]

    def run(self, audio_code: Float32, noise: Float32 | None, forced: Labels | None) -> Labels:
        """The next labels ``(seeds, n, heads)`` for audio codes ``(n, audio_code)`` and their noise."""
        return self._sampler.run(audio_code, noise, forced)

    def draw(self, frames: int) -> Float32 | None:
        """The noise ``(seeds, frames, heads, categories)`` of the next frames; None where there is none."""
        if not self._temperature.any():
            return None
        noise = np.stack([stream.draw(frames) for stream in self._streams])
        noise *= self._temperature
        return noise
