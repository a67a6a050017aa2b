# SPDX-License-Identifier: GPL-3.0-or-later
"""Alignment, units on other heads, and binding of meshes to the default template."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.bundle import default_bundle_path
from engine.errors import HeadError, MeshTalkError
from engine.geometry.bind import bind_head
from engine.geometry.procrustes import Similarity, align
from engine.geometry.topology import neck_fade
from engine.geometry.units import carry_units, closure_gaps
from engine.template import Template, load_template, save_template

MILLIMETRE = 1e-3


@pytest.fixture(scope="module")
def template() -> Template:
    """The default model's template; another one by MESHTALK_TEMPLATE."""
    path = Path(os.environ.get("MESHTALK_TEMPLATE", Path(default_bundle_path()) / "template.npz"))
    if not path.exists():
        pytest.skip(f"there is no template at {path}: train the default model or set MESHTALK_TEMPLATE")
    return load_template(path)


def identities(template: Template, count: int, seed: int = 3, strength: float = 1.0) -> NDArray[np.float32]:
    """Random faces (count, V, 3) from the identity basis."""
    codes = np.random.default_rng(seed).normal(0, strength, (count, len(template.identity_basis)))
    return template.rest + np.einsum("ik,kvc->ivc", codes * template.identity_std, template.identity_basis)


def triangulated(faces: NDArray[np.int32]) -> NDArray[np.int32]:
    """Each quad cut along one of its diagonals, alternately."""
    odd = np.arange(len(faces)) % 2 == 1
    turned = np.where(odd[:, None], np.roll(faces, 1, axis=1), faces)
    return np.concatenate([turned[:, [0, 1, 2]], turned[:, [0, 2, 3]]])


def body_of(template: Template, name: str) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """A made-up body of a known topology: the template's vertices in that order, the rest in a cloud
    below.
    """
    topology = next(topology for topology in template.topologies if topology.name == name)
    vertices = np.random.default_rng(1).normal(0, 0.3, (topology.vertices, 3)) - [0, 0, 1]
    known = topology.index >= 0
    vertices[topology.index[known]] = template.rest[known]
    faces = topology.index[template.faces]
    return vertices, faces[(faces >= 0).all(axis=1)]


def similarity(seed: int, scale: float) -> Similarity:
    generator = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    rotation[:, 0] *= np.sign(np.linalg.det(rotation))
    return Similarity(scale, rotation, generator.normal(0, 10 * scale, 3))


similarities = st.builds(similarity, st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))


@given(similarities)
@settings(max_examples=60, deadline=None)
def test_align_finds_any_similarity(transform: Similarity) -> None:
    points = np.random.default_rng(2).normal(0, 0.1, (50, 3))
    found = align(points, transform.points(points), np.linspace(0, 1, 50))
    assert found.scale == pytest.approx(transform.scale, rel=1e-9)
    np.testing.assert_allclose(found.rotation, transform.rotation, atol=1e-7)
    np.testing.assert_allclose(found.inverse().points(transform.points(points)), points, atol=1e-7)


@given(similarities)
@settings(max_examples=12, deadline=None)
def test_a_moved_template_binds_to_the_same_rest(template: Template, transform: Similarity) -> None:
    bound = bind_head(template, transform.points(template.rest), template.faces)
    np.testing.assert_allclose(bound.rest, template.rest, atol=1e-5)
    motion = np.random.default_rng(0).normal(0, 0.01, (2, *template.rest.shape)).astype(np.float32)
    np.testing.assert_allclose(
        bound.carry(motion), transform.vectors(motion), atol=1e-5 * transform.scale, rtol=1e-4
    )


def test_the_template_itself_is_exact(template: Template) -> None:
    bound = bind_head(template, template.rest, template.faces)
    np.testing.assert_allclose(bound.rest, template.rest, atol=1e-8)
    np.testing.assert_array_equal(bound.index, np.arange(len(template)))
    motion = template.unit_deltas[:2]
    np.testing.assert_allclose(bound.carry(motion), motion, atol=1e-8)
    assert bound.carry(motion).dtype == np.float32


def test_a_triangulated_template_is_known(template: Template) -> None:
    assert bind_head(template, template.rest, triangulated(template.faces)).topology == "meshtalk"


@pytest.mark.parametrize(
    "turn", [np.eye(3), np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])], ids=["Z up", "Y up"]
)
def test_bodies_move_in_the_face_only(template: Template, turn: NDArray[np.float64]) -> None:
    for topology in template.topologies:
        vertices, faces = body_of(template, topology.name)
        bound = bind_head(template, vertices @ turn.T * 10, faces)
        known = topology.index >= 0
        np.testing.assert_allclose(bound.rest[known], template.rest[known], atol=1e-5)
        np.testing.assert_allclose(
            bound.rest, template.rest, atol=2 * MILLIMETRE
        )  # parts that the mesh lacks
        jaw = bound.unit_deltas()[template.unit("jawOpen")]
        still = np.ones(topology.vertices, bool)
        still[topology.index[known]] = False
        assert not jaw[still].any()
        chin = template.landmarks["chin"]
        expected = 10 * turn @ template.unit_deltas[template.unit("jawOpen"), chin]
        np.testing.assert_allclose(jaw[topology.index[chin]], expected, atol=0.02)


