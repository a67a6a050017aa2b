# SPDX-License-Identifier: GPL-3.0-or-later
"""The teacher: lips that meet, mouths that open, faces that live, the same from the same seed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.corpus.teacher.emotion import EMOTIONS
from training.corpus.teacher.lips import LipGaps, lip_gaps
from training.corpus.teacher.mouth import move_mouth
from training.corpus.teacher.prosody import frame_count, measure_prosody
from training.corpus.teacher.style import NEUTRAL, Style, draw_style
from training.corpus.teacher.teach import teach
from training.corpus.teacher.upper import blinks
from training.corpus.teacher.visemes import TARGETS, TRACK_NAMES, TRACKS
from training.phonemes import PHONEMES, VOWELS, Phone

UNITS = sorted(
    {unit for units in TRACKS.values() for unit in units}
    | {"mouthClose", "eyeBlinkLeft", "eyeBlinkRight", "browInnerUp", "mouthPressLeft", "mouthPressRight"}
)
OPENS = {
    "jawOpen": 35.0,
    "mouthClose": -35.0,
    "mouthFunnel": 13.0,
    "mouthPucker": -2.4,
    "mouthRollLower": -3.2,
}
OPENS |= {
    name + side: mm
    for side in ("Left", "Right")
    for name, mm in (("mouthUpperUp", 2.5), ("mouthLowerDown", 1.9))
}


TUCKS = {"jawOpen": (16.6, -35.0), "mouthRollLower": (4.1, 1.9), "mouthClose": (-16.6, 35.0)}
"""Millimetres back and up that the lower lip travels."""


@pytest.fixture(scope="module")
def face() -> LipGaps:
    """A face of one lip pair whose gaps are those of the template, in metres."""
    gaps = np.array([[[OPENS.get(unit, 0.0) / 1000] for unit in UNITS]])
    tucks = np.array([[np.array(TUCKS.get(unit, (0.0, 0.0))) / 1000 for unit in UNITS]])
    rest = np.array([[-0.0045, 0.0011]])
    over = np.zeros(1), np.zeros((1, len(UNITS)))
    return LipGaps(tuple(UNITS), np.array([[0, 1]]), np.full((1, 1), 0.0002), gaps, rest, tucks, *over)


@pytest.fixture(scope="module")
def real_faces() -> LipGaps:
    """The lips of the corpus' own faces, where a corpus has been made."""
    folder = Path(os.environ.get("MESHTALK_CORPUS", Path(__file__).parents[2] / "build" / "corpus"))
    path = folder / "faces.npz"
    if not path.is_file():
        pytest.skip(f"no faces at {path}; make them with python -m training corpus")
    with np.load(path, allow_pickle=False) as stored:
        return lip_gaps({name: stored[name] for name in stored.files}, 40)


def word(*labels: str, each: float = 0.1) -> tuple[Phone, ...]:
    """Half a second of silence, the phones, half a second of silence."""
    phones = [Phone(0.0, 0.5, "SIL")]
    for label in labels:
        phones.append(Phone(phones[-1].end, phones[-1].end + each, label))
    return (*phones, Phone(phones[-1].end, phones[-1].end + 0.5, "SIL"))


