# SPDX-License-Identifier: GPL-3.0-or-later
"""Redrawn units: skin goes along, sides mirror each other, lips, lids and all else that isn't skin stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("anny", reason="faces are made with the anny package, which is not installed")

from engine.generate.weights import find_contacts
from engine.geometry.fit.mesh import edges_of, triangulate, vertex_normals
from engine.geometry.units import carry_units, closure_gaps
from engine.template import EYE, SKIN, Template
from tests.engine.heads import turned_over
from training.errors import TrainingError
from training.faces import renew
from training.faces.attached import mouth_walls
from training.faces.build import base_template, with_bases
from training.faces.identities import sample_rests
from training.faces.membrane import Membrane
from training.faces.redrawn import LIPS, lip_distance, redraw_units
from training.faces.regions import align_weights
from training.faces.renew import renewed_template
from training.faces.source import FLIP, load_head, mirror_map
from training.faces.strength import at_full_strength, strengths

MILLIMETRE = 1e-3
LIPS_REDRAWN = ("mouthPress", "mouthRollLower", "mouthShrugLower", "mouthFunnel")


@pytest.fixture(scope="module")
def pack() -> Template:
    source = load_head()
    template = base_template(source, align_weights(source))
    return replace(template, inside=mouth_walls(template, source))


@pytest.fixture(scope="module")
def drawn(pack: Template) -> Template:
    return redraw_units(pack)


def moved(template: Template, name: str, place: np.ndarray | int, size: float = 0.004) -> np.ndarray:
    """How a unit moves the skin within `size` metres of a place or vertex, in the mean (3,), mm."""
    middle = template.rest[place] if isinstance(place, int) else place
    near = np.linalg.norm(template.rest - middle, axis=1) < size
    near &= (template.part == SKIN) & ~template.inside
    return template.unit_deltas[template.unit(name), near].mean(axis=0) / MILLIMETRE


@pytest.mark.parametrize("name", ["jawForward", "mouthSmileLeft", "mouthPucker", "jawLeft"])
def test_the_skin_around_goes_along(pack: Template, drawn: Template, name: str) -> None:
    """A centimetre beyond where a unit moves skin by a tenth of its most it moves more than the pack's."""
    before, after = (np.linalg.norm(each.unit_deltas[each.unit(name)], axis=1) for each in (pack, drawn))
    skin = (pack.part == SKIN) & ~pack.inside
    moves = before > 0.1 * before[skin].max()
    away = np.full(len(skin), np.inf)
    for row in np.flatnonzero(skin & ~moves):
        away[row] = np.linalg.norm(pack.rest[skin & moves] - pack.rest[row], axis=1).min()
    ring = (
        skin & (away > 0.008) & (away < 0.012) & (pack.rest[:, 2] < pack.rest[pack.landmarks["nose_tip"], 2])
    )
    assert after[ring].mean() > 1.5 * before[ring].mean()
    assert after[ring].mean() < 0.15 * before[skin].max()


def test_sides_mirror_each_other(drawn: Template) -> None:
    mirror = mirror_map(drawn.rest)
    exact = np.linalg.norm(drawn.rest[mirror] * FLIP - drawn.rest, axis=1) < 1e-5
    for name in ("mouthPress", "mouthDimple", "mouthLowerDown", "mouthSmile", "eyeBlink"):
        left, right = (drawn.unit_deltas[drawn.unit(name + side)] for side in ("Left", "Right"))
        apart = np.linalg.norm(left[mirror] * FLIP - right, axis=1)[exact & (drawn.part == SKIN)]
        assert apart.max() < 0.05 * MILLIMETRE, name


def test_what_isnt_skin_stays(pack: Template, drawn: Template) -> None:
    others = pack.part != SKIN
    apart = np.linalg.norm(drawn.unit_deltas - pack.unit_deltas, axis=2)[:, others]
    rows = [row for row, name in enumerate(pack.unit_names) if not name.startswith("mouthPress")]
    assert apart[rows].max() < 0.02 * MILLIMETRE


def test_gaps_of_lips_and_lids_stay(pack: Template, drawn: Template) -> None:
    """All that is solved and told about closures holds as before, but where lips are redrawn on purpose."""
    contacts = find_contacts(pack)
    apart = np.abs(contacts.gaps(drawn.unit_deltas) - contacts.gaps(pack.unit_deltas)).max(axis=1)
    for row, name in enumerate(pack.unit_names):
        if not name.startswith((*LIPS_REDRAWN, "eyeBlink")):
            assert apart[row] < 0.15 * MILLIMETRE, name
    found = np.abs(closure_gaps(drawn, drawn.rest, drawn.unit_deltas)).max()
    assert found < np.abs(closure_gaps(pack, pack.rest, pack.unit_deltas)).max() + 0.05 * MILLIMETRE


