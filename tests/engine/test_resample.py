# SPDX-License-Identifier: GPL-3.0-or-later
"""Curves at other frame rates."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import OptionError
from engine.generate.options import as_rate, frame_count
from engine.generate.resample import Resampler

RATES = st.one_of(
    st.integers(1, 240).map(Fraction),
    st.sampled_from([Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(25, 2)]),
    st.fractions(1, 240, max_denominator=1000),
)


def resample(curve: np.ndarray, fps: Fraction, block: int = 10_000) -> np.ndarray:
    count = frame_count(Fraction(len(curve), 30), fps)
    resampler = Resampler(30, fps, len(curve), count)
    parts = [resampler.push(curve[at : at + block]) for at in range(0, len(curve), block)]
    return np.concatenate(parts)


@settings(deadline=None, max_examples=100)
@given(fps=RATES, frames=st.integers(1, 90), block=st.integers(1, 40), seed=st.integers(0, 9))
def test_blocks_change_nothing_and_counts_are_exact(
    fps: Fraction, frames: int, block: int, seed: int
) -> None:
    curve = np.random.default_rng(seed).random((frames, 3)).astype(np.float32)
    whole = resample(curve, fps)
    assert len(whole) == round(Fraction(frames, 30) * fps)
    assert np.array_equal(whole, resample(curve, fps, block))


@settings(deadline=None, max_examples=100)
@given(fps=RATES, frames=st.integers(2, 90), seed=st.integers(0, 9))
def test_values_stay_between_their_frames(fps: Fraction, frames: int, seed: int) -> None:
    """Lips that touch at a frame don't pass through each other around it."""
    curve = np.random.default_rng(seed).random((frames, 1)).astype(np.float32)
    samples = resample(curve, fps)
    for index, value in enumerate(samples):
        left = min(int(index * 30 / fps), frames - 1)
        near = curve[left : left + 2]
        assert near.min() - 1e-6 <= value <= near.max() + 1e-6


@settings(deadline=None, max_examples=50)
@given(multiple=st.sampled_from([1, 2, 4, 8]), frames=st.integers(1, 60))
def test_frames_are_kept_where_times_agree(multiple: int, frames: int) -> None:
    curve = np.random.default_rng(frames).random((frames, 2)).astype(np.float32)
    assert np.array_equal(resample(curve, Fraction(30 * multiple))[::multiple], curve)


def test_a_smooth_curve_is_followed_closely() -> None:
    time = np.arange(300) / 30
    samples = resample(np.sin(2 * np.pi * time)[:, None].astype(np.float32), Fraction(24000, 1001))
    there = np.arange(len(samples)) * 1001 / 24000
    kept = there <= time[-1]
    assert np.abs(samples[kept, 0] - np.sin(2 * np.pi * there[kept])).max() < 0.01


@pytest.mark.parametrize(
    "fps", [Fraction(24000, 1001), Fraction(24), Fraction(60), Fraction(120), Fraction(1)]
)
def test_no_drift_over_two_hours(fps: Fraction) -> None:
    """A ramp that shows its own time is still right at the end."""
    frames = 30 * 7200
    ramp = np.arange(frames, dtype=np.float32)[:, None]
    samples = resample(ramp, fps, 4096)
    assert len(samples) == round(7200 * fps)
    last = int(len(samples) * 0.999)
    assert abs(float(samples[last, 0]) - last * 30 / float(fps)) < 0.05


@pytest.mark.parametrize(
    "given_rate, rate",
    [
        (24, Fraction(24)),
        (23.976, Fraction(2997, 125)),
        (24 / 1.001, Fraction(24000, 1001)),
        (24 / float(np.float32(1.001)), Fraction(24000, 1001)),
        (30 / 1.001, Fraction(30000, 1001)),
        (np.float32(59.94), Fraction(2997, 50)),
        ("24000/1001", Fraction(24000, 1001)),
        ("12.5", Fraction(25, 2)),
        (Fraction(120), Fraction(120)),
    ],
)
def test_reading_rates(given_rate: float | str | Fraction, rate: Fraction) -> None:
    assert as_rate(given_rate) == rate


@pytest.mark.parametrize(
    "bad", [0, -24, 0.99, 241, float("nan"), float("inf"), "", "fast", "1/0", "1e999999999", "-5", True, None]
)
def test_senseless_rates(bad: object) -> None:
    with pytest.raises(OptionError, match="frame rate"):
        as_rate(bad)  # type: ignore[arg-type]
