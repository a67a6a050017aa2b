# SPDX-License-Identifier: GPL-3.0-or-later
"""The teacher's figures over a corpus: what a small made-up one shows, and what is said of a bad one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.corpus.errors import CorpusError
from training.corpus.measure import measure_faces
from training.phonemes import PHONEMES

UNITS = ("jawOpen", "mouthRollLower", "mouthPucker", "eyeBlinkLeft")
SPOKEN = ("UW", "AA", "F", "IY", "M", "AE", "T", "AH", "S", "AA", "OW", "EH", "AA", "IY")
PHONE, PAUSE = 6, 30
"""Video frames of each phone and of the pause after them."""


def write_corpus(folder: Path, lips_open_in_pauses: bool = False) -> None:
    """One clip on a face of four landmarks; jaws open with a level that grows from vowel to vowel."""
    labels = np.repeat([PHONEMES.index(label) for label in SPOKEN], PHONE)
    labels = np.concatenate([labels, np.zeros(PAUSE, np.int64)]).astype(np.uint8)
    weights = np.zeros((len(labels), len(UNITS)), np.float16)
    level = np.where(labels > 0, np.arange(len(labels)), 0)
    weights[:, 0] = 0.1 + level / 400
    weights[labels == PHONEMES.index("F")] = (0.05, 1.0, 0.0, 0.0)
    weights[labels == PHONEMES.index("M"), 0] = 0.0
    weights[np.isin(labels, [PHONEMES.index(label) for label in ("UW", "OW")]), 2] = 1.0
    weights[labels == 0, 0] = 0.5 if lips_open_in_pauses else 0.0
    weights[20:27, 3] = (0.2, 0.8, 1.0, 1.0, 0.7, 0.4, 0.15)
    loud = np.repeat(100 + 100 * level, 16_000 // 30)
    sound = np.pad(
        loud * np.where(np.arange(len(loud)) % 2, 1, -1), (0, len(labels) * 16_000 // 30 - len(loud))
    )
    write_faces(folder)
    np.save(folder / "train_weights.npy", weights)
    np.save(folder / "train_phones.npy", np.repeat(labels, 3))
    np.save(folder / "train_audio.npy", np.clip(sound, -32768, 32767).astype(np.int16))
    first = np.array([0])
    np.savez(
        folder / "train_clips.npz",
        frames=np.array([len(labels)]),
        samples=np.array([len(sound)]),
        first_frame=first,
        first_sample=first,
        identity=first,
    )


def write_faces(folder: Path) -> None:
    """Upper and lower lip, left and right corner; a lower lip that rolls back under the teeth."""
    rest = np.array([[0, 0, 0], [0, 0, -0.0005], [0.025, 0, 0], [-0.025, 0, 0]], np.float32)
    deltas = np.zeros((len(UNITS), 4, 3), np.float32)
    deltas[0, 1] = (0, 0.0165, -0.034)
    deltas[1, 1] = (0, 0.004, 0.001)
    deltas[2, 2:, 0] = (-0.005, 0.005)
    np.savez(
        folder / "faces.npz",
        unit_names=np.array(UNITS),
        landmark_names=np.array(["lip_upper_inner", "lip_lower_inner", "mouth_left", "mouth_right"]),
        landmark_vertices=np.arange(4, dtype=np.int32),
        rests=rest[None],
        motion_basis=deltas,
        unit_codes=np.eye(len(UNITS), dtype=np.float32)[None],
    )


def test_a_good_teacher_shows_in_the_figures(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    found = measure_faces(tmp_path)
    assert found.shut == 1.0
    assert found.pause_frames == PAUSE - 2
    assert found.loud > 0.9
    assert found.teeth == 1.0
    assert found.tucked < 1.0 < found.pressed
    assert found.width == 1.0
    assert found.lasting == pytest.approx((7 / 30,) * 3)
    assert found.half == 0.0


def test_open_pauses_are_told(tmp_path: Path) -> None:
    write_corpus(tmp_path, lips_open_in_pauses=True)
    assert measure_faces(tmp_path).shut == 0.0


def test_a_folder_without_a_corpus_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="holds no corpus"):
        measure_faces(tmp_path)