def test_press_compresses_the_lower_lip(pack: Template, drawn: Template) -> None:
    corner = pack.landmarks["mouth_left"]
    assert moved(pack, "mouthPressLeft", corner)[0] > 3
    assert moved(drawn, "mouthPressLeft", corner)[0] < 1.5
    both = drawn.unit_deltas[[drawn.unit("mouthPressLeft"), drawn.unit("mouthPressRight")]].sum(axis=0)
    chin = np.linalg.norm(drawn.rest - drawn.rest[drawn.landmarks["chin"]], axis=1) < 0.006
    assert both[chin & (drawn.part == SKIN), 2].mean() > 2.5 * MILLIMETRE
    assert np.abs(both[lip_distance(drawn) < 0.02, 0]).max() < 2.5 * MILLIMETRE


def test_dimple_draws_the_skin_to_the_corner(drawn: Template) -> None:
    corner = drawn.rest[drawn.landmarks["mouth_left"]]
    inwards = moved(drawn, "mouthDimpleLeft", drawn.landmarks["mouth_left"])
    assert inwards[1] > 2 and inwards[1] > inwards[0]
    for offset in ((0, 0, -0.018), (0.018, 0.008, 0)):
        there = corner + np.array(offset)
        assert moved(drawn, "mouthDimpleLeft", there, 0.006) @ (corner - there) > 0


def test_a_pucker_leaves_the_chin(pack: Template, drawn: Template) -> None:
    """AU 18 draws the lips forward; what lifts the chin is AU 17."""
    chin = pack.landmarks["chin"]
    assert moved(pack, "mouthPucker", chin)[2] > 2
    assert abs(moved(drawn, "mouthPucker", chin)[2]) < 1
    lip = pack.landmarks["lip_lower_inner"]
    assert moved(drawn, "mouthPucker", lip)[1] == pytest.approx(moved(pack, "mouthPucker", lip)[1], abs=0.3)


def test_a_funnel_opens_round(pack: Template, drawn: Template) -> None:
    """Halfway to where it ends, the lower lip goes down by more than half of what its middle does."""
    lower = pack.landmarks["lip_lower_inner"]
    jaw = pack.unit_deltas[pack.unit("jawOpen")]
    lip = (lip_distance(pack) < LIPS / 2) & (jaw[:, 2] < 0.5 * jaw[lower, 2]) & (pack.part == SKIN)
    beside = lip & (np.abs(np.abs(pack.rest[:, 0]) - 0.009) < 0.002)
    down = [each.unit_deltas[each.unit("mouthFunnel")][:, 2] for each in (pack, drawn)]
    assert down[0][beside].mean() > 0.4 * down[0][lower]
    assert down[1][beside].mean() < 0.5 * down[1][lower]


def test_lower_lid_glides_to_the_nose(pack: Template, drawn: Template) -> None:
    for side, sign in (("Left", 1), ("Right", -1)):
        pairs = pack.closure_unit == pack.unit(f"eyeBlink{side}")
        lower = np.unique(pack.closure_fixed[pairs])
        before, after = (
            sign * each.unit_deltas[each.unit(f"eyeBlink{side}"), lower, 0] for each in (pack, drawn)
        )
        assert np.abs(before).max() < 1 * MILLIMETRE
        assert -3 * MILLIMETRE < after.min() < -1.5 * MILLIMETRE
        inner = lower[np.abs(pack.rest[lower, 0]).argmin()]
        stays = drawn.unit_deltas[:, inner] - pack.unit_deltas[:, inner]
        assert np.abs(stays[pack.unit(f"eyeBlink{side}"), 0]) < 0.3 * MILLIMETRE


def test_lids_glide_over_the_eyeball(pack: Template, drawn: Template) -> None:
    """What lies behind the margins stays as far from the eyeball's middle; the pack's went into the ball."""
    ball = pack.rest[(pack.part == EYE) & (pack.rest[:, 0] > 0)]
    middle = 0.5 * (ball.min(axis=0) + ball.max(axis=0))
    for side, sign in (("Left", 1), ("Right", -1)):
        arm = pack.rest - middle * [sign, 1, 1]
        far = np.linalg.norm(arm, axis=1)
        normals = vertex_normals(pack.rest, triangulate(pack.faces))
        facing = (normals * arm).sum(axis=1) < -0.95 * far
        wall = (pack.part == SKIN) & (far < 0.02) & facing & (arm[:, 1] > -0.01)
        before, after = (
            np.linalg.norm(arm + each.unit_deltas[each.unit(f"eyeBlink{side}")], axis=1)[wall] - far[wall]
            for each in (pack, drawn)
        )
        assert before.min() < -2 * MILLIMETRE
        assert np.abs(after).max() < 0.5 * MILLIMETRE


