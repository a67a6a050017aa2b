# SPDX-License-Identifier: GPL-3.0-or-later
"""Voices: phonemes, recordings, synthesisers, alignment."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.engines import needs_espeak, needs_festival, needs_flite, needs_pocketsphinx
from training.corpus.errors import CorpusError
from training.corpus.sentences import make_sentences
from training.corpus.voices import align, espeak, festival, flite
from training.corpus.voices.clean import clean_phones
from training.corpus.voices.recordings import read_folder, read_sound
from training.phonemes import PHONEMES, VOWELS, Phone, from_arpabet, from_ipa, label_frames, tidy

SENTENCES = make_sentences(3, 5)


def speech(phones: tuple[Phone, ...], duration: float) -> np.ndarray:
    """A hum that is loud where phones are and nearly silent elsewhere."""
    times = np.arange(int(duration * 16_000)) / 16_000
    loud = np.full(len(times), 0.001)
    for phone in phones:
        loud[(times >= phone.start) & (times < phone.end)] = 0.3
    return (loud * np.sin(2 * np.pi * 150 * times)).astype(np.float32)


def test_labels_of_other_alphabets() -> None:
    assert [from_arpabet(label) for label in ("AH0", "ax", "pau", "iy1")] == ["AH", "AH", "SIL", "IY"]
    assert from_ipa("ɔːɹ") == ("AO", "R")
    assert from_ipa("tʃ") == ("CH",)
    assert from_ipa("oʊ") == ("OW",)
    assert from_ipa("ˈ") == ()


@given(
    st.lists(
        st.tuples(st.floats(0, 5), st.floats(0, 5), st.sampled_from(PHONEMES)).map(lambda p: Phone(*p)),
        max_size=20,
    ),
    st.floats(0.1, 6),
    st.floats(0, 0.05),
)
def test_tidy_phones_fill_the_clip_without_overlap(
    phones: list[Phone], duration: float, shift: float
) -> None:
    out = tidy(phones, duration, shift)
    assert out[0].start == 0.0
    assert out[-1].end == pytest.approx(duration, abs=2e-3)
    for before, after in zip(out, out[1:], strict=False):
        assert before.end == pytest.approx(after.start, abs=2e-3)
        assert not before.label == after.label == "SIL"
    assert all(phone.end > phone.start for phone in out)


def test_labels_stand_at_the_right_times() -> None:
    phones = (Phone(0.0, 0.5, "SIL"), Phone(0.5, 0.6, "M"), Phone(0.6, 0.8, "AA"), Phone(0.8, 1.0, "SIL"))
    times = np.arange(90) / 90.0
    labels = label_frames(phones, times)
    for label, start, end in (("M", 0.5, 0.6), ("AA", 0.6, 0.8)):
        marked = times[labels == PHONEMES.index(label)]
        assert marked.min() == pytest.approx(start, abs=1.01 / 90)
        assert marked.max() == pytest.approx(end, abs=1.01 / 90)


def test_sentences_are_many_distinct_and_repeatable() -> None:
    sentences = make_sentences(5000, 1)
    assert len(set(sentences)) == 5000
    assert make_sentences(5000, 1) == sentences
    assert make_sentences(100, 1) == sentences[:100]
    assert make_sentences(100, 2) != sentences[:100]


def test_a_missing_folder_and_an_empty_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="does not exist"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match=r"manifest\.json"):
        read_folder(tmp_path)


def test_a_damaged_manifest_is_told(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps([{"file": "a.wav"}]))
    with pytest.raises(CorpusError, match=r"mend or remove"):
        read_folder(tmp_path)


def test_an_unreadable_recording_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("not a sound")
    with pytest.raises(CorpusError, match=r"a\.wav cannot be read"):
        read_sound(tmp_path / "a.wav")


def test_recordings_with_transcripts_are_found(tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    for name in ("ann/one.wav", "ann/two.flac", "ann/three.wav"):
        (tmp_path / name).touch()
    (tmp_path / "ann/one.txt").write_text("Hello  there\n")
    (tmp_path / "ann/two.txt").write_text("Bye")
    found = read_folder(tmp_path)
    assert [(r.path.name, r.speaker, r.text) for r in found] == [
        ("one.wav", "ann", "Hello there"),
        ("two.flac", "ann", "Bye"),
    ]


def test_cleaning_trims_a_phone_that_reaches_into_silence() -> None:
    spoken = (Phone(0.5, 0.7, "M"), Phone(0.7, 1.0, "AA"))
    smeared = (Phone(0.0, 0.45, "SIL"), Phone(0.45, 0.7, "M"), Phone(0.7, 1.4, "AA"), Phone(1.4, 2.0, "SIL"))
    cleaned = clean_phones(speech(spoken, 2.0), smeared, 0.0)
    assert cleaned is not None
    vowel = next(phone for phone in cleaned if phone.label == "AA")
    assert vowel.end == pytest.approx(1.05, abs=0.03)


def test_cleaning_refuses_speech_in_silence_and_endless_phones() -> None:
    spoken = (Phone(0.5, 1.0, "AA"), Phone(1.2, 1.7, "AA"))
    deaf = (Phone(0.0, 0.5, "SIL"), Phone(0.5, 1.0, "AA"), Phone(1.0, 2.0, "SIL"))
    endless = (Phone(0.0, 0.5, "SIL"), Phone(0.5, 1.9, "AA"), Phone(1.9, 2.0, "SIL"))
    assert clean_phones(speech(spoken, 2.0), deaf, 0.0) is None
    assert clean_phones(speech((Phone(0.5, 1.9, "AA"),), 2.0), endless, 0.0) is None


def voices_of_installed_engines() -> list:
    marks = ((flite, needs_flite), (festival, needs_festival), (espeak, needs_espeak))
    return [
        pytest.param(engine, voice.name, marks=mark, id=voice.voice)
        for engine, mark in marks
        for voice in engine.VOICES
    ]


@pytest.mark.parametrize(("engine", "voice"), voices_of_installed_engines())
def test_every_voice_speaks_with_phone_times(engine: object, voice: str) -> None:
    text = "Papa took a cat to the top, Patty kept a cookie."
    if "pinyin" in voice:
        text = "pao3 bu4 de5 bao1 pi2, ta1 de5 pu2 tao5, kan4 dao4 pi2 ka3."
    (spoken,) = engine.speak(voice, [text], 0)  # type: ignore[attr-defined]
    duration = len(spoken.samples) / 16_000
    assert 0.5 < duration < 6
    assert spoken.phones[-1].end == pytest.approx(duration, abs=0.01)
    stops = [phone for phone in spoken.phones if phone.label in ("P", "T", "K")]
    vowels = [phone for phone in spoken.phones if phone.label in VOWELS]
    assert len(stops) >= 12
    power = np.convolve(spoken.samples.astype(np.float64) ** 2, np.full(160, 1 / 160), mode="same")
    level = {p: power[int(p.start * 16_000) : int(p.end * 16_000)].mean() for p in (*vowels, *stops)}
    assert np.mean([level[p] for p in vowels]) > 5 * np.mean([level[p] for p in stops])


@needs_espeak
@pytest.mark.parametrize("voice", ["en-us+m3", "en+f4", "de+m5", "cmn-latn-pinyin+m7"])
def test_espeak_stops_hold_the_silence_before_their_release(voice: str) -> None:
    text = "wo3 pao3 bu4, ta1 pa4 pi2." if "pinyin" in voice else "The happy puppy picked up a paper cup."
    (spoken,) = espeak.speak(voice, [text], 0)
    starts = [
        int(p.start * 16_000)
        for before, p in pairwise(spoken.phones)
        if p.label == "P" and before.label != "SIL"
    ]
    blocks = [np.abs(spoken.samples[start : start + 960]).reshape(-1, 160).max(axis=1) for start in starts]
    quiet = [float(found.min()) for found in blocks]
    assert len(quiet) >= 3
    assert np.median(quiet) < 0.03


def test_pinyin_is_spelt_as_the_lips_move() -> None:
    symbols = [
        (0.0, "ɕ"),
        (0.1, "y"),
        (0.2, ""),
        (0.25, "ph"),
        (0.3, "ɑu"),
        (0.4, "s."),
        (0.5, "i."),
        (0.6, ""),
    ]
    found = [phone.label for phone in espeak.read_events(symbols, 0.7)]
    assert found == ["SH", "UW", "P", "HH", "AW", "SH", "IH", "SIL"]


def test_no_synthetic_voice_sounds_like_one_of_another_split() -> None:
    splits: dict[str, set[str]] = {}
    for voice in espeak.VOICES:
        splits.setdefault(voice.name.partition("+")[2], set()).add(voice.split)
    assert all(len(found) == 1 for found in splits.values())
    speakers = {"slt": {"slt", "cmu_us_slt_arctic_hts"}, "kal": {"kal16", "kal_diphone"}}
    for names in speakers.values():
        assert len({v.split for v in (*flite.VOICES, *festival.VOICES) if v.name in names}) == 1


@needs_flite
@needs_pocketsphinx
def test_alignment_agrees_with_flite() -> None:
    errors: list[float] = []
    for spoken in flite.speak("rms", SENTENCES, 0):
        found = align.align(spoken.samples, spoken.text)
        assert found is not None
        ours = [phone for phone in found if phone.label != "SIL"]
        theirs = [phone for phone in spoken.phones if phone.label != "SIL"]
        if [p.label for p in ours] == [p.label for p in theirs]:
            errors += [o.start + 0.015 - t.start for o, t in zip(ours, theirs, strict=True)]
    assert len(errors) > 50
    assert np.percentile(np.abs(errors), 90) < 0.05


@needs_pocketsphinx
def test_words_that_were_not_said_do_not_align() -> None:
    silence = np.zeros(8000, np.float32)
    assert (
        align.align(silence, "every marvellous bumblebee followed the foreign bishop over the bridge") is None
    )
