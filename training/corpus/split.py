# SPDX-License-Identifier: GPL-3.0-or-later
"""Who and what goes to training, validation and test: no sentence, voice or identity is in two of them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from training.corpus.utterance import Utterance

SPLITS = ("train", "validation", "test")
EVERY = 14
"""Of a collection's voices, in a seeded order, every 14th is for validation and every 14th for test."""


def split_voices(voices: Iterable[str], seed: int) -> dict[str, str]:
    """Voice -> split. Each collection (the part before the slash) is split by itself, so that all have a
    share."""
    collections: dict[str, list[str]] = defaultdict(list)
    for voice in sorted(set(voices)):
        collections[voice.partition("/")[0]].append(voice)
    out: dict[str, str] = {}
    for members in collections.values():
        members.sort(key=lambda voice: hashlib.sha256(f"{seed}/{voice}".encode()).digest())
        for index, voice in enumerate(members):
            out[voice] = {EVERY // 2: "validation", EVERY - 1: "test"}.get(index % EVERY, "train")
    return out


def agree(
    utterances: Sequence[Utterance], voices: Mapping[str, str]
) -> tuple[list[tuple[str, Utterance]], int]:
    """Each utterance with its split, and how many were dropped.

    A sentence belongs to the split in which most of its seconds are spoken (the smaller split wins a draw);
    utterances of it by voices of another split are dropped.
    """
    seconds: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(SPLITS, 0.0))
    for utterance in utterances:
        seconds[utterance.sentence][voices[utterance.voice]] += utterance.duration
    home = {text: max(reversed(SPLITS), key=spoken.__getitem__) for text, spoken in seconds.items()}
    kept = [(home[u.sentence], u) for u in utterances if home[u.sentence] == voices[u.voice]]
    return kept, len(utterances) - len(kept)
