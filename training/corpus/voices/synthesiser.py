# SPDX-License-Identifier: GPL-3.0-or-later
"""What the three speech synthesisers have in common: a list of voices, and speaking sentences into files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.corpus.utterance import SAMPLE_RATE, Piece, Utterance
from training.phonemes import SILENCE, VOWELS, Phone


@dataclass(frozen=True)
class Spoken:
    """One synthesised sentence: 16 kHz mono ``samples (N,)`` in −1 … 1 and its phones."""

    text: str
    samples: NDArray[np.float32]
    phones: tuple[Phone, ...]


@dataclass(frozen=True)
class SyntheticVoice:
    """A voice of an engine, the split that it belongs to (voices made from one speaker share a split), and
    whether it reads pinyin instead of English, or syllables of a ``language`` (see ``make_chains``).
    """

    engine: str
    name: str
    split: str = "train"
    pinyin: bool = False
    language: str = ""

    @property
    def voice(self) -> str:
        return f"{self.engine}/{self.name}"


Speak = Callable[[str, Sequence[str], int], Iterator[Spoken]]
"""(voice name, sentences, seed) -> one Spoken a sentence, lazily; raises VoiceError."""

LONGEST_PHONE = 0.6


def store(spoken: Spoken, voice: SyntheticVoice, folder: Path, number: int) -> Utterance | None:
    """Write the sound and describe it; None where the engine left nothing usable (no vowel, a phone far too
    long)."""
    import soundfile

    sounding = [phone for phone in spoken.phones if phone.label != SILENCE]
    if not any(phone.label in VOWELS for phone in sounding) or any(
        p.duration > LONGEST_PHONE for p in sounding
    ):
        return None
    path = folder / voice.engine / voice.name / f"{number:05d}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, spoken.samples, SAMPLE_RATE, subtype="PCM_16")
    piece = Piece(path, 0.0, len(spoken.samples) / SAMPLE_RATE)
    return Utterance((piece,), voice.voice, spoken.text, spoken.phones, voice.engine, path.name)
