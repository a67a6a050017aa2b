# SPDX-License-Identifier: GPL-3.0-or-later
"""Fillers ("uh", "um") put into a clip's pauses, made of the speaker's own vowels and often creaky.

Read speech has none of them, so ears that learnt from it alone take a long, hoarse "uh" for noise and shut
the mouth. A filler repeats one short grain of a vowel: at a voice's pitch, or as slowly and unevenly as a
creak's pulses come. Its formants, and so the lips' shape, stay the vowel's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.corpus.utterance import SAMPLE_RATE
from training.phonemes import SILENCE, Phone, tidy

Sound = NDArray[np.float32]

VOWELS = ("AH", "ER", "AE", "EH", "AA", "AO")
"""What people hesitate with; espeak-ng's and pocketsphinx' schwas are AH."""
SHORTEST_VOWEL, SHORTEST_PAUSE = 0.06, 0.08
MODAL, CREAKY = (75.0, 210.0), (18.0, 60.0)
"""Hz of a filler's pulses."""
GRAIN = 0.016
"""Seconds: about one period with its ringing."""


def hesitate(
    samples: Sound, phones: Sequence[Phone], rng: np.random.Generator
) -> tuple[Sound, tuple[Phone, ...]]:
    """The clip ``(N,)`` at 16 kHz with one to three fillers more, each in the middle of a pause, and its
    phones; unchanged where it has no vowel or no pause for them."""
    for _ in range(int(rng.integers(1, 4))):
        pauses = [p for p in phones if p.label == SILENCE and p.duration >= SHORTEST_PAUSE]
        vowels = [p for p in phones if p.label in VOWELS and p.duration >= SHORTEST_VOWEL]
        if not pauses or not vowels:
            break
        filler = _filler(samples, phones, vowels[int(rng.integers(len(vowels)))], rng)
        samples, phones = _insert(samples, phones, pauses[int(rng.integers(len(pauses)))], *filler, rng)
    return samples, tuple(phones)


def _filler(
    samples: Sound, phones: Sequence[Phone], vowel: Phone, rng: np.random.Generator
) -> tuple[Sound, list[tuple[float, str]]]:
    """Its sound, and the seconds and label of each of its phones: a vowel, now and then an m after it."""
    loudness = 10 ** (rng.uniform(-10.0, 3.0) / 20)
    pitch = float(rng.uniform(*(CREAKY if rng.random() < 0.5 else MODAL)))
    parts = [(float(rng.uniform(0.15, 0.7)), vowel.label)]
    sounds = [sustain(samples, vowel, parts[0][0], pitch, rng)]
    hums = [p for p in phones if p.label == "M" and p.duration >= 0.05]
    if hums and rng.random() < 0.35:
        parts.append((float(rng.uniform(0.12, 0.4)), "M"))
        sounds.append(sustain(samples, hums[int(rng.integers(len(hums)))], parts[1][0], pitch, rng))
    return (np.concatenate(sounds) * np.float32(loudness)).astype(np.float32), parts


def sustain(samples: Sound, phone: Phone, seconds: float, pitch: float, rng: np.random.Generator) -> Sound:
    """A phone held for some seconds: its loudest grain near its middle, ``pitch`` times a second."""
    middle, size = (phone.start + phone.end) / 2 * SAMPLE_RATE, int(GRAIN * SAMPLE_RATE)
    first = int(np.clip(middle - size, 0, max(len(samples) - 2 * size, 0)))
    peak = first + int(np.abs(samples[first : first + size]).argmax())
    grain = samples[max(peak - size // 8, 0) : max(peak - size // 8, 0) + size]
    taper = np.minimum(np.arange(len(grain)) / (size / 8), 1.0) * np.linspace(1.0, 0.0, len(grain)) ** 0.5
    grain, count = (grain * taper).astype(np.float32), int(seconds * SAMPLE_RATE)
    out = np.zeros(count + 2 * size, np.float32)
    uneven = 0.2 if pitch < CREAKY[1] else 0.015
    clock = 0.0
    while clock < count:
        at = int(clock)
        out[at : at + len(grain)] += grain * np.float32(rng.uniform(0.7, 1.0) if uneven > 0.1 else 1.0)
        clock += SAMPLE_RATE / pitch * float(np.clip(rng.normal(1.0, uneven), 0.5, 1.8))
    out = out[:count]
    edge = np.minimum(np.arange(count), np.arange(count)[::-1]) / (0.03 * SAMPLE_RATE)
    return (out * np.clip(edge, 0.0, 1.0)).astype(np.float32)


def _insert(
    samples: Sound,
    phones: Sequence[Phone],
    pause: Phone,
    filler: Sound,
    parts: Sequence[tuple[float, str]],
    rng: np.random.Generator,
) -> tuple[Sound, tuple[Phone, ...]]:
    """The clip cut in the middle of a pause, with the filler between two stretches of that pause's own
    noise."""
    cut = int((pause.start + pause.end) / 2 * SAMPLE_RATE)
    before, after = (float(rng.uniform(0.03, 0.4)) for _ in range(2))
    length = int((before + after) * SAMPLE_RATE) + len(filler)
    noise = samples[int(pause.start * SAMPLE_RATE) : int(pause.end * SAMPLE_RATE)]
    middle = np.resize(np.concatenate([noise[::-1], noise]), length).astype(np.float32)
    first = int(before * SAMPLE_RATE)
    middle[first : first + len(filler)] += filler
    at, inserted = cut / SAMPLE_RATE, length / SAMPLE_RATE
    told = [Phone(pause.start, at + before, SILENCE)]
    for seconds, label in parts:
        told.append(Phone(told[-1].end, told[-1].end + seconds, label))
    told.append(Phone(told[-1].end, pause.end + inserted, SILENCE))
    earlier = [p for p in phones if p.end <= pause.start]
    later = [Phone(p.start + inserted, p.end + inserted, p.label) for p in phones if p.start >= pause.end]
    out = np.concatenate([samples[:cut], middle, samples[cut:]])
    return out, tidy([*earlier, *told, *later], len(out) / SAMPLE_RATE)
