# SPDX-License-Identifier: GPL-3.0-or-later
"""Plots and sheets of faces: what they show, of which frames, and that they stay small."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")
pytest.importorskip("matplotlib")
soundfile = pytest.importorskip("soundfile")

from matplotlib.figure import Figure  # noqa: E402

from engine.audio.sound import sound_from_samples  # noqa: E402
from engine.bundle import Bundle, load_bundle  # noqa: E402
from training.__main__ import main  # noqa: E402
from training.phonemes import Phone  # noqa: E402
from training.report import faces, plots  # noqa: E402
from training.report.life import Seen, Watched  # noqa: E402
from training.report.recordings import Recording, read_english  # noqa: E402
from training.report.tracks import Tracks  # noqa: E402

BUNDLE = Path(__file__).resolve().parents[1] / "data" / "tiny_bundle"
RATE = 16_000
WORDS = "SIL M AA F UW P IY S SIL AH B OW SIL".split()
EACH = 0.2


def phones_of_words() -> tuple[Phone, ...]:
    """Phones of 0.2 s one after the other."""
    return tuple(Phone(EACH * k, EACH * (k + 1), label) for k, label in enumerate(WORDS))


def a_recording(name: str = "made", phones: tuple[Phone, ...] | None = None) -> Recording:
    """A buzz that stops in silences."""
    phones = phones_of_words() if phones is None else phones
    times = np.arange(round(EACH * len(WORDS) * RATE)) / RATE
    samples = 0.3 * np.sign(np.sin(2 * np.pi * 120 * times)) * np.sin(np.pi * times / EACH) ** 2
    for k, label in enumerate(WORDS):
        if label == "SIL":
            samples[(times >= EACH * k) & (times < EACH * (k + 1))] = 0.0
    return Recording(name, "ljspeech", sound_from_samples(samples.astype(np.float32), RATE), phones)


def tracks_of_words(shut: float = 0.0) -> Tracks:
    """A mouth that is ``shut`` mm open in p b m and silences, and 6 mm elsewhere."""
    frames = round(EACH * len(WORDS) * 30)
    labels = [WORDS[min(int(frame / 30 / EACH), len(WORDS) - 1)] for frame in range(frames)]
    gap = np.where(np.isin(labels, ("P", "B", "M", "SIL")), shut, 6.0)
    return Tracks(gap, gap, gap + 2, np.full(frames, 47.0), gap / 2, resting_gap=0.4)


@pytest.fixture(scope="module")
def bundle(torch_alone: None) -> Bundle:
    return load_bundle(BUNDLE, threads=1)


@pytest.fixture
def check(tmp_path: Path) -> Path:
    """A folder for checking with one recording of each language."""
    folder, recording = tmp_path / "check", a_recording()
    for collection, name in (("ljspeech", "one"), ("facegood", "two")):
        (folder / collection).mkdir(parents=True)
        soundfile.write(folder / collection / f"{name}.wav", recording.samples, RATE)
    rows = [[phone.start, phone.end, phone.label] for phone in recording.phones]
    (folder / "ljspeech" / "one.json").write_text(json.dumps({"phones": rows}), encoding="utf-8")
    jaw = np.clip(tracks_of_words().aperture[:, None] / 10, 0, 1)
    np.savez(folder / "facegood" / "two.npz", names=np.array(["mouth_stretch_c"]), weights=jaw, fps=30.0)
    return folder


def labels_of(figure: Figure) -> list[str]:
    """What is written at the axes and above them."""
    return [
        text
        for axes in figure.axes
        for text in (axes.get_xlabel(), axes.get_ylabel(), axes.get_title())
        if text
    ]


def has_units(figure: Figure) -> bool:
    """Whether every labelled axis says what it counts."""
    written = [axes.get_xlabel() for axes in figure.axes] + [axes.get_ylabel() for axes in figure.axes]
    return all("(" in text or "%" in text or text == "seed" for text in written if text)


def test_a_perfect_mouth_draws_the_corner_and_a_stuck_one_the_diagonal() -> None:
    perfect, stuck = tracks_of_words(), tracks_of_words(shut=6.0)
    figure = plots.closures_plot(
        {"ours": [(perfect, phones_of_words())], "loudness": [(stuck, phones_of_words())]}
    )
    ours, loudness = figure.axes[0].get_lines()[:2]
    corner = np.asarray(ours.get_xydata())
    assert any(x == 0 and y == 100 for x, y in corner)
    assert {tuple(point) for point in np.asarray(loudness.get_xydata())} == {(0, 0), (100, 100)}
    names = [line.get_label() for line in (ours, loudness)]
    assert names == ["ours: area 1.000", "loudness: area 0.500"]


def test_a_method_keeps_its_colour_in_every_plot() -> None:
    spoken = [(tracks_of_words(), phones_of_words())]
    names = [name for name in plots.COLOURS if name != "teacher"]
    roc = plots.closures_plot(dict.fromkeys(names, spoken))
    curves = plots.sentence_plot(a_recording(), dict.fromkeys(names, tracks_of_words().aperture))
    first = [line.get_color() for line in roc.axes[0].get_lines()[: len(names)]]
    assert set(first) == {line.get_color() for line in curves.axes[0].get_lines()}
    assert len(set(plots.COLOURS.values())) == len(plots.COLOURS)


def test_a_sentence_is_drawn_with_every_phone_and_curve() -> None:
    opening = tracks_of_words().aperture
    figure = plots.sentence_plot(a_recording(), {"ours": opening, "teacher": opening * 0.9})
    written = [text.get_text() for text in figure.axes[0].texts]
    assert written == [label for label in WORDS if label != "SIL"]
    assert len(figure.axes[0].get_lines()) == 2
    assert has_units(figure)


def test_blinks_are_counted_by_the_minute() -> None:
    recording = a_recording()
    closures = np.zeros((2, recording.frames))
    closures[0, 20:25] = (0.4, 0.9, 1.0, 0.9, 0.4)
    figure = plots.blinks_plot(closures, recording)
    assert f"{1 / (2 * recording.duration / 60):.0f} blinks a minute" in labels_of(figure)[-1]


def test_every_plot_has_units_and_is_small(tmp_path: Path) -> None:
    recording, tracks = a_recording(), tracks_of_words()
    spoken = [(tracks, phones_of_words())]
    told = Recording("told", "facegood", recording.sound, jaw=tracks.jaw / 10)
    seen = Seen(np.zeros(9), np.zeros(9), 0.001, np.zeros((9, 2, 3), np.float32))
    figures = {
        "closures": plots.closures_plot({"ours": spoken}),
        "apertures": plots.apertures_plot(spoken),
        "mandarin": plots.mandarin_plot(tracks, told),
        "loudness": plots.loudness_plot([(tracks, recording)]),
        "blinks": plots.blinks_plot(np.zeros((8, recording.frames)), recording),
        "dynamics": plots.dynamics_plot([Watched(seen, seen, [seen, seen], [seen, seen], seen)]),
    }
    for name, figure in figures.items():
        assert has_units(figure), name
        path = plots.save_figure(figure, tmp_path / f"{name}.png")
        assert 2_000 < path.stat().st_size <= plots.LARGEST


def test_the_teacher_closes_the_template_on_m(bundle: Bundle) -> None:
    recording = a_recording()
    opening = plots.taught_aperture(bundle.template, bundle.card.landmarks, recording)
    assert opening.shape == (recording.frames,)
    middle = {label: opening[round(30 * EACH * (k + 0.5))] for k, label in enumerate(WORDS)}
    assert middle["M"] < middle["AA"]


def test_a_phone_is_shown_at_its_middle_and_the_most_telling_one_is_chosen() -> None:
    found = faces.phone_moments(a_recording())
    assert list(found) == ["m", "f", "ah", "oo", "ee", "s", "pause"]
    assert {kind: frame for kind, (frame, _) in found.items() if kind != "pause"} == {
        "m": 9,
        "f": 21,
        "ah": 15,
        "oo": 27,
        "ee": 39,
        "s": 45,
    }
    assert found["m"][1] == "M 0.30 s"
    longer = (Phone(0.0, 0.05, "M"), Phone(0.05, 0.3, "B"))
    assert faces.phone_moments(a_recording(phones=longer))["m"][1].startswith("B")


def test_without_phones_the_mouths_own_extremes_are_shown() -> None:
    recording, tracks = a_recording(phones=()), tracks_of_words()
    still = np.zeros((len(tracks), 4, 3), np.float32)
    shot = faces.Shot(recording, still[0], still, tracks, np.zeros(len(tracks)))
    found = faces.telling_moments(shot)
    assert {"shut", "open", "narrow", "broad"} <= set(found)
    assert tracks.aperture[found["open"][0]] == 6.0
    assert "blink" not in found
    closure = np.zeros(len(tracks))
    closure[29:34] = (0.4, 0.9, 1.0, 0.9, 0.4)
    blinking = faces.Shot(recording, still[0], still, tracks, closure)
    assert faces.telling_moments(blinking)["blink"] == (31, "blink 1.03 s")


@given(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8), st.integers(0, 30))
@settings(deadline=None)
def test_a_few_moments_keep_their_order_and_every_one_has_its_turn(kinds: list[str], turn: int) -> None:
    chosen = faces.a_few(kinds, 5, turn)
    assert chosen == [kind for kind in kinds if kind in chosen]
    assert len(chosen) == min(len(kinds), 5)
    everything = {kind for start in range(8) for kind in faces.a_few(kinds, 5, turn + start)}
    assert everything == set(kinds)


@given(st.integers(1, 12), st.integers(1, 30))
@settings(deadline=None)
def test_heads_are_as_different_as_can_be(heads: int, count: int) -> None:
    shapes = np.random.default_rng(heads).normal(size=(heads, 5, 3))
    chosen = faces.farthest(shapes, count)
    assert len(chosen) == count
    assert len(set(chosen)) == min(heads, count)
    assert chosen[:heads] == chosen[heads : 2 * heads] or count < 2 * heads


@given(st.floats(0.3, 4.0))
@settings(deadline=None, max_examples=20)
def test_a_trimmed_recording_ends_in_time_and_cuts_no_phone(seconds: float) -> None:
    recording = a_recording()
    short = faces.trimmed(recording, seconds)
    assert short.duration <= seconds + 1 / RATE or seconds >= recording.duration
    known = [phone for phone in short.phones if phone.label != "?"]
    assert all(phone in recording.phones for phone in known)
    assert all(phone.end <= max(seconds, short.duration) + 1e-3 for phone in short.phones)


def test_a_sheet_of_noise_still_fits(tmp_path: Path) -> None:
    sheet = np.random.default_rng(0).integers(0, 255, (700, 900, 3), np.uint8)
    path = faces.save_sheet(sheet, tmp_path / "new" / "sheet.jpg")
    assert path.stat().st_size <= faces.LARGEST


def test_the_command_writes_every_picture(
    bundle: Bundle, check: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = [
        "--bundle",
        str(BUNDLE),
        "--check",
        str(check),
        "--out",
        str(out),
        "--methods",
        "loudness,ours",
    ]
    assert main(["report", *options, "--only", "pictures"]) == 0
    names = {path.name for path in out.iterdir()}
    assert names >= {"closures.png", "apertures.png", "sentence.png", "loudness.png", "mandarin.png"}
    assert names >= {"blinks.png", "moments.jpg", "clips.jpg", "frames.jpg"}
    for path in out.iterdir():
        assert path.stat().st_size <= faces.LARGEST
    told = capsys.readouterr().out
    assert all(name in told for name in names if name != "figures.json")


def test_without_a_corpus_recordings_and_heads_are_those_at_hand(bundle: Bundle, check: Path) -> None:
    english = read_english(check)
    assert [recording.name for recording in faces.clips_of(bundle, None, english, ())] == ["one"]
    assert faces.heads_of(bundle, None, 3).shape == (3, *bundle.template.rest.shape)


def test_every_source_of_a_corpus_has_a_voice_before_any_has_two(bundle: Bundle, tmp_path: Path) -> None:
    from tests.training.toy_corpus import write_toy_corpus

    corpus, frames = write_toy_corpus(tmp_path / "corpus", clips=6, frames=120), 120
    info = json.loads((corpus / "corpus.json").read_text(encoding="utf-8"))
    info |= {
        "speaker_names": ["a/1", "a/2", "b/1", "a/3", "b/2", "c/1"],
        "sources": ["real", "flite", "noise"],
    }
    (corpus / "corpus.json").write_text(json.dumps(info), encoding="utf-8")
    with np.load(corpus / "test_clips.npz") as stored:
        clips = {name: stored[name] for name in stored.files}
    count = frames * RATE // 30
    clips |= {"first_sample": np.arange(6) * count, "samples": np.full(6, count)}
    np.savez(corpus / "test_clips.npz", **clips)
    np.save(corpus / "test_audio.npy", np.arange(6 * count).astype(np.int16))
    voices = faces.test_voices(corpus, bundle, 5)
    assert [voice.name for voice in voices] == ["a/1", "b/1", "c/1", "a/2", "b/2"]
    assert all(voice.frames == frames and voice.phones for voice in voices)
    assert faces.heads_of(bundle, corpus, 4).shape == (4, *bundle.template.rest.shape)
