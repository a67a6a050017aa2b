# SPDX-License-Identifier: GPL-3.0-or-later
"""Teeth, gums and irises that come with the template: where they sit on other heads and how they move."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.bundle import default_bundle_path
from engine.geometry.attached import attach_to, place_attached, teeth_edge, whole_head
from engine.geometry.bind import bind_head
from engine.geometry.procrustes import align
from engine.geometry.topology import Binding
from engine.template import EYE_LEFT, JAW, SKIN, SKULL, TEETH, Template, load_template, save_template

MILLIMETRE = 1e-3


@pytest.fixture(scope="module")
def template() -> Template:
    path = Path(default_bundle_path()) / "template.npz"
    if not path.exists():
        pytest.skip(f"there is no template at {path}: train the default model")
    found = load_template(path)
    if not len(found.attached_rest):
        pytest.skip("the default model has no teeth: python -m training.faces.patch engine/models/default")
    return found


@pytest.fixture(scope="module")
def head(template: Template) -> Binding:
    """The template with its teeth as an animator may have it: in centimetres, turned and moved."""
    turn = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    vertices, faces, _ = whole_head(template)
    return bind_head(template, vertices @ turn.T * 100 + [5, 6, 7], faces)


def faces_of(template: Template, count: int) -> NDArray[np.float32]:
    codes = np.random.default_rng(5).normal(0, 1, (count, len(template.identity_basis)))
    return template.rest + np.einsum("ik,kvc->ivc", codes * template.identity_std, template.identity_basis)


def test_a_head_with_teeth_is_known_and_talks_as_one_without(template: Template, head: Binding) -> None:
    plain = bind_head(template, head.vertices[: len(template)], template.faces)
    assert head.topology == plain.topology
    np.testing.assert_allclose(head.rest, plain.rest, atol=1e-9)
    units = head.unit_deltas()
    assert units.shape == (len(template.unit_names), len(template) + len(template.attached_rest), 3)
    np.testing.assert_array_equal(units[:, : len(template)], plain.unit_deltas())


def test_upper_teeth_stay_and_lower_teeth_follow_the_jaw_only(template: Template, head: Binding) -> None:
    units = head.unit_deltas()[:, len(template) :]
    assert not units[:, template.attached_bone == SKULL].any()
    lower = np.abs(units[:, template.attached_bone == JAW]).max(axis=(1, 2))
    assert {template.unit_names[row] for row in np.flatnonzero(lower)} == {
        "jawOpen", "jawForward", "jawLeft", "jawRight"
    }  # fmt: skip
    jaw = units[template.unit("jawOpen"), template.attached_bone == JAW]
    heights = jaw @ head.rotation[:, 2] / head.scale
    assert heights.max() < 0 and heights.min() < -20 * MILLIMETRE


def test_lower_teeth_keep_their_shape_to_a_few_percent(template: Template) -> None:
    lower = (template.attached_bone == JAW) & (template.attached_part == TEETH)
    for rest in faces_of(template, 4):
        parts = attach_to(template, rest)
        jaw = parts.unit_deltas[template.unit("jawOpen"), lower]
        before, after = parts.points[lower], parts.points[lower] + jaw
        picks = np.random.default_rng(0).integers(0, len(before), (400, 2))
        length = [np.linalg.norm(p[picks[:, 0]] - p[picks[:, 1]], axis=1) for p in (before, after)]
        assert np.abs(length[0] - length[1]).max() < 0.04 * length[0].max()


def test_teeth_follow_a_motion_as_they_follow_its_units(template: Template, head: Binding) -> None:
    weights = np.zeros((3, len(template.unit_names)), np.float32)
    for name, value in (("jawOpen", 0.4), ("jawLeft", 0.2), ("mouthSmileLeft", 0.8), ("eyeLookUpLeft", 0.5)):
        weights[1:, template.unit(name)] = value, value / 2
    units = head.unit_deltas()
    wanted = np.einsum("tu,unc->tnc", weights, units)
    given = np.einsum("tu,uvc->tvc", weights, template.unit_deltas)
    moved = head.carry(given)
    assert np.abs(moved - wanted)[:, len(template) :].max() < 100 * 0.6 * MILLIMETRE


def test_irises_follow_their_eye(template: Template) -> None:
    parts = attach_to(template, template.rest)
    look = parts.unit_deltas[template.unit("eyeLookUpLeft")]
    assert look[template.attached_bone == EYE_LEFT, 2].min() > 1 * MILLIMETRE
    assert not look[template.attached_bone != EYE_LEFT].any()


def test_the_incisors_edge_lies_behind_the_lips_of_every_head(template: Template) -> None:
    lip = template.landmarks["lip_upper_inner"]
    np.testing.assert_allclose(
        teeth_edge(template, template.rest) - template.rest[lip],
        [0, 4.67e-3, -1.49e-3],
        atol=0.1 * MILLIMETRE,
    )
    for rest in faces_of(template, 20):
        offset = teeth_edge(template, rest) - rest[lip]
        assert 2 * MILLIMETRE < offset[1] < 8 * MILLIMETRE and -4.5 * MILLIMETRE < offset[2] < 1 * MILLIMETRE


def skin_before_teeth(template: Template, rest: NDArray[np.floating]) -> NDArray[np.float64]:
    """Metres (40,) from the foremost points of the upper teeth straight forward to the face's surface; NaN
    where nothing is before them, negative where they stand out of it."""
    upper = (template.attached_bone == SKULL) & (template.attached_part == TEETH)
    front = np.flatnonzero(upper)[np.argsort(template.attached_rest[upper, 1], kind="stable")[:40]]
    teeth = place_attached(template, rest)[front]
    lip = template.rest[template.landmarks["lip_upper_inner"]]
    near = np.linalg.norm(template.rest - lip, axis=1) < 0.025  # no nose: it hides no tooth
    faces = template.faces[(near & (template.part == SKIN))[template.faces].all(axis=1)]
    corners = rest[np.concatenate([faces[:, :3], faces[:, [0, 2, 3]]])].astype(np.float64)
    a, b, c = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = b[:, 0] * c[:, 2] - b[:, 2] * c[:, 0]
    away = teeth[:, None] - a
    with np.errstate(divide="ignore", invalid="ignore"):
        u = (away[..., 0] * c[:, 2] - away[..., 2] * c[:, 0]) / area
        v = (b[:, 0] * away[..., 2] - b[:, 2] * away[..., 0]) / area
        hit = (u >= 0) & (v >= 0) & (u + v <= 1)
        surface = np.where(hit, a[:, 1] + u * b[:, 1] + v * c[:, 1], np.inf).min(axis=1)
    return np.where(np.isfinite(surface), teeth[:, 1] - surface, np.nan)


def test_no_tooth_shows_through_the_closed_lips_of_a_child_an_old_face_or_a_wide_mouth(
    template: Template,
) -> None:
    source = pytest.importorskip("training.faces.source", reason="needs the training package's faces")
    pytest.importorskip("anny", reason="heads of all ages need the anny package")
    from training.faces.identities import sample_rests

    head = source.load_head()
    ages = head.shapes({"age": np.array([0.25, 0.45, 0.7, 1.0])})
    wide = head.shapes({"age": np.full(2, 0.7)}, {"mouth-scale-horiz-incr": np.array([0.5, -0.5])})
    mixed = sample_rests(head, template.align, template.landmarks, 20, seed=2026)
    own = skin_before_teeth(template, template.rest)
    assert np.nanmin(own) > 4 * MILLIMETRE
    aligned = [align(shape, head.neutral, template.align).points(shape) for shape in (*ages, *wide)]
    for rest in (*aligned, *mixed):
        before = skin_before_teeth(template, rest)
        assert np.isnan(before).mean() < 0.25, "more than some edges show between the lips"
        assert np.nanmin(before) > 2 * MILLIMETRE, "a tooth stands out of the lips or nearly so"


def test_teeth_survive_the_file_and_older_files_have_none(template: Template, tmp_path: Path) -> None:
    save_template(tmp_path / "new.npz", template)
    read = load_template(tmp_path / "new.npz")
    np.testing.assert_array_equal(read.attached_rest, template.attached_rest)
    np.testing.assert_array_equal(read.bone_motion, template.bone_motion)
    with np.load(tmp_path / "new.npz") as file:
        old = {name: file[name] for name in file.files if not name.startswith(("attached", "bone", "inside"))}
    np.savez(tmp_path / "old.npz", **old)
    older = load_template(tmp_path / "old.npz")
    assert len(older.attached_rest) == 0
    bind_head(older, older.rest, older.faces)
    np.testing.assert_allclose(teeth_edge(older, older.rest), teeth_edge(read, read.rest), atol=1e-4)
