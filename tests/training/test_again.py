# SPDX-License-Identifier: GPL-3.0-or-later
"""A corpus taught again: sound and labels stay, motion follows the same phones, lips meet on every face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.geometry.attached import EDGE_FROM_LIP
from engine.template import Template
from tests.training.engines import needs_voices
from tests.training.test_corpus import UNITS, clips_of, make, write_faces
from training.corpus.again import teach_again
from training.corpus.errors import CorpusError
from training.corpus.split import SPLITS
from training.data.meeting import Meeting, meeting_of
from training.phonemes import PHONEMES, Phone, label_frames, phones_of_labels

TIMES = np.arange(-1, 200) / 90


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    make(folder, hours=0.03)
    return folder


def again(corpus: Path, out: Path, workers: int = 1) -> Path:
    write_faces(out)
    assert teach_again(corpus, out, workers) == sum(
        len(clips_of(corpus, split)["frames"]) for split in SPLITS
    )
    return out


@needs_voices
def test_only_the_motion_is_new_and_it_says_the_same(corpus: Path, tmp_path: Path) -> None:
    out = again(corpus, tmp_path)
    for path in (*corpus.glob("*_mel.npy"), *corpus.glob("*_audio.npy"), *corpus.glob("*_phones.npy")):
        assert (out / path.name).read_bytes() == path.read_bytes()
    for split in SPLITS:
        old, new = (np.load(folder / f"{split}_weights.npy").astype(np.float32) for folder in (corpus, out))
        assert new.shape == old.shape
        assert not np.array_equal(new, old)
        jaw = UNITS.index("jawOpen")
        assert np.corrcoef(old[:, jaw], new[:, jaw])[0, 1] > 0.9


@needs_voices
def test_any_number_of_workers_teaches_the_same(corpus: Path, tmp_path: Path) -> None:
    one, two = again(corpus, tmp_path / "one", 1), again(corpus, tmp_path / "two", 2)
    for split in SPLITS:
        name = f"{split}_weights.npy"
        assert (one / name).read_bytes() == (two / name).read_bytes()


@needs_voices
def test_a_corpus_is_never_written_over(corpus: Path, tmp_path: Path) -> None:
    again(corpus, tmp_path)
    with pytest.raises(CorpusError, match="holds a corpus already"):
        teach_again(corpus, tmp_path, 1)
    with pytest.raises(CorpusError, match="can't be taught again"):
        teach_again(tmp_path / "nothing", tmp_path / "other", 1)


@needs_voices
def test_faces_of_other_splits_are_refused(corpus: Path, tmp_path: Path) -> None:
    write_faces(tmp_path)
    with np.load(tmp_path / "faces.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez(tmp_path / "faces.npz", **arrays | {"identity_split": arrays["identity_split"][::-1]})
    with pytest.raises(CorpusError, match="other splits"):
        teach_again(corpus, tmp_path, 1)


def test_phones_come_back_from_their_labels() -> None:
    phones = [Phone(0, 0.3, "SIL"), Phone(0.3, 0.37, "M"), Phone(0.37, 0.5, "AA"), Phone(0.5, 2.3, "?")]
    found = phones_of_labels(label_frames(phones, TIMES), TIMES)
    assert [phone.label for phone in found] == [phone.label for phone in phones]
    for phone, wanted in zip(found, phones, strict=True):
        assert phone.start == pytest.approx(wanted.start, abs=0.51 / 90)
    assert phones_of_labels(np.zeros(0, np.uint8), TIMES[:0]) == ()
    assert phones_of_labels(np.full(201, PHONEMES.index("S"), np.uint8), TIMES)[0].start == 0.0


def faces(roll: float = 0.0) -> Meeting:
    """Three faces of one lip vertex each: the second's jaw opens twice as far, the third's lips overlap,
    and its upper lip, so its incisors, stands 0.5 mm further back. Lower lips roll back by ``roll`` m."""
    rests = np.array([[[0, 0, 0.0005], [0, 0, 0]]] * 3, np.float32)
    rests[2, 0, 1:] = 0.0005, -0.0004
    names = ("jawOpen", "mouthClose", *(["mouthRollLower"] if roll else []))
    codes = np.zeros((3, len(names), 2), np.float32)
    codes[:, 0, 0], codes[:, 1, 0], codes[:, 2:, 1] = (-0.03, -0.06, -0.03), 0.03, roll
    basis = np.array([[[0, 0, 0], [0, 0, 1]], [[0, 0, 0], [0, 1, 0]]], np.float32)
    found = meeting_of(bare_template(rests[0], names, basis), rests, codes)
    assert found is not None
    return found


def bare_template(rest: np.ndarray, names: tuple[str, ...], basis: np.ndarray) -> Template:
    """A template of nothing but lips: no masks, no teeth."""
    none, marks = np.zeros(len(rest), np.float32), {"lip_upper_inner": 0, "lip_lower_inner": 1}
    deltas = np.zeros((len(names), *rest.shape), np.float32)
    polygons, identity = np.zeros((0, 4), np.int32), (basis[:0], none[:0])
    masks = (none, none, none, none.astype(np.uint8), none)
    return Template(rest, polygons, names, deltas, *masks, *identity, basis, marks)


@pytest.mark.parametrize("other", [1, 2])
def test_lips_that_touch_on_one_face_touch_on_another(other: int) -> None:
    meeting = faces()
    shut = np.array([[0.2, 0.2 + 0.0006 / 0.03], [0.0, 0.0006 / 0.03]], np.float32)
    gap = meeting.rest[0] + shut @ meeting.units[0]
    assert gap == pytest.approx(-0.0001, abs=1e-6)
    carried = meeting.carried(shut, 0, other)
    assert meeting.rest[other] + carried @ meeting.units[other] == pytest.approx(gap, abs=1e-6)


def test_open_lips_stay_and_resting_lips_rest() -> None:
    meeting = faces()
    weights = np.array([[0.3, 0.0], [0.0, 0.0]], np.float32)
    carried = meeting.carried(weights, 0, 1)
    assert np.array_equal(carried, weights)
    assert np.array_equal(meeting.carried(weights, 1, 1), weights)


@pytest.mark.parametrize("other", [1, 2])
def test_a_lip_that_bites_on_one_face_bites_on_another(other: int) -> None:
    biting = faces(roll=0.008).biting
    assert biting is not None
    edge = EDGE_FROM_LIP[1:]
    bite = np.array([[(0.0005 + edge[1]) / -0.03, 0.0, edge[0] / 0.008], [0.5, 0.0, 0.0]], np.float32)
    assert biting.place(bite[:1], 0) == pytest.approx(0.0, abs=1e-6)
    carried = faces(roll=0.008).carried(bite, 0, other)
    assert biting.place(carried[:1], other) == pytest.approx(0.0, abs=1e-6)
    assert np.array_equal(carried[1], bite[1]), "a lip that is far from the teeth moves as it did"


def test_a_lip_that_cant_roll_far_enough_leaves_the_rest_to_the_jaw() -> None:
    biting = faces(roll=0.003).biting
    assert biting is not None
    carried = biting.carried(np.array([[0.0, 0.0, 0.9]], np.float32), np.zeros((1, 2), np.float32), 0)
    assert carried[0, 2] == 1.0
    assert biting.place(carried, 0)[0, 1] == pytest.approx(0.0, abs=1e-6)


def test_faces_without_lips_have_no_meeting() -> None:
    rest, basis = np.zeros((2, 3), np.float32), np.zeros((1, 2, 3), np.float32)
    template = bare_template(rest, ("jawOpen",), basis)
    assert meeting_of(template, rest[None], np.zeros((1, 1, 1), np.float32)) is None
