# SPDX-License-Identifier: GPL-3.0-or-later
"""Phone times of a recording and its transcript, by pocketsphinx in two passes.

The first pass aligns the words and so chooses among their pronunciations; the second aligns those
pronunciations with each phone as a word of its own, because pocketsphinx' own phone alignment fails on most
long sentences. Its boundaries come 10 to 20 ms early.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from training.corpus.errors import CorpusError, VoiceError
from training.corpus.utterance import plain_text
from training.corpus.voices import flite
from training.phonemes import PHONEMES, SILENCE, Phone

if TYPE_CHECKING:
    from pocketsphinx import Decoder

FRAMES_A_SECOND = 100
BEAM = 1e-48
"""Wide enough that hardly any sentence fails, and still some 28 times faster than real time."""
TAIL = 3200
"""Samples of silence added at the end; without them the last phone is often lost."""
_MARK = "ph-"


def align(samples: NDArray[np.float32], text: str) -> tuple[Phone, ...] | None:
    """Phones of 16 kHz ``samples (N,)`` that say ``text``; None if the sound does not fit the words.

    The last silence may end after the sound does.

    Words that pocketsphinx doesn't know are pronounced by flite; raises CorpusError if pocketsphinx is
    missing.
    """
    words = plain_text(text).split()
    decoder = _decoder()
    if not words or not all(_known(decoder, word) for word in words):
        return None
    sound = np.pad((np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16), (0, TAIL)).tobytes()
    spoken = _segments(decoder, sound, words)
    phones = [phone for word, _, _ in spoken for phone in _pronunciation(decoder, word)]
    if not phones:
        return None
    found = _segments(decoder, sound, [_MARK + phone.lower() for phone in phones])
    labels = [label.removeprefix(_MARK).upper() for label, _, _ in found if label.startswith(_MARK)]
    if labels != phones:
        return None
    return tuple(
        Phone(first / FRAMES_A_SECOND, (last + 1) / FRAMES_A_SECOND, _label(label))
        for label, first, last in found
    )


@lru_cache(maxsize=1)
def _decoder() -> Decoder:
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        raise CorpusError(
            "Recordings without phone times need pocketsphinx; install the extra meshtalk[train]."
        ) from error
    decoder = Decoder(lm=None, beam=BEAM, pbeam=BEAM, wbeam=BEAM, cmn="batch", loglevel="FATAL")
    phones = [phone for phone in PHONEMES if phone != SILENCE]
    for phone in phones:
        decoder.add_word(_MARK + phone.lower(), phone, phone == phones[-1])
    return decoder


def _segments(decoder: Decoder, sound: bytes, words: Sequence[str]) -> list[tuple[str, int, int]]:
    """(word, first frame, last frame) of each word in order; empty if it can't be aligned."""
    try:
        decoder.set_align_text(" ".join(words))
        decoder.start_utt()
        decoder.process_raw(sound, full_utt=True)
        decoder.end_utt()
        return [(segment.word, segment.start_frame, segment.end_frame) for segment in decoder.seg() or ()]
    except RuntimeError:
        return []


def _known(decoder: Decoder, word: str) -> bool:
    """Whether the decoder can pronounce the word, after flite was asked if it couldn't."""
    if decoder.lookup_word(word) is not None:
        return True
    try:
        phones = flite.pronounce(word)
    except VoiceError:
        return False
    if not phones or not set(phones) <= set(PHONEMES):
        return False
    decoder.add_word(word, " ".join(phones), True)
    return True


def _pronunciation(decoder: Decoder, word: str) -> list[str]:
    """Phones of a word as the first pass named it (``read(2)``); none for silence and noise."""
    if word.startswith(("<", "[", "+")):
        return []
    return [phone for phone in (decoder.lookup_word(word) or "").split() if phone in PHONEMES]


def _label(word: str) -> str:
    return word.removeprefix(_MARK).upper() if word.startswith(_MARK) else SILENCE
