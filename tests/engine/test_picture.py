# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of faces: what is seen where, the make-up, the telling moments, the sheet of a take."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np
import pytest

from engine.geometry.attached import whole_head
from engine.geometry.bind import bind_head
from engine.picture.face import Painter, render_head
from engine.picture.overview import blinks, brow_height, liveliness, telling_moments
from engine.picture.own import fan
from engine.picture.raster import look
from engine.picture.render import View, render
from engine.picture.sheet import SheetPainter, own_sheets
from engine.template import EYE, IRIS, PUPIL, Template

NAMES = (
    "browDownLeft",
    "browInnerUp",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "eyeLookUpLeft",
    "jawOpen",
    "mouthClose",
)
FPS = Fraction(30)


def unit(template: Template, **weights: float) -> np.ndarray:
    """The displacement (V, 3) of some units."""
    return np.sum([template.unit_deltas[template.unit(name)] * w for name, w in weights.items()], axis=0)


def test_the_nearest_triangle_is_seen() -> None:
    near = [[1.0, 1, 0], [1, 9, 0], [9, 1, 0]]
    far = [[0.0, 0, 5], [0, 20, 5], [20, 0, 5]]
    seen = look(np.array([far, near]), 10)
    at = dict(zip(seen.pixel.tolist(), seen.triangle.tolist(), strict=True))
    assert at[2 * 10 + 2] == 1 and at[0] == 0 and at[9 * 10 + 0] == 0
    np.testing.assert_allclose(seen.weights.sum(axis=1), 1.0, atol=1e-6)


def test_triangles_that_turn_their_back_are_not_seen() -> None:
    assert len(look(np.array([[[1.0, 1, 0], [9, 1, 0], [1, 9, 0]]]), 10).pixel) == 0
    assert render(np.zeros((0, 3)) + 0.0, np.zeros((0, 3), int), 8, View(), np.eye(3)).shape == (8, 8, 3)


def test_triangles_cover_each_pixel_once_without_gaps() -> None:
    """A square of two triangles that share an edge."""
    square = np.array([[[2.0, 2, 1], [2, 14, 1], [14, 2, 1]], [[14.0, 2, 1], [2, 14, 1], [14, 14, 1]]])
    assert len(look(square, 16).pixel) == 144


def test_lips_that_meet_and_lids_that_close_can_be_seen(template: Template) -> None:
    painter = Painter(template, size=96)
    rest, open_mouth, shut = (
        painter.paint(motion).astype(int)
        for motion in (
            np.zeros_like(template.rest),
            unit(template, jawOpen=0.6),
            unit(template, eyeBlinkLeft=1.0, eyeBlinkRight=1.0),
        )
    )
    changed = [np.abs(other - rest).max(axis=2) > 40 for other in (open_mouth, shut)]
    rows = [np.flatnonzero(mask.any(axis=1)) for mask in changed]
    assert changed[0].sum() > 60 and rows[0].min() > 50  # below the nose
    assert changed[1].sum() > 30 and 20 < rows[1].min() and rows[1].max() < 55  # the eyes
    dark = [int((picture[55:85, 35:61].sum(axis=2) < 330).sum()) for picture in (rest, open_mouth)]
    assert dark[1] > dark[0] + 40  # the mouth's inside


def test_brows_are_painted_where_they_move(template: Template) -> None:
    plain = Painter(template, size=96, make_up=False).paint(np.zeros_like(template.rest)).astype(int)
    painter = Painter(template, size=96)
    rest = painter.paint(np.zeros_like(template.rest)).astype(int)
    up = painter.paint(unit(template, browInnerUp=1.0, browOuterUpLeft=1.0, browOuterUpRight=1.0)).astype(int)

    def brow_row(picture: np.ndarray) -> float:
        dark = (plain - picture).sum(axis=2)[15:45, 20:76].clip(60) - 60
        return float((dark.sum(axis=1) * np.arange(30)).sum() / dark.sum())

    assert brow_row(up) < brow_row(rest) - 1


def test_a_head_of_its_own_rest_is_framed_by_it(template: Template) -> None:
    size = 64
    small = render_head(template, template.rest * 0.5 + np.float32(3.0), None, size)
    assert np.abs(small.astype(int) - render_head(template, None, None, size).astype(int)).mean() < 4


def test_telling_moments_are_found() -> None:
    weights = np.zeros((90, len(NAMES)))
    weights[:, NAMES.index("jawOpen")] = 0.3
    for name, sample in (("jawOpen", 12), ("eyeBlinkLeft", 40), ("browInnerUp", 55), ("browDownLeft", 66)):
        weights[sample, NAMES.index(name)] = 1.0
    weights[70:75, NAMES.index("eyeLookUpLeft")] = 0.6
    weights[25, NAMES.index("jawOpen")] = 0.0
    moments = telling_moments(NAMES, weights, FPS)
    assert (moments.wide, moments.closed, moments.blink) == (12, 25, 40)
    assert (moments.brows_up, moments.brows_down) == (55, 66) and 70 <= moments.gaze < 75


