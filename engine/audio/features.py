# SPDX-License-Identifier: GPL-3.0-or-later
"""Log-mel features on a grid that is tied to the video frames.

The paper (section 3.1) takes 80 mel bands every 10 ms. Here there are exactly three mel frames a video
frame (every 11.1 ms at 30 fps): mel frame ``m`` is centred at ``(m - 1) / 90`` seconds, so the three frames
of video frame ``t`` lie around ``t / 30`` seconds and nothing drifts, however long the sound. Training and
the engine both call this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

LEVEL_BLOCK = 400
"""Samples of one block (25 ms at 16 kHz) whose level counts towards the voice's level."""

LOUD_SHARE, LOUD_BLOCKS, VOICE_RANGE = 0.05, 80, 1e-3
"""The loudest twentieth of a clip, at most two seconds of it, is taken for noise that may be louder than the
voice; the voice is what is at most 30 dB (a power ratio) below the next block."""

WORD_BLOCKS = 12
"""Blocks (0.3 s) that a lone word has at least; slammed doors are shorter."""

FRAMES_AT_ONCE = 4096
"""Mel frames that are transformed at once; bounds the memory, does not change the result."""


@dataclass(frozen=True)
class MelSettings:
    """How sound becomes features; part of a model's card.

    ``window`` and ``fft`` are in samples, ``low_hz`` and ``high_hz`` bound the mel bands, ``floor`` is the
    smallest band energy that counts, ``mean`` and ``std`` centre the log10 energies, ``level`` is the RMS
    that a clip's voice is brought to and ``max_gain`` the largest factor used for that, so that silence stays
    silent.
    """

    sample_rate: int = 16_000
    frame_rate: int = 30
    per_frame: int = 3
    bands: int = 80
    window: int = 800
    fft: int = 1024
    low_hz: float = 50.0
    high_hz: float = 7600.0
    floor: float = 1e-5
    mean: float = -3.4
    std: float = 1.5
    level: float = 0.035
    max_gain: float = 30.0


def clip_gain(samples: Float32, settings: MelSettings) -> float:
    """Factor that brings the voice of ``samples (N,)`` to the set level: the median of the 25 ms blocks in
    which it is heard, so that neither pauses nor a cough or a slammed door change it. Where nothing near the
    loudest blocks is left beside them, they are no cough, but a word in a long silence.
    """
    count = len(samples) // LEVEL_BLOCK
    if count == 0:
        blocks = samples.reshape(1, -1) if len(samples) else np.zeros((1, 1), np.float32)
    else:
        blocks = samples[: count * LEVEL_BLOCK].reshape(count, LEVEL_BLOCK)
    power = np.einsum("ij,ij->i", blocks, blocks, dtype=np.float64) / blocks.shape[1]
    place = -1 - min(int(LOUD_SHARE * len(power)), LOUD_BLOCKS)
    loud = np.partition(power, place)[place]
    word = power[power >= VOICE_RANGE * power.max()]
    if len(word) >= WORD_BLOCKS and loud < VOICE_RANGE * np.median(word):
        loud = power.max()
    voice = float(np.sqrt(np.median(power[power >= VOICE_RANGE * loud])))
    return float(min(settings.level / max(voice, 1e-12), settings.max_gain))


def frame_centres(first: int, count: int, settings: MelSettings) -> NDArray[np.int64]:
    """Sample index of the middle of mel frames ``first`` to ``first + count - 1``; exact, never drifting."""
    rate = settings.frame_rate * settings.per_frame
    frames = np.arange(first, first + count, dtype=np.int64) - settings.per_frame // 2
    return (2 * frames * settings.sample_rate + rate) // (2 * rate)


def log_mel(samples: Float32, first: int, count: int, settings: MelSettings, gain: float) -> Float32:
    """Features of mel frames ``first`` to ``first + count - 1`` of a 16 kHz mono clip ``samples (N,)``.

    Frames that reach before the beginning or past the end see silence there. Returns ``(count, bands)``
    float32, centred by the settings' ``mean`` and ``std``.
    """
    out = np.empty((count, settings.bands), np.float32)
    for begin in range(0, count, FRAMES_AT_ONCE):
        part = slice(begin, min(begin + FRAMES_AT_ONCE, count))
        windows = _windows(samples, first + part.start, part.stop - part.start, settings)
        out[part] = _bands(windows * np.float32(gain), settings)
    return out


def silence(settings: MelSettings) -> Float32:
    """The features ``(bands,)`` of digital silence."""
    return log_mel(np.zeros(1, np.float32), 0, 1, settings, 1.0)[0]


def _windows(samples: Float32, first: int, count: int, settings: MelSettings) -> Float32:
    """Cut ``(count, window)`` samples around each frame's centre, zeros outside the clip."""
    begins = frame_centres(first, count, settings) - settings.window // 2
    low, high = int(begins[0]), int(begins[-1]) + settings.window
    piece = np.zeros(high - low, np.float32)
    inside = slice(max(low, 0), max(min(high, len(samples)), 0))
    if inside.stop > inside.start:
        piece[inside.start - low : inside.stop - low] = samples[inside]
    return piece[(begins - low)[:, None] + np.arange(settings.window)]


def _bands(windows: Float32, settings: MelSettings) -> Float32:
    taper, filters = _tables(settings)
    spectrum = np.fft.rfft(windows * taper, n=settings.fft, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    energy = np.maximum(power @ filters, np.float32(settings.floor))
    return ((np.log10(energy) - settings.mean) / settings.std).astype(np.float32)


@lru_cache(maxsize=4)
def _tables(settings: MelSettings) -> tuple[Float32, Float32]:
    """The Hann window ``(window,)`` and the triangular mel filters ``(fft // 2 + 1, bands)`` of unit area."""
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(settings.window) / settings.window)
    low, high = _hz_to_mel(settings.low_hz), _hz_to_mel(settings.high_hz)
    edges = _mel_to_hz(np.linspace(low, high, settings.bands + 2))
    bins = np.arange(settings.fft // 2 + 1) * settings.sample_rate / settings.fft
    rising = (bins[:, None] - edges[None, :-2]) / np.diff(edges)[None, :-1]
    falling = (edges[None, 2:] - bins[:, None]) / np.diff(edges)[None, 1:]
    filters = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (edges[2:] - edges[:-2]))[None]
    return taper.astype(np.float32), filters.astype(np.float32)


def _hz_to_mel(hz: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's scale: linear below 1 kHz (15 mels there), logarithmic above."""
    hz = np.asarray(hz, np.float64)
    rise = np.log(np.maximum(hz, 1e-9) / 1000.0) / np.log(6.4)
    return np.where(hz < 1000.0, hz * 3.0 / 200.0, 15.0 + 27.0 * rise)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp((mel - 15.0) * np.log(6.4) / 27.0))
