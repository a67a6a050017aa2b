# SPDX-License-Identifier: GPL-3.0-or-later
"""What else is heard with a voice, or done to it: music, other people, telephones, coding, hoarseness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.corpus.utterance import SAMPLE_RATE

Sound = NDArray[np.float32]

WHISPER_WINDOW = 256
"""Samples (16 ms): too short to resolve a voice's harmonics, long enough for its formants."""


def add_beneath(samples: Sound, other: Sound, ratio: float) -> Sound:
    """``samples (N,)`` with ``other (N,)`` ``ratio`` decibels below their level."""
    level = _level(samples) * 10 ** (-ratio / 20) / max(_level(other), 1e-9)
    return (samples + np.float32(level) * other).astype(np.float32)


def make_music(count: int, rng: np.random.Generator) -> Sound:
    """Chords of plucked or held tones with a beat, ``(count,)``: no voice, but pitches and onsets."""
    out = np.zeros(count, np.float32)
    beat = int(rng.uniform(0.18, 0.7) * SAMPLE_RATE)
    root, decay = float(rng.uniform(55.0, 220.0)), float(rng.uniform(0.5, 6.0))
    times = np.arange(2 * beat) / SAMPLE_RATE
    envelope = (
        np.exp(-decay * times) * np.minimum(times / 0.01, 1.0) * np.minimum((times[-1] - times) / 0.02, 1.0)
    )
    for start in range(0, count, beat):
        steps = rng.choice((0, 3, 4, 5, 7, 9, 12, 16, 19), size=3)
        chord = sum(_tone(root * 2 ** (step / 12), times, rng) for step in steps)
        part = (chord * envelope)[: count - start]
        out[start : start + len(part)] += part.astype(np.float32)
    return out


def _tone(pitch: float, times: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    harmonics = np.arange(1, 6)
    strengths = harmonics ** -rng.uniform(0.5, 2.0)
    phases = rng.uniform(0.0, 2 * np.pi, len(harmonics))
    return (
        strengths[:, None] * np.sin(2 * np.pi * pitch * np.outer(harmonics, times) + phases[:, None])
    ).sum(0)


def make_hum(count: int, rng: np.random.Generator) -> Sound:
    """The mains' hum ``(count,)``: 50 or 60 Hz and their harmonics."""
    times = np.arange(count) / SAMPLE_RATE
    return _tone(float(rng.choice((50.0, 60.0, 100.0, 120.0))), times, rng).astype(np.float32)


def make_babble(samples: Sound, rng: np.random.Generator) -> Sound:
    """Several people talking, made of the voice itself: backwards, turned round and at other speeds."""
    count = len(samples)
    out = np.zeros(count, np.float32)
    for _ in range(int(rng.integers(3, 7))):
        places = np.arange(count) * rng.uniform(0.75, 1.3) + rng.uniform(0, count)
        out += np.interp(places % count, np.arange(count), samples[::-1]).astype(np.float32)
    return out


def limit_band(samples: Sound, rng: np.random.Generator) -> Sound:
    """A telephone's or a small loudspeaker's band."""
    low, high = float(rng.uniform(60.0, 320.0)), float(rng.uniform(3200.0, 7000.0))
    size = fast_size(len(samples))
    spectrum = np.fft.rfft(samples, size)
    frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    gain = 1 / np.sqrt(1 + (low / np.maximum(frequency, 1.0)) ** 6) / np.sqrt(1 + (frequency / high) ** 12)
    return np.fft.irfft(spectrum * gain, size)[: len(samples)].astype(np.float32)


def coarsen(samples: Sound, bits: int) -> Sound:
    """Quantised as by a telephone's μ-law codec with so many bits; loud parts hardly change, quiet ones get
    rough.
    """
    peak = max(float(np.abs(samples).max(initial=0.0)), 1e-9)
    squeezed = np.sign(samples) * np.log1p(255 * np.abs(samples) / peak) / np.log(256)
    steps = np.round(squeezed * 2 ** (bits - 1)) / 2 ** (bits - 1)
    return (np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255 * peak).astype(np.float32)


def swell(samples: Sound, rng: np.random.Generator) -> Sound:
    """A speaker who turns away, mumbles and comes back: the level wanders by up to 16 dB, smoothly."""
    knots = rng.uniform(-16.0, 0.0, len(samples) // (2 * SAMPLE_RATE) + 3)
    places = np.linspace(0.0, len(knots) - 1.001, len(samples))
    low = places.astype(np.int64)
    part = 0.5 - 0.5 * np.cos(np.pi * (places - low))
    return (samples * 10 ** ((knots[low] * (1 - part) + knots[low + 1] * part) / 20)).astype(np.float32)


def roughen(samples: Sound, rng: np.random.Generator) -> Sound:
    """A breathy or hoarse voice: partly whispered."""
    share = float(rng.uniform(0.3, 0.8))
    return ((1 - share) * samples + share * whisper(samples, rng)).astype(np.float32)


def whisper(samples: Sound, rng: np.random.Generator) -> Sound:
    """The voice without its pitch: the short-time spectra stay, their phases are drawn."""
    size, hop = WHISPER_WINDOW, WHISPER_WINDOW // 2
    padded = np.pad(samples, (size, size + hop))
    taper = np.sin(np.pi * (np.arange(size) + 0.5) / size).astype(np.float32)
    starts = np.arange(0, len(padded) - size, hop)
    frames = padded[starts[:, None] + np.arange(size)] * taper
    spectra = np.abs(np.fft.rfft(frames, axis=1))
    spectra = spectra * np.exp(2j * np.pi * rng.random(spectra.shape))
    voices = np.fft.irfft(spectra, size, axis=1) * taper
    out = np.zeros((len(starts) + 1, hop))
    out[:-1] += voices[:, :hop]
    out[1:] += voices[:, hop:]
    return out.ravel()[size : size + len(samples)].astype(np.float32)


def _level(samples: Sound) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def fast_size(count: int) -> int:
    """The next length that numpy's FFT is quick at: a multiple of a power of two below 5 % above
    ``count``."""
    step = max(1 << max(count.bit_length() - 5, 0), 2)
    return -(-count // step) * step