def test_bodies_have_no_seam_and_keep_their_lips(template: Template) -> None:
    fade = neck_fade(template)
    travel = np.linalg.norm(template.unit_deltas, axis=2).max(axis=0)
    assert (fade == 0).sum() > 20
    assert (travel * (1 - fade)).max() < 4 * MILLIMETRE
    assert fade[template.landmarks["chin"]] == fade[template.landmarks["lip_lower_inner"]] == 1


CUBE = np.array([[x, y, z] for x in (-1.0, 1) for y in (-1.0, 1) for z in (-1.0, 1)])
CUBE_FACES = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])


def test_a_cube_is_refused(template: Template) -> None:
    with pytest.raises(HeadError, match="only 8 vertices"):
        bind_head(template, CUBE, CUBE_FACES)


def test_faces_without_a_head_are_refused(template: Template) -> None:
    shuffled = np.random.default_rng(0).permutation(len(template)).astype(np.int32)
    with pytest.raises(HeadError, match="face"):
        bind_head(template, template.rest, shuffled[template.faces])
    with pytest.raises(HeadError, match="only 0 vertices with faces"):
        bind_head(template, template.rest, np.zeros((0, 4), int))


def test_bad_numbers_are_refused(template: Template) -> None:
    holes = template.rest.copy()
    holes[7] = np.nan
    cases = [
        (holes, template.faces, "1 vertices of this mesh have no finite position"),
        (np.zeros((0, 3)), template.faces, "no vertices"),
        (template.rest[:, :2], template.faces, "shape"),
        (template.rest * 0, template.faces, "one place"),
        (template.rest * [-1, 1, 1], template.faces, "mirrored"),
        (
            np.random.default_rng(0).normal(size=template.rest.shape),
            template.faces,
            "not the shape of a face",
        ),
        (template.rest, template.faces + 1, "uses vertex"),
        (template.rest, template.faces.astype(float), "whole numbers"),
        (template.rest, template.faces - 2, "negative"),
    ]
    for vertices, faces, says in cases:
        with pytest.raises(HeadError, match=says):
            bind_head(template, vertices, faces)


def test_units_on_the_template_are_the_templates(template: Template) -> None:
    np.testing.assert_allclose(
        carry_units(template, template.rest), template.unit_deltas, atol=0.2 * MILLIMETRE
    )


def test_blinks_close_on_every_face(template: Template) -> None:
    for rest in identities(template, 12):
        units = carry_units(template, rest)
        for side in ("left", "right"):
            closed = rest + units[template.unit(f"eyeBlink{side.capitalize()}")]
            opening = (
                closed[template.landmarks[f"lid_upper_{side}"]]
                - closed[template.landmarks[f"lid_lower_{side}"]]
            )
            assert abs(opening[2]) < 0.5 * MILLIMETRE
        assert np.linalg.norm(closure_gaps(template, rest, units), axis=1).mean() < 0.5 * MILLIMETRE


def test_lips_close_at_any_jaw_opening_on_every_face(template: Template) -> None:
    upper, lower = template.landmarks["lip_upper_inner"], template.landmarks["lip_lower_inner"]
    for rest in identities(template, 12, seed=4):
        units = carry_units(template, rest)
        closing = units[template.unit("jawOpen")] + units[template.unit("mouthClose")]
        for amount in (0.2, 1.0):
            moved = rest + amount * closing
            gap = moved[upper, 2] - moved[lower, 2]
            assert abs(gap - (1 - amount) * (rest[upper, 2] - rest[lower, 2])) < 0.5 * MILLIMETRE


def test_units_grow_with_the_face(template: Template) -> None:
    """A mouth region twice as large along one axis gets a jaw that moves twice as far along it."""
    rest = template.rest * np.array([1.0, 1.0, 1.3], np.float32)
    jaw = template.unit("jawOpen")
    chin = template.landmarks["chin"]
    ratio = carry_units(template, rest)[jaw, chin, 2] / template.unit_deltas[jaw, chin, 2]
    assert ratio == pytest.approx(1.3, abs=0.03)


def test_a_template_survives_its_file(template: Template, tmp_path: Path) -> None:
    save_template(tmp_path / "template.npz", template)
    read = load_template(tmp_path / "template.npz")
    assert (tmp_path / "template.npz").stat().st_size < 6e6
    assert read.landmarks == template.landmarks and read.unit_names == template.unit_names
    assert np.abs(read.unit_deltas - template.unit_deltas).max() < 0.005 * MILLIMETRE
    np.testing.assert_array_equal(read.rest, template.rest)
    flat = read.motion_basis.reshape(len(read.motion_basis), -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(len(flat)), atol=1e-3)


def test_a_damaged_template_is_refused(tmp_path: Path) -> None:
    (tmp_path / "template.npz").write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(MeshTalkError, match="damaged"):
        load_template(tmp_path / "template.npz")
    with pytest.raises(MeshTalkError, match="doesn't exist"):
        load_template(tmp_path / "none.npz")
