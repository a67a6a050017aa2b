# SPDX-License-Identifier: GPL-3.0-or-later
"""The phonemes that label speech: ARPAbet without stress, and what other alphabets call them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SILENCE = "SIL"
VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
BILABIALS = ("P", "B", "M")
LABIODENTALS = ("F", "V")
ROUND_LIPS = ("UW", "UH", "OW", "W")
SIBILANTS = ("S", "Z", "SH", "ZH", "CH", "JH")
CONSONANTS = (
    *("B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH"),
    *("V", "W", "Y", "Z", "ZH"),
)
PHONEMES: tuple[str, ...] = (SILENCE, *sorted((*VOWELS, *CONSONANTS)))
"""Every label; a label's place in this list is its id, and silence is 0."""

UNKNOWN = 255
"""Id of a stretch of sound whose phoneme nobody knows."""

_IDS = {label: index for index, label in enumerate(PHONEMES)}


class Phone(NamedTuple):
    """One phoneme as it was spoken: from ``start`` to ``end`` seconds; an unknown label has id
    ``UNKNOWN``."""

    start: float
    end: float
    label: str

    @property
    def duration(self) -> float:
        return self.end - self.start


def phoneme_id(label: str) -> int:
    return _IDS.get(label, UNKNOWN)


def from_arpabet(label: str) -> str:
    """The phoneme of an ARPAbet label as aligners and flite or festival write it (any case, stress digits,
    AX, pau)."""
    bare = label.upper().rstrip("012")
    return _SYNONYMS.get(bare, bare)


_SYNONYMS = {"": SILENCE, "PAU": SILENCE, "H#": SILENCE, "SP": SILENCE, "SPN": "?", "+SPN+": "?"}
_SYNONYMS |= {"AX": "AH", "AXR": "ER", "IX": "IH", "UX": "UW", "+NSN+": "?", "DX": "T", "EL": "L"}
_SYNONYMS |= {"EM": "M", "EN": "N", "HV": "HH"}


def from_ipa(symbol: str) -> tuple[str, ...]:
    """The phonemes nearest, in what the lips do, to one IPA symbol of espeak-ng; empty for marks without a
    sound.

    Several come back where the symbol holds several (``ɔːɹ``). Sounds that English lacks go to the one that
    looks most like them: front rounded vowels to UW and UH, the other consonants by their place.
    """
    found: list[str] = []
    rest = "".join(c for c in symbol if c not in _IPA_MARKS)
    while rest:
        for length in (2, 1):
            if rest[:length] in _IPA:
                found.append(_IPA[rest[:length]])
                break
        rest = rest[length:]
    return tuple(found)


_IPA_MARKS = "ːˑˈˌ̩̯̃ʲʰˠʷ̪̥̬̝̞̟̠̈͜͡.|-_ˤʼ̚˞0123456789˥˦˧˨˩‍​"
_IPA_PAIRS = """
eɪ:EY aɪ:AY ɔɪ:OY oɪ:OY aʊ:AW oʊ:OW əʊ:OW ɔʊ:OW ɑɪ:AY tʃ:CH dʒ:JH ts:S dz:Z tɕ:CH dʑ:JH ʌɪ:AY ɛɪ:EY
æɪ:EY i:IY ɪ:IH ᵻ:IH ɨ:IH e:EY ɛ:EH æ:AE a:AA ɐ:AH ɑ:AA ɒ:AO ɔ:AO o:OW ʊ:UH u:UW ʌ:AH ə:AH ɚ:ER ɜ:ER
ɝ:ER y:UW ʏ:UH ø:UH œ:UH ɵ:UH ʉ:UW ɯ:IH ɤ:AH ɘ:AH ɞ:ER p:P b:B m:M f:F v:V ʋ:V w:W ʍ:W ɥ:W β:V ɸ:F t:T
d:D n:N ʈ:T ɖ:D ɳ:N ɾ:D ɽ:D l:L ɫ:L ɭ:L ɹ:R r:R ɻ:R ʀ:HH ʁ:HH s:S z:Z ʂ:SH ʐ:ZH ɕ:SH ʑ:ZH ʃ:SH ʒ:ZH θ:TH
ð:DH k:K g:G ɡ:G ŋ:NG x:K ɣ:G χ:K q:K c:K ɟ:G ç:HH ʝ:Y ɲ:N ʎ:L j:Y h:HH ɦ:HH ħ:HH ʕ:HH ɬ:L ɮ:L ɰ:G ɴ:NG
""".split()
_IPA = {symbol: label for symbol, _, label in (pair.partition(":") for pair in _IPA_PAIRS)}


def label_frames(phones: Sequence[Phone], times: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Phoneme id ``(M,)`` at each of the ``times (M,)`` in seconds; silence where no phone is."""
    out = np.zeros(len(times), np.uint8)
    if not phones:
        return out
    starts = np.array([phone.start for phone in phones])
    ends = np.array([phone.end for phone in phones])
    ids = np.array([phoneme_id(phone.label) for phone in phones], np.uint8)
    at = np.searchsorted(starts, times, side="right") - 1
    inside = (at >= 0) & (times < ends[np.maximum(at, 0)])
    out[inside] = ids[at[inside]]
    return out


def phones_of_labels(labels: NDArray[np.integer], times: NDArray[np.float64]) -> tuple[Phone, ...]:
    """What ``label_frames`` labelled: phones that meet halfway between the ``times (M,)`` of two labels.

    Two equal phones in a row come back as one.
    """
    if not len(labels):
        return ()
    first = np.concatenate([[0], np.flatnonzero(np.diff(labels)) + 1])
    borders = (times[first[1:] - 1] + times[first[1:]]) / 2
    edges = np.concatenate([[0.0], borders, times[-1:]]).tolist()
    names = [PHONEMES[label] if label < len(PHONEMES) else "?" for label in labels[first].tolist()]
    return tuple(Phone(*span) for span in zip(edges, edges[1:], names, strict=False))


def tidy(phones: Iterable[Phone], duration: float, shift: float = 0.0) -> tuple[Phone, ...]:
    """Phones in order, without overlaps, gaps filled with silence, neighbouring silences joined, all in 0 …
    duration.

    ``shift`` seconds are added to every boundary first (aligners that are early need a positive one).
    """
    out: list[Phone] = []
    clock = 0.0
    for phone in sorted(phones, key=lambda p: (p.start, p.end)):
        start = max(phone.start + shift, clock) if phone.start > 0 else clock
        end = min(phone.end + shift, duration)
        if end - start < 1e-3:
            continue
        if start - clock > 1e-3:
            _append(out, Phone(clock, start, SILENCE))
        else:
            start = clock
        _append(out, Phone(start, end, phone.label))
        clock = end
    if duration - clock > 1e-3:
        _append(out, Phone(clock, duration, SILENCE))
    return tuple(out)


def _append(phones: list[Phone], phone: Phone) -> None:
    if phones and phones[-1].label == phone.label == SILENCE:
        phones[-1] = Phone(phones[-1].start, phone.end, SILENCE)
    else:
        phones.append(phone)
