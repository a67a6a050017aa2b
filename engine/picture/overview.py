# SPDX-License-Identifier: GPL-3.0-or-later
"""What a take looks like at a glance: its telling moments, its blinks, and how lively its upper face is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..arrays import runs_of
from ..rigs.mapping import MOUTH

Floats = NDArray[np.floating]

SHUT = 0.5
"""A lid that closes this far blinks."""

NEAR_SECONDS = Fraction(1, 5)
"""A closure counts by how far the mouth is open this long before or after it."""


@dataclass(frozen=True)
class Moments:
    """Samples at which a take shows most of something, in the order of a strip's pictures."""

    wide: int
    closed: int
    blink: int
    brows_up: int
    brows_down: int
    gaze: int

    def samples(self) -> tuple[int, ...]:
        """All of them, in order."""
        return (self.wide, self.closed, self.blink, self.brows_up, self.brows_down, self.gaze)


def telling_moments(unit_names: Sequence[str], weights: Floats, fps: Fraction) -> Moments:
    """The telling moments of weights (T, U), T at least 1."""
    motion = _Motion(unit_names, weights)
    opening = motion.sum("jawOpen") - motion.sum("mouthClose")
    around = _highest_near(opening, max(1, round(NEAR_SECONDS * fps)))
    return Moments(
        wide=int(np.argmax(opening)),
        closed=int(np.argmax(around - opening)),
        blink=int(np.argmax(motion.sum("eyeBlink"))),
        brows_up=int(np.argmax(motion.sum("browInnerUp", "browOuterUp"))),
        brows_down=int(np.argmax(motion.sum("browDown"))),
        gaze=int(np.argmax(motion.sum("eyeLook") - 2 * motion.sum("eyeBlink"))),
    )


def blinks(unit_names: Sequence[str], weights: Floats) -> tuple[int, ...]:
    """The samples at which the lids of weights (T, U) are shut furthest, once for each blink."""
    lids = _Motion(unit_names, weights).mean("eyeBlink")
    return tuple(first + int(np.argmax(lids[first:stop])) for first, stop in runs_of(lids >= SHUT))


def liveliness(unit_names: Sequence[str], weights: Floats, sizes: Floats) -> float:
    """How much brows, gaze and cheeks move about their mean, in mm, blinks aside; ``sizes`` (U,) are the
    units' largest displacements at weight 1, metres."""
    upper = [row for row, name in enumerate(unit_names) if not name.startswith(MOUTH) and "Blink" not in name]
    motion = np.asarray(weights, np.float64)[:, upper] * np.asarray(sizes, np.float64)[upper]
    return float(1000.0 * np.sqrt(motion.var(axis=0).sum()))


def brow_height(unit_names: Sequence[str], weights: Floats) -> NDArray[np.float64]:
    """How far the brows of weights (T, U) are up, −1 (all down) to 1 (all up)."""
    motion = _Motion(unit_names, weights)
    up = 0.5 * (motion.mean("browInnerUp") + motion.mean("browOuterUp"))
    return np.clip(up - motion.mean("browDown"), -1.0, 1.0)


class _Motion:
    """Weights by the beginnings of their units' names."""

    def __init__(self, unit_names: Sequence[str], weights: Floats) -> None:
        self._names, self._weights = tuple(unit_names), np.asarray(weights, np.float64)

    def sum(self, *stems: str) -> NDArray[np.float64]:
        """The sum (T,) of the units that begin so; zeros where there are none."""
        return self._weights[:, self._rows(stems)].sum(axis=1)

    def mean(self, stem: str) -> NDArray[np.float64]:
        """The mean (T,) of the units that begin so; zeros where there are none."""
        return self.sum(stem) / max(1, len(self._rows((stem,))))

    def _rows(self, stems: tuple[str, ...]) -> list[int]:
        return [row for row, name in enumerate(self._names) if name.startswith(stems)]


def _highest_near(curve: Floats, reach: int) -> NDArray[np.float64]:
    """The lower of what a curve (T,) reaches within ``reach`` samples before and after each sample."""
    padded = np.concatenate([np.full(reach, -np.inf), curve, np.full(reach, -np.inf)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, reach + 1)
    count = len(curve)
    return np.minimum(windows[:count].max(axis=1), windows[reach : reach + count].max(axis=1))
