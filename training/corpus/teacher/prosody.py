# SPDX-License-Identifier: GPL-3.0-or-later
"""Loudness and pitch of a clip at the video frames: what the teacher hears besides the phones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.corpus.utterance import SAMPLE_RATE

FRAME_RATE = 30
WINDOW = 1024
LOWEST_HZ, HIGHEST_HZ = 75.0, 420.0
VOICED = 0.5
"""Share of a window's energy that must repeat after one period for the window to count as voiced."""


@dataclass(frozen=True)
class Prosody:
    """``loudness (T,)`` and ``pitch (T,)``, both as deviations from the clip's own middle, about −2 … 2; 0
    = middling. Where nothing is heard the loudness is −2 and the pitch 0."""

    loudness: NDArray[np.float64]
    pitch: NDArray[np.float64]


def frame_count(samples: int) -> int:
    """Video frames of a clip: round(30 × duration), halves to even."""
    return round(samples * FRAME_RATE / SAMPLE_RATE)


def measure_prosody(samples: NDArray[np.float32], frames: int) -> Prosody:
    """Loudness and pitch of 16 kHz ``samples (N,)`` around each of the video frames."""
    centres = np.arange(frames) * SAMPLE_RATE // FRAME_RATE
    padded = np.pad(samples, (WINDOW // 2, WINDOW))
    centres = np.minimum(centres, len(padded) - WINDOW)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[centres] * np.hanning(WINDOW).astype(
        np.float32
    )
    spectrum = np.fft.rfft(windows, 2 * WINDOW, axis=1)
    repeats = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)
    energy = repeats[:, 0]
    first, last = int(SAMPLE_RATE / HIGHEST_HZ), int(SAMPLE_RATE / LOWEST_HZ)
    lag = first + repeats[:, first:last].argmax(axis=1)
    loud = 10 * np.log10(energy / WINDOW + 1e-9)
    heard = loud > np.percentile(loud, 95) - 30 if frames else np.zeros(0, bool)
    voiced = heard & (repeats[np.arange(frames), lag] > VOICED * np.maximum(energy, 1e-9))
    level = np.where(heard, _deviation(loud, heard, 6.0), -2.0)
    return Prosody(level, smooth(_deviation(np.log2(SAMPLE_RATE / lag), voiced, 0.25), 3))


def _deviation(values: NDArray[np.float64], valid: NDArray[np.bool_], spread: float) -> NDArray[np.float64]:
    """(values − their median) / spread where they are valid, 0 elsewhere."""
    if not valid.any():
        return np.zeros(len(values))
    return np.where(valid, np.clip((values - np.median(values[valid])) / spread, -2.0, 2.0), 0.0)


def smooth(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Triangular running mean over 2·reach + 1 frames; the ends are held."""
    if not len(values):
        return values
    kernel = np.concatenate([np.arange(1, reach + 2), np.arange(reach, 0, -1)]).astype(np.float64)
    padded = np.pad(values, reach, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid").astype(np.float64)
