# SPDX-License-Identifier: GPL-3.0-or-later
"""Phone times against the sound's own level: trim what an aligner smeared into silence, refuse what looks
wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.corpus.utterance import SAMPLE_RATE
from training.phonemes import SILENCE, VOWELS, Phone, tidy

BLOCK = SAMPLE_RATE // 100
LONGEST_VOWEL, LONGEST_CONSONANT = 0.8, 0.5
"""Seconds; what is longer than this was not aligned but swallowed."""
SMALLEST_CONTRAST = 12.0
"""Decibels between speech and background; below, the phone times can't be checked."""
MOST_LOUD_SILENCE = 0.18
"""Seconds of sound nearer to speech's level than to the background's that may pass for silence in one
utterance."""
MOST_QUIET_VOWELS = 0.35
"""Share of the vowels' time that may be as quiet as the background."""


@dataclass(frozen=True)
class Level:
    """Level of a sound in blocks of 10 ms: ``decibels (N,)``, and between what bounds it moves."""

    decibels: NDArray[np.float64]
    floor: float
    speech: float

    @property
    def threshold(self) -> float:
        return self.floor + 0.35 * (self.speech - self.floor)

    def between(self, start: float, end: float) -> NDArray[np.float64]:
        return self.decibels[round(start * 100) : max(round(end * 100), round(start * 100) + 1)]


def measure_level(samples: NDArray[np.float32]) -> Level:
    count = max(len(samples) // BLOCK, 1)
    blocks = (
        np.resize(samples, (count, BLOCK))
        if len(samples) < BLOCK
        else samples[: count * BLOCK].reshape(count, BLOCK)
    )
    power = np.convolve((blocks.astype(np.float64) ** 2).mean(axis=1), np.full(3, 1 / 3), mode="same")
    decibels = 10 * np.log10(power + 1e-9)
    return Level(decibels, float(np.percentile(decibels, 5)), float(np.percentile(decibels, 92)))


def clean_phones(
    samples: NDArray[np.float32], phones: tuple[Phone, ...], shift: float
) -> tuple[Phone, ...] | None:
    """Phones with ``shift`` seconds added, edges trimmed to where the sound is; None if they don't fit the
    sound.

    ``samples (N,)`` at 16 kHz.
    """
    duration = len(samples) / SAMPLE_RATE
    level = measure_level(samples)
    if level.speech - level.floor < SMALLEST_CONTRAST:
        return None
    trimmed = trim_edges(tidy(phones, duration, shift), level, duration)
    return trimmed if _plausible(trimmed, level) else None


def trim_edges(phones: tuple[Phone, ...], level: Level, duration: float) -> tuple[Phone, ...]:
    """Give the quiet beginning and end of a phone next to silence (or to the clip's edge) to the silence."""
    out: list[Phone] = []
    for index, phone in enumerate(phones):
        start, end = phone.start, phone.end
        if phone.label != SILENCE:
            loud = np.flatnonzero(level.between(start, end) > level.threshold)
            if _silent(phones, index - 1) and len(loud):
                start = max(start, start + loud[0] / 100 - 0.06)
            if _silent(phones, index + 1) and len(loud):
                end = min(end, phone.start + loud[-1] / 100 + 0.05)
        out.append(Phone(start, end, phone.label))
    return tidy((phone for phone in out if phone.label != SILENCE), duration)


def _silent(phones: tuple[Phone, ...], index: int) -> bool:
    return not 0 <= index < len(phones) or phones[index].label == SILENCE


def _plausible(phones: tuple[Phone, ...], level: Level) -> bool:
    longest = {True: LONGEST_VOWEL, False: LONGEST_CONSONANT}
    spoken = [phone for phone in phones if phone.label != SILENCE]
    vowels = [phone for phone in spoken if phone.label in VOWELS]
    if not vowels or any(phone.duration > longest[phone.label in VOWELS] for phone in spoken):
        return False
    sung = np.concatenate([level.between(phone.start, phone.end) for phone in vowels])
    if float(np.mean(sung < level.threshold)) > MOST_QUIET_VOWELS:
        return False
    silent = [
        level.between(p.start + 0.05, p.end - 0.05)
        for p in phones
        if p.label == SILENCE and p.duration > 0.15
    ]
    loud = sum(int((part > level.floor + 0.6 * (level.speech - level.floor)).sum()) for part in silent) / 100
    return loud <= MOST_LOUD_SILENCE