def perform(
    phones: tuple[Phone, ...], face: LipGaps, seed: int = 0, style: Style | None = NEUTRAL, identity: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Unit weights (T, U) and gaps of the lips' middle in millimetres (T,)."""
    samples = np.zeros(round(phones[-1].end * 16_000), np.float32)
    weights = teach(phones, samples, face, identity, np.random.default_rng(seed), style)
    return weights, 1000 * face.gaps(identity, weights)[:, 0]


def during(phone: Phone, curve: np.ndarray) -> np.ndarray:
    return curve[int(np.ceil(phone.start * 30)) : int(np.floor(phone.end * 30)) + 1]


def track(weights: np.ndarray, unit: str) -> np.ndarray:
    return weights[:, UNITS.index(unit)]


@pytest.mark.parametrize("label", ["P", "B", "M"])
@pytest.mark.parametrize("around", ["AA", "AO", "UW", "IY", "S"])
def test_lips_meet_between_any_neighbours(face: LipGaps, label: str, around: str) -> None:
    phones = word(around, label, around)
    _, gap = perform(phones, face)
    assert during(phones[2], gap).min() < 0.05
    assert during(phones[1], gap).max() > 2.0
    assert during(phones[3], gap).max() > 2.0


@given(st.floats(0.03, 0.2), st.floats(0, 0.033), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_a_closure_is_never_lost_between_two_frames(
    face: LipGaps, each: float, offset: float, seed: int
) -> None:
    moved = tuple(
        Phone(max(p.start + offset, 0.0) if p.start else 0.0, p.end + offset, p.label)
        for p in word("AA", "B", "AA")
    )
    phones = (
        *moved[:2],
        Phone(moved[2].start, moved[2].start + each, "B"),
        Phone(moved[2].start + each, 2.0, "AA"),
    )
    _, gap = perform(phones, face, seed, style=draw_style(np.random.default_rng(seed)))
    middle = (phones[2].start + phones[2].end) / 2
    near = np.abs(np.arange(len(gap)) / 30 - middle) <= max(each / 2, 1 / 30)
    assert gap[near].min() < 0.1


def test_lips_meet_on_real_faces(real_faces: LipGaps) -> None:
    phones = word("M", "AA", "B", "IY", "P", "OW", each=0.08)
    for identity in range(len(real_faces.rest)):
        weights, gap = perform(phones, real_faces, identity, None, identity)
        assert all(during(phone, gap).min() < 0.3 for phone in phones if phone.label in "MBP")
        assert all(during(phone, gap).max() > 2.0 for phone in phones if phone.label in VOWELS)
        beside = 1000 * (real_faces.gaps(identity, weights) - np.maximum(real_faces.rest[identity], 0))
        middle_of_b = round((phones[3].start + phones[3].end) / 2 * 30)
        assert beside[middle_of_b].max() < 1.0, "the corners of closed lips stand open"


def test_teeth_meet_lip_and_each_other(face: LipGaps) -> None:
    phones = word("AA", "F", "AA", "S", "AA")
    weights, _ = perform(phones, face)
    lip_to_teeth = 1000 * np.linalg.norm(face.tuck(0, weights), axis=1)
    assert during(phones[2], lip_to_teeth).min() < 0.3
    assert during(phones[4], lip_to_teeth)[1:].min() > 1.5
    assert during(phones[4], track(weights, "jawOpen")).min() < 0.05


def test_lip_finds_the_teeth_on_real_faces(real_faces: LipGaps) -> None:
    phones, nearest = word("AA", "F", "IY", "M", "OW", "V", "UW", each=0.08), []
    for identity in range(len(real_faces.rest)):
        weights, _ = perform(phones, real_faces, identity, None, identity)
        away = 1000 * np.linalg.norm(real_faces.tuck(identity, weights), axis=1)
        bitten = [during(phone, away).min() for phone in phones if phone.label in "FV"]
        others = [during(phone, away).min() for phone in phones if phone.label in "M"]
        nearest.append(max(bitten))
        assert min(others) > 1.3 * max(bitten)
    assert np.median(nearest) < 1.0
    assert max(nearest) < 3.0


@pytest.mark.parametrize("pause", [0.16, 0.2, 0.3, 0.6])
@pytest.mark.parametrize("following", ["AA", "M", "S"])
def test_lips_shut_in_every_pause_and_part_at_the_word(face: LipGaps, pause: float, following: str) -> None:
    labels = ("AA", "SIL", following, "AA")
    phones = [Phone(0.0, 0.5, "SIL")]
    for label, seconds in zip(labels, (0.15, pause, 0.1, 0.15), strict=True):
        phones.append(Phone(phones[-1].end, phones[-1].end + seconds, label))
    _, gap = perform((*phones, Phone(phones[-1].end, phones[-1].end + 0.5, "SIL")), face)
    silence = phones[2]
    times = np.arange(len(gap)) / 30
    inside = gap[(times > silence.start + 0.03) & (times < silence.end - 0.03)]
    assert inside.max() < 0.2 + 1.0
    assert gap[round((silence.end - 0.04) * 30)] < (0.3 if following == "M" else 1.0)
    assert np.abs(np.diff(gap)).max() < 9.0, "the lips snap"
    assert during(phones[4], gap).max() > 2.0


def test_rounding_spreads_backward_more_than_forward(face: LipGaps) -> None:
    phones = word("T", "T", "UW", "T", "T")
    pucker = track(perform(phones, face)[0], "mouthPucker")
    before, after = (during(phones[i], pucker).max() for i in (2, 4))
    assert during(phones[3], pucker).max() > 0.5
    assert before > after > 0.05


def test_lips_part_a_little_before_an_open_word(face: LipGaps) -> None:
    _, open_gap = perform(word("AA", "T"), face)
    _, shut_gap = perform(word("M", "AA"), face)
    assert open_gap[: round(0.35 * 30)].max() < 0.4
    assert 0.4 < open_gap[14] < 1.2
    assert shut_gap[14] < 0.4
    assert open_gap[-2] < 0.5


def test_loud_vowels_open_wider() -> None:
    phones = word("AA")
    frames = round(phones[-1].end * 30)
    jaw = {
        level: move_mouth(phones, np.full(frames, level), NEUTRAL).tracks["jaw"].max()
        for level in (-1.0, 1.0)
    }
    assert jaw[1.0] > 1.4 * jaw[-1.0]


def test_the_jaw_follows_the_loudness_within_one_long_vowel() -> None:
    phones = word("AA", each=1.0)
    level = np.where(np.arange(60) < 30, 1.5, -1.0)
    jaw = move_mouth(phones, level, NEUTRAL).tracks["jaw"]
    assert jaw[20:26].mean() > 1.4 * jaw[34:40].mean()


def test_fast_speech_undershoots(face: LipGaps) -> None:
    slow, fast = (perform(word("T", "AA", "T", each=each), face)[1].max() for each in (0.2, 0.05))
    assert fast < 0.9 * slow


def test_every_phoneme_has_targets_on_known_tracks() -> None:
    assert set(TARGETS) == set(PHONEMES)
    assert {name for steps in TARGETS.values() for targets in steps for name in targets} <= set(TRACK_NAMES)


@given(st.integers(0, 10_000), st.lists(st.sampled_from(PHONEMES), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_weights_are_bounded_smooth_and_repeatable(face: LipGaps, seed: int, labels: list[str]) -> None:
    phones = word(*labels, each=0.07)
    weights, _ = perform(phones, face, seed, None)
    again, _ = perform(phones, face, seed, None)
    assert np.array_equal(weights, again)
    assert weights.shape == (frame_count(round(phones[-1].end * 16_000)), len(UNITS))
    assert weights.min() >= 0.0
    assert weights.max() <= 1.0
    slow = [UNITS.index(name) for name in ("jawOpen", "mouthPucker", "browInnerUp", "mouthStretchLeft")]
    assert np.abs(np.diff(weights[:, slow], axis=0)).max() < 0.45


def test_blinks_come_at_a_human_rate_fall_fast_and_rise_slowly() -> None:
    minutes = 20
    curve = blinks(minutes * 1800, Style(blinks=16.0), np.random.default_rng(0))
    begins = np.flatnonzero((curve[1:] > 0.05) & (curve[:-1] <= 0.05))
    assert 8 < len(begins) / minutes < 24
    shut = np.flatnonzero((curve[1:] > 0.95) & (curve[:-1] <= 0.95))
    opened = np.flatnonzero((curve[1:] <= 0.05) & (curve[:-1] > 0.05))
    falls = [shut[shut >= b][0] - b for b in begins[:-1]]
    rises = [opened[opened >= b][0] - shut[shut >= b][0] for b in begins[:-1]]
    assert np.median(falls) < np.median(rises)
    assert np.mean(curve > 0.05) < 0.2


def test_blinks_favour_the_ends_of_phrases() -> None:
    pauses = np.arange(2.0, 1200.0, 4.0)
    curve = blinks(36_000, Style(blinks=16.0), np.random.default_rng(0), pauses.tolist())
    begins = np.flatnonzero((curve[1:] > 0.05) & (curve[:-1] <= 0.05)) / 30
    near = np.abs(begins[:, None] - pauses).min(axis=1) < 0.3
    assert 0.2 < near.mean() < 0.6


def test_emotions_colour_the_brows_and_spare_the_closures(face: LipGaps) -> None:
    phones = word(*("B", "AA", "S", "IY", "M", "OW") * 5)
    brows = {}
    for emotion in ("neutral", *EMOTIONS):
        style = Style(emotion=emotion, feeling=0.0 if emotion == "neutral" else 1.0)
        weights, gap = perform(phones, face, 3, style)
        brows[emotion] = track(weights, "browInnerUp").mean()
        assert all(during(phone, gap).min() < 0.1 for phone in phones if phone.label in "BM")
    assert brows["sadness"] > brows["neutral"] + 0.2


def test_two_seeds_blink_at_different_times_but_speak_alike(face: LipGaps) -> None:
    phones = word(*("B", "AA", "S", "IY", "M", "OW", "T", "AE") * 12)
    (one, gap_one), (two, gap_two) = perform(phones, face, 1), perform(phones, face, 2)
    assert np.corrcoef(gap_one, gap_two)[0, 1] > 0.95
    assert np.corrcoef(track(one, "eyeBlinkLeft"), track(two, "eyeBlinkLeft"))[0, 1] < 0.5


def test_pitch_and_loudness_are_heard() -> None:
    times = np.arange(32_000) / 16_000
    pitch = np.where(times < 1.0, 120.0, 200.0)
    tone = np.sin(2 * np.pi * np.cumsum(pitch) / 16_000) * np.where(times < 1.0, 0.1, 0.4)
    prosody = measure_prosody(tone.astype(np.float32), 60)
    assert prosody.pitch[40:55].mean() > prosody.pitch[5:20].mean() + 1
    assert prosody.loudness[40:55].mean() > prosody.loudness[5:20].mean() + 1
    assert not measure_prosody(np.zeros(16_000, np.float32), 30).pitch.any()
