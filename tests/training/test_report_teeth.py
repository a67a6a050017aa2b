# SPDX-License-Identifier: GPL-3.0-or-later
"""The report's measure of teeth: lips that show them are well, lips that they come through are not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from engine.bundle import default_bundle_path, load_bundle
from engine.generate import Mover
from engine.geometry.bind import bind_head
from engine.template import Template, load_template
from training.report.identities import Checker, engine_motion, identity_figures
from training.report.teeth import BITE, Cover, teeth_points


@pytest.fixture(scope="module")
def template() -> Template:
    path = default_bundle_path() / "template.npz"
    if not path.is_file():
        pytest.skip("there is no default model in this checkout")
    template = load_template(path)
    if not len(template.attached_rest):
        pytest.skip("the default model has no teeth: python -m training.faces.patch engine/models/default")
    return template


def moved(template: Template, **weights: float) -> np.ndarray:
    """One frame of motion ``(1, V, 3)`` from units by name."""
    return sum(w * template.unit_deltas[template.unit(name)] for name, w in weights.items())[None]


def lip(template: Template, cover: Cover, side: str) -> np.ndarray:
    """The vertices of one lip's covering skin within 9 mm of its middle."""
    middle = template.rest[template.landmarks[f"lip_{side}_inner"]]
    skin = np.unique(getattr(cover, side))
    return skin[np.linalg.norm(template.rest[skin] - middle, axis=1) < 0.009]


@pytest.mark.parametrize(
    "weights",
    [
        {"jawOpen": 0.0},
        {"jawOpen": 0.5},
        {"jawOpen": 0.3, "mouthUpperUpLeft": 0.8, "mouthUpperUpRight": 0.8},
        {"jawOpen": 0.1, "mouthSmileLeft": 0.9, "mouthSmileRight": 0.9},
        {"jawOpen": 0.25, "mouthClose": 0.25, "mouthPucker": 0.5},
    ],
)
def test_a_mouth_that_shows_or_hides_its_teeth_is_well(template: Template, weights: dict[str, float]) -> None:
    assert Cover(template).stands_out(template.rest, moved(template, **weights)) == 0.0


@pytest.mark.parametrize("side", ["upper", "lower"])
def test_a_lip_pushed_behind_the_teeth_is_pierced_by_as_much(template: Template, side: str) -> None:
    cover, motion = Cover(template), np.zeros((3, *template.rest.shape), np.float32)
    teeth = teeth_points(template, template.rest)
    rows = lip(template, cover, side)
    deepest = teeth[:, 1].min() - template.rest[rows, 1].min()
    if side == "lower":  # a lower lip as high as the teeth, as in an f
        motion[1, rows, 2] += teeth[:, 2].mean() - template.rest[rows, 2].max() + 0.004
    motion[1, rows, 1] += deepest + 0.004 + BITE
    found = cover.stands_out(template.rest, motion)
    assert 1.0 < found < 12.0, f"{found} mm"


def test_the_further_it_is_pierced_the_more_is_told(template: Template) -> None:
    cover, rows = Cover(template), lip(template, Cover(template), "upper")
    found = []
    for back in (0.0, 0.008, 0.011):
        motion = np.zeros((1, *template.rest.shape), np.float32)
        motion[0, rows, 1] += back
        found.append(cover.stands_out(template.rest, motion))
    assert found[0] == 0.0 and found[1] < found[2]


def test_lids_are_measured_on_the_motion_and_on_its_curves(template: Template) -> None:
    checker = Checker(template)
    blinks = template.unit_deltas[[template.unit("eyeBlinkLeft"), template.unit("eyeBlinkRight")]].sum(axis=0)
    depths = np.array([0.0, 0.5, 1.0, 0.4, 0.0])
    full, short = (part * depths[:, None, None] * blinks for part in (1.0, 0.8))
    found = checker.check(template.rest, full.astype(np.float32), short.astype(np.float32))
    assert found.lids < 0.02 and found.played == pytest.approx(0.2, abs=0.02)
    alone = checker.check(template.rest, short.astype(np.float32))
    assert alone.lids == alone.played == pytest.approx(0.2, abs=0.02)
    figures = identity_figures([found, alone])
    assert figures["lids_close"] == 0.5 and figures["curves_close"] == 0.0


def test_the_heads_of_the_report_move_as_the_engine_moves_them(template: Template) -> None:
    bundle = load_bundle(default_bundle_path(), threads=1)
    binding = bind_head(template, template.rest, template.faces)
    mover, labels = Mover(bundle, binding), np.random.default_rng(1).integers(0, 64, (70, bundle.card.heads))
    motion, curves = engine_motion(mover, binding, labels)
    blocks = list(mover.blocks(labels.astype(np.int16), Fraction(30), 70, True))
    vertices = np.concatenate([block.vertices for block in blocks if block.vertices is not None])
    skin = binding.index[: len(template)]
    assert np.abs(motion - (vertices[:, skin] - binding.vertices[skin])).max() < 1e-5
    weights = mover.clean(np.concatenate([block.weights for block in blocks]))
    assert np.abs(curves - np.tensordot(weights, binding.unit_deltas()[:, skin], 1)).max() < 1e-5
