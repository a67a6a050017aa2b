# SPDX-License-Identifier: GPL-3.0-or-later
"""Loudness of speech at the video frames, and the oldest lip sync of all: a jaw that follows it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.corpus.teacher.prosody import FRAME_RATE
from training.corpus.utterance import SAMPLE_RATE

Array = NDArray[np.float64]

WINDOW = 0.05
"""Seconds over which a level is measured."""

WIDEST = 0.35
"""Weight of jawOpen at the clip's loud parts (95th percentile): about 12 mm between the lips."""

QUIETEST = 1e-6


def level(samples: NDArray[np.float32], times: Array, window: float = WINDOW) -> Array:
    """Root mean square ``(M,)`` of 16 kHz ``samples (N,)`` in windows of ``window`` seconds around
    ``times``."""
    half = round(window * SAMPLE_RATE / 2)
    total = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    centres = np.round(np.asarray(times) * SAMPLE_RATE).astype(np.int64)
    first, last = (np.clip(centres + step, 0, len(samples)) for step in (-half, half))
    power = (total[last] - total[first]) / (2 * half)
    return np.sqrt(np.maximum(power, 0.0))


def decibels(levels: Array) -> Array:
    """Levels in dB against full scale."""
    return 20.0 * np.log10(np.maximum(levels, QUIETEST))


def jaw_opening(samples: NDArray[np.float32], frames: int) -> Array:
    """Weight of jawOpen ``(frames,)`` in 0 … 1 in proportion to the level, as amplitude-driven rigs do."""
    levels = level(samples, np.arange(frames) / FRAME_RATE)
    loud = np.percentile(levels, 95) if frames else 0.0
    return np.clip(WIDEST * levels / max(float(loud), QUIETEST), 0.0, 1.0)
