# SPDX-License-Identifier: GPL-3.0-or-later
"""The recordings that are only for checking: sound, phones, and for Mandarin the animators' jaw."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.sound import Sound, load_sound
from training.errors import TrainingError
from training.phonemes import Phone, from_arpabet, tidy

ENGLISH = ("ljspeech", "mfa")
MANDARIN = "facegood"
JAW_CHANNEL = "mouth_stretch_c"
JAW_RATE = 30.0


@dataclass(frozen=True, eq=False)
class Recording:
    """One recording; ``phones`` without gaps from 0 to its end (English), ``jaw (T,)`` of the animators at
    30 fps (Mandarin). Either is empty where there is none."""

    name: str
    collection: str
    sound: Sound
    phones: tuple[Phone, ...] = ()
    jaw: NDArray[np.float64] | None = None

    @property
    def samples(self) -> NDArray[np.float32]:
        """16 kHz mono ``(N,)``."""
        return self.sound.samples

    @property
    def duration(self) -> float:
        """Seconds."""
        return float(self.sound.duration)

    @property
    def frames(self) -> int:
        """Video frames: round(30 × duration), as the engine counts them."""
        return round(self.sound.duration * 30)


def read_english(check: Path) -> tuple[Recording, ...]:
    """All recordings with phone times below the folder for checking; raises TrainingError if there are
    none."""
    found = [
        _read_english(path, collection)
        for collection in ENGLISH
        for path in sorted((check / collection).glob("*.wav"))
    ]
    if not found:
        raise TrainingError(
            f"{check} holds no recordings in {' or '.join(ENGLISH)} (*.wav with *.json beside them)."
        )
    return tuple(found)


def read_mandarin(check: Path) -> tuple[Recording, ...]:
    """The Mandarin takes with their jaw curves; raises TrainingError if there are none."""
    found = [_read_mandarin(path) for path in sorted((check / MANDARIN).glob("*.wav"))]
    if not found:
        raise TrainingError(f"{check / MANDARIN} holds no takes (*.wav with *.npz beside them).")
    return tuple(found)


def _read_english(path: Path, collection: str) -> Recording:
    sound, beside = load_sound(path), path.with_suffix(".json")
    try:
        rows = json.loads(beside.read_text(encoding="utf-8"))["phones"]
        phones = [Phone(float(start), float(end), from_arpabet(label)) for start, end, label in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{beside} gives no phone times as [start, end, label] ({error!r}); mend it."
        ) from error
    return Recording(path.stem, collection, sound, tidy(phones, float(sound.duration)))


def _read_mandarin(path: Path) -> Recording:
    beside = path.with_suffix(".npz")
    try:
        with np.load(beside, allow_pickle=False) as stored:
            names = stored["names"].tolist()
            jaw = stored["weights"][:, names.index(JAW_CHANNEL)].astype(np.float64)
            rate = float(stored["fps"])
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(f"{beside} holds no {JAW_CHANNEL} over time ({error}); mend it.") from error
    if rate != JAW_RATE:
        raise TrainingError(f"{beside} runs at {rate:g} frames a second, not at {JAW_RATE:g}.")
    return Recording(path.stem, MANDARIN, load_sound(path), jaw=jaw)
