# SPDX-License-Identifier: GPL-3.0-or-later
"""One recorded or synthesised utterance, and the voice that speaks it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from training.phonemes import SILENCE, Phone

SAMPLE_RATE = 16_000

REAL = "real"
ENGINES = ("flite", "festival", "espeak-ng")
NOISE = "noise"
SOURCES: tuple[str, ...] = (REAL, *ENGINES, NOISE)
"""A clip's source id is its place in this list."""


@dataclass(frozen=True)
class Piece:
    """A stretch of a 16 kHz mono sound file from ``start`` to ``end`` seconds, then ``gap`` seconds of
    nothing."""

    path: Path
    start: float
    end: float
    gap: float = 0.0


@dataclass(frozen=True)
class Utterance:
    """What one voice says in one clip; ``phones`` count from the beginning of the first piece.

    ``voice`` names the speaker together with the collection, ``sentence`` is the text that splits go by,
    ``source`` is one of ``SOURCES``, ``name`` tells this utterance from the others of the same voice.
    """

    pieces: tuple[Piece, ...]
    voice: str
    sentence: str
    phones: tuple[Phone, ...]
    source: str
    name: str

    @property
    def duration(self) -> float:
        return sum(piece.end - piece.start + piece.gap for piece in self.pieces)

    @property
    def key(self) -> str:
        """A name that is the same wherever the corpus is made."""
        return f"{self.source}/{self.voice}/{self.name}"

    @property
    def speech(self) -> float:
        """Seconds that are not silence."""
        return sum(phone.duration for phone in self.phones if phone.label != SILENCE)


def plain_text(text: str) -> str:
    """A sentence as splits compare it: lower case, letters, digits and single spaces."""
    kept = "".join(c if c.isalnum() or c == "'" else " " for c in text.lower())
    return " ".join(kept.split())


def stable_seed(seed: int, *names: object) -> int:
    """A 64-bit number that depends on the seed and the names alone (unlike Python's own hash)."""
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
