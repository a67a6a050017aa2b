# SPDX-License-Identifier: GPL-3.0-or-later
"""Take files: what stands in them, and that they are whole or untouched."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import TakeError
from engine.generate import Take
from engine.takes import NpzWriter, timecode, write_live_link_csv, write_npz
from engine.takes.atomic import check_writable, replacing

# As Apple's Live Link Face for iPhone writes it.
LIVE_LINK_HEADER = (
    "Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,EyeLookUpLeft,EyeSquintLeft,"
    "EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,EyeLookOutRight,EyeLookUpRight,EyeSquintRight,"
    "EyeWideRight,JawForward,JawRight,JawLeft,JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,"
    "MouthSmileLeft,MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,"
    "MouthStretchLeft,MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,MouthShrugUpper,"
    "MouthPressLeft,MouthPressRight,MouthLowerDownLeft,MouthLowerDownRight,MouthUpperUpLeft,MouthUpperUpRight,"
    "BrowDownLeft,BrowDownRight,BrowInnerUp,BrowOuterUpLeft,BrowOuterUpRight,CheekPuff,CheekSquintLeft,"
    "CheekSquintRight,NoseSneerLeft,NoseSneerRight,TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,"
    "LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll"
)
FACES = np.array([[0, 1, 2, 3], [3, 2, 4, -1]], np.int32)


@pytest.fixture
def take() -> Take:
    rng = np.random.default_rng(0)
    names = ("jawOpen", "eyeBlinkLeft", "somethingElse")
    weights = rng.random((40, 3)).astype(np.float32)
    vertices = rng.random((40, 5, 3)).astype(np.float32)
    return Take(weights, names, Fraction(30), 7, np.zeros((40, 2), np.int16), vertices)


def test_npz_holds_the_stable_interface(tmp_path: Path, take: Take) -> None:
    write_npz(tmp_path / "a.npz", take, FACES)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert set(file.files) == {"vertices", "faces", "weights", "unit_names", "fps", "seed"}
        assert np.array_equal(file["vertices"], take.vertices) and file["vertices"].dtype == np.float32
        assert np.array_equal(file["weights"], take.weights) and file["weights"].dtype == np.float32
        assert np.array_equal(file["faces"], FACES) and file["faces"].dtype == np.int32
        assert tuple(file["unit_names"]) == take.unit_names
        assert float(file["fps"]) == 30 and int(file["seed"]) == 7


def test_the_same_take_is_the_same_file(tmp_path: Path, take: Take) -> None:
    for name in ("a.npz", "b.npz"):
        write_npz(tmp_path / name, take, FACES)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_take_without_vertices_has_no_npz(tmp_path: Path, take: Take) -> None:
    bare = Take(take.weights, take.unit_names, take.fps, take.seed, take.labels)
    with pytest.raises(TakeError, match="no vertices"):
        write_npz(tmp_path / "a.npz", bare, FACES)
    assert list(tmp_path.iterdir()) == []


def test_rows_given_in_parts_are_one_array(tmp_path: Path) -> None:
    array = np.random.default_rng(0).random((10, 4, 3)).astype(np.float32)
    with NpzWriter(tmp_path / "a.npz") as writer, writer.rows("x", array.shape, np.float32) as rows:
        for at in range(0, 10, 3):
            rows.add(array[at : at + 3])
    with np.load(tmp_path / "a.npz") as file:
        assert np.array_equal(file["x"], array)


def test_csv_has_the_columns_of_live_link_face(tmp_path: Path, take: Take) -> None:
    write_live_link_csv(tmp_path / "a.csv", take)
    text = (tmp_path / "a.csv").read_text()
    assert text.splitlines()[0] == LIVE_LINK_HEADER
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == 40 and {row["BlendShapeCount"] for row in rows} == {"61"}
    assert [float(row["JawOpen"]) for row in rows] == pytest.approx(take.weights[:, 0].tolist(), abs=1e-6)
    assert [float(row["EyeBlinkLeft"]) for row in rows] == pytest.approx(
        take.weights[:, 1].tolist(), abs=1e-6
    )
    assert {row["HeadYaw"] for row in rows} == {row["TongueOut"] for row in rows} == {"0.000000"}
    assert [rows[0]["Timecode"], rows[29]["Timecode"], rows[31]["Timecode"]] == [
        "00:00:00:00.000",
        "00:00:00:29.000",
        "00:00:01:01.000",
    ]


@pytest.mark.parametrize(
    "frame, fps, text",
    [
        (0, Fraction(24), "00:00:00:00.000"),
        (24 * 3661 + 5, Fraction(24), "01:01:01:05.000"),
        (240 * 60 - 1, Fraction(240), "00:00:59:239.000"),
        (24, Fraction(24000, 1001), "00:00:01:00.024"),
        (1, Fraction(1), "00:00:01:00.000"),
    ],
)
def test_timecode(frame: int, fps: Fraction, text: str) -> None:
    assert timecode(frame, fps) == text


@given(frame=st.integers(0, 10**6), fps=st.fractions(1, 240, max_denominator=1001))
def test_timecode_tells_the_real_time(frame: int, fps: Fraction) -> None:
    hours, minutes, seconds, frames = timecode(frame, fps).split(":")
    time = int(hours) * 3600 + int(minutes) * 60 + int(seconds) + Fraction(frames) / fps
    assert abs(time - frame / fps) <= Fraction(1, 1000) / fps
    assert int(minutes) < 60 and int(seconds) < 60


def test_a_failure_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_places_that_can_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(TakeError, match="There is no folder"):
        check_writable(tmp_path / "no" / "a.npz")
    with pytest.raises(TakeError, match="is a folder"):
        check_writable(tmp_path)
    with (
        pytest.raises(TakeError, match="can't be written"),
        replacing(tmp_path / "no" / "a.npz") as temporary,
    ):
        temporary.write_text("x")
