# SPDX-License-Identifier: GPL-3.0-or-later
"""Key reduction: no sample is off by more than the tolerance, and what an eye looks for is kept."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.errors import OptionError
from engine.generate.reduce import reduce_curves, reduce_keys

FEW = settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.generate])


@st.composite
def any_curves(draw: st.DrawFn) -> NDArray[np.float64]:
    """Curves (T, C) of all tempers: noise, walks, steps, plateaus, straight and still ones."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 90)), draw(st.integers(1, 5)))
    kind = draw(st.sampled_from(["noise", "walk", "steps", "ramp", "still"]))
    noise = random.standard_normal(shape)
    if kind == "walk":
        return np.cumsum(0.1 * noise, axis=0)
    if kind == "steps":
        return np.round(np.cumsum(0.3 * noise, axis=0))
    if kind == "ramp":
        return np.linspace(0, 1, shape[0])[:, None] * noise[0]
    return noise if kind == "noise" else np.broadcast_to(noise[0], shape).copy()


def played(values: NDArray, keys: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.interp(np.arange(len(values)), keys, values[keys])


@FEW
@given(values=any_curves(), tolerance=st.floats(1e-3, 3.0))
def test_no_sample_is_further_off_than_the_tolerance(values: NDArray, tolerance: float) -> None:
    for curve, keys in zip(values.T, reduce_curves(values, tolerance), strict=True):
        assert keys[0] == 0 and keys[-1] == len(curve) - 1
        assert (np.diff(keys) > 0).all()
        assert np.abs(played(curve, keys) - curve).max() <= tolerance


@FEW
@given(values=any_curves(), tolerance=st.floats(1e-3, 3.0))
def test_highest_and_lowest_samples_are_keys(values: NDArray, tolerance: float) -> None:
    for curve, keys in zip(values.T, reduce_curves(values, tolerance), strict=True):
        ends = curve[[0, -1]]
        if curve.max() > ends.max() + tolerance:
            assert curve[keys].max() == curve.max()
        if curve.min() < ends.min() - tolerance:
            assert curve[keys].min() == curve.min()


@FEW
@given(values=any_curves(), seed=st.integers(0, 1000))
def test_frames_that_must_stay_are_keys(values: NDArray, seed: int) -> None:
    keep = np.random.default_rng(seed).random(len(values)) < 0.2
    for keys in reduce_curves(values, 1.0, keep):
        assert set(np.flatnonzero(keep)) <= set(keys)


@FEW
@given(values=any_curves(), tolerance=st.floats(1e-3, 3.0))
def test_curves_dont_depend_on_each_other(values: NDArray, tolerance: float) -> None:
    together = reduce_curves(values, tolerance)
    for curve, keys in zip(values.T, together, strict=True):
        assert np.array_equal(reduce_keys(curve, tolerance), keys)


def test_straight_and_still_curves_need_their_ends_only() -> None:
    assert reduce_keys(np.linspace(0, 5, 300), 0.01).tolist() == [0, 299]
    assert reduce_keys(np.full(300, 0.4), 0.01).tolist() == [0, 299]
    assert reduce_keys(np.array([0.4]), 0.01).tolist() == [0]


def test_a_blink_keeps_its_peak_and_loses_the_rest() -> None:
    lid = np.zeros(100)
    lid[40:47] = [0.3, 0.9, 1.0, 0.7, 0.4, 0.2, 0.1]
    keys = reduce_keys(lid, 0.05)
    assert 42 in keys and len(keys) < 12


def test_no_tolerance_keeps_every_sample_and_each_curve_may_have_its_own() -> None:
    values = np.random.default_rng(1).standard_normal((50, 2))
    assert [len(keys) for keys in reduce_curves(values, 0.0)] == [50, 50]
    first, second = reduce_curves(values, np.array([0.0, 9.0]))
    assert len(first) == 50 and len(second) == 2


@pytest.mark.parametrize("tolerance", [-0.1, float("nan")])
def test_senseless_tolerances_are_refused(tolerance: float) -> None:
    with pytest.raises(OptionError, match="0 or more"):
        reduce_keys(np.zeros(4), tolerance)
    with pytest.raises(OptionError, match="numbers"):
        reduce_keys(np.array([0.0, np.nan]), 0.1)


def test_a_minute_of_a_whole_face_takes_a_tenth_of_a_second() -> None:
    """Of the processor's time: a busy machine is none of its doing."""
    time_line = np.arange(1800)[:, None] / 30
    speeds = np.linspace(0.3, 6.0, 52)
    face = 0.5 + 0.5 * np.sin(time_line * speeds * 2 * np.pi) * np.sin(time_line * 0.7 + speeds)
    taken = []
    for _ in range(5):
        begin = time.process_time()
        reduce_curves(face, 0.01)
        taken.append(time.process_time() - begin)
    assert min(taken) <= 0.1
