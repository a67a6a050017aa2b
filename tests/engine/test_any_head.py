# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads that nobody knows: found, fitted, and moved by the template's units."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.__main__ import main
from engine.errors import Cancelled, HeadError
from engine.geometry.bind import bind_head
from engine.geometry.fit.binding import FittedBinding
from engine.geometry.fit.head import fit_head
from engine.geometry.fit.marks import landmark_vertices
from engine.geometry.fit.mesh import closest_on_triangles, surface_of
from engine.geometry.fit.nearest import search_of
from engine.geometry.fit.shape import face_sample
from engine.progress import Stage
from engine.template import Template
from tests.engine.heads import (
    KnownHead,
    agreement,
    decimated,
    face_of,
    own_mesh,
    person,
    rotation,
    subdivided,
    turned_over,
    with_hair,
)

SHOWN = (
    "jawOpen",
    "jawLeft",
    "mouthPucker",
    "mouthSmileLeft",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "browInnerUp",
)


@pytest.fixture(scope="module")
def known(template: Template) -> KnownHead:
    return own_mesh(template, person(template, 1))


def bound(template: Template, head: KnownHead) -> FittedBinding:
    binding = bind_head(template, head.vertices, head.polygons)
    assert isinstance(binding, FittedBinding)
    return binding


def check(
    template: Template, head: KnownHead, binding: FittedBinding, cosine: float, over_at_most: int = 0
) -> None:
    """The template lies where it should, and units move the mesh as its own do, without turning it over."""
    face = face_sample(template, 2000)
    apart = np.linalg.norm(binding.template_on_head() - head.template, axis=1)[face] / binding.scale
    assert np.median(apart) < 1e-3
    assert np.median(binding.fit_mm[face]) < 0.3
    units = binding.unit_deltas()
    for name in SHOWN:
        found, amplitude = agreement(units[template.unit(name)], head.units[template.unit(name)])
        assert found > cosine, name
        assert 0.65 < amplitude < 1.3, name
    over = turned_over(head.vertices, units, head.polygons)
    over[template.unit("mouthClose")] = 0  # alone it pushes the lower lip through the upper
    assert over.sum() <= over_at_most


@pytest.mark.parametrize("change", ["own", "turned", "decimated", "face", "hair"])
def test_other_meshes_of_a_known_person_move_alike(template: Template, known: KnownHead, change: str) -> None:
    made = {
        "own": lambda: known,
        "turned": lambda: known.turned(rotation(3), 37.0, np.array([1.0, -50, 8])),
        "decimated": lambda: decimated(known, 2000),
        "face": lambda: face_of(template, known),
        "hair": lambda: with_hair(known),
    }
    head = made[change]()
    check(template, head, bound(template, head), 0.85 if change == "decimated" else 0.95)


def test_a_subdivided_head_in_pieces_moves_alike(template: Template, known: KnownHead) -> None:
    """Every triangle's corners of its own, as after a cut of textures along every edge."""
    fine = subdivided(known)
    pieces = KnownHead(
        fine.vertices[fine.polygons.ravel()],
        np.arange(fine.polygons.size).reshape(-1, 3),
        fine.units[:, fine.polygons.ravel()],
        fine.template,
    )
    binding = bound(template, pieces)
    check(template, pieces, binding, 0.95, over_at_most=20)  # of 52 times 36,000
    jaw = binding.unit_deltas()[template.unit("jawOpen")]
    corner = {tuple(place): row for row, place in enumerate(pieces.vertices.tolist())}
    same = np.array([corner[tuple(place)] for place in pieces.vertices.tolist()])
    np.testing.assert_array_equal(jaw, jaw[same])  # seams stay shut


def test_parts_follow_their_bones(template: Template, known: KnownHead) -> None:
    """Two rows of teeth, an eyeball and a lash, as islands: rigid with the skull, the jaw, the eye and the
    lid."""
    lip, lid = (known.template[template.landmarks[name]] for name in ("lip_upper_inner", "lid_upper_left"))
    eye = known.template[(template.part == 1) & (template.rest[:, 0] > 0)]
    ball, faces = sphere(0.5 * (eye.min(axis=0) + eye.max(axis=0)), 0.0125)
    row, row_faces = sphere(lip + [0, 0.012, 0.004], 0.0035)
    lash = lid + np.array([[-0.004, 0, 0], [0.004, 0, 0], [-0.004, -0.006, 0.003], [0.004, -0.006, 0.003]])
    islands = [
        (row, row_faces),
        (row - [0, 0, 0.011], row_faces),
        (ball, faces),
        (lash, np.array([[0, 1, 2], [1, 3, 2]])),
    ]
    vertices, polygons, starts = known.vertices, known.polygons, []
    for points, triangles in islands:
        starts.append(np.arange(len(vertices), len(vertices) + len(points)))
        polygons = np.concatenate([polygons, triangles + len(vertices)])
        vertices = np.concatenate([vertices, points])
    upper, lower, eyeball, hairs = starts
    units = bind_head(template, vertices, polygons).unit_deltas()
    jaw, look, blink = (units[template.unit(name)] for name in ("jawOpen", "eyeLookOutLeft", "eyeBlinkLeft"))
    assert not units[:, upper].any()
    assert -jaw[lower, 2].mean() > 0.008
    assert_rigid(vertices[lower], jaw[lower])
    assert np.linalg.norm(look[eyeball], axis=1).max() > 0.002
    assert_rigid(vertices[eyeball], look[eyeball])
    assert np.linalg.norm(look[eyeball].mean(axis=0)) < 1e-4  # it turns on the spot
    assert -blink[hairs, 2].mean() > 0.004
    assert_rigid(vertices[hairs], blink[hairs], 2e-3)  # the lid under their roots stretches by 1.3 mm


