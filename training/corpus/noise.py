# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips in which nobody speaks: digital silence, room noise, breath, knocks. The mouth stays shut in all of
them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.corpus.augment import coloured_noise
from training.corpus.utterance import SAMPLE_RATE
from training.phonemes import SILENCE, Phone

Sound = NDArray[np.float32]

SECONDS = 8.0


def make_noise_clip(rng: np.random.Generator) -> tuple[Sound, tuple[Phone, ...]]:
    """A clip of 4 to 12 seconds without speech, 16 kHz ``(N,)``, and its only phone."""
    count = int(rng.uniform(0.5, 1.5) * SECONDS * SAMPLE_RATE)
    kind = int(rng.integers(5))
    sound = np.zeros(count, np.float32)
    if kind > 0:
        sound += np.float32(10 ** rng.uniform(-4.5, -1.7)) * coloured_noise(
            count, float(rng.uniform(0.0, 2.5)), rng
        )
    if kind in (2, 4):
        _add_bursts(sound, (0.3, 1.2), (300.0, 5000.0), 0.5, rng)
    if kind in (3, 4):
        _add_bursts(sound, (0.01, 0.08), (100.0, 7000.0), 0.05, rng)
    peak = float(np.abs(sound).max(initial=0.0))
    sound = sound / np.float32(peak * 1.2) if peak > 0.8 else sound
    return sound, (Phone(0.0, count / SAMPLE_RATE, SILENCE),)


def _add_bursts(
    sound: Sound,
    lengths: tuple[float, float],
    band: tuple[float, float],
    rise: float,
    rng: np.random.Generator,
) -> None:
    """Breaths (long, slow ``rise``) or knocks (short, sudden): noise in a random part of ``band`` (Hz)."""
    clock = float(rng.uniform(0.0, 2.0))
    while clock < len(sound) / SAMPLE_RATE - lengths[1]:
        count = int(rng.uniform(*lengths) * SAMPLE_RATE)
        at = np.linspace(0.0, 1.0, count)
        envelope = np.minimum(at / rise, 1.0) * np.clip((1 - at) / (1 - rise), 0.0, 1.0) ** 1.5
        low = float(rng.uniform(band[0], band[1] / 4))
        burst = _band_noise(count, low, float(rng.uniform(low * 2, band[1])), rng) * envelope
        first = int(clock * SAMPLE_RATE)
        sound[first : first + count] += (10 ** rng.uniform(-2.5, -1.0) * burst).astype(np.float32)
        clock += lengths[1] + float(rng.exponential(1.5))


def _band_noise(count: int, low: float, high: float, rng: np.random.Generator) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(rng.normal(0.0, 1.0, count))
    frequency = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    spectrum[(frequency < low) | (frequency > high)] = 0.0
    noise = np.fft.irfft(spectrum, count)
    return noise / max(float(np.sqrt(np.mean(noise**2))), 1e-9)
