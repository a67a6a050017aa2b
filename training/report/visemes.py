# SPDX-License-Identifier: GPL-3.0-or-later
"""Rhubarb's way of lip sync, written anew: recognised phones, nine mouth shapes, held and blended.

The shapes are those that Rhubarb Lip Sync took from Preston Blair's and Hanna-Barbera's charts: A closed (p b
m), B clenched (most consonants, EE), C open (EH, AE), D wide open (AA), E slightly rounded (AO, ER), F
puckered (OO, W), G lip under teeth (f v), H tongue up (L), X at rest. Several shapes suit most consonants,
and the one nearest to the shape before is taken. Phones come from either of Rhubarb's two recognisers:
``phonetic`` hears phones without any words, and is what it offers for languages other than English; its own
choice for English recognises words first and then places their phones.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.template import Template
from training.errors import TrainingError
from training.phonemes import PHONEMES, SILENCE, Phone

if TYPE_CHECKING:
    from pocketsphinx import Decoder

PAUSE = 0.3
"""Seconds: in a shorter silence the mouth keeps its shape."""

BLEND = 0.04
"""Seconds from one shape to the next, half on each side of their border."""

HEARD_RATE = 100
"""Frames a second of pocketsphinx."""

OCCLUSION = (0.04, 0.12)
"""A stop's closure lies before its phone: half of the phone before, at least and at most so many seconds."""

_SIDES = ("Left", "Right")


def _both(unit: str, weight: float) -> dict[str, float]:
    return {f"{unit}{side}": weight for side in _SIDES}


SHAPES: dict[str, dict[str, float]] = {
    "A": {**_both("mouthPress", 0.085), "mouthRollLower": 0.04},
    "B": {"jawOpen": 0.03, **_both("mouthLowerDown", 0.4), **_both("mouthUpperUp", 0.10)}
    | _both("mouthStretch", 0.3),
    "C": {"jawOpen": 0.17, **_both("mouthLowerDown", 0.3), **_both("mouthUpperUp", 0.10)}
    | _both("mouthStretch", 0.2),
    "D": {"jawOpen": 0.30, **_both("mouthLowerDown", 0.3), **_both("mouthUpperUp", 0.10)},
    "E": {"jawOpen": 0.15, "mouthFunnel": 0.26, "mouthPucker": 0.26},
    "F": {"jawOpen": 0.06, "mouthFunnel": 0.15, "mouthPucker": 0.70},
    "G": {"jawOpen": 0.02, "mouthRollLower": 0.34, **_both("mouthUpperUp", 0.15)},
    "H": {"jawOpen": 0.13, **_both("mouthLowerDown", 0.3)},
    "X": {},
}
"""Unit weights of every shape, of the same size as our own teacher's for these sounds."""

LETTERS = tuple(SHAPES)
ANY = "ABCDEFGHX"
OPEN = "BCDEFGH"
_CLENCHED = "BF"


class Cue(NamedTuple):
    """A time in seconds from which on one of ``letters`` is wanted."""

    start: float
    letters: str


def recognise(samples: NDArray[np.float32]) -> tuple[Phone, ...]:
    """Phones that pocketsphinx hears in 16 kHz ``samples (N,)`` with its English model and no words.

    Raises TrainingError where pocketsphinx is missing.
    """
    return tuple(
        Phone(first / HEARD_RATE, (last + 1) / HEARD_RATE, word if word in PHONEMES else SILENCE)
        for word, first, last in _segments(_phone_decoder(), samples)
    )


def recognise_words(samples: NDArray[np.float32]) -> tuple[Phone, ...]:
    """Phones of the English words that pocketsphinx hears in 16 kHz ``samples (N,)``; what it hears without
    words where they can't be placed. Raises TrainingError where pocketsphinx is missing."""
    from training.corpus.voices.align import align

    words = [word.partition("(")[0] for word, _, _ in _segments(_word_decoder(), samples)]
    text = " ".join(word for word in words if word and word[0] not in "<[+")
    return align(samples, text) or recognise(samples)


def cues(phones: Sequence[Phone]) -> list[Cue]:
    """What every phone asks for, diphthongs and stops in two steps; short silences ask for nothing."""
    found: list[Cue] = []
    before = 0.0
    for phone in phones:
        found += _phone_cues(phone, before)
        before = phone.duration
    return sorted(found, key=lambda cue: cue.start)


def choose(wanted: Sequence[Cue], distances: NDArray[np.float64]) -> list[tuple[float, str]]:
    """One letter for every cue: the one that is nearest to the letter before (X at first).

    ``distances (9, 9)`` between the shapes in the order of ``LETTERS``.
    """
    out, letter = [], "X"
    for start, letters in wanted:
        row = distances[LETTERS.index(letter)]
        letter = min(letters, key=lambda one: (row[LETTERS.index(one)], one))
        out.append((start, letter))
    return out


