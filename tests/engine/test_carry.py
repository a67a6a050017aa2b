# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fitted head does with motion: triangles stay unfolded, frames come fast and the same, tongues
follow."""

from __future__ import annotations

import numpy as np
import pytest

from engine.geometry.bind import bind_head
from engine.geometry.fit.binding import FittedBinding
from engine.geometry.fit.carry import Carrier
from engine.geometry.fit.frames import runs_of
from engine.geometry.fit.mesh import edges_of
from engine.geometry.fit.soften import smoothing
from engine.geometry.fit.unfold import unfold
from engine.geometry.units import carry_units
from engine.template import TONGUE, Template
from tests.engine.heads import KnownHead, own_mesh, person, rotation, turned_over


@pytest.fixture(scope="module")
def head(template: Template) -> KnownHead:
    return own_mesh(template, person(template, 3)).turned(rotation(2), 10.0, np.array([4.0, 5, 6]))


@pytest.fixture(scope="module")
def binding(template: Template, head: KnownHead) -> FittedBinding:
    bound = bind_head(template, head.vertices, head.polygons)
    assert isinstance(bound, FittedBinding)
    return bound


@pytest.fixture(scope="module")
def carrier(binding: FittedBinding) -> Carrier:
    return binding.carrier


def sheet(side: int) -> tuple[np.ndarray, np.ndarray]:
    """A square of side² vertices 1 mm apart, and its triangles."""
    x, y = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    points = 1e-3 * np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3)
    first = (x * side + y)[:-1, :-1].ravel()
    corner = np.stack([first, first + side, first + side + 1, first + 1], axis=1)
    return points, np.concatenate([corner[:, :3], corner[:, [0, 2, 3]]])


def test_unfolding_moves_little_and_only_around_the_fold() -> None:
    points, triangles = sheet(12)
    unit = np.zeros((1, len(points), 3), np.float32)
    unit[0, 66, 0] = 1.2e-3  # past its neighbour
    unit[0, :, 2] = 5e-3  # all of it rises
    before = unit.copy()
    assert turned_over(points, before, triangles).sum() > 0
    unfold(unit, points, triangles, {})
    assert turned_over(points, unit, triangles).sum() == 0
    moved = np.linalg.norm(unit - before, axis=2)[0]
    assert moved.max() < 0.5e-3
    assert (moved > 0).sum() < 12


def test_a_unit_is_unfolded_on_top_of_its_partner() -> None:
    points, triangles = sheet(8)
    opened, closed = np.zeros((2, len(points), 3), np.float32)
    opened[:, 0] = 4.0 * points[:, 0]  # stretched to five times its length
    closed[:, 0] = -4.8 * points[:, 0]  # alone it would turn all over; both together only shorten
    units = np.stack([closed, opened])
    before = units.copy()
    unfold(units, points, triangles, {0: 1})
    np.testing.assert_array_equal(units, before)


def test_smoothing_is_linear_and_the_same_for_one_frame_or_many() -> None:
    points, triangles = sheet(9)
    edges = edges_of(triangles)[0]
    soften = smoothing(edges, np.arange(20, 60), np.full(len(points), 0.1))
    motion = np.random.default_rng(0).normal(size=(5, len(points), 3)).astype(np.float32)
    many = soften.apply(motion.copy())
    one = soften.apply(motion[2:3].copy())[0]
    np.testing.assert_allclose(many[2], one, atol=1e-6)
    np.testing.assert_allclose(
        soften.apply(2 * motion[:1] - motion[1:2])[0], 2 * many[0] - many[1], atol=1e-5
    )
    outside = np.r_[0:20, 60 : len(points)]
    np.testing.assert_array_equal(many[:, outside], motion[:, outside])


def test_many_frames_move_as_each_does_alone(
    template: Template, binding: FittedBinding, carrier: Carrier
) -> None:
    basis = template.motion_basis
    codes = np.random.default_rng(1).normal(0, 0.01, (40, len(basis))).astype(np.float32)
    motion = np.einsum("tk,kvc->tvc", codes, basis)
    turn = (binding.scale * binding.rotation.T).astype(np.float32)
    exact = carrier.carry(motion) @ turn
    np.testing.assert_allclose(binding.carry(motion), exact, atol=1e-5 * binding.scale)
    np.testing.assert_allclose(binding.carry(motion[7:8])[0], exact[7], atol=1e-5 * binding.scale)


def test_motion_that_no_decoder_makes_is_carried_too(
    template: Template, binding: FittedBinding, carrier: Carrier
) -> None:
    motion = np.zeros((2, len(template), 3), np.float32)
    motion[:, template.landmarks["nose_tip"]] = [0, -0.01, 0]  # a spike
    carried = binding.carry(motion)
    turn = (binding.scale * binding.rotation.T).astype(np.float32)
    np.testing.assert_allclose(carried, carrier.carry(motion) @ turn, atol=1e-7 * binding.scale)
    assert np.linalg.norm(carried, axis=2).max() > 0.002 * binding.scale


def test_a_tongue_of_its_own_comes_out(template: Template) -> None:
    """The template's tongue as an island with vertices in the mesh of the head goes where the template's
    goes."""
    shape = person(template, 5)
    known = own_mesh(template, shape)
    units = bind_head(template, known.vertices, known.polygons).unit_deltas()
    order = np.random.default_rng(0).permutation(len(shape))
    tongue = template.part[order] == TONGUE
    out = template.unit("tongueOut")
    expected = carry_units(template, shape.astype(np.float32))[out][order][tongue]
    apart = np.linalg.norm(units[out][tongue] - expected, axis=1)
    assert np.median(apart) < 0.1 * np.linalg.norm(expected, axis=1).max()
    jaw = units[template.unit("jawOpen")][tongue]
    assert np.median(np.linalg.norm(jaw - known.units[template.unit("jawOpen")][tongue], axis=1)) < 0.002


def test_runs_cover_all_vertices_and_pass_over_small_gaps() -> None:
    vertices = np.r_[3:10, 12:40, 1000:1003, 5000]
    assert runs_of(vertices) == [(3, 40), (1000, 1003), (5000, 5001)]
    assert runs_of(np.zeros(0, np.int64)) == []
