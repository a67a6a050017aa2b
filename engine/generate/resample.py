# SPDX-License-Identifier: GPL-3.0-or-later
"""Curves from the model's rate to any other: cubic Hermite pieces that never overshoot, in bounded memory."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


class Resampler:
    """Takes frames ``(n, …)`` at ``source`` Hz block by block and gives samples at ``target`` Hz.

    Sample ``i`` shows time ``i / target``, exactly (in integers), so nothing drifts. Tangents are Steffen's
    (1990): each piece stays between its two frames, so lips that touch don't pass through each other and
    weights stay in 0…1. After the last of the ``frames`` source frames the curve holds its value, up to
    ``count`` samples.
    """

    def __init__(self, source: int, target: Fraction, frames: int, count: int) -> None:
        step = Fraction(source) / target
        self._step, self._per = step.numerator, step.denominator
        self._frames, self._count = frames, count
        self._kept: Float32 | None = None
        self._kept_first = 0
        self._done = 0

    def push(self, block: Float32) -> Float32:
        """Add the next frames ``(n, …)``; returns the samples ``(m, …)`` that are certain now."""
        known = block if self._kept is None else np.concatenate([self._kept, block])
        last = self._kept_first + len(known) - 1
        complete = last >= self._frames - 1
        stop = self._count if complete else self._first_sample_at(last - 1)
        samples = self._evaluate(known, self._done, stop)
        self._done = max(self._done, stop)
        self._keep(known)
        return samples

    def _keep(self, known: Float32) -> None:
        """Keep the frames that the next sample still needs."""
        needed = self._done * self._step // self._per - 1
        first = min(max(needed, self._kept_first), self._kept_first + len(known))
        self._kept = known[first - self._kept_first :].copy()
        self._kept_first = first

    def _first_sample_at(self, frame: int) -> int:
        """Number of the first sample at or after a source frame; all before it are certain."""
        return max(self._done, min(self._count, -(-frame * self._per // self._step)))

    def _evaluate(self, known: Float32, begin: int, stop: int) -> Float32:
        samples = np.arange(begin, max(begin, stop), dtype=np.int64)
        frame, rest = np.divmod(samples * self._step, self._per)
        if self._per == 1 and self._step == 1:
            return known[np.minimum(frame, self._frames - 1) - self._kept_first]
        at = [np.clip(frame + shift, 0, self._frames - 1) - self._kept_first for shift in (-1, 0, 1, 2)]
        far, left, right, next_ = (known[np.clip(index, 0, len(known) - 1)] for index in at)
        where = (rest / self._per).astype(np.float32).reshape(-1, *[1] * (known.ndim - 1))
        return hermite(far, left, right, next_, where)


def hermite(before: Float32, left: Float32, right: Float32, after: Float32, where: Float32) -> Float32:
    """Cubic Hermite piece from ``left`` (where = 0) to ``right`` (where = 1), with its two neighbours; all
    (n, …)."""
    rise = right - left
    begin, end = steffen(left - before, rise), steffen(rise, after - right)
    bend = begin + end - 2 * rise
    curve = left + where * (begin + where * (rise - begin - bend + where * bend))
    return curve.astype(np.float32, copy=False)


def steffen(one: Float32, two: Float32) -> Float32:
    """Steffen's slope between two neighbouring rises on an even grid: their mean, limited to twice the
    smaller one, and 0 at a peak."""
    limit = np.minimum(np.minimum(np.abs(one), np.abs(two)), 0.25 * np.abs(one + two))
    return ((np.sign(one) + np.sign(two)) * limit).astype(np.float32, copy=False)