def test_a_blink_doesnt_fold_the_inner_corner(pack: Template, drawn: Template) -> None:
    """Nasally of the lids' margins neighbours move alike."""
    edges = edges_of(triangulate(pack.faces))[0]
    for side, sign in (("Left", 1), ("Right", -1)):
        lower = np.unique(pack.closure_fixed[pack.closure_unit == pack.unit(f"eyeBlink{side}")])
        end = pack.rest[lower[np.abs(pack.rest[lower, 0]).argmin()]]
        away = sign * (end - pack.rest)[:, 0]
        near = (np.linalg.norm(pack.rest - end, axis=1) < 0.005) & (away > 0.001) & (pack.part == SKIN)
        chosen = edges[near[edges].all(axis=1)]
        length = np.linalg.norm(np.diff(pack.rest[chosen], axis=1)[:, 0], axis=1)
        torn = [
            np.linalg.norm(
                np.diff(each.unit_deltas[each.unit(f"eyeBlink{side}")][chosen], axis=1)[:, 0], axis=1
            )
            / length
            for each in (pack, drawn)
        ]
        assert torn[1].mean() < 0.6 * torn[0].mean()
        assert torn[1].max() < 0.7 * torn[0].max()


def test_a_sneer_raises_the_nose_further_than_it_lowers_the_brow(pack: Template, drawn: Template) -> None:
    wing = pack.rest[pack.landmarks["nose_tip"]] + [0.016, 0.014, 0.003]
    brow = np.array([0.016, -0.046, 0.162])
    for template, more in ((pack, -1), (drawn, 1)):
        up, down = (moved(template, "noseSneerLeft", place)[2] for place in (wing, brow))
        assert more * (up + down) > 0


def test_no_more_triangles_turn_over(pack: Template, drawn: Template) -> None:
    before, after = (
        turned_over(each.rest.astype(np.float64), each.unit_deltas, each.faces) for each in (pack, drawn)
    )
    assert after.sum() <= before.sum()


def test_the_basis_is_redrawn_with_the_units(pack: Template, monkeypatch: pytest.MonkeyPatch) -> None:
    """What coefficients said of the pack's units they say of the redrawn ones, on a head that wasn't seen;
    the lips' motion stays bit for bit."""
    monkeypatch.setattr(renew, "PEOPLE", 16)
    rests = sample_rests(load_head(), pack.align, pack.landmarks, 24, seed=3)
    units = np.stack([carry_units(pack, rest) for rest in rests[:20]])
    template = with_bases(pack, rests[:20], units, 140, 12)
    renewed, rows = renewed_template(template)
    flat = template.motion_basis.reshape(len(rows), -1)
    other = template.rest + template.identity_std[0] * template.identity_basis[0]
    mix = np.random.default_rng(0).uniform(0, 0.3, len(pack.unit_names)).astype(np.float32)
    before = np.tensordot(mix, carry_units(template, other), 1)
    after = np.tensordot(mix / strengths(template), carry_units(renewed, other), 1)
    found = (before.ravel() @ flat.T @ rows.reshape(len(rows), -1)).reshape(-1, 3)
    left = np.linalg.norm(found - after, axis=1)[lip_distance(template) > 2 * LIPS]
    near = lip_distance(template) < LIPS
    assert np.array_equal(rows[:, near], template.motion_basis[:, near])
    assert np.linalg.norm(before - after, axis=1).max() > 0.5 * MILLIMETRE
    assert left.max() < 0.5 * MILLIMETRE
    assert left.mean() < 0.05 * MILLIMETRE
    spanned = rows.reshape(len(rows), -1)
    upright = renewed.motion_basis.reshape(len(rows), -1)
    assert np.abs(upright @ upright.T - np.eye(len(rows))).max() < 1e-4
    assert np.abs(spanned - spanned @ upright.T @ upright).max() < 1e-4
    with pytest.raises(TrainingError, match="already"):
        renewed_template(renewed)


def test_full_strength_turns_nothing_over(drawn: Template) -> None:
    """Sides stay alike, margins still meet; what isn't said to be stronger stays."""
    full = at_full_strength(drawn)
    free = np.setdiff1d(np.arange(len(full.unit_names)), full.closure_unit)
    over = turned_over(full.rest.astype(np.float64), full.unit_deltas, full.faces)
    assert not over[free].any()
    apart = np.abs(closure_gaps(full, full.rest, full.unit_deltas)).max()
    assert apart < 1.2 * np.abs(closure_gaps(drawn, drawn.rest, drawn.unit_deltas)).max()
    same = np.setdiff1d(free[strengths(drawn)[free] == 1], np.flatnonzero(over))
    changed = np.linalg.norm(full.unit_deltas - drawn.unit_deltas, axis=2)[same]
    assert (changed.max(axis=1) < 0.3 * MILLIMETRE).all()


def test_a_sheet_comes_to_rest(pack: Template) -> None:
    """Held everywhere it is what it is held at; held nowhere it lies at rest."""
    wanted = np.random.default_rng(1).normal(0, MILLIMETRE, pack.rest.shape)
    sheet = Membrane(pack)
    used = np.unique(pack.faces)
    held = sheet.settle(wanted, np.full(len(pack), 1e12))[used]
    assert np.abs(held - wanted[used]).max() < 0.01 * MILLIMETRE
    free = sheet.settle(wanted, np.zeros(len(pack)))[used]
    assert np.abs(free).max() < 1e-9
