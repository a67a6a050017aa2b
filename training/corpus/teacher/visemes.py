# SPDX-License-Identifier: GPL-3.0-or-later
"""What each phoneme asks of the mouth: targets of a few tracks, and how strongly it insists.

A track is a movement that speakers control as one (Cohen & Massaro 1993 call it a facial parameter); it
drives one unit or a left and right pair. Targets are unit weights for a voice of middling effort. Which
phonemes own which track follows the rules of JALI (Edwards et al. 2016, section 3): lips must meet on p b
m, teeth meet lip on f v, sibilants bring the teeth together, rounding belongs to the lips alone and is
shared with the neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

from training.phonemes import BILABIALS, LABIODENTALS, ROUND_LIPS, SIBILANTS, SILENCE, VOWELS

TRACKS: dict[str, tuple[str, ...]] = {
    "jaw": ("jawOpen",),
    "wide": ("mouthStretchLeft", "mouthStretchRight"),
    "pucker": ("mouthPucker",),
    "funnel": ("mouthFunnel",),
    "upper": ("mouthUpperUpLeft", "mouthUpperUpRight"),
    "lower": ("mouthLowerDownLeft", "mouthLowerDownRight"),
    "roll": ("mouthRollLower",),
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "tongue": ("tongueOut",),
}
"""Track -> the units that it drives."""

TRACK_NAMES = tuple(TRACKS)

Targets = dict[str, float]

_T = {"jaw": 0.07, "lower": 0.3, "upper": 0.08}
_S = {"jaw": 0.04, "wide": 0.3, "lower": 0.5, "upper": 0.3}
_SH = {"jaw": 0.04, "funnel": 0.5, "pucker": 0.35, "lower": 0.3, "upper": 0.15}
_F = {"jaw": 0.02, "upper": 0.22, "roll": 0.8}
_K = {"jaw": 0.11, "lower": 0.2, "upper": 0.05}
_TH = {"jaw": 0.08, "lower": 0.3, "upper": 0.1, "tongue": 0.25}
_AA = {"jaw": 0.31, "lower": 0.2, "upper": 0.14}
_AO = {"jaw": 0.25, "funnel": 0.35, "pucker": 0.25}
_EH = {"jaw": 0.2, "wide": 0.3, "lower": 0.35, "upper": 0.2}
_IH = {"jaw": 0.12, "wide": 0.3, "lower": 0.35, "upper": 0.15}
_IY = {"jaw": 0.08, "wide": 0.5, "lower": 0.45, "upper": 0.22, "smile": 0.1}
_UH = {"jaw": 0.11, "funnel": 0.3, "pucker": 0.6}
_UW = {"jaw": 0.08, "funnel": 0.4, "pucker": 1.0}

TARGETS: dict[str, tuple[Targets, ...]] = {
    SILENCE: ({},),
    "AA": (_AA,),
    "AE": ({"jaw": 0.27, "wide": 0.3, "lower": 0.35, "upper": 0.26},),
    "AH": ({"jaw": 0.18, "lower": 0.25, "upper": 0.12},),
    "AO": (_AO,),
    "AW": (_AA, {"jaw": 0.12, "funnel": 0.3, "pucker": 0.55}),
    "AY": (_AA, _IH),
    "EH": (_EH,),
    "ER": ({"jaw": 0.11, "funnel": 0.3, "pucker": 0.3, "lower": 0.1},),
    "EY": (_EH, _IY),
    "IH": (_IH,),
    "IY": (_IY,),
    "OW": ({"jaw": 0.21, "funnel": 0.42, "pucker": 0.6}, _UW),
    "OY": (_AO, _IH),
    "UH": (_UH,),
    "UW": (_UW,),
    "W": ({"jaw": 0.03, "funnel": 0.2, "pucker": 1.0},),
    "R": ({"jaw": 0.08, "funnel": 0.3, "pucker": 0.35},),
    "Y": ({"jaw": 0.07, "wide": 0.4, "lower": 0.35, "upper": 0.1},),
    "L": ({"jaw": 0.12, "lower": 0.3, "upper": 0.05, "tongue": 0.05},),
    "HH": ({"jaw": 0.13, "lower": 0.2},),
    **dict.fromkeys(("T", "D", "N"), (_T,)),
    **dict.fromkeys(("K", "G", "NG"), (_K,)),
    **dict.fromkeys(("TH", "DH"), (_TH,)),
    **dict.fromkeys(("S", "Z"), (_S,)),
    **dict.fromkeys(("SH", "ZH", "CH", "JH"), (_SH,)),
    **dict.fromkeys(LABIODENTALS, (_F,)),
    **dict.fromkeys(BILABIALS, ({"jaw": 0.05},)),
}
"""Phoneme -> one target, or two in a row for a diphthong."""

UNKNOWN_TARGET: tuple[Targets, ...] = ({"jaw": 0.08, "lower": 0.2},)

ROUND = frozenset(("pucker", "funnel"))
_INSISTS_ON_ROUND = frozenset(("UW", "W", "OW", "AO", "UH", "OY", "AW", "ER", "R", "SH", "ZH", "CH", "JH"))
_INSISTS_ON_JAW = frozenset((*SIBILANTS, *LABIODENTALS, *BILABIALS))
_RAISES_JAW = frozenset(("T", "D"))


@dataclass(frozen=True)
class Dominance:
    """Strength and, in seconds, how far the influence reaches before and after a phone (Cohen & Massaro,
    eq. 1)."""

    strength: float
    before: float
    after: float


def dominance(label: str, track: str) -> Dominance:
    """How strongly a phoneme insists on its target of a track."""
    if label == SILENCE:
        return Dominance(0.9, 0.05, 0.06)
    if track in ROUND:
        # Rounding is free where no phoneme claims it, so it spreads, and further backward than forward.
        if label in ROUND_LIPS:
            return Dominance(3.0, 0.13, 0.07)
        return Dominance(1.5, 0.13, 0.07) if label in _INSISTS_ON_ROUND else Dominance(0.3, 0.05, 0.05)
    if track == "jaw":
        return Dominance(_jaw_strength(label), 0.05, 0.042)
    if track in ("roll", "tongue"):
        return Dominance(1.0, 0.03, 0.03)
    return Dominance(0.25 if label == "HH" else 1.0, 0.06, 0.06)


def _jaw_strength(label: str) -> float:
    if label in VOWELS or label in _INSISTS_ON_JAW:
        return 1.2
    return 0.25 if label == "HH" else 0.9 if label in _RAISES_JAW else 0.5
