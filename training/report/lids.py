# SPDX-License-Identifier: GPL-3.0-or-later
"""Blinks, found by how far the lids' margins come together, in the same way on any motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.arrays import runs_of
from engine.template import Template
from training.report.tracks import FRAME_RATE

Array = NDArray[np.float64]

DEEP, STANDS_OUT = 0.6, 0.4
"""A blink closes the lids by at least this share of a full closure, and by this much more than before and
after it."""
FOOT = 0.8
"""A blink's length is taken this far below its peak: from onset to offset, where it has still a fifth of its
height."""
HALF_SHUT, STUCK = (0.25, 0.75), 0.5
"""Closures that count as half shut; seconds of them that are no part of a blink."""


@dataclass(frozen=True, eq=False)
class Lids:
    """Pairs of points on the lids' margins: ``moving (P,)`` vertices of the upper lids, each against the
    blend ``mix (P,)`` of two vertices ``fixed (P, 2)`` of the lower lid."""

    moving: NDArray[np.int64]
    fixed: NDArray[np.int64]
    mix: Array

    def gaps(self, points: NDArray[np.floating]) -> Array:
        """Vertical gaps ``(T, P)`` in metres of vertices ``(T, V, 3)``; negative where margins cross."""
        lower = (1 - self.mix) * points[:, self.fixed[:, 0], 2] + self.mix * points[:, self.fixed[:, 1], 2]
        return points[:, self.moving, 2] - lower

    def closure(self, rest: NDArray[np.floating], motion: NDArray[np.floating]) -> Array:
        """Share ``(T,)`` by which both eyes' lids are closed: 0 as at ``rest (V, 3)``, 1 margins together,
        below 0 opened wide; ``motion (T, V, 3)``."""
        open_ = self.gaps(rest[None].astype(np.float64))[0].sum()
        return 1.0 - self.gaps(rest + motion).sum(1) / open_


def lids_of(template: Template) -> Lids:
    """The lid pairs of the template's blink closures; the eyes' landmarks where it has none."""
    blinks = [row for row, name in enumerate(template.unit_names) if name.startswith("eyeBlink")]
    rows = np.flatnonzero(np.isin(template.closure_unit, blinks))
    if len(rows):
        fixed = template.closure_fixed[rows].astype(np.int64)
        return Lids(
            template.closure_moving[rows].astype(np.int64), fixed, template.closure_mix[rows].astype(float)
        )
    upper, lower = (
        np.array([template.landmarks[f"lid_{part}_{side}"] for side in ("left", "right")])
        for part in ("upper", "lower")
    )
    return Lids(upper, np.stack([lower, lower], 1), np.zeros(2))


@dataclass(frozen=True)
class Blinks:
    """Peaks of a closure: ``at`` frames, ``seconds`` from onset to offset, ``depths`` as closures."""

    at: NDArray[np.int64]
    seconds: Array
    depths: Array

    def __len__(self) -> int:
        return len(self.at)


def find_blinks(closure: Array) -> Blinks:
    """Blinks of a closure ``(T,)`` at 30 fps."""
    from scipy.signal import find_peaks, peak_widths

    peaks, _ = find_peaks(closure, height=DEEP, prominence=STANDS_OUT)
    widths = peak_widths(closure, peaks, rel_height=FOOT)[0] if len(peaks) else np.zeros(0)
    return Blinks(peaks.astype(np.int64), widths / FRAME_RATE, closure[peaks])


def stuck_share(closure: Array) -> float:
    """Share of the time in stretches of more than STUCK seconds with lids half shut."""
    inside = (closure > HALF_SHUT[0]) & (closure < HALF_SHUT[1])
    lengths = [stop - start for start, stop in runs_of(inside)]
    return sum(length for length in lengths if length > STUCK * FRAME_RATE) / max(len(closure), 1)
