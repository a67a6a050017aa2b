# SPDX-License-Identifier: GPL-3.0-or-later
"""A sound played at other times than it was recorded: what a strip with a changed speed plays.

Where the pitch follows the speed, each output sample is looked up where it lies in the file, by a windowed
sinc that also keeps out what the new rate couldn't carry. Where the pitch is kept, short pieces of the sound
are laid over each other at the new times, each shifted by some milliseconds so that it continues the one
before (waveform similarity overlap-add, Verhelst and Roelands 1993).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..errors import Cancelled, OptionError
from .sound import SAMPLE_RATE

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Cancel = Callable[[], bool] | None

LOBES, TABLE = 12, 512
"""Zero crossings of the sinc on each side, and how finely it is tabled between two of them."""

BLOCK = 1 << 13
"""Output samples that are looked up at once; bounds the memory, and how long a cancel takes."""

PIECE, SHIFT = 640, 200
"""Samples of a piece whose pitch is kept (40 ms), and how far it may be moved to fit (12.5 ms)."""

FASTEST = 100.0
"""A speed above this is no speech any more; it counts as this much, which bounds the sinc."""


def play_at(
    samples: Float32, times: Float64, step: float, keep_pitch: bool, cancelled: Cancel = None
) -> Float32:
    """What is heard where the second ``times[i]`` of ``samples`` (N,) at 16 kHz plays ``i * step`` seconds
    after the start, straight lines between.

    ``times`` (F,) must not fall, F at least 2; before the sound and after it is silence. Gives samples at
    16 kHz over ``(F - 1) * step`` seconds. Raises OptionError, Cancelled.
    """
    if len(times) < 2 or step <= 0 or not np.isfinite(times).all() or (np.diff(times) < 0).any():
        raise OptionError("The times at which a sound is played must be two or more, and must not fall.")
    count = round((len(times) - 1) * step * SAMPLE_RATE)
    at = np.arange(count) / (step * SAMPLE_RATE)
    places = np.interp(at, np.arange(len(times)), times) * SAMPLE_RATE
    speeds = np.diff(times)[np.minimum(at.astype(np.intp), len(times) - 2)] / step
    if keep_pitch:
        played = _stretched(samples, places, cancelled)
    else:
        played = _looked_up(samples, places, np.minimum(speeds, FASTEST), cancelled)
    played[speeds == 0] = 0.0  # a frozen sound is silent
    return played


def _looked_up(samples: Float32, places: Float64, speeds: Float64, cancelled: Cancel) -> Float32:
    """Samples at fractional `places` (in samples), each passed below what its speed leaves audible."""
    played = np.empty(len(places), np.float32)
    for first in range(0, len(places), BLOCK):
        _check(cancelled)
        part = slice(first, first + BLOCK)
        played[part] = _sinc(samples, places[part], np.maximum(speeds[part], 1.0))
    return played


def _sinc(samples: Float32, places: Float64, widths: Float64) -> Float64:
    """Weighted means around `places` (n,), with a sinc `widths` (n,) times as wide as a sample."""
    reach = int(np.ceil(LOBES * widths.max(initial=1.0)))
    nearest = np.floor(places).astype(np.int64)
    found, total = np.zeros(len(places)), np.zeros(len(places))
    kernel, last = _kernel(), LOBES * TABLE
    for offset in range(1 - reach, reach + 1):
        index = nearest + offset
        far = np.abs(index - places) / widths * TABLE + 0.5
        weight = kernel[np.minimum(far.astype(np.int64), last)]
        inside = (index >= 0) & (index < len(samples))
        found += weight * samples.take(index, mode="clip") * inside
        total += weight
    return found / total


def _kernel() -> Float64:
    """One side of a Hann-windowed sinc, `TABLE` values a zero crossing; 0 at its end."""
    x = np.arange(LOBES * TABLE + 1) / TABLE
    return np.sinc(x) * (0.5 + 0.5 * np.cos(np.pi * x / LOBES))


def _stretched(samples: Float32, places: Float64, cancelled: Cancel) -> Float32:
    """Pieces of the sound around `places` (in samples), at the pitch that they have."""
    half, spare = PIECE // 2, PIECE + SHIFT
    count, hops = len(places), -(-len(places) // half) + 1
    inside = np.clip(places, -float(spare), float(len(samples) + spare))
    wide = np.pad(samples, (2 * spare, 2 * spare))
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(PIECE) / PIECE)).astype(np.float32)
    played = np.zeros((hops + 1) * half, np.float32)
    follows: Float32 | None = None
    for hop in range(hops):
        if hop % 64 == 0:
            _check(cancelled)
        centre = inside[min(hop * half, count - 1)]
        wanted = int(round(centre)) + 2 * spare - half
        start = wanted + (0 if follows is None else _best_shift(wide, wanted, follows))
        start = min(max(start, 0), len(wide) - PIECE - half)
        played[hop * half : hop * half + PIECE] += window * wide[start : start + PIECE]
        follows = wide[start + half : start + half + PIECE]
    return played[half : half + count]


def _best_shift(wide: Float32, wanted: int, follows: Float32) -> int:
    """By how many samples the piece at `wanted` must move to go on like `follows`."""
    first = max(0, wanted - SHIFT)
    near = wide[first : wanted + SHIFT + PIECE]
    if len(near) < len(follows) or not follows.any():
        return 0
    alike = np.correlate(near, follows, "valid")
    squares = np.concatenate([[0.0], np.cumsum(np.square(near, dtype=np.float64))])
    energy = squares[PIECE:] - squares[:-PIECE]
    return first - wanted + int(np.argmax(alike / np.sqrt(energy + 1e-9)))


def _check(cancelled: Cancel) -> None:
    if cancelled is not None and cancelled():
        raise Cancelled()
