# SPDX-License-Identifier: GPL-3.0-or-later
"""Picks the telling moments of a take: lips together, teeth on the lip, wide open, rounded, a blink."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Phones = Sequence[tuple[float, float, str]]


@dataclass(frozen=True)
class Motion:
    """A take as it is seen: `weights` of each unit (T,), and the gap between the lips (T,), at `fps`."""

    weights: dict[str, NDArray[np.float64]]
    gap: NDArray[np.float64]
    fps: float

    def weight(self, *names: str) -> NDArray[np.float64]:
        """Sum of the named units' weights (T,); zeros for a unit that the head does not have."""
        zeros = np.zeros_like(self.gap)
        return sum((self.weights.get(name, zeros) for name in names), zeros)


@dataclass(frozen=True)
class Moment:
    """A frame (counted from the start of the sound) and what to see there."""

    frame: int
    caption: str


@dataclass(frozen=True)
class _Wanted:
    caption: str
    phones: frozenset[str]
    score: Callable[[Motion], NDArray[np.float64]]


_WANTED = (
    _Wanted("m", frozenset({"M"}), lambda motion: -motion.gap),
    _Wanted("f", frozenset({"F"}), lambda motion: motion.weight("mouthRollLower")),
    _Wanted("ah", frozenset({"AA", "AO", "AW"}), lambda motion: motion.gap),
    _Wanted("oo", frozenset({"UW"}), lambda motion: motion.weight("mouthPucker", "mouthFunnel")),
)


def load_phones(speech: Path) -> Phones | None:
    """Phone times that lie beside a recording (speech.flac: speech.phones.json); None when there are none."""
    path = speech.with_name(f"{speech.stem}.phones.json")
    if not path.is_file():
        return None
    rows = json.loads(path.read_text("utf-8"))
    return [(float(start), float(end), str(label)) for start, end, label in rows]


def pick_moments(motion: Motion, phones: Phones | None) -> list[Moment]:
    """The strip's moments, by phone where the phones are known, else by shape alone; the blink comes last."""
    found = _by_phone(motion, phones) if phones else _by_shape(motion)
    return [*found, _strongest(motion, motion.weight("eyeBlinkLeft", "eyeBlinkRight"), "blink")]


def _by_phone(motion: Motion, phones: Phones) -> list[Moment]:
    moments = []
    for wanted in _WANTED:
        inside = np.zeros(len(motion.gap), bool)
        for start, end, label in phones:
            if label in wanted.phones:
                inside[round(start * motion.fps) : round(end * motion.fps) + 1] = True
        if inside.any():
            score = np.where(inside, wanted.score(motion), -np.inf)
            moments.append(_strongest(motion, score, wanted.caption))
    return moments


def _by_shape(motion: Motion) -> list[Moment]:
    rounded = motion.weight("mouthPucker", "mouthFunnel")
    talking = motion.gap > np.median(motion.gap)
    near = np.convolve(talking, np.ones(9), mode="same") > 0  # closures, not the silence around the speech
    return [
        _strongest(motion, np.where(near, -motion.gap, -np.inf), "lips together"),
        _strongest(motion, motion.gap, "wide open"),
        _strongest(motion, rounded, "rounded"),
    ]


def _strongest(motion: Motion, score: NDArray[np.float64], caption: str) -> Moment:
    frame = int(np.argmax(score))
    return Moment(frame, f"{caption}   {frame / motion.fps:.2f} s")
