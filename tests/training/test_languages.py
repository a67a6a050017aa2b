# SPDX-License-Identifier: GPL-3.0-or-later
"""Syllables of other languages, and the voices that speak them."""

from __future__ import annotations

import pytest

from training.corpus.errors import VoiceError
from training.corpus.gather import _texts
from training.corpus.syllables import LANGUAGES, make_chains
from training.corpus.voices import espeak
from training.phonemes import PHONEMES, SILENCE


def _installed() -> bool:
    try:
        espeak.check()
    except VoiceError:
        return False
    return True


needs_espeak = pytest.mark.skipif(not _installed(), reason="espeak-ng is not installed")


@pytest.mark.parametrize("language", LANGUAGES)
def test_chains_are_distinct_and_repeatable(language: str) -> None:
    chains = make_chains(language, 50, 1)
    assert len(set(chains)) == 50
    assert make_chains(language, 20, 1) == chains[:20]
    assert make_chains(language, 20, 2) != chains[:20]


def test_tones_of_pinyin_are_digits_and_their_own() -> None:
    words = " ".join(make_chains("cmn-latn-pinyin", 400, 0)).translate(str.maketrans("", "", ",.?!")).split()
    assert all(word[-1] in "12345" and word[:-1].isalpha() for word in words)
    assert len({word[:-1] for word in words}) > 300, "most of the syllabary comes up"


def test_every_language_has_voices_and_none_serves_two_splits() -> None:
    voices = espeak.LANGUAGE_VOICES
    assert {voice.language for voice in voices} == set(LANGUAGES)
    assert len({voice.name for voice in voices}) == len(voices)
    for part in (lambda voice: voice.language, lambda voice: voice.name.partition("+")[2]):
        splits: dict[str, set[str]] = {}
        for voice in voices:
            splits.setdefault(part(voice), set()).add(voice.split)
        assert all(len(found) == 1 for found in splits.values()), splits


def test_no_text_is_given_to_two_voices() -> None:
    texts = _texts(espeak.LANGUAGE_VOICES, 12, 0)
    assert len({text for share in texts for text in share}) == 12 * len(texts)


@needs_espeak
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_spoken_is_understood(language: str) -> None:
    spoken = list(espeak.speak(language, make_chains(language, 5, 3), 0))
    labels = [phone.label for sentence in spoken for phone in sentence.phones]
    assert set(labels) <= {*PHONEMES}, sorted(set(labels) - set(PHONEMES))
    assert sum(label != SILENCE for label in labels) > 50


@needs_espeak
def test_mandarin_h_is_a_breath() -> None:
    (spoken,) = espeak.speak("cmn-latn-pinyin", ["hao3"], 0)
    assert [phone.label for phone in spoken.phones if phone.label != SILENCE] == ["HH", "AW"]
