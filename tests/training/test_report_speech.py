# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurements 1 to 5 on mouths whose answers are known."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")

from engine.audio.sound import sound_from_samples  # noqa: E402
from engine.bundle import default_bundle_path, load_bundle  # noqa: E402
from engine.template import Template, load_template  # noqa: E402
from training.__main__ import main  # noqa: E402
from training.errors import TrainingError  # noqa: E402
from training.export.toy import toy_template  # noqa: E402
from training.phonemes import Phone  # noqa: E402
from training.report.command import as_text, chosen_groups, keep  # noqa: E402
from training.report.intensity import measure_intensity, without_class  # noqa: E402
from training.report.intervals import frames_in, spans_apart, spans_of  # noqa: E402
from training.report.lips import measure_closures  # noqa: E402
from training.report.loudness import jaw_opening  # noqa: E402
from training.report.mandarin import measure_take, voiced_frames  # noqa: E402
from training.report.methods import all_methods, make_method  # noqa: E402
from training.report.recordings import Recording, read_english, read_mandarin  # noqa: E402
from training.report.request import Measurement  # noqa: E402
from training.report.shapes import measure_shapes  # noqa: E402
from training.report.table import Target, methods_table, targets_table  # noqa: E402
from training.report.timing import best_lag, measure_timing, reference_opening, warping_path  # noqa: E402
from training.report.tracks import Tracks, tracks_of  # noqa: E402
from training.report.visemes import Cue, choose, cues, shape_table, shape_weights  # noqa: E402

CHECK = Path(__file__).resolve().parents[3] / "shared" / "speech" / "check"
BUNDLE = Path(__file__).resolve().parents[1] / "data" / "tiny_bundle"
WORDS = "SIL P IY B AA M UW F OW V EH S W IY T AH SIL D AA P ER SIL".split()
LONG = 0.3


def spoken() -> tuple[Phone, ...]:
    """A made-up utterance: phones of 0.2 s, silences of 0.3 s."""
    found, clock = [], 0.0
    for label in WORDS:
        end = clock + (LONG if label == "SIL" else 0.2)
        found.append(Phone(clock, end, label))
        clock = end
    return tuple(found)


def still(frames: int, **changed: np.ndarray) -> Tracks:
    """A mouth 5 mm open that moves only as told."""
    tracks = dict.fromkeys(("aperture", "gap"), np.full(frames, 5.0))
    tracks |= {"teeth": np.full(frames, 8.0), "width": np.full(frames, 47.0), "jaw": np.zeros(frames)}
    return Tracks(**(tracks | changed), resting_gap=0.4)


def perfect(phones: tuple[Phone, ...], late: float = 0.0) -> Tracks:
    """A mouth that does what the phones ask for, ``late`` seconds late."""
    frames = round(phones[-1].end * 30)
    labels = []
    for frame in range(frames):
        at = frame / 30 - late
        labels.append(next((p.label for p in phones if p.start <= at < p.end), "SIL"))
    shut = np.array([label in ("P", "B", "M", "SIL") for label in labels])
    bitten = np.array([label in ("F", "V") for label in labels])
    round_ = np.array([label in ("UW", "OW", "W") for label in labels])
    gap = np.where(shut, 0.2, 6.0)
    return still(
        frames, aperture=gap, gap=gap, teeth=np.where(bitten, 1.0, 8.0), width=np.where(round_, 40.0, 47.0)
    )


def test_a_perfect_mouth_meets_every_target_on_shapes() -> None:
    phones = spoken()
    pairs = [(perfect(phones), phones)]
    closures, shapes = measure_closures(pairs), measure_shapes(pairs)
    assert closures.area == shapes.teeth == shapes.width == 1.0
    assert closures.touching == 1.0
    assert closures.touching_vowels == 0.0
    assert shapes.closed == shapes.closed_settled == 1.0
    assert all(target.met for target in (*closures.targets(), *shapes.targets()))


def test_a_mouth_that_never_moves_tells_nothing_apart() -> None:
    phones = spoken()
    pairs = [(still(round(phones[-1].end * 30)), phones)]
    closures, shapes = measure_closures(pairs), measure_shapes(pairs)
    assert closures.area == shapes.teeth == shapes.width == 0.5
    assert closures.touching == shapes.closed == 0.0
    assert not any(target.met for target in (*closures.targets()[:2], *shapes.targets()))


def test_what_was_not_said_is_not_measured() -> None:
    phones = (Phone(0, 0.5, "AA"), Phone(0.5, 1.0, "T"))
    closures, shapes = measure_closures([(still(30), phones)]), measure_shapes([(still(30), phones)])
    assert np.isnan([closures.area, closures.touching, shapes.teeth, shapes.width, shapes.closed]).all()
    assert not any(target.met for target in (*closures.targets()[:2], *shapes.targets()))


