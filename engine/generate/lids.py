# SPDX-License-Identifier: GPL-3.0-or-later
"""Blinks apart from lids that follow the gaze."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import around, ramp, smoothstep

Floats = NDArray[np.floating[Any]]
Float64 = NDArray[np.float64]

LID, DOWN = "eyeBlink", "eyeLookDown"

LONGEST = 0.6
"""Seconds that a blink lasts at most; what stays longer follows the gaze, unless the eye is shut."""

ASLEEP = (0.5, 0.8)
"""Weights of the lid between which something that lasts turns from a low gaze into a closed eye."""

OPEN, SHUT = 0.4, 0.75
"""Weights of the lid up to which it isn't shut at all, and from which it is."""

AROUND = 0.25
"""Seconds around a frame in which the peak of its blink lies."""


def change_lids(
    names: Sequence[str], spoken: Floats, changed: Floats, fps: float, blink: float, gaze: float
) -> None:
    """Blinks and the lids' way down with the gaze at their strengths, in place in `changed` (T, U); `spoken`
    are the weights as they were. Blinks stronger than 1 close fully, and last no longer for it."""
    for side in ("Left", "Right"):
        if LID + side not in names:
            continue
        lid = spoken[:, list(names).index(LID + side)].astype(np.float64)
        seen = DOWN + side in names
        down = spoken[:, list(names).index(DOWN + side)].astype(np.float64) if seen else np.zeros(len(lid))
        resting = resting_lid(lid, fps)
        following = np.minimum(lid, _slope(resting, down) * down)
        resting = np.maximum(resting, following)  # also where the gaze is low for as short as a blink
        blinks = _blinking(lid - resting, 1.0 - resting, fps, blink)
        resting += (gaze - 1.0) * following
        changed[:, list(names).index(LID + side)] = np.clip(resting + blinks, 0.0, 1.0)


def resting_lid(lid: Float64, fps: float) -> Float64:
    """A lid's weight (T,) without its blinks: never above the lid's own."""
    reach = max(1, round(LONGEST * fps / 2))
    low = running_max(-running_max(-lid, reach), reach)
    begins, ends = ASLEEP
    low *= 1.0 - ramp(low, begins, ends)
    return np.minimum(low, lid)


def _blinking(blinks: Float64, room: Float64, fps: float, strength: float) -> Float64:
    """Blinks (T,) of a strength, none above the `room` (T,) that is left to a shut eye."""
    if strength <= 1.0:
        return strength * blinks
    peak = running_max(blinks, max(1, round(AROUND * fps)))
    return blinks * np.maximum(1.0, np.minimum(strength, room / np.maximum(peak, 1e-6)))


def shutness(names: Sequence[str], weights: Floats) -> Float64:
    """How shut each lid is (T, U), 1 where it is; 0 for units that are no lids."""
    lids = np.array([name.startswith(LID) for name in names], bool)
    part = np.clip((weights.astype(np.float64) - OPEN) / (SHUT - OPEN), 0.0, 1.0)
    return smoothstep(part) * lids


def running_max(values: Float64, reach: int) -> Float64:
    """The largest of the `reach` values before and after each of `values` (T,), itself too."""
    return around(values, reach).max(axis=1)


def _slope(resting: Float64, down: Float64) -> float:
    """How far a lid at rest comes down with the gaze, by least squares over the take."""
    return max(float(resting @ down) / max(float(down @ down), 1e-9), 0.0)
