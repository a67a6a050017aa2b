# SPDX-License-Identifier: GPL-3.0-or-later
"""Phones to the mouth's tracks: Cohen & Massaro's blended dominance, then the constraints that may not be
blended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.corpus.teacher.style import Style
from training.corpus.teacher.visemes import TARGETS, TRACK_NAMES, UNKNOWN_TARGET, Targets, dominance
from training.phonemes import BILABIALS, LABIODENTALS, SIBILANTS, SILENCE, VOWELS, Phone

Array = NDArray[np.float64]

PARTING = 0.1
"""Seconds before a word that begins open in which the lips part a little (see ``Mouth.parting``)."""
SHORTEST_PAUSE, SURE_PAUSE = 0.08, 0.13
"""Seconds; a shorter silence is a stop's hold, a longer one shuts the lips, one between them in part."""
HOLD = 0.05
"""Seconds that a closure lasts at least, so that one frame at 30 fps always falls into it, often two."""
TYPICAL_VOWEL = 0.09
LOUD_GAIN, LOUD_MIDDLE = 0.55, 0.5
"""Opening grows by exp(LOUD_GAIN × style × (loudness − LOUD_MIDDLE)); vowels are a little louder than the
clip's middle."""
LOUD_JAW, FAINT = 0.03, -1.0
"""Jaw weight by which a jaw that is open at all opens wider for each step of loudness (6 dB) beyond
LOUD_MIDDLE + FAINT, or less below: jaws follow a voice's level, not only what vowels ask for."""
TEETH_JAW = 0.045
"""Jaw weight, about 1.5 mm, at which sibilants hold the teeth together."""
SPEAKING_JAW = 0.06
"""Jaw weight from which on a jaw is open enough to follow loudness wholly."""
WIDEST_JAW = 0.55
"""Jaw weight that speech never exceeds, however loud."""
PARTED_JAW = 0.02
"""Jaw weight, about 0.7 mm, by which the lips are apart when an open word is about to begin."""


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
    to meet, ``burst (T,)`` the same for p and b alone, ``bite (T,)`` 0 … 1 wants the lower lip at the teeth,
    ``rest (T,)`` 0 … 1 is the mouth at rest in a pause, ``parting (T,)`` 0 … 1 its lips about to speak."""

    tracks: dict[str, Array]
    closure: Array
    burst: Array
    bite: Array
    rest: Array
    parting: Array


def move_mouth(phones: Sequence[Phone], loudness: Array, style: Style) -> Mouth:
    """The mouth for ``phones``, at the frames of ``loudness (T,)``."""
    times = np.arange(len(loudness)) / 30.0
    gestures = make_gestures(phones)
    tracks = {name: _soften(blend(gestures, name, times)) for name in TRACK_NAMES}
    tracks = louder(tracks, loudness, style)
    wants = {name: np.zeros(len(times)) for name in ("closure", "burst", "bite", "teeth", "rest", "parting")}
    for index, phone in enumerate(phones):
        for name, curve in _wanted(phones, index, phone, times):
            np.maximum(wants[name], curve, out=wants[name])
    return _constrain(tracks, wants, style)


def louder(tracks: dict[str, Array], loudness: Array, style: Style) -> dict[str, Array]:
    """Open wider from moment to moment where the voice is louder: the jaw, and the lips a third as much."""
    heard = np.clip(loudness - LOUD_MIDDLE, -1.6, 1.3)
    gain = np.exp(LOUD_GAIN * style.loudness * heard)
    part = gain ** (1 / 3)
    opens = np.clip(tracks["jaw"] / SPEAKING_JAW, 0.0, 1.0)
    jaw = tracks["jaw"] * gain + LOUD_JAW * style.loudness * opens * (heard - FAINT)
    return tracks | {"jaw": jaw, "lower": tracks["lower"] * part, "upper": tracks["upper"] * part}


def _wanted(phones: Sequence[Phone], index: int, phone: Phone, times: Array) -> Iterator[tuple[str, Array]]:
    """The constraints that one phone adds: their names and curves ``(T,)``."""
    if phone.label in BILABIALS:
        closure = _held(times, *_closed(phone), 0.045)
        yield "closure", closure
        if phone.label != "M":
            yield "burst", closure
    elif phone.label in LABIODENTALS:
        middle, half = (phone.start + phone.end) / 2, max(phone.duration / 2 - 0.01, HOLD / 2)
        yield "bite", _held(times, middle - half, middle + half, 0.07)
    elif phone.label in SIBILANTS:
        yield "teeth", _held(times, phone.start, phone.end, 0.06)
    elif phone.label == SILENCE:
        rest, parting = _resting(phones, index, times)
        yield "rest", rest
        yield "parting", parting


def make_gestures(phones: Sequence[Phone]) -> list[Gesture]:
    """Every phone's targets in time, diphthongs in two steps."""
    gestures: list[Gesture] = []
    for phone in phones:
        steps = TARGETS.get(phone.label, UNKNOWN_TARGET)
        edges = np.linspace(phone.start, phone.end, len(steps) + 1)
        for start, end, targets in zip(edges, edges[1:], steps, strict=False):
            gestures.append(_gesture(phone.label, float(start), float(end), targets, _effort(phone)))
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


