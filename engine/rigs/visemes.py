# SPDX-License-Identifier: GPL-3.0-or-later
"""The fifteen visemes of Oculus LipSync, and what each one looks like in units.

Every other set of visemes (VRM, Character Creator, MMD) is named after the nearest of these. The patterns are
those of a voice of middling effort, after the same sources as the teacher's targets (Cohen & Massaro 1993;
Edwards et al. 2016): a viseme at 1 is what a speaker's mouth does, not the most that it could do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SILENCE, CLOSED = "sil", "PP"

_WIDE = ("mouthStretchLeft", "mouthStretchRight")
_LOWER = ("mouthLowerDownLeft", "mouthLowerDownRight")
_UPPER = ("mouthUpperUpLeft", "mouthUpperUpRight")
_PRESS = ("mouthPressLeft", "mouthPressRight")


_TALKING = {"mouthPucker": 0.12, "mouthFunnel": 0.09}
"""How far lips that nobody means to round are rounded while they talk, between sounds that are. *Measured*:
the mean of such sounds in six sentences of LJSpeech. Without it every consonant would look a little like
CH (of s and z in eight other sentences 59 % were led by SS, with it 73 %; of e 39 and 65 %). A mouth as
open as aa hasn't got it, or it would be taken for oh."""


def _pattern(
    wide: float = 0.0, lower: float = 0.0, upper: float = 0.0, press: float = 0.0, **units: float
) -> dict[str, float]:
    pairs = {_WIDE: wide, _LOWER: lower, _UPPER: upper, _PRESS: press}
    return {unit: weight for names, weight in pairs.items() for unit in names if weight} | units


def _spread(**weights: float) -> dict[str, float]:
    """A pattern of lips that aren't rounded."""
    return _TALKING | _pattern(**weights)


PATTERNS: Mapping[str, Mapping[str, float]] = {
    SILENCE: {},
    CLOSED: _pattern(press=0.05, mouthRollLower=0.06, mouthShrugLower=0.06),
    "FF": _pattern(wide=0.1, upper=0.07, mouthRollLower=0.21, jawOpen=0.05),
    "TH": _spread(lower=0.25, upper=0.06, jawOpen=0.07, tongueOut=0.25),
    "DD": _spread(lower=0.22, upper=0.03, wide=0.05, jawOpen=0.06),
    "kk": _spread(lower=0.18, upper=0.03, jawOpen=0.10),
    "CH": _pattern(lower=0.2, upper=0.07, jawOpen=0.02, mouthFunnel=0.21, mouthPucker=0.22),
    "SS": _spread(lower=0.28, upper=0.07, wide=0.15, jawOpen=0.02),
    "nn": _spread(lower=0.24, upper=0.03, jawOpen=0.08),
    "RR": _pattern(lower=0.05, jawOpen=0.05, mouthFunnel=0.16, mouthPucker=0.26),
    "aa": _pattern(lower=0.24, upper=0.04, jawOpen=0.23),
    "E": _spread(lower=0.3, upper=0.07, wide=0.15, jawOpen=0.15),
    "ih": _spread(lower=0.33, upper=0.07, wide=0.28, jawOpen=0.08),
    "oh": _pattern(lower=0.12, jawOpen=0.16, mouthFunnel=0.21, mouthPucker=0.22),
    "ou": _pattern(lower=0.06, jawOpen=0.06, mouthFunnel=0.20, mouthPucker=0.43),
}
"""Viseme → unit weights."""

VISEMES = tuple(PATTERNS)

ASIDE = ("mouthSmile", "mouthDimple", "mouthFrown", "noseSneer", "cheekPuff", "cheekSquint")
"""Units, of both sides, that a mouth shows beside any viseme: a smile is explained by them, and not by the
viseme that happens to be the widest."""


def pattern_rows(visemes: Sequence[str], unit_names: Sequence[str]) -> NDArray[np.float64]:
    """Unit weights (K, U) of some visemes; units that a model hasn't got are left out."""
    import numpy as np

    rows = [[PATTERNS[viseme].get(unit, 0.0) for unit in unit_names] for viseme in visemes]
    return np.array(rows, np.float64).reshape(len(visemes), len(unit_names))


def aside_rows(unit_names: Sequence[str]) -> NDArray[np.float64]:
    """Unit weights (A, U) of what isn't speech."""
    import numpy as np

    rows = [[float(unit.startswith(stem)) for unit in unit_names] for stem in ASIDE]
    return np.array(rows, np.float64).reshape(len(ASIDE), len(unit_names))
