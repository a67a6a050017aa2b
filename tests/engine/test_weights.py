# SPDX-License-Identifier: GPL-3.0-or-later
"""Unit weights from motion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bundle import Bundle
from engine.generate.weights import UnitFit, box_least_squares


@settings(deadline=None, max_examples=40)
@given(units=st.integers(1, 30), rows=st.integers(1, 20), seed=st.integers(0, 10_000))
def test_solution_is_the_best_in_the_box(units: int, rows: int, seed: int) -> None:
    """The gradient vanishes inside the box and points outwards at its walls (Karush, Kuhn and Tucker)."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((units + 3, units))
    factor /= np.linalg.norm(factor, axis=0)
    gram = factor.T @ factor + 1e-3 * np.eye(units)
    target = rng.standard_normal((rows, units))
    upper = rng.uniform(0.1, 2.0, units)
    found = box_least_squares(gram, target, upper, np.zeros((rows, units)))
    assert ((found >= 0) & (found <= upper)).all()
    moved = np.clip(found - (found @ gram - target), 0, upper)
    assert np.abs(moved - found).max() < 1e-4


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), frames=st.integers(1, 40))
def test_motion_made_of_units_gives_their_weights_back(seed: int, frames: int) -> None:
    rng = np.random.default_rng(seed)
    deltas = (rng.standard_normal((7, 50, 3)) * 0.01 * rng.uniform(0.1, 1, (7, 1, 1))).astype(np.float32)
    weights = rng.random((frames, 7)).astype(np.float32)
    found = UnitFit(deltas).weights(np.einsum("tu,uvc->tvc", weights, deltas))
    assert found == pytest.approx(weights, abs=0.005)


def test_motion_of_the_tiny_head(tiny: Bundle) -> None:
    fit = UnitFit(tiny.template.unit_deltas)
    found = fit.weights(0.7 * tiny.template.unit_deltas[3:4])
    wanted = np.zeros(len(tiny.unit_names))
    wanted[3] = 0.7
    assert found[0] == pytest.approx(wanted, abs=0.02)


def test_exaggerated_and_inverse_motion_stays_in_the_box(tiny: Bundle) -> None:
    deltas = tiny.template.unit_deltas
    fit = UnitFit(deltas)
    assert fit.weights(3 * deltas[3:4])[0, 3] == 1
    assert fit.weights(-3 * deltas[3:4])[0, 3] == 0
    assert (fit.weights(np.zeros_like(deltas[:2])) == 0).all()


def test_a_unit_that_moves_nothing_has_weight_zero() -> None:
    deltas = np.zeros((2, 10, 3), np.float32)
    deltas[0] = 0.01
    assert UnitFit(deltas).weights(deltas[:1])[0].tolist() == pytest.approx([1, 0], abs=0.01)
