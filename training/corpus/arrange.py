# SPDX-License-Identifier: GPL-3.0-or-later
"""From cleaned recordings to clips of handy length: cut what is long at its pauses, join what is short."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from training.corpus.utterance import REAL, Piece, Utterance, plain_text
from training.phonemes import SILENCE, Phone, tidy

SHORT, LONG = 1.7, 17.5
"""Seconds: recordings shorter than SHORT are joined, those longer than LONG are cut."""
JOINED = (2.5, 7.0)
"""Seconds that a joined clip is to have."""
SMALLEST_PAUSE = 0.12


@dataclass(frozen=True)
class Cleaned:
    """A recording that passed: its 16 kHz copy as a piece, who says what in it, and the phones."""

    piece: Piece
    voice: str
    text: str
    phones: tuple[Phone, ...]
    name: str


def arrange(cleaned: Sequence[Cleaned], seed: int) -> list[Utterance]:
    """Utterances of handy length, in a fixed order."""
    out: list[Utterance] = []
    for voice, group in groupby(sorted(cleaned, key=lambda c: (c.voice, c.name)), key=lambda c: c.voice):
        members = list(group)
        short = [c for c in members if c.piece.end - c.piece.start < SHORT]
        for item in members:
            if item.piece.end - item.piece.start >= SHORT:
                out += _cut(item)
        out += _join(short, random.Random(f"{seed}/{voice}"))
    return out


def _cut(item: Cleaned) -> list[Utterance]:
    """The whole recording, or parts of it that end in the middle of its longest pauses."""
    return [
        Utterance(
            (Piece(item.piece.path, start, end),),
            item.voice,
            plain_text(item.text),
            tidy(
                (
                    Phone(p.start - start, p.end - start, p.label)
                    for p in item.phones
                    if start <= p.start < end
                ),
                end - start,
            ),
            REAL,
            item.name if index == 0 else f"{item.name}#{index}",
        )
        for index, (start, end) in enumerate(_parts(item.phones, item.piece.start, item.piece.end))
    ]


def _parts(phones: Sequence[Phone], start: float, end: float) -> list[tuple[float, float]]:
    if end - start <= LONG:
        return [(start, end)]
    pauses = [
        (p.duration, (p.start + p.end) / 2)
        for p in phones
        if p.label == SILENCE and p.duration >= SMALLEST_PAUSE and start + 2.0 < p.start and p.end < end - 2.0
    ]
    if not pauses:
        return []
    middle = max(pauses)[1]
    return _parts(phones, start, middle) + _parts(phones, middle, end)


def _join(short: list[Cleaned], rng: random.Random) -> list[Utterance]:
    """Several short recordings of one voice, shuffled, with pauses between them."""
    rng.shuffle(short)
    out: list[Utterance] = []
    while short:
        wanted, taken, length = rng.uniform(*JOINED), [], 0.0
        while short and (length < wanted or sum(c.piece.end for c in short) < SHORT):
            item = short.pop()
            gap = rng.uniform(0.0, 0.5)
            taken.append((item, gap))
            length += item.piece.end - item.piece.start + gap
        out.append(_joined(taken))
    return out


def _joined(taken: Sequence[tuple[Cleaned, float]]) -> Utterance:
    pieces, phones, clock = [], [], 0.0
    for item, gap in taken:
        pieces.append(Piece(item.piece.path, item.piece.start, item.piece.end, gap))
        phones += [Phone(p.start + clock, p.end + clock, p.label) for p in item.phones if p.label != SILENCE]
        clock += item.piece.end - item.piece.start + gap
    first = taken[0][0]
    text = " ".join(plain_text(item.text) for item, _ in taken)
    return Utterance(tuple(pieces), first.voice, text, tidy(phones, clock), REAL, f"joined-{first.name}")