def _effort(phone: Phone) -> float:
    """Longer vowels open wider; fast speech undershoots."""
    if phone.label not in VOWELS:
        return 1.0
    return float(np.clip((phone.duration / TYPICAL_VOWEL) ** 0.3, 0.7, 1.25))


def _closed(phone: Phone) -> tuple[float, float]:
    """When the lips touch: all of an m; of a long p or b all but the release at its end."""
    end = phone.end
    if phone.label != "M" and phone.duration > 0.08:
        end = phone.start + 0.05 + 0.6 * (phone.duration - 0.05)
    middle, half = (phone.start + end) / 2, max(0.42 * (end - phone.start), HOLD / 2)
    return middle - half, middle + half


def _held(times: Array, start: float, end: float, before: float, after: float | None = None) -> Array:
    """1 from start to end, raised-cosine flanks of ``before`` and ``after`` (or the same) seconds outside."""
    away = np.maximum((start - times) / before, (times - end) / (before if after is None else after))
    return 0.5 + 0.5 * np.cos(np.pi * np.clip(away, 0.0, 1.0))


def _resting(phones: Sequence[Phone], index: int, times: Array) -> tuple[Array, Array]:
    """``rest`` and ``parting`` of one pause.

    The lips are shut 35 ms after it begins, having begun to close within the dying sound, slower where
    there is time; they leave rest for the word only at its end. Before p b m they don't part, before f v they
    hurry.
    """
    phone, following = phones[index], phones[index + 1].label if index + 1 < len(phones) else SILENCE
    depth = float(np.clip((phone.duration - SHORTEST_PAUSE) / (SURE_PAUSE - SHORTEST_PAUSE), 0.0, 1.0))
    if depth == 0.0:
        return np.zeros(len(times)), np.zeros(len(times))
    slow = float(np.clip(0.06 + 0.05 * (phone.duration - 0.15), 0.06, 0.08))
    start = phone.start + 0.035 if index else -1.0
    end = phone.end - (0.055 if following in LABIODENTALS else 0.02)
    if index + 1 == len(phones):
        end = phone.end + 1.0
    rest = depth * _held(times, min(start, end), end, slow, 0.08)
    if following in (SILENCE, *BILABIALS, *LABIODENTALS):
        return rest, np.zeros(len(times))
    lead = min(PARTING, 0.5 * phone.duration)
    return rest, _held(times, phone.end - 0.02, phone.end, lead - 0.02, 0.08)


def _constrain(tracks: dict[str, Array], wants: dict[str, Array], style: Style) -> Mouth:
    """Impose what blending would wash out; scale by the style before, so that a style can't break a
    constraint."""
    closure, teeth, rest = wants["closure"], wants["teeth"], wants["rest"]
    bite = wants["bite"] * (1 - closure) * (1 - rest)
    loose = (1 - closure) * (1 - bite) * (1 - rest)
    jaw = WIDEST_JAW * np.tanh(tracks["jaw"] * style.jaw / WIDEST_JAW)
    jaw = jaw * (1 - teeth) + np.minimum(jaw, TEETH_JAW) * teeth
    jaw = jaw * (1 - closure) + np.minimum(jaw, 0.06) * closure
    out = {name: track * style.lips for name, track in tracks.items()}
    out["jaw"] = jaw * (1 - rest) + PARTED_JAW * wants["parting"] * rest
    out["upper"] = out["upper"] * loose + 0.25 * bite
    out["lower"] = out["lower"] * loose
    out["funnel"] = out["funnel"] * (1 - 0.85 * np.maximum(closure, bite)) * (1 - rest)
    out["pucker"] = out["pucker"] * (1 - 0.85 * bite) * (1 - 0.6 * rest)
    out["roll"] = np.zeros(len(jaw))
    out["tongue"] = out["tongue"] * loose
    for name in ("wide", "smile"):
        out[name] = out[name] * (1 - rest)
    return Mouth(out, closure, wants["burst"], bite, rest, wants["parting"])


def _soften(track: Array) -> Array:
    """Take the cusps off: a fifth of each neighbour."""
    padded = np.pad(track, 1, mode="edge")
    return 0.2 * padded[:-2] + 0.6 * padded[1:-1] + 0.2 * padded[2:]