@pytest.mark.parametrize("late", [-0.03, 0.03])
def test_phone_times_may_be_wrong_by_thirty_milliseconds(late: float) -> None:
    phones = spoken()
    found = measure_closures([(perfect(phones, late), phones)])
    assert found.area == 1.0
    assert found.touching_vowels == 0.0
    assert found.area_strict < 1.0


def test_lips_that_meet_late_by_a_tenth_of_a_second_are_found_out() -> None:
    phones = spoken()
    found = measure_closures([(perfect(phones, 0.12), phones)])
    assert found.area < 0.9
    assert found.touching_vowels > 0.05


def test_lips_that_part_before_an_open_word_are_told_apart_from_open_pauses() -> None:
    phones = (Phone(0, 0.5, "AA"), Phone(0.5, 1.0, "SIL"), Phone(1.0, 1.2, "AH"), Phone(1.2, 1.3, "P"))
    phones += tuple(Phone(1.3 + k / 10, 1.4 + k / 10, label) for k, label in enumerate("F T UW IY".split()))
    gap = np.full(51, 6.0)
    gap[15:28] = 0.4
    shapes = measure_shapes([(still(51, gap=gap), phones)])
    assert shapes.closed < 0.95
    assert shapes.closed_settled == 1.0


@given(st.floats(0, 3), st.floats(0, 0.4))
@settings(deadline=None)
def test_every_span_has_a_frame_and_frames_lie_within(start: float, length: float) -> None:
    part = frames_in((start, start + length), 60)
    assert 0 <= part.start < part.stop <= 60
    if part.stop - part.start > 1:
        assert start - 1e-5 <= part.start / 30 and (part.stop - 1) / 30 <= start + length + 1e-5


def test_what_a_closure_is_given_its_neighbours_give_up() -> None:
    phones = [Phone(0, 0.2, "AA"), Phone(0.2, 0.3, "P"), Phone(0.3, 0.34, "IY"), Phone(0.34, 0.4, "M")]
    assert spans_of(phones, ("P",)) == [(pytest.approx(0.17), pytest.approx(0.33))]
    assert spans_apart(phones, ("AA", "IY"), ("P", "M")) == [
        (0, pytest.approx(0.17)),
        (pytest.approx(0.32), pytest.approx(0.32)),
    ]


@given(st.integers(-6, 6))
@settings(deadline=None, max_examples=13)
def test_a_late_face_is_late_by_its_frames(lag: int) -> None:
    curve = np.convolve(np.random.default_rng(0).normal(size=220), np.hanning(9), mode="same")
    found, best, _ = best_lag([(curve[20 - lag : 200 - lag], curve[20:200])])
    assert found == pytest.approx(lag, abs=0.1)
    assert best == pytest.approx(1.0)


