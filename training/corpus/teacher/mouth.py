# SPDX-License-Identifier: GPL-3.0-or-later
"""Phones to the mouth's tracks: Cohen & Massaro's blended dominance, then the constraints that may not be
blended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.corpus.teacher.style import Style
from training.corpus.teacher.visemes import TARGETS, TRACK_NAMES, UNKNOWN_TARGET, Targets, dominance
from training.phonemes import BILABIALS, LABIODENTALS, SIBILANTS, SILENCE, VOWELS, Phone

Array = NDArray[np.float64]

ANTICIPATION = 0.15
"""Seconds that the lips part before a word that begins open (100–200 ms)."""
LONG_PAUSE, EDGE_PAUSE = 0.4, 0.25
"""Seconds; in a shorter pause, within speech or at the clip's ends, the lips don't come to rest."""
HOLD = 0.036
"""Seconds that a closure lasts at least, so that one frame at 30 fps always falls into it."""
TYPICAL_VOWEL = 0.09
_PARTED: Targets = {"jaw": 0.03, "lower": 0.12, "upper": 0.04}


@dataclass(frozen=True)
class Gesture:
    """One target and the core of time (seconds) in which it is fully wanted."""

    label: str
    start: float
    end: float
    targets: Targets
    jaw: float = 1.0


@dataclass(frozen=True)
class Mouth:
    """Tracks and constraints at the frames: ``tracks`` name -> (T,), ``closure (T,)`` 0 … 1 wants the lips
    to meet, ``rest (T,)`` 0 … 1 is the mouth at rest in a pause."""

    tracks: dict[str, Array]
    closure: Array
    rest: Array


def move_mouth(phones: Sequence[Phone], loudness: Array, style: Style) -> Mouth:
    """The mouth for ``phones``, at the frames of ``loudness (T,)``."""
    times = np.arange(len(loudness)) / 30.0
    gestures = make_gestures(phones, loudness, style)
    tracks = {name: _soften(blend(gestures, name, times)) for name in TRACK_NAMES}
    closure, bite, teeth, rest = (np.zeros(len(times)) for _ in range(4))
    for index, phone in enumerate(phones):
        if phone.label in BILABIALS:
            np.maximum(closure, _held(times, *_closed(phone), 0.05), out=closure)
        elif phone.label in LABIODENTALS:
            np.maximum(bite, _held(times, phone.start + 0.01, phone.end - 0.01, 0.05), out=bite)
        elif phone.label in SIBILANTS:
            np.maximum(teeth, _held(times, phone.start, phone.end, 0.06), out=teeth)
        elif phone.label == SILENCE:
            np.maximum(rest, _resting(phones, index, times), out=rest)
    return _constrain(tracks, closure, bite, teeth, rest, style)


def make_gestures(phones: Sequence[Phone], loudness: Array, style: Style) -> list[Gesture]:
    """Every phone's targets in time: diphthongs in two steps, lips that part before a word that begins
    open."""
    gestures: list[Gesture] = []
    for index, phone in enumerate(phones):
        steps = TARGETS.get(phone.label, UNKNOWN_TARGET)
        edges = np.linspace(phone.start, phone.end, len(steps) + 1)
        effort = _effort(phone, loudness, style)
        for start, end, targets in zip(edges, edges[1:], steps, strict=False):
            gestures.append(_gesture(phone.label, float(start), float(end), targets, effort))
        if phone.label == SILENCE and _opens_next(phones, index) and phone.duration > 2 * ANTICIPATION:
            gestures[-1] = _gesture(SILENCE, phone.start, phone.end - ANTICIPATION, {}, 1.0)
            gestures.append(Gesture("parted", phone.end - 0.05, phone.end, _PARTED))
    return gestures


def blend(gestures: Sequence[Gesture], track: str, times: Array) -> Array:
    """Cohen & Massaro's equations 1–4: each gesture's target weighed by its dominance, falling
    exponentially."""
    if not gestures:
        return np.zeros(len(times))
    powers = [dominance(gesture.label, track) for gesture in gestures]
    strength, before, after, start, end, target = np.array(
        [
            (
                p.strength,
                p.before,
                p.after,
                g.start,
                g.end,
                g.targets.get(track, 0.0) * (g.jaw if track == "jaw" else 1.0),
            )
            for p, g in zip(powers, gestures, strict=True)
        ]
    ).T[:, None, :]
    at = times[:, None]
    weight = strength * np.exp(-np.maximum(start - at, 0) / before - np.maximum(at - end, 0) / after)
    return (weight * target).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-9)


def _gesture(label: str, start: float, end: float, targets: Targets, effort: float) -> Gesture:
    inset = 0.3 * (end - start) if label != SILENCE else min(0.1, 0.3 * (end - start))
    return Gesture(label, start + inset, end - inset, targets, effort)


def _effort(phone: Phone, loudness: Array, style: Style) -> float:
    """Louder and longer vowels open wider; fast speech undershoots."""
    if phone.label not in VOWELS:
        return 1.0
    first = min(int(phone.start * 30), len(loudness) - 1)
    loud = float(loudness[first : max(int(phone.end * 30) + 1, first + 1)].max())
    slow = float(np.clip((phone.duration / TYPICAL_VOWEL) ** 0.3, 0.7, 1.25))
    return slow * (1.0 + 0.3 * style.loudness * float(np.clip(loud - 0.5, -1.5, 1.0)))


def _opens_next(phones: Sequence[Phone], index: int) -> bool:
    return index + 1 < len(phones) and phones[index + 1].label not in (*BILABIALS, *LABIODENTALS)


def _closed(phone: Phone) -> tuple[float, float]:
    """When the lips touch: all of an m; of a long p or b all but the release at its end."""
    end = phone.end
    if phone.label != "M" and phone.duration > 0.08:
        end = phone.start + 0.05 + 0.6 * (phone.duration - 0.05)
    middle, half = (phone.start + end) / 2, max(0.36 * (end - phone.start), HOLD / 2)
    return middle - half, middle + half


def _held(times: Array, start: float, end: float, flank: float) -> Array:
    """1 from start to end, raised-cosine flanks of ``flank`` seconds outside."""
    away = np.clip(np.maximum(start - times, times - end) / flank, 0.0, 1.0)
    return 0.5 + 0.5 * np.cos(np.pi * away)


def _resting(phones: Sequence[Phone], index: int, times: Array) -> Array:
    phone = phones[index]
    last = index + 1 == len(phones)
    if phone.duration < (EDGE_PAUSE if index == 0 or last else LONG_PAUSE):
        return np.zeros(len(times))
    start = phone.start + (0.2 if index else -1.0)
    end = phone.end + 1.0 if last else phone.end - (2 * ANTICIPATION if _opens_next(phones, index) else 0.02)
    return _held(times, min(start, end), max(end, start), 0.18)


def _constrain(
    tracks: dict[str, Array], closure: Array, bite: Array, teeth: Array, rest: Array, style: Style
) -> Mouth:
    """Impose what blending would wash out; scale by the style before, so that a style can't break a
    constraint."""
    loose = (1 - closure) * (1 - bite) * (1 - rest)
    jaw = tracks["jaw"] * style.jaw
    jaw = jaw * (1 - teeth) + np.minimum(jaw, 0.025) * teeth
    jaw = jaw * (1 - bite) + np.minimum(jaw, 0.02) * bite
    jaw = jaw * (1 - closure) + np.minimum(jaw, 0.06) * closure
    out = {name: track * style.lips for name, track in tracks.items()}
    out["jaw"] = jaw * (1 - rest)
    out["upper"] = out["upper"] * loose + 0.22 * bite * (1 - closure)
    out["lower"] = out["lower"] * loose
    out["funnel"] = out["funnel"] * (1 - 0.85 * np.maximum(closure, bite)) * (1 - rest)
    out["pucker"] = out["pucker"] * (1 - 0.5 * bite) * (1 - rest)
    out["roll"] = 0.8 * bite * (1 - closure)
    out["tongue"] = out["tongue"] * loose
    for name in ("wide", "smile"):
        out[name] = out[name] * (1 - rest)
    return Mouth(out, closure, rest)


def _soften(track: Array) -> Array:
    """Take the cusps off: a fifth of each neighbour."""
    padded = np.pad(track, 1, mode="edge")
    return 0.2 * padded[:-2] + 0.6 * padded[1:-1] + 0.2 * padded[2:]
