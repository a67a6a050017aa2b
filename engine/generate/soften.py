# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoothing and delaying curves whose closures must stay closed. Neither prefers a direction of time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import smoothstep

Floats = NDArray[np.floating[Any]]
Float64 = NDArray[np.float64]

WIDTH = 0.5
"""Standard deviation of the smoothing in parts of the frames asked for."""

REACH = 3.0
"""Standard deviations at which it ends."""

FADE = 0.08
"""Seconds at most between a closure, which stays as it is, and the smoothed motion around it."""

FIRM = 1000.0
"""How much more a closed sample counts than an open one beside it."""


def smooth(values: Floats, frames: float, firm: Floats, fps: float) -> Floats:
    """Curves (T, C) calmed over a number of frames; where `firm` (T, C) or (T, 1) is 1 they stay exactly as
    they are, and around it they pass from one to the other."""
    exact = values.astype(np.float64)
    keep = _spread(firm, float(np.clip(frames, 1.0, max(1.0, FADE * fps))))
    calm = _blurred(exact, WIDTH * frames)
    return np.where(keep >= 1.0, exact, calm + keep * (exact - calm)).astype(values.dtype)


def delay(values: Floats, frames: float, firm: Floats) -> Floats:
    """Curves (T, C) later by any number of frames (earlier where negative); the ends hold.

    Between two samples a curve is their mean, but the frame that is nearest to a sample where `firm` (T, C)
    is 1 gets just that: a closure of one frame stays one.
    """
    places = np.arange(len(values)) - frames
    before = np.floor(places)
    part = (places - before)[:, None]
    last = len(values) - 1
    early, late = (np.clip(before + step, 0, last).astype(np.intp) for step in (0, 1))
    if not part.any():  # whole frames
        return values[early]
    counts = [
        share * (1.0 + FIRM * firm[at] * smoothstep(np.clip(2.0 * share, 0.0, 1.0)))
        for share, at in ((1.0 - part, early), (part, late))
    ]
    mixed = (counts[0] * values[early] + counts[1] * values[late]) / (counts[0] + counts[1])
    low, high = np.minimum(values[early], values[late]), np.maximum(values[early], values[late])
    return np.where(part == 0.0, values[early], np.clip(mixed, low, high)).astype(values.dtype)


def _blurred(values: Float64, deviation: float) -> Float64:
    """Each column (T, C) under a Gaussian window; the ends are held."""
    reach = max(1, int(np.ceil(REACH * deviation)))
    window = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / max(deviation, 1e-6)))
    window /= window.sum()
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    blurred = np.zeros_like(values)
    for step, share in enumerate(window):
        blurred += share * padded[step : step + len(values)]
    return blurred


def _spread(firm: Floats, reach: float) -> Float64:
    """The largest `firm` (T, C) around each frame, less the further away; 0 beyond `reach` frames."""
    steps = int(np.ceil(reach))
    padded = np.pad(np.asarray(firm, np.float64), ((steps, steps), (0, 0)), mode="edge")
    spread = np.zeros(firm.shape)
    for step in range(2 * steps + 1):
        share = 1.0 - smoothstep(np.clip(np.abs(np.float64(step - steps)) / (reach + 1.0), 0.0, 1.0))
        np.maximum(spread, share * padded[step : step + len(firm)], out=spread)
    return spread
