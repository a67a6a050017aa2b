# SPDX-License-Identifier: GPL-3.0-or-later
"""The noise stream of a seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.generate.noise import GumbelStream


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**63 + 64), cuts=st.lists(st.integers(0, 7), min_size=1, max_size=6))
def test_the_stream_does_not_depend_on_how_it_is_cut(seed: int, cuts: list[int]) -> None:
    whole = GumbelStream(seed, 3, 5).draw(sum(cuts))
    stream = GumbelStream(seed, 3, 5)
    assert np.array_equal(whole, np.concatenate([stream.draw(frames) for frames in cuts]))


def test_it_is_gumbel_noise() -> None:
    noise = GumbelStream(1, 16, 128).draw(200)
    assert noise.mean() == pytest.approx(0.5772, abs=0.01)
    assert noise.std() == pytest.approx(np.pi / np.sqrt(6), abs=0.01)


def test_seeds_differ_and_the_stream_stays_the_same_for_ever() -> None:
    first, second = GumbelStream(1, 1, 3).draw(1).ravel(), GumbelStream(2, 1, 3).draw(1).ravel()
    assert not np.allclose(first, second)
    assert GumbelStream(0, 1, 3).draw(1).ravel() == pytest.approx(PHILOX_ZERO, abs=1e-5)


PHILOX_ZERO = [-1.495452, -0.351137, -0.785907]
"""−log(−log u) of the first three numbers of NumPy's Philox of key 0, written down when this was built."""