def test_timing_of_the_reference_itself_is_exact_and_of_a_late_one_is_not() -> None:
    phones = spoken()
    frames = round(phones[-1].end * 30)
    opening = reference_opening(phones, frames)
    sound = sound_from_samples(np.zeros(frames * 16_000 // 30, np.float32), 16_000)
    recording = Recording("made", "made", sound, phones)
    exact = measure_timing([(still(frames, aperture=opening), recording)])
    assert exact.lag == pytest.approx(0.0, abs=1e-6)
    assert exact.misalignment == exact.nearest == 0.0
    assert exact.matched == 1.0
    assert exact.taught_correlation > 0.7
    late = measure_timing([(still(frames, aperture=np.roll(opening, 3)), recording)])
    assert late.lag == pytest.approx(3.0, abs=0.2)
    assert late.misalignment == pytest.approx(100.0, abs=20.0)
    assert late.taught_lag - exact.taught_lag == pytest.approx(3.0, abs=0.5)
    assert not any(target.met for target in late.targets())


def test_the_warping_path_joins_what_is_alike() -> None:
    curve = np.sin(np.arange(40) / 3.0)
    assert warping_path(curve, curve) == [(at, at) for at in range(40)]
    assert warping_path(curve[:-2], curve[2:])[0] == (0, 0)


def test_opening_that_follows_the_voice_is_seen_within_vowels_too() -> None:
    rng = np.random.default_rng(1)
    labels = ["AA", "IY"] * 10
    phones = tuple(Phone(0.3 * k, 0.3 * k + 0.2, label) for k, label in enumerate(labels))
    loud = rng.uniform(0.05, 0.5, len(labels))
    times = np.arange(16_000 * 6) / 16_000
    samples = np.zeros(len(times), np.float32)
    aperture = np.zeros(180)
    for phone, level in zip(phones, loud, strict=True):
        inside = (times >= phone.start) & (times < phone.end)
        samples[inside] = (level * np.sin(2 * np.pi * 150 * times[inside])).astype(np.float32)
        aperture[frames_in((phone.start, phone.end), 180)] = level
    recording = Recording("made", "made", sound_from_samples(samples, 16_000), phones)
    follows = measure_intensity([(still(180, aperture=aperture), recording)])
    assert follows.syllables == 20
    assert follows.syllables_correlation == pytest.approx(1.0)
    assert follows.within_vowels > 0.8
    against = measure_intensity([(still(180, aperture=-aperture), recording)])
    assert not against.targets()[0].met


def test_a_class_of_one_kind_has_no_mean_left() -> None:
    left = without_class(np.array([1.0, 3.0, 10.0]), ["a", "a", "b"])
    np.testing.assert_allclose(left, [-1, 1, 0])


def test_voice_is_told_from_noise_and_silence() -> None:
    rng = np.random.default_rng(2)
    times = np.arange(16_000) / 16_000
    voice = sum(np.sin(2 * np.pi * 110 * k * times) / k for k in range(1, 8)) * 0.1
    noise = rng.normal(size=16_000) * 0.1
    samples = np.concatenate([voice, noise, np.zeros(16_000)]).astype(np.float32)
    voiced = voiced_frames(samples, 90)
    assert voiced[3:27].all()
    assert voiced[33:].mean() < 0.1


def test_silence_earns_nothing_in_mandarin() -> None:
    rng = np.random.default_rng(3)
    theirs = np.concatenate([rng.uniform(0, 1, 50), np.zeros(50)])
    ours = np.concatenate([rng.uniform(0, 1, 50), np.zeros(50)])
    voiced = np.arange(100) < 50
    found = measure_take(still(100, jaw=ours), theirs, voiced)
    assert abs(found.jaw) < 0.3 < found.jaw_all_frames
    same = measure_take(still(100, jaw=theirs, aperture=theirs), theirs, voiced)
    assert same.jaw == same.aperture == pytest.approx(1.0)
    assert same.best_lag == 0


@pytest.fixture(scope="module")
def template(torch_alone: None) -> Template:
    return toy_template()


def test_tracks_of_weights_and_of_the_same_displacements_agree(template: Template) -> None:
    weights = np.random.default_rng(4).uniform(0, 1, (5, len(template.unit_names)))
    motion = np.einsum("tu,uvi->tvi", weights, template.unit_deltas)
    first, second = (tracks_of(template, template.landmarks, part) for part in (weights, motion))
    for name in ("aperture", "gap", "teeth", "width", "jaw"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), atol=1e-3)
    opened = np.zeros((1, len(template.unit_names)))
    opened[0, template.unit("jawOpen")] = 1.0
    wide = tracks_of(template, template.landmarks, opened)
    assert wide.gap[0] > wide.resting_gap
    assert wide.jaw[0] > 0


def test_a_shrug_lifts_the_chin_but_no_tooth() -> None:
    path = default_bundle_path() / "template.npz"
    if not path.is_file():
        pytest.skip("there is no default model in this checkout")
    with_teeth = load_template(path)
    weights = np.zeros((3, len(with_teeth.unit_names)))
    weights[1, with_teeth.unit("jawOpen")] = 0.5
    weights[2, [with_teeth.unit("jawOpen"), with_teeth.unit("mouthShrugLower")]] = 0.5, 1.0
    of_weights = tracks_of(with_teeth, with_teeth.landmarks, weights)
    motion = np.tensordot(weights, with_teeth.unit_deltas, 1)
    for tracks in (of_weights, tracks_of(with_teeth, with_teeth.landmarks, motion)):
        assert tracks.incisors is not None
        shut, opened, shrugged = tracks.incisors
        assert shut == pytest.approx(0.0, abs=0.01)
        assert 10.0 < opened < 20.0
        assert shrugged == pytest.approx(opened, abs=0.1)
        assert tracks.jaw[2] < tracks.jaw[1] - 3.0
    assert of_weights.incisors is not None
    jaw = np.array([0.0, 1.0, 1.0])
    take = measure_take(of_weights, jaw, np.ones(3, bool))
    assert take.jaw == pytest.approx(1.0) and take.chin < 0.99


def test_shapes_close_for_m_and_open_for_aa(template: Template) -> None:
    phones = [Phone(0, 0.5, "SIL"), Phone(0.5, 0.8, "AA"), Phone(0.8, 1.1, "M"), Phone(1.1, 1.4, "AA")]
    weights = shape_weights(template, phones, 42)
    jaw = weights[:, template.unit("jawOpen")]
    assert jaw[20] > 0.25 and jaw[38] > 0.25
    assert jaw[29] == jaw[5] == 0.0
    assert 0 <= weights.min() and weights.max() <= 1


def test_a_stop_closes_before_its_phone_and_flexible_sounds_keep_the_shape(template: Template) -> None:
    wanted = cues([Phone(0, 0.2, "AA"), Phone(0.2, 0.3, "P"), Phone(0.3, 0.5, "HH")])
    assert [letters for _, letters in wanted][:2] == ["D", "A"]
    assert wanted[1].start == pytest.approx(0.1)
    table = shape_table(template)
    distances = np.linalg.norm(table[:, None] - table[None], axis=-1)
    assert [letter for _, letter in choose(wanted, distances)] == ["D", "A", "A", "A"]
    assert choose([Cue(0.0, "D"), Cue(0.1, "CD")], distances)[1][1] == "D"


def test_a_loud_sound_opens_the_jaw_and_silence_does_not() -> None:
    samples = np.concatenate([np.zeros(8000), 0.3 * np.sin(np.arange(8000) / 10)]).astype(np.float32)
    opening = jaw_opening(samples, 30)
    assert opening[:13].max() == 0.0
    assert opening[17:28].min() > 0.3
    assert not jaw_opening(np.zeros(8000, np.float32), 15).any()


def test_tables_say_what_passes_and_what_falls_short() -> None:
    good, bad = Target("a", 0.95, 0.9, "at least"), Target("b", float("nan"), 5.0, "at most")
    text = targets_table("Title", [good, bad])
    assert "PASS" in text.splitlines()[-2] and "short of" in text.splitlines()[-1]
    assert bad.as_dict()["value"] is None
    assert "-" in methods_table({"one": {"x": 1.0}, "two": {"y": 2.0}}).splitlines()[-1]
    assert as_text(Measurement("Only text", {}, text="words")) == "Only text\nwords"


def test_groups_are_checked() -> None:
    assert chosen_groups("speech, corpus") == ("speech", "corpus")
    for wrong in ("speech,voices", ""):
        with pytest.raises(TrainingError, match="--only takes speech"):
            chosen_groups(wrong)


def test_parts_measured_one_after_another_are_kept_together(tmp_path: Path) -> None:
    card = load_bundle(BUNDLE, threads=1).card
    other = dataclasses.replace(card, name="another")
    file = tmp_path / "figures.json"
    keep(file, card, {"a": 1})
    keep(file, card, {"b": 2})
    assert {"a", "b", "bundle"} == set(json.loads(file.read_text(encoding="utf-8")))
    keep(file, other, {"c": 3})
    assert {"c", "bundle"} == set(json.loads(file.read_text(encoding="utf-8")))
    file.write_text("no figures", encoding="utf-8")
    with pytest.raises(TrainingError, match="no file of figures"):
        keep(file, card, {"a": 1})


def test_methods_are_known_by_name() -> None:
    bundle = load_bundle(BUNDLE, threads=1)
    assert [method.name for method in all_methods(bundle)] == ["loudness", "visemes", "visemes-words", "ours"]
    assert [method.name for method in all_methods(bundle, names=("ours",))] == ["ours"]
    for wrong, words in (("telepathy", "no method"), ("regression", "--regression")):
        with pytest.raises(TrainingError, match=words):
            make_method(wrong, bundle)


def test_every_method_moves_the_face_by_the_sound() -> None:
    pytest.importorskip("pocketsphinx")
    bundle = load_bundle(BUNDLE, threads=1)
    samples = (0.2 * np.random.default_rng(5).normal(size=16_000)).astype(np.float32)
    recording = Recording("noise", "made", sound_from_samples(samples, 16_000))
    for method in all_methods(bundle):
        tracks = tracks_of(bundle.template, bundle.card.landmarks, method.motion(recording))
        assert len(tracks) == 30
        assert np.isfinite(tracks.aperture).all()


def test_folders_without_recordings_are_told_in_one_sentence(tmp_path: Path) -> None:
    for read in (read_english, read_mandarin):
        with pytest.raises(TrainingError, match="holds no"):
            read(tmp_path)


def test_a_part_without_its_folder_is_skipped_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["report", "--bundle", str(BUNDLE), "--out", str(tmp_path), "--only", "speech"]
    assert main(options) == 0
    assert "skipped, because it needs --check" in capsys.readouterr().out
    assert main([*options, "--check", str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_real_recordings_are_read_with_phones_and_jaws() -> None:
    if not CHECK.is_dir():
        pytest.skip("../shared/speech/check is not here")
    english, mandarin = read_english(CHECK), read_mandarin(CHECK)
    assert {recording.collection for recording in english} == {"ljspeech", "mfa"}
    for recording in english:
        assert recording.phones[0].start == 0.0
        assert recording.phones[-1].end == pytest.approx(recording.duration, abs=2e-3)
    assert all(
        recording.jaw is not None and abs(len(recording.jaw) - recording.frames) < 3 for recording in mandarin
    )
