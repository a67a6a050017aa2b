# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a sound is silent, by its level alone, and how the mouth is handed over there and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..arrays import runs_of, smoothstep

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

RATE = 16_000
HOP, WINDOW = 160, 480
"""Samples between two levels, and of one level."""
BELOW_LOUD, ABOVE_QUIET, LEAST_RANGE = 34.0, 9.0, 16.0
"""Decibels. Silence lies this far below the loud parts, or this far above the quietest where a room hums, but
always at least LEAST_RANGE below the loud parts."""
DEAF = -66.0
"""Decibels of full scale; a sound whose loud parts are fainter is silent altogether."""
SHORTEST_SPEECH, SHORTEST_PAUSE = 0.04, 0.4
"""Seconds; shorter clicks are no speech, and shorter gaps (stops, breaths between words) no pauses."""
BEFORE, AFTER = 0.15, 0.10
"""Seconds of a pause that belong to speech: lips are on their way before a sound begins, and after it."""
HAND_OVER = 0.16
"""Seconds in which the mouth passes from the one to the other, inside the pause."""


def silence_share(samples: Float32, times: Float64) -> Float64:
    """How silent 16 kHz ``samples`` (N,) are at ``times`` (n,) in seconds: 0 in speech and around it, 1
    inside pauses, smooth between; before and after the sound it is silent."""
    pauses = find_pauses(samples)
    share = np.zeros(len(times))
    for start, end in pauses:
        rise = np.clip((times - start) / HAND_OVER, 0, 1) if np.isfinite(start) else np.ones(len(times))
        fall = np.clip((end - times) / HAND_OVER, 0, 1) if np.isfinite(end) else np.ones(len(times))
        share = np.maximum(share, smoothstep(np.minimum(rise, fall)))
    return share


def find_pauses(samples: Float32) -> Float64:
    """Pauses (P, 2) in seconds, without what the mouth needs of them; infinite where speech never begins or
    goes on."""
    level = _levels(samples)
    speech = level > _threshold(level)
    step = HOP / RATE
    loud = [(a, b) for a, b in runs_of(speech) if (b - a) * step >= SHORTEST_SPEECH]
    spans: list[list[float]] = []
    for start, stop in loud:
        begin, end = start * step - BEFORE, stop * step + AFTER
        if spans and begin - spans[-1][1] < SHORTEST_PAUSE - BEFORE - AFTER:
            spans[-1][1] = end
        else:
            spans.append([begin, end])
    edges = [-np.inf, *(time for span in spans for time in span), np.inf]
    return np.array(edges).reshape(-1, 2)


def _threshold(level: Float64) -> float:
    loud, quiet = (float(np.percentile(level, part)) for part in (95, 5))
    if loud < DEAF:
        return np.inf
    return min(max(loud - BELOW_LOUD, quiet + ABOVE_QUIET), loud - LEAST_RANGE)


def _levels(samples: Float32) -> Float64:
    """Levels (M,) in decibels of full scale, one every HOP samples around its middle."""
    power = np.pad(samples.astype(np.float64) ** 2, (WINDOW // 2, WINDOW))
    total = np.concatenate([[0.0], np.cumsum(power)])
    first = np.arange(0, max(len(samples), 1), HOP)
    return 10 * np.log10((total[first + WINDOW] - total[first]) / WINDOW + 1e-12)
