# SPDX-License-Identifier: GPL-3.0-or-later
"""Unit weights from motion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bundle import Bundle
from engine.generate.weights import BoxProblem, Contacts, UnitFit, find_contacts


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
    found = BoxProblem(gram).solve(target, upper)
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
    fit = UnitFit(tiny.template.unit_deltas, find_contacts(tiny.template))
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


@settings(deadline=None, max_examples=20)
@given(cut=st.integers(1, 39), seed=st.integers(0, 1000))
def test_blocks_of_any_length_give_the_same_motion(tiny: Bundle, cut: int, seed: int) -> None:
    """To 0.001 mm."""
    rng = np.random.default_rng(seed)
    deltas = tiny.template.unit_deltas
    fit = UnitFit(deltas, find_contacts(tiny.template))
    motion = np.einsum("tu,uvc->tvc", rng.random((40, len(deltas))), deltas)
    motion = (motion + rng.standard_normal(motion.shape) * 5e-4).astype(np.float32)
    whole = fit.weights(motion)
    parts = np.concatenate([fit.weights(motion[:cut]), fit.weights(motion[cut:])])
    assert np.abs(np.einsum("tu,uvc->tvc", whole - parts, deltas)).max() < 1e-6


def test_lips_that_meet_in_the_vertices_meet_in_the_weights() -> None:
    """A cheek that no unit can follow pulls the fit off; with contacts the gap of the lips still wins."""
    deltas = np.zeros((2, 60, 3), np.float32)
    deltas[0, :30, 2] = -0.03  # a jaw with chin, and vertex 0 as the lower lip; vertex 40 is the upper one
    deltas[1, 0, 2] = 0.02
    deltas[1, 1:10, 2] = 0.01
    wanted = np.zeros((1, 60, 3), np.float32)
    wanted[0, :30, 2] = -0.01
    wanted[0, 0, 2] = -0.004
    lips = Contacts(np.array([0]), np.array([[40, 40]]), np.zeros(1), np.full(1, 20.0))

    def gap_error(fit: UnitFit) -> float:
        moved = np.einsum("tu,uvc->tvc", fit.weights(wanted), deltas)
        return float(np.abs(lips.gaps(moved) - lips.gaps(wanted)).max())

    assert gap_error(UnitFit(deltas, lips)) < 0.25 * gap_error(UnitFit(deltas))


def test_contacts_of_the_tiny_head_are_its_lips_and_lids(tiny: Bundle) -> None:
    contacts = find_contacts(tiny.template)
    marks = tiny.template.landmarks
    assert marks["lip_lower_inner"] in contacts.moving and marks["lid_lower_left"] in contacts.moving
    opened = contacts.gaps(tiny.template.unit_deltas[tiny.unit_names.index("jawOpen")])
    assert opened[len(tiny.template.closure_moving)] > 0.001