def test_blinks_are_counted_once_each() -> None:
    weights = np.zeros((60, len(NAMES)))
    for first in (10, 40):
        weights[first : first + 3, 2:4] = [[0.7], [1.0], [0.8]]
    weights[25, 2:4] = 0.4
    assert blinks(NAMES, weights) == (11, 41)


def test_lively_is_what_moves_above_the_mouth() -> None:
    rng = np.random.default_rng(3)
    mouth, brows = np.zeros((50, len(NAMES))), np.zeros((50, len(NAMES)))
    mouth[:, NAMES.index("jawOpen")] = rng.random(50)
    brows[:, NAMES.index("browInnerUp")] = rng.random(50)
    sizes = np.full(len(NAMES), 0.01)
    assert liveliness(NAMES, mouth, sizes) == 0
    assert liveliness(NAMES, brows, sizes) == pytest.approx(10 * brows.std(axis=0).sum())
    assert brow_height(NAMES, brows).max() > 0 >= brow_height(NAMES, mouth).max()


def test_a_sheet_shows_faces_and_marks_blinks(template: Template) -> None:
    weights = np.zeros((60, len(template.unit_names)), np.float32)
    weights[30, [template.unit("eyeBlinkLeft"), template.unit("eyeBlinkRight")]] = 1.0
    overview = SheetPainter(template).overview(weights, FPS)
    side, width, _ = overview.picture.shape
    assert side == width and overview.blinks == (30,)
    white = np.flatnonzero((overview.picture[-10] > 230).all(axis=1))
    assert len(white) == 2 and abs(white.mean() - side / 2) < 3


def test_forty_eight_faces_take_about_a_second(template: Template) -> None:
    """Of the processor; the least of three, for machines that are busy."""
    painter = SheetPainter(template)
    weights = np.zeros(len(template.unit_names), np.float32)
    taken = []
    for _ in range(3):
        begun = time.process_time()
        for _ in range(12):
            painter.face(weights)
        taken.append(time.process_time() - begun)
    assert min(taken) < 1.0


def own_head(template: Template, keep: np.ndarray | None = None) -> tuple:
    """The template's whole head as somebody's own mesh: binding, units and polygons."""
    vertices, faces, _ = whole_head(template)
    faces = faces if keep is None else faces[keep[faces[:, 0]]]
    binding = bind_head(template, vertices * 10 + [1, 2, 3], faces)
    return binding, binding.unit_deltas(), faces


def weights_of(template: Template, **values: float) -> np.ndarray:
    """Weights (U,) of some units."""
    weights = np.zeros(len(template.unit_names), np.float32)
    for name, value in values.items():
        weights[template.unit(name)] = value
    return weights


@pytest.mark.parametrize("units", [{}, {"jawOpen": 0.6}, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}])
def test_the_mesh_itself_looks_like_the_template_that_it_is(template: Template, units: dict) -> None:
    binding, deltas, faces = own_head(template)
    weights = weights_of(template, **units)
    own = own_sheets(binding, deltas, faces).face(weights).astype(int)
    like = SheetPainter(template).face(weights).astype(int)
    assert np.abs(own - like).mean() < 8  # of 255
    assert (np.abs(own - like).max(axis=2) > 90).mean() < 0.03


def test_a_heads_own_colours_are_shown(template: Template) -> None:
    binding, deltas, faces = own_head(template)
    green = np.tile(np.array([0.1, 0.8, 0.1], np.float32), (len(binding.vertices), 1))
    picture = own_sheets(binding, deltas, faces, green).face(weights_of(template)).astype(int)
    cheek = picture[45, 20]
    assert cheek[1] > 2 * cheek[0] and cheek[1] > 2 * cheek[2]


def test_a_heads_mouth_is_dark_inside(template: Template) -> None:
    binding, deltas, faces = own_head(template)
    sheets = own_sheets(binding, deltas, faces)
    shut, wide = (sheets.face(weights_of(template, jawOpen=value)).astype(int) for value in (0.0, 0.8))
    dark = [int((picture[45:75, 20:46].sum(axis=2) < 300).sum()) for picture in (shut, wide)]
    assert dark[1] > dark[0] + 15


def test_without_eyeballs_the_template_is_painted(template: Template) -> None:
    _, _, part = whole_head(template)
    lookers = {EYE, IRIS, PUPIL}
    with_eyes = own_head(template)
    without = own_head(template, ~np.isin(part, list(lookers)))
    still = weights_of(template)
    pictures = [own_sheets(*each[:2], each[2]).face(still) for each in (with_eyes, without)]
    plain = SheetPainter(template, without[0].rest).face(still)
    assert (pictures[1] == plain).all() and (pictures[0] != plain).any()


def test_polygons_of_many_corners_become_fans() -> None:
    pairs = {tuple(row) for row in fan(np.array([[0, 1, 2, -1, -1], [3, 4, 5, 6, 7]])).tolist()}
    assert pairs == {(0, 1, 2), (3, 4, 5), (3, 5, 6), (3, 6, 7)}
