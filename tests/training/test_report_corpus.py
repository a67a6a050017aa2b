# SPDX-License-Identifier: GPL-3.0-or-later
"""The measurements of the report that look at the corpus: blinks, dynamics, comparisons, the regression."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.corpus.teacher.upper import _lid
from training.errors import TrainingError
from training.report.lids import find_blinks, stuck_share
from training.report.life import distance, dynamics
from training.report.lip_error import compare
from training.report.regression import Regression, voca_loss

RATE = 30.0


def blinking(starts: list[float], seconds: float, length: float = 0.24) -> np.ndarray:
    """A closure with the teacher's blinks at some times."""
    times = np.arange(int(seconds * RATE)) / RATE
    return np.maximum.reduce([np.zeros_like(times), *(_lid(times - start, length) for start in starts)])


def test_every_blink_is_counted_once_and_as_long_as_it_lasts() -> None:
    found = find_blinks(blinking([1.0, 2.5, 3.0], 5.0))
    assert len(found) == 3
    assert np.allclose(found.at / RATE, [1.07, 2.57, 3.07], atol=0.05)
    assert ((found.seconds > 0.1) & (found.seconds < 0.26)).all()


def test_a_longer_blink_is_measured_as_longer() -> None:
    short, long_ = (find_blinks(blinking([1.0], 3.0, length)).seconds[0] for length in (0.16, 0.38))
    assert 0.08 < short < long_ < 0.4


def test_squints_and_slow_drift_are_no_blinks() -> None:
    times = np.arange(300) / RATE
    assert len(find_blinks(0.25 + 0.2 * np.sin(times))) == 0


@given(st.lists(st.integers(1, 19), max_size=8, unique=True))
@settings(max_examples=25, deadline=None)
def test_blinks_at_any_whole_seconds_are_all_found(starts: list[int]) -> None:
    assert len(find_blinks(blinking([float(start) for start in starts], 21.0))) == len(starts)


def test_lids_that_hang_half_shut_are_told_but_blinks_are_not() -> None:
    assert stuck_share(blinking([1.0, 2.0, 3.0], 5.0)) == 0.0
    hanging = np.zeros(100)
    hanging[20:60] = 0.5
    assert stuck_share(hanging) == pytest.approx(0.4)


def test_dynamics_grow_with_the_motion_and_a_held_pose_has_none() -> None:
    motion = np.random.default_rng(0).normal(size=(60, 10, 3))
    assert dynamics(2 * motion) == pytest.approx(2 * dynamics(motion))
    assert dynamics(np.broadcast_to(motion[0], motion.shape)) == pytest.approx(0.0, abs=1e-12)


def test_the_distance_of_takes_is_that_of_their_vertices() -> None:
    still = np.zeros((5, 4, 3))
    assert distance(still, still + (0.0, 3.0, 4.0)) == pytest.approx(5.0)


def test_a_comparison_tells_ratio_interval_and_how_often_ours_wins() -> None:
    rng = np.random.default_rng(1)
    other = rng.uniform(1, 3, 80)
    found = compare(0.8 * other + rng.normal(0, 0.05, 80), other, rng.integers(30, 300, 80))
    assert found.low < found.ratio < found.high < 0.85
    assert found.ratio == pytest.approx(0.8, abs=0.02)
    assert found.better > 0.95


def toy_space(vertices: int = 7, identities: int = 2, motions: int = 6) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(0)

    def rows(count: int) -> torch.Tensor:
        directions = np.linalg.qr(rng.normal(size=(3 * vertices, count)))[0].T
        return torch.tensor(directions.reshape(count, vertices, 3), dtype=torch.float32)

    return {
        "mean": torch.zeros(vertices, 3),
        "identity_basis": rows(identities),
        "identity_std": torch.ones(identities),
        "motion_basis": rows(motions),
    }


def test_a_regression_gives_a_frame_for_every_video_frame_and_survives_its_file(tmp_path: Path) -> None:
    regression = Regression(80, toy_space())
    before, after = regression.context
    mel = np.random.default_rng(0).normal(size=(before + 3 * 11 + after, 80)).astype(np.float32)
    motion = regression.motion(mel)
    assert motion.shape == (11, 7, 3)
    regression.save(tmp_path / "r.safetensors", {"steps": "1"})
    assert np.array_equal(Regression.load(tmp_path / "r.safetensors").motion(mel), motion)


def test_a_frame_of_the_regression_hears_its_window_and_nothing_else() -> None:
    regression = Regression(80, toy_space())
    before, after = regression.context
    mel = np.zeros((before + 3 * 30 + after, 80), np.float32)
    changed = mel.copy()
    changed[before + 3 * 12 : before + 3 * 13] = 3.0  # video frame 12
    moved = np.abs(regression.motion(changed) - regression.motion(mel)).max((1, 2)) > 1e-9
    assert moved.any() and moved[12]
    assert set(np.flatnonzero(moved)) <= set(range(12 - 7, 12 + 8 + 1))


def test_sound_of_a_wrong_length_and_files_of_another_kind_are_told(tmp_path: Path) -> None:
    regression = Regression(80, toy_space())
    with pytest.raises(TrainingError, match="mel frames"):
        regression.motion(np.zeros((20, 80), np.float32))
    (tmp_path / "other.safetensors").write_bytes(b"nothing")
    with pytest.raises(TrainingError, match="train it again"):
        Regression.load(tmp_path / "other.safetensors")


def test_the_regression_begins_with_the_motions_own_mean() -> None:
    regression = Regression(80, toy_space())
    motion = torch.randn(100, 6) * torch.arange(1.0, 7.0) + 5.0
    regression.begin_with(motion)
    assert torch.allclose(regression.components.bias, motion.mean(0), atol=1e-5)


def test_velocity_counts_ten_times_as_published() -> None:
    true = torch.zeros(1, 3, 4)
    shifted, jump = true + 0.001, true.clone()
    jump[0, 1:] = 0.001
    assert float(voca_loss(shifted, true)) == pytest.approx(4.0)
    assert float(voca_loss(jump, true)) == pytest.approx(4.0 * 2 / 3 + 10 * 4.0 / 2)
