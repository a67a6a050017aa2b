# SPDX-License-Identifier: GPL-3.0-or-later
"""Other rooms, microphones and throats: seeded changes of a clip's sound, cheap enough for hours of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import soxr
from numpy.typing import NDArray

from training.corpus.hesitate import hesitate
from training.corpus.surroundings import (
    add_beneath,
    coarsen,
    fast_size,
    limit_band,
    make_babble,
    make_hum,
    make_music,
    roughen,
    swell,
    whisper,
)
from training.corpus.utterance import SAMPLE_RATE
from training.phonemes import Phone

Sound = NDArray[np.float32]


def augment(
    samples: Sound, phones: Sequence[Phone], rng: np.random.Generator
) -> tuple[Sound, tuple[Phone, ...]]:
    """A changed copy of a 16 kHz clip ``(N,)``: fillers, whispered or hoarse, speed, equaliser, distance,
    music or other voices, room, noise, telephone, level.

    The phones follow fillers and the change of speed.
    """
    if rng.random() < 0.35:
        samples, phones = hesitate(samples, phones, rng)
    hoarse = rng.random()
    if hoarse < 0.18:
        samples = (whisper if hoarse < 0.06 else roughen)(samples, rng)
    if rng.random() < 0.7:
        samples, phones = change_speed(samples, phones, float(rng.uniform(0.82, 1.2)))
    if rng.random() < 0.7:
        samples = tilt(samples, rng)
    if rng.random() < 0.2:
        samples = swell(samples, rng)
    if rng.random() < 0.25:
        music = rng.random() < 0.5
        other = make_music(len(samples), rng) if music else make_babble(samples, rng)
        samples = add_beneath(samples, other, float(rng.uniform(8.0, 25.0)))
    if rng.random() < 0.35:
        samples = reverberate(samples, float(rng.uniform(0.08, 0.45)), float(rng.uniform(0.05, 0.35)), rng)
    if rng.random() < 0.6:
        samples = add_noise(samples, float(rng.uniform(7.0, 40.0)), rng)
    if rng.random() < 0.15:
        samples = coarsen(limit_band(samples, rng), int(rng.integers(6, 9)))
    return set_level(samples, float(rng.uniform(0.1, 0.95))), tuple(phones)


def change_speed(samples: Sound, phones: Sequence[Phone], factor: float) -> tuple[Sound, tuple[Phone, ...]]:
    """Play faster (factor above 1): pitch and formants rise with the speed, as with a smaller speaker."""
    faster = soxr.resample(samples, SAMPLE_RATE * factor, SAMPLE_RATE).astype(np.float32)
    ratio = len(samples) / len(faster)
    return faster, tuple(Phone(p.start / ratio, p.end / ratio, p.label) for p in phones)


def tilt(samples: Sound, rng: np.random.Generator) -> Sound:
    """A smooth random equaliser: a slope of up to ±6 dB and two broad bumps over the whole band."""
    size = fast_size(len(samples))
    position = np.linspace(0.0, 1.0, size // 2 + 1)
    decibels = float(rng.uniform(-6.0, 6.0)) * (position - 0.3)
    for _ in range(2):
        centre, width = float(rng.uniform(0.0, 1.0)), float(rng.uniform(0.08, 0.3))
        decibels = decibels + float(rng.uniform(-5.0, 5.0)) * np.exp(-(((position - centre) / width) ** 2))
    spectrum = np.fft.rfft(samples, size) * 10 ** (decibels / 20)
    return np.fft.irfft(spectrum, size)[: len(samples)].astype(np.float32)


def reverberate(samples: Sound, seconds: float, wet: float, rng: np.random.Generator) -> Sound:
    """A small room: exponentially decaying noise of reverberation time ``seconds`` behind the direct
    sound."""
    length = int(seconds * SAMPLE_RATE)
    decay = np.exp(-6.9 * np.arange(length) / length)
    room = rng.normal(0.0, 1.0, length) * decay
    room *= wet / np.sqrt((room**2).sum())
    room[0] += 1.0
    size = fast_size(len(samples) + length)
    heard = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(room, size), size)
    return heard[: len(samples)].astype(np.float32)


def add_noise(samples: Sound, ratio: float, rng: np.random.Generator) -> Sound:
    """Background noise ``ratio`` decibels below the speech's level, now and then the mains' hum with it."""
    level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) * 10 ** (-ratio / 20)
    noise = coloured_noise(len(samples), float(rng.uniform(0.0, 2.0)), rng)
    if rng.random() < 0.25:
        noise = add_beneath(noise, make_hum(len(samples), rng), float(rng.uniform(-6.0, 10.0)))
    return (samples + np.float32(level) * noise).astype(np.float32)


def coloured_noise(count: int, steepness: float, rng: np.random.Generator) -> Sound:
    """Noise ``(count,)`` of RMS 1 whose power falls with frequency to the given power: 0 white, 1 pink, 2
    brown."""
    size = fast_size(count)
    frequency = np.maximum(np.fft.rfftfreq(size, 1 / SAMPLE_RATE), 40.0)
    noise = np.fft.irfft(np.fft.rfft(rng.normal(0.0, 1.0, size)) * frequency ** (-steepness / 2), size)[
        :count
    ]
    return (noise / max(float(np.sqrt(np.mean(noise**2))), 1e-12)).astype(np.float32)


def set_level(samples: Sound, peak: float) -> Sound:
    return samples * np.float32(peak / max(float(np.abs(samples).max(initial=0.0)), 1e-9))
