# SPDX-License-Identifier: GPL-3.0-or-later
"""The corpus as a whole: made twice it is the same, its splits share nothing, its times are right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.features import MelSettings, clip_gain, log_mel
from tests.training.engines import needs_flite, needs_pocketsphinx, needs_voices
from training.corpus.arrange import LONG, SHORT, Cleaned, arrange
from training.corpus.augment import augment, change_speed
from training.corpus.build import build_corpus
from training.corpus.clips import ClipJob, make_clip
from training.corpus.errors import CorpusError
from training.corpus.gather import gather
from training.corpus.hesitate import hesitate, sustain
from training.corpus.measure import measure
from training.corpus.noise import make_noise_clip
from training.corpus.options import CorpusOptions, CorpusReport
from training.corpus.sentences import make_sentences
from training.corpus.split import SPLITS, agree, split_voices
from training.corpus.store import GrowingArray
from training.corpus.surroundings import add_beneath, coarsen, limit_band, make_babble, make_music, whisper
from training.corpus.teacher.lips import lip_gaps
from training.corpus.utterance import Piece, Utterance, plain_text
from training.corpus.voices import flite
from training.phonemes import PHONEMES, VOWELS, Phone
from training.ranking import area_under_curve

UNITS = ("jawOpen", "mouthClose", "mouthPucker", "eyeBlinkLeft", "eyeBlinkRight", "browInnerUp")
IDENTITIES = 12


def write_faces(folder: Path) -> None:
    """A face of four vertices: two lips, of which the lower follows the jaw."""
    rest = np.array([[0, 0, 0.001], [0, 0, 0], [0.01, 0, 0.001], [0.01, 0, 0]], np.float32)
    deltas = np.zeros((len(UNITS), 4, 3), np.float32)
    deltas[0, 1::2, 2], deltas[1, 1::2, 2], deltas[2, :, 1] = -0.035, 0.035, -0.01
    basis = np.eye(12, dtype=np.float32).reshape(12, 4, 3)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "faces.npz",
        rest=rest,
        unit_names=np.array(UNITS),
        unit_deltas=deltas,
        landmark_names=np.array(["lip_upper_inner", "lip_lower_inner"]),
        landmark_vertices=np.array([0, 1], np.int32),
        rests=np.repeat(rest[None], IDENTITIES, axis=0),
        identity_split=np.arange(IDENTITIES, dtype=np.uint8) % 3,
        motion_basis=basis,
        unit_codes=np.repeat(deltas.reshape(1, len(UNITS), 12), IDENTITIES, axis=0),
    )


def make(folder: Path, **changes: object) -> CorpusReport:
    write_faces(folder)
    options = CorpusOptions(folder, **{"hours": 0.06, "identities": IDENTITIES, "workers": 2, **changes})  # type: ignore[arg-type]
    return build_corpus(options)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CorpusReport]:
    folder = tmp_path_factory.mktemp("corpus")
    return folder, make(folder)


def clips_of(folder: Path, split: str) -> dict[str, np.ndarray]:
    return dict(np.load(folder / f"{split}_clips.npz", allow_pickle=False))


@needs_voices
def test_the_same_command_makes_the_same_corpus(corpus: tuple[Path, CorpusReport], tmp_path: Path) -> None:
    make(tmp_path / "again", workers=1)
    for path in sorted(corpus[0].glob("*.npy")):
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name
    for split in SPLITS:
        ours, theirs = clips_of(corpus[0], split), clips_of(tmp_path / "again", split)
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


@needs_voices
def test_splits_share_no_sentence_voice_or_face(corpus: tuple[Path, CorpusReport]) -> None:
    for column in ("sentence", "speaker", "identity"):
        found = [set(clips_of(corpus[0], split)[column].tolist()) for split in SPLITS]
        assert all(found)
        assert not found[0] & found[1]
        assert not found[0] & found[2]
        assert not found[1] & found[2]


@needs_voices
def test_arrays_fit_each_other(corpus: tuple[Path, CorpusReport]) -> None:
    folder, report = corpus
    card = json.loads((folder / "corpus.json").read_text())
    assert card["phonemes"] == list(PHONEMES)
    assert card["voices"] == report.voices >= 12
    assert len(card["engines"]) == 3
    assert not (folder / "work").exists()
    for split in SPLITS:
        clips = clips_of(folder, split)
        mel, weights, phones, audio = (
            np.load(folder / f"{split}_{name}.npy", allow_pickle=False)
            for name in ("mel", "weights", "phones", "audio")
        )
        assert len(weights) == clips["frames"].sum()
        assert len(mel) == len(phones) == 3 * len(weights)
        assert len(audio) == clips["samples"].sum()
        assert weights.shape[1] == len(UNITS)
        assert mel.dtype == weights.dtype == np.float16
        assert np.isfinite(mel.astype(np.float32)).all()
        assert clips["frames"].tolist() == [round(n * 30 / 16_000) for n in clips["samples"].tolist()]
        assert clips["first_frame"].tolist() == (np.cumsum(clips["frames"]) - clips["frames"]).tolist()


@needs_voices
def test_features_are_the_engines_own(corpus: tuple[Path, CorpusReport]) -> None:
    clips = clips_of(corpus[0], "test")
    settings_ = MelSettings()
    audio = np.load(corpus[0] / "test_audio.npy")[: clips["samples"][0]].astype(np.float32) / 32768
    ours = log_mel(audio, 0, 3 * int(clips["frames"][0]), settings_, clip_gain(audio, settings_))
    stored = np.load(corpus[0] / "test_mel.npy")[: len(ours)]
    assert np.abs(stored - ours).max() < 0.01


@needs_voices
def test_the_measured_lips_close_and_open(corpus: tuple[Path, CorpusReport]) -> None:
    found = measure(corpus[0])
    assert found.closed > 0.95
    assert found.opened > 0.9
    assert found.auc > 0.95
    assert found.silence < 0.5


@needs_voices
def test_clips_without_speech_keep_the_mouth_shut(corpus: tuple[Path, CorpusReport]) -> None:
    clips = clips_of(corpus[0], "train")
    card = json.loads((corpus[0] / "corpus.json").read_text())
    quiet = np.flatnonzero(clips["source"] == card["sources"].index("noise"))
    assert 0.01 < clips["frames"][quiet].sum() / clips["frames"].sum() < 0.2
    weights = np.load(corpus[0] / "train_weights.npy", mmap_mode="r")
    for index in quiet:
        first, count = clips["first_frame"][index], clips["frames"][index]
        assert weights[first : first + count, UNITS.index("jawOpen")].max() < 0.01


def test_nothing_to_make_a_corpus_from_is_told(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nothing to make a corpus from"):
        make(tmp_path, hours=0.0)
    with pytest.raises(CorpusError, match="does not exist"):
        make(tmp_path, recordings=(tmp_path / "nowhere",))
    assert not (tmp_path / "work").exists()


def test_a_corpus_without_voices_for_every_split_is_refused(tmp_path: Path) -> None:
    import soundfile

    times = np.arange(32_000) / 16_000
    sound = 0.3 * np.sin(2 * np.pi * 200 * times) * ((times >= 0.8) & (times < 1.4))
    (tmp_path / "mine").mkdir()
    soundfile.write(tmp_path / "mine" / "a.wav", sound + 1e-4, 16_000)
    entry = {"file": "a.wav", "speaker": "ann", "text": "ah", "phones": [[0.8, 1.4, "AA"]]}
    (tmp_path / "mine" / "manifest.json").write_text(json.dumps([entry]))
    with pytest.raises(CorpusError, match="No usable voice is left for validation and test"):
        make(tmp_path / "out", recordings=(tmp_path / "mine",), hours=0.0)


@needs_flite
@needs_pocketsphinx
def test_recordings_without_phone_times_are_aligned(tmp_path: Path) -> None:
    import soundfile

    folder, work = tmp_path / "mine" / "ann", tmp_path / "work"
    folder.mkdir(parents=True)
    work.mkdir()
    spoken = list(flite.speak("rms", make_sentences(3, 5), 0))
    for index, item in enumerate(spoken):
        soundfile.write(folder / f"{index}.flac", item.samples, 16_000)
        (folder / f"{index}.txt").write_text(item.text)
    options = CorpusOptions(tmp_path, recordings=(tmp_path / "mine",), hours=0.0, workers=1)
    found = gather(options, work, lambda stage, fraction: None)
    assert [u.voice for u in found.utterances] == ["mine/ann"] * 3
    assert {u.sentence for u in found.utterances} == {plain_text(item.text) for item in spoken}
    for ours, theirs in zip(sorted(found.utterances, key=lambda u: u.name), spoken, strict=True):
        count = sum(phone.label != "SIL" for phone in theirs.phones)
        assert sum(phone.label != "SIL" for phone in ours.phones) == pytest.approx(count, abs=3)


def test_too_few_faces_are_told(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="fewer than 99 faces"):
        make(tmp_path, identities=99)


def test_an_output_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CorpusError, match="cannot be written"):
        build_corpus(CorpusOptions(tmp_path / "file" / "corpus"))


def utterance(voice: str, sentence: str, name: str = "a.wav") -> Utterance:
    return Utterance((Piece(Path(name), 0.0, 2.0),), voice, sentence, (Phone(0.0, 2.0, "AA"),), "real", name)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 15)), min_size=1, max_size=120), st.integers(0, 99)
)
@settings(deadline=None)
def test_no_split_ever_shares_a_voice_or_a_sentence(pairs: list[tuple[int, int]], seed: int) -> None:
    spoken = [utterance(f"c/{voice}", f"s{sentence}") for voice, sentence in pairs]
    kept, dropped = agree(spoken, split_voices((u.voice for u in spoken), seed))
    assert len(kept) + dropped == len(spoken)
    assert kept
    for name in ("voice", "sentence"):
        homes: dict[str, set[str]] = {}
        for split, item in kept:
            homes.setdefault(getattr(item, name), set()).add(split)
        assert all(len(splits) == 1 for splits in homes.values())


def test_every_collection_reaches_every_split() -> None:
    splits = split_voices([f"{c}/{i}" for c in ("a", "b") for i in range(30)], 0)
    for collection in ("a/", "b/"):
        counts = [sum(v.startswith(collection) and s == split for v, s in splits.items()) for split in SPLITS]
        assert counts[0] >= 24
        assert min(counts) >= 2


def cleaned(name: str, seconds: float, voice: str = "c/ann") -> Cleaned:
    pauses = [t for t in np.arange(1.0, seconds, 1.0)]
    phones = [Phone(t - 0.7, t - 0.2, "AA") for t in pauses]
    full: list[Phone] = []
    for phone in phones:
        full += [Phone(full[-1].end if full else 0.0, phone.start, "SIL"), phone]
    full.append(Phone(full[-1].end if full else 0.0, seconds, "SIL"))
    return Cleaned(Piece(Path(name), 0.0, seconds), voice, name, tuple(full), name)


def test_long_recordings_are_cut_at_pauses_and_short_ones_joined() -> None:
    found = arrange(
        [cleaned("long", 40.0), *(cleaned(f"word{i}", 1.2) for i in range(9)), cleaned("fine", 5.0)], 0
    )
    assert all(u.duration <= LONG for u in found)
    assert all(u.duration >= SHORT for u in found)
    assert sum(u.duration for u in found if u.name.startswith("long")) == pytest.approx(40.0)
    assert sum(len(u.pieces) for u in found if u.name.startswith("joined")) == 9
    for item in found:
        assert item.phones[-1].end == pytest.approx(item.duration, abs=0.01)
    spoken = sum(p.duration for u in found for p in u.phones if p.label == "AA")
    assert spoken == pytest.approx((39 + 4 + 9) * 0.5, rel=0.01)


def test_phones_follow_a_change_of_speed() -> None:
    times = np.arange(32_000) / 16_000
    burst = ((times > 1.0) & (times < 1.5)) * np.sin(2 * np.pi * 300 * times)
    faster, phones = change_speed(burst.astype(np.float32), (Phone(1.0, 1.5, "AA"),), 1.25)
    loud = np.flatnonzero(np.abs(faster) > 0.3) / 16_000
    assert phones[0].start == pytest.approx(loud[0], abs=0.01)
    assert phones[0].end == pytest.approx(loud[-1], abs=0.01)
    assert phones[0].start == pytest.approx(0.8, abs=0.01)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_augmented_sound_stays_sound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = (0.1 * np.sin(np.arange(16_000) * 0.1)).astype(np.float32)
    changed, phones = augment(samples, (Phone(0.0, 1.0, "AA"),), rng)
    assert changed.dtype == np.float32
    assert np.isfinite(changed).all()
    assert 0.05 < np.abs(changed).max() <= 1.0
    assert phones[-1].end == pytest.approx(len(changed) / 16_000, abs=0.01)


def bursts() -> np.ndarray:
    """Two seconds of a 120 Hz buzz, sounding in every other quarter of a second."""
    times = np.arange(32_000) / 16_000
    buzz = np.sign(np.sin(2 * np.pi * 120 * times)) * 0.2
    return (buzz * (np.floor(times * 4) % 2 == 0)).astype(np.float32)


def test_a_whisper_keeps_the_rhythm_and_loses_the_pitch() -> None:
    def pitch(sound: np.ndarray) -> float:
        part = sound[200:3800]
        lag = 16_000 // 120
        return float(np.corrcoef(part[:-lag], part[lag:])[0, 1])

    voice = bursts()
    whispered = whisper(voice, np.random.default_rng(0))
    assert pitch(voice) > 0.9 > 0.3 > abs(pitch(whispered))
    loud, quiet = whispered[1000:3000], whispered[5000:7000]
    assert np.abs(loud).mean() > 20 * np.abs(quiet).mean()


@pytest.mark.parametrize("ratio", [6.0, 20.0])
def test_music_and_babble_lie_beneath_the_voice(ratio: float) -> None:
    voice, rng = bursts(), np.random.default_rng(1)
    for other in (make_music(len(voice), rng), make_babble(voice, rng)):
        added = add_beneath(voice, other, ratio) - voice
        found = 20 * np.log10(np.sqrt(np.mean(voice**2)) / np.sqrt(np.mean(added**2)))
        assert found == pytest.approx(ratio, abs=0.1)


def test_a_telephone_loses_the_highs_and_keeps_the_voice() -> None:
    voice = bursts()
    heard = coarsen(limit_band(voice, np.random.default_rng(2)), 8)
    high = slice(2 * 7500, None)
    assert np.abs(np.fft.rfft(heard)[high]).mean() < 0.5 * np.abs(np.fft.rfft(voice)[high]).mean()
    assert np.corrcoef(np.abs(heard), np.abs(voice))[0, 1] > 0.5


@pytest.mark.parametrize("seed", range(12))
def test_noise_clips_are_finite_and_silent_to_the_teacher(seed: int) -> None:
    samples, phones = make_noise_clip(np.random.default_rng(seed))
    assert 3.5 < len(samples) / 16_000 < 12.5
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 1.0
    assert [phone.label for phone in phones] == ["SIL"]


def test_a_clip_is_labelled_where_it_sounds(tmp_path: Path) -> None:
    import soundfile

    times = np.arange(40_000) / 16_000
    sound = 0.3 * np.sin(2 * np.pi * 200 * times) * ((times >= 1.0) & (times < 1.5))
    soundfile.write(tmp_path / "a.wav", sound, 16_000)
    phones = (Phone(0.0, 1.0, "SIL"), Phone(1.0, 1.5, "AA"), Phone(1.5, 2.5, "SIL"))
    write_faces(tmp_path)
    with np.load(tmp_path / "faces.npz") as stored:
        gaps = lip_gaps(dict(stored))
    item = Utterance((Piece(tmp_path / "a.wav", 0.0, 2.5),), "c/ann", "ah", phones, "real", "a.wav")
    for seed in range(4):
        clip = make_clip(ClipJob("train", item, False, 0, 0, 0, 0, seed), gaps, MelSettings())
        vowel = np.isin(clip.phones, [PHONEMES.index(label) for label in VOWELS])
        loud = clip.mel.astype(np.float32).max(axis=1) > clip.mel.max() - 0.5
        assert np.mean(vowel == loud) > 0.95
        jaw = clip.weights[:, 0].argmax() / 30
        assert jaw == pytest.approx(vowel.nonzero()[0].mean() / 90, abs=0.15)


def test_a_growing_array_is_a_plain_npy_file(tmp_path: Path) -> None:
    array = GrowingArray(tmp_path / "a.npy", "<f2", (3,))
    array.append(np.ones((2, 3)))
    array.append(np.zeros((1, 3)))
    array.close()
    loaded = np.load(tmp_path / "a.npy", mmap_mode="r", allow_pickle=False)
    assert loaded.shape == (3, 3)
    assert loaded.sum() == 6


def test_area_under_curve() -> None:
    assert area_under_curve(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
    assert area_under_curve(np.array([1.0]), np.array([1.0])) == 0.5


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_fillers_come_in_pauses_and_leave_what_is_said_as_it_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = np.arange(2 * 16_000) / 16_000
    voice = 0.3 * np.sin(2 * np.pi * 140 * times) * (times < 0.9)
    samples = (voice + 0.001 * rng.standard_normal(len(times))).astype(np.float32)
    said = (Phone(0.0, 0.6, "AA"), Phone(0.6, 0.9, "M"), Phone(0.9, 1.6, "SIL"), Phone(1.6, 2.0, "S"))
    sound, phones = hesitate(samples, said, rng)
    assert len(sound) > len(samples) and len(sound) / 16_000 == pytest.approx(phones[-1].end, abs=1e-3)
    kept = [phone for phone in phones if phone in said[:2] or phone.label == "S"]
    assert [phone.label for phone in kept] == ["AA", "M", "S"]
    added = [phone for phone in phones if phone not in kept and phone.label != "SIL"]
    assert added and all(0.1 < phone.duration < 0.71 for phone in added)
    np.testing.assert_array_equal(sound[: int(0.9 * 16_000)], samples[: int(0.9 * 16_000)])
    np.testing.assert_array_equal(sound[-int(0.4 * 16_000) :], samples[-int(0.4 * 16_000) :])
    for phone in added:
        part = sound[int(phone.start * 16_000) : int(phone.end * 16_000)]
        assert np.square(part).mean() > 4 * np.square(samples[15_000:25_000]).mean(), "it is heard"


def test_a_creak_has_slow_uneven_pulses_of_the_vowel() -> None:
    times = np.arange(16_000) / 16_000
    vowel = (0.3 * np.sign(np.sin(2 * np.pi * 120 * times))).astype(np.float32)
    held = sustain(vowel, Phone(0.2, 0.6, "AH"), 0.5, 30.0, np.random.default_rng(1))
    loud = np.flatnonzero(np.abs(held) > 0.02)
    gaps = np.diff(loud)[np.diff(loud) > 40]
    assert 8 <= len(gaps) <= 22, "about fifteen pulses in half a second"
    assert gaps.std() > 0.05 * gaps.mean()


def test_without_pause_or_vowel_nothing_is_added() -> None:
    samples = np.ones(16_000, np.float32)
    for phones in ((Phone(0.0, 1.0, "AA"),), (Phone(0.0, 0.5, "S"), Phone(0.5, 1.0, "SIL"))):
        sound, same = hesitate(samples, phones, np.random.default_rng(0))
        assert same == phones and len(sound) == len(samples)