def sphere(centre: NDArray[np.float64], radius: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A ball of 12 by 8 vertices."""
    turn, tilt = np.meshgrid(np.arange(12) * np.pi / 6, np.linspace(0.05, np.pi - 0.05, 8), indexing="ij")
    points = np.stack([np.cos(turn) * np.sin(tilt), np.sin(turn) * np.sin(tilt), np.cos(tilt)], axis=-1)
    first = (np.arange(12)[:, None] * 8 + np.arange(7)).ravel()
    second = (first + 8) % 96
    quads = np.stack([first, first + 1, second + 1, second], axis=1)
    return centre + radius * points.reshape(-1, 3), np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])


def assert_rigid(points: NDArray[np.float64], motion: NDArray[np.floating], tolerance: float = 2e-5) -> None:
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    moved = points + motion
    np.testing.assert_allclose(np.linalg.norm(moved[:, None] - moved[None], axis=2), apart, atol=tolerance)


def test_what_is_no_head_is_refused(template: Template) -> None:
    ball, faces = sphere(np.zeros(3), 1.0)
    head = KnownHead(ball * [1, 1.2, 1.4], faces, np.zeros((1, 96, 3)), ball)
    fine = subdivided(subdivided(head))
    with pytest.raises(HeadError, match=r"No face .*\.$"):
        bind_head(template, fine.vertices, fine.polygons)


def test_a_smooth_thing_that_the_template_can_be_bent_to_is_refused(template: Template) -> None:
    """Bumps look like a face from afar, and a bent template comes near to them; eyes, nose and mouth tell."""
    ball, faces = sphere(np.zeros(3), 1.0)
    fine = subdivided(subdivided(KnownHead(ball, faces, np.zeros((1, 96, 3)), ball)))
    random, points = np.random.default_rng(0), fine.vertices
    height = np.zeros(len(points))
    for _ in range(60):
        middle = random.normal(size=3)
        middle /= np.linalg.norm(middle)
        height += 0.1 * random.normal() * np.exp(-0.5 * ((points - middle) ** 2).sum(axis=1) / 0.15**2)
    with pytest.raises(HeadError, match=r"face|eyes"):
        bind_head(template, points * (1 + height[:, None]), fine.polygons)


def test_a_mouth_ajar_is_no_long_chin(template: Template) -> None:
    head = own_mesh(template, person(template, 2))
    ajar = head.vertices + 0.35 * head.units[template.unit("jawOpen")]
    fit = fit_head(template, ajar, head.polygons)
    order = np.random.default_rng(0).permutation(len(head.template))  # of own_mesh
    truth = np.empty_like(ajar)
    truth[order] = ajar
    apart = np.linalg.norm(fit.to_head.points(fit.rest) - truth, axis=1)
    assert apart[template.landmarks["chin"]] < 2e-3
    assert apart[template.landmarks["lip_lower_inner"]] < 2e-3


def test_hair_inside_out_doesnt_turn_the_skin(template: Template, known: KnownHead) -> None:
    hairy = with_hair(known)
    polygons = hairy.polygons.copy()
    polygons[len(known.polygons) :] = polygons[len(known.polygons) :, ::-1]
    every = np.concatenate([polygons, *3 * [polygons[len(known.polygons) :]]])  # more hair than skin
    fit = fit_head(template, hairy.vertices, every)
    apart = np.linalg.norm(fit.to_head.points(fit.rest) - hairy.template, axis=1)
    assert np.median(apart[face_sample(template, 2000)]) < 1e-3


def test_two_landmarks_draw_the_fit_that_the_search_found(template: Template, known: KnownHead) -> None:
    rows = landmark_vertices(template)
    wanted = {name: known.template[rows[name]] + [0, 0, 0.004] for name in ("mouth_left", "mouth_right")}
    fit = fit_head(template, known.vertices, known.polygons, wanted)
    placed = fit.to_head.points(fit.rest)
    for name, place in wanted.items():
        assert np.linalg.norm(placed[rows[name]] - place) < 2e-3
    elsewhere = {name: place + [0.3, 0, 0] for name, place in wanted.items()}
    with pytest.raises(HeadError, match="landmarks don't lie where"):
        fit_head(template, known.vertices, known.polygons, elsewhere)


def test_a_fit_tells_its_progress_and_stops_when_asked(template: Template, known: KnownHead) -> None:
    told: list[tuple[str, float]] = []
    fit_head(
        template,
        known.vertices,
        known.polygons,
        stage=Stage(progress=lambda name, share: told.append((name, share))),
    )
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert {name for name, _ in told} >= {"Finding the face", "Fitting the template", "Telling the parts"}
    with pytest.raises(Cancelled):
        fit_head(template, known.vertices, known.polygons, stage=Stage(cancelled=lambda: True))


def test_landmarks_that_make_no_sense_are_refused(template: Template, known: KnownHead) -> None:
    def refuse(landmarks: dict[str, list[float]], says: str) -> None:
        with pytest.raises(HeadError, match=says):
            bind_head(template, known.vertices, known.polygons, landmarks)

    refuse({"nose": [0, 0, 0]}, "no landmark “nose”")
    refuse({"chin": [0, 0]}, "three finite numbers")
    refuse({"chin": [0, 0, 1], "nose_tip": [0, 0, 2], "mouth_left": [0, 0, 3]}, "one line")


def test_bind_writes_what_it_found(
    template: Template, known: KnownHead, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head, marks, out = tmp_path / "head.obj", tmp_path / "marks.json", tmp_path / "bound.npz"
    turned = known.turned(rotation(7), 100.0, np.array([5.0, 0, 0]))
    lines = ["g face", "usemtl skin", *(f"v {x} {y} {z}" for x, y, z in turned.vertices)]
    head.write_text("\n".join([*lines, *(f"f {a} {b} {c}" for a, b, c in turned.polygons + 1), ""]))
    names = ("nose_tip", "chin", "mouth_left", "mouth_right")
    marks.write_text(json.dumps({name: turned.template[template.landmarks[name]].tolist() for name in names}))
    assert main(["bind", str(head), "--out", str(out), "--landmarks", str(marks)]) == 0
    assert "median 0.0" in capsys.readouterr().out
    with np.load(out) as bound_head:
        assert bound_head["unit_names"].tolist() == list(template.unit_names)
        assert bound_head["unit_deltas"].shape == (len(template.unit_names), len(turned.vertices), 3)
        assert bound_head["fit_mm"].shape == (len(template),)
        assert np.median(np.linalg.norm(bound_head["template"] - turned.template, axis=1)) < 0.1  # 1 mm
        places = dict(zip(bound_head["landmark_names"].tolist(), bound_head["landmarks"], strict=True))
    for name in names:
        assert np.linalg.norm(places[name] - turned.template[template.landmarks[name]]) < 0.3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "no valid JSON"),
        ("[]", "no landmarks"),
        ('{"chin": 99999}', "99999"),
        ('{"chin": "a"}', "three numbers"),
    ],
)
def test_wrong_landmark_files_are_refused(
    known: KnownHead, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, says: str
) -> None:
    head, marks = tmp_path / "head.npz", tmp_path / "marks.json"
    np.savez(head, vertices=known.vertices, faces=known.polygons)
    marks.write_text(content)
    assert main(["bind", str(head), "--out", str(tmp_path / "b"), "--landmarks", str(marks)]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "b.npz").exists()


def test_nearest_points_are_those_of_a_full_search() -> None:
    random = np.random.default_rng(0)
    points, queries = random.random((400, 3)), random.random((90, 3))
    zeros = np.zeros_like(points)
    found, distance = search_of(points, zeros, 0.3).nearest(queries, zeros[:90], 0.0)
    apart = np.linalg.norm(queries[:, None] - points[None], axis=2)
    np.testing.assert_array_equal(found, apart.argmin(axis=1))
    np.testing.assert_allclose(distance, apart.min(axis=1), atol=1e-6)


def test_the_nearest_place_of_a_triangle_is_nearer_than_any_other() -> None:
    random = np.random.default_rng(1)
    corners, points = random.random((50, 3, 3)), random.random((50, 3)) * 2 - 0.5
    mix = closest_on_triangles(points, corners)
    best = np.linalg.norm(np.einsum("nk,nkc->nc", mix, corners) - points, axis=1)
    others = random.dirichlet(np.ones(3), 500)
    places = np.einsum("sk,nkc->nsc", others, corners)
    assert (np.linalg.norm(places - points[:, None], axis=2).min(axis=1) >= best - 1e-9).all()


def test_polygons_of_any_size_are_cut_into_triangles() -> None:
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 2, 0.0]])
    surface = surface_of(square, np.array([[0, 1, 2, 4, 3], [0, 1, 2, -1, -1]]))
    assert surface.areas.sum() == pytest.approx(1.5 + 0.5)