def shape_weights(template: Template, phones: Sequence[Phone], frames: int) -> NDArray[np.float32]:
    """Unit weights ``(frames, U)`` in 0 … 1 at 30 fps: each shape held, linear blends around the borders."""
    table = shape_table(template)
    distances = np.linalg.norm(table[:, None] - table[None], axis=-1)
    chosen = [(0.0, "X"), *choose(cues(phones), distances)]
    times = np.arange(frames) / 30.0
    weights = np.repeat(table[LETTERS.index("X")][None], frames, 0)
    for start, letter in chosen:
        share = np.clip((times - start) / BLEND + 0.5, 0.0, 1.0)[:, None]
        weights = weights * (1 - share) + table[LETTERS.index(letter)] * share
    return weights.astype(np.float32)


def shape_table(template: Template) -> NDArray[np.float64]:
    """Unit weights ``(9, U)`` of the shapes; units that the template lacks are left out."""
    table = np.zeros((len(SHAPES), len(template.unit_names)))
    for row, shape in zip(table, SHAPES.values(), strict=True):
        for name, weight in shape.items():
            if name in template.unit_names:
                row[template.unit(name)] = weight
    return table


def _phone_cues(phone: Phone, before: float) -> list[Cue]:
    """Cues of one phone that follows one of ``before`` seconds."""
    start, length = phone.start, phone.duration
    label = phone.label
    if label == SILENCE:
        return [Cue(start, "X")] if length >= PAUSE else []
    if label in _STOPS:
        first, then = _STOPS[label]
        closed = float(np.clip(before / 2, *OCCLUSION))
        return [Cue(max(start - closed, 0.0), first), Cue(start, then)]
    if label in _DIPHTHONGS:
        first, then = _DIPHTHONGS[label]
        if label in ("AY", "AW") and length < 0.2 + 0.1 * (label == "AW"):
            first = "C"
        return [Cue(start, first), Cue(start + 0.6 * length, then)]
    if label == "AH":
        return [Cue(start, "BC" if length < 0.06 else "C" if length < 0.2 else "D")]
    if label == "ER" and length < 0.07:
        return [Cue(start, "BC")]
    if label == "L" and length < 0.2:
        return [Cue(start, "BEFH")]
    return [Cue(start, _SINGLE.get(label, "C"))]


_STOPS = {"P": ("A", ANY), "B": ("A", ANY), "T": ("BF", OPEN), "D": ("BF", OPEN)}
_STOPS |= {"K": ("BCEFH", OPEN), "G": ("BCEFH", OPEN)}
_DIPHTHONGS = {"EY": ("C", "B"), "AY": ("D", "B"), "OW": ("E", "F"), "AW": ("D", "E"), "OY": ("E", "B")}
_SINGLE = {"AO": "E", "AA": "D", "IY": "B", "UW": "F", "EH": "C", "IH": "B", "UH": "F", "AE": "C", "ER": "E"}
_SINGLE |= {"F": "G", "V": "G", "HH": ANY, "M": "A", "N": "BCFH", "NG": "BCEF", "L": "H", "R": "BEF"}
_SINGLE |= {"Y": "BCF", "W": "F"}
_SINGLE |= dict.fromkeys(("CH", "JH", "TH", "DH", "S", "Z", "SH", "ZH"), _CLENCHED)


@lru_cache(maxsize=1)
def _phone_decoder() -> Decoder:
    """Settings of Rhubarb's phonetic recogniser: a phone language model of little weight, narrow beams."""
    path = _sphinx().get_model_path("en-us/en-us-phone.lm.bin")
    return _sphinx().Decoder(
        allphone=path, lm=None, allphone_ci=True, lw=2.0, beam=1e-20, pbeam=1e-20, loglevel="FATAL"
    )


@lru_cache(maxsize=1)
def _word_decoder() -> Decoder:
    return _sphinx().Decoder(loglevel="FATAL")


def _sphinx() -> ModuleType:
    try:
        return importlib.import_module("pocketsphinx")
    except ImportError as error:
        raise TrainingError(
            "The method visemes needs pocketsphinx; install the extra meshtalk[train]."
        ) from error


def _segments(decoder: Decoder, samples: NDArray[np.float32]) -> list[tuple[str, int, int]]:
    """What is heard, with its first and last frame; nothing where the decoder finds no way to the end."""
    decoder.start_utt()
    decoder.process_raw((np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    return [(segment.word, segment.start_frame, segment.end_frame) for segment in decoder.seg() or ()]
