# SPDX-License-Identifier: GPL-3.0-or-later
"""Sampling labels from the autoregressive model, frame by frame, many seeds in one batch (paper, section
3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..bundle import Bundle
from ..progress import QUIET, Stage
from .noise import GumbelStream

Float32 = NDArray[np.float32]
Labels = NDArray[np.int16]


FRAMES_AT_ONCE = 8
"""Frames between two looks at the clock and the cancel button; also bounds the noise that is kept."""

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

    Seeds run in groups of exactly ``card.lanes``, idle lanes included, so a seed's labels don't depend on the
    others. ``forced`` (T, heads) gives labels to keep, −1 where to sample.
    """
    lanes = bundle.card.lanes
    labels = np.empty((len(seeds), len(audio_code), bundle.card.heads), np.int16)
    groups = [slice(at, min(at + lanes, len(seeds))) for at in range(0, len(seeds), lanes)]
    for index, group in enumerate(groups):
        sampler = _Sampler(bundle, seeds[group], temperature)
        part = stage.part(index, len(groups))
        for first in range(0, len(audio_code), FRAMES_AT_ONCE):
            part.at(first, len(audio_code))
            frames = slice(first, min(first + FRAMES_AT_ONCE, len(audio_code)))
            kept = None if forced is None else forced[frames]
            labels[group, frames] = sampler.run(audio_code[frames], kept)
    stage.at(1, 1)
    return labels


class _Sampler:
    """The state of one group of lanes."""

    def __init__(self, bundle: Bundle, seeds: Sequence[int], temperature: float | Float32) -> None:
        card = bundle.card
        self._session = bundle.session("autoregressive")
        self._streams = [GumbelStream(seed, card.heads, card.categories) for seed in seeds]
        self._temperature = np.broadcast_to(np.asarray(temperature, np.float32), card.heads)[:, None]
        self._noise = np.zeros((card.lanes, card.heads, card.categories), np.float32)
        self._forced = np.full((card.lanes, card.heads), SAMPLE, np.int64)
        self._state = np.zeros((card.lanes, card.autoregressive_state), np.float32)

    def run(self, audio_code: Float32, forced: Labels | None) -> Labels:
        """The next labels ``(seeds, n, heads)`` for audio codes ``(n, audio_code)``."""
        used, frames = len(self._streams), len(audio_code)
        labels = np.empty((used, frames, self._noise.shape[1]), np.int16)
        noise = self._draw(frames)
        for frame in range(frames):
            if noise is not None:
                self._noise[:used] = noise[:, frame]
            if forced is not None:
                self._forced[:] = forced[frame]
            labels[:, frame] = self._step(audio_code[frame])[:used]
        return labels

    def _draw(self, frames: int) -> Float32 | None:
        if not self._temperature.any():
            return None
        return self._temperature * np.stack([stream.draw(frames) for stream in self._streams])

    def _step(self, audio_code: Float32) -> NDArray[np.int64]:
        inputs = {
            "audio_code": np.broadcast_to(audio_code, (len(self._state), len(audio_code))).copy(),
            "noise": self._noise,
            "forced": self._forced,
            "state": self._state,
        }
        labels, self._state = self._session.run(["labels", "state_out"], inputs)
        return labels
