# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads whose objects have uneven scales: fitted and moved as they are seen."""

from __future__ import annotations

from math import radians
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix

from tests.addon.movers import MOVERS, film
from tests.addon.strangers import choose, make_object

ROOT = Path(__file__).resolve().parents[2]
SPEECH = ROOT / "samples" / "speech.flac"
FRAMES = range(1, 120, 6)

LOW = np.diag([1.0, 1.0, 0.7])
SHEARED = np.array(Euler((0.3, -0.2, 0.5)).to_matrix()) @ np.diag([1.3, 1.0, 0.8])
SHEARED = np.linalg.cholesky(SHEARED @ SHEARED.T)
"""What a child turned below an unevenly scaled parent may look like."""


def place(thing, matrix) -> None:
    """Give an object's own space this map (3, 3) to the world; by a parent, but for a scale."""
    turn, scales, back = np.linalg.svd(matrix)
    if np.allclose(matrix, np.diag(np.diagonal(matrix))):
        thing.matrix_basis = Matrix(matrix.tolist()).to_4x4()
        return
    parent = bpy.data.objects.new("Parent", None)
    bpy.context.scene.collection.objects.link(parent)
    parent.matrix_basis = Matrix((turn * scales).tolist()).to_4x4()
    thing.parent = parent
    thing.matrix_basis = Matrix(back.tolist()).to_4x4()


def seen(thing, frame):
    """The evaluated vertices (V, 3) in world space."""
    bpy.context.scene.frame_set(frame)
    shown = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    flat = np.empty(3 * len(shown.data.vertices), np.float32)
    shown.data.vertices.foreach_get("co", flat)
    return flat.reshape(-1, 3) @ np.array(shown.matrix_world.to_3x3()).T


def motion_of(thing):
    """How far each vertex goes (T, V, 3) in world space."""
    rest = np.array([key.co for key in thing.data.shape_keys.reference_key.data])
    return np.stack([seen(thing, f) for f in FRAMES]) - rest @ np.array(thing.matrix_world.to_3x3()).T


def generate(**how):
    assert bpy.ops.meshtalk.generate(sound_file=str(SPEECH), **how) == {"FINISHED"}


_applied: dict[str, np.ndarray] = {}


@pytest.fixture()
def applied(default, person):
    """What the person does whose scale is even."""
    if not _applied:
        thing = make_object("Applied", *person)
        generate()
        _applied["motion"] = motion_of(thing)
        _applied["places"] = {item.name: np.array(item.location) for item in thing.meshtalk.fitted}
        bpy.data.objects.remove(thing)
    return _applied


@pytest.mark.parametrize("matrix", [LOW, SHEARED], ids=["low", "sheared"])
def test_the_motion_is_that_of_the_head_with_its_scale_applied(applied, person, matrix, part):
    """In the mesh's own space such a face is higher, or leans."""
    vertices, polygons = person
    head = make_object("Stretched", vertices @ np.linalg.inv(matrix).T, polygons)
    place(head, matrix)
    choose(head)
    generate()
    got, want = motion_of(head), applied["motion"]
    assert np.corrcoef(got.ravel(), want.ravel())[0, 1] > 0.999
    assert np.linalg.norm(got - want) < 0.05 * np.linalg.norm(want)
    for item in head.meshtalk.fitted:  # in object space, as whoever drags them wants them
        there = matrix @ np.array(item.location)
        assert np.linalg.norm(there - applied["places"][item.name]) < 0.01 * np.ptp(vertices)
    assert "mm, good" in part("ops.head_state").look_now(head, "default").words


def test_landmarks_are_guessed_in_the_head_as_it_is_seen(default, person, part):
    """Also those of the other side: in the mesh's own space the average face would be too high."""
    vertices, polygons = person
    surface, placing, spots = part("scene.surface"), part("scene.placing"), part("scene.spots")
    heads = {"even": np.eye(3), "low": LOW}
    names = ("eye_outer_left", "eye_outer_right", "chin", "nose_tip")
    ends = (
        vertices[:, 0].argmax(),
        vertices[:, 0].argmin(),
        vertices[:, 2].argmin(),
        vertices[:, 1].argmin(),
    )
    far = [int(end) for end in ends]
    found = {}
    for name, matrix in heads.items():
        thing = make_object(name, vertices @ np.linalg.inv(matrix).T, polygons)
        place(thing, matrix)
        rest = surface.read_rest_mesh(thing)
        placed = {
            mark: spots.Spot((at, at, at), (1.0, 0.0, 0.0)) for mark, at in zip(names, far, strict=True)
        }
        session = placing.begin(rest, placed, {}, part("scene.stretch").stretch_of(thing))
        found[name] = {mark: matrix @ np.array(rest.place(spot)) for mark, spot in session.suggested.items()}
    assert len(found["low"]) > 5 and found["low"].keys() == found["even"].keys()
    for mark, there in found["low"].items():
        assert np.linalg.norm(there - found["even"][mark]) < 0.02 * np.ptp(vertices), mark


def test_a_changed_scale_is_an_edit_where_it_is_uneven(stranger, part):
    binding = part("scene.binding")
    signs = part("scene.stretch").stretch_signs
    binding.store_binding(stranger, b"fit", _figures())
    for scale in ((2, 2, 2), (-3, 3, 3), (0.01, 0.01, 0.01), (1, 1, 1.0001)):
        stranger.scale = scale
        assert signs(stranger) == part("scene.stretch").EVEN
        assert binding.quick_change(stranger) is binding.Change.NONE
    stranger.scale = (1, 1, 0.9)
    assert binding.quick_change(stranger) is binding.Change.SCALE
    words = part("ops.head_state").look_now(stranger, "default").words
    assert words == "Proportions were scaled: will be fitted again"
    binding.store_binding(stranger, b"fit", _figures())
    stranger.scale, stranger.rotation_euler = (-7, 7, 6.3), (1, 2, 3)
    assert binding.quick_change(stranger) is binding.Change.NONE
    binding.clear_binding(stranger)
    assert tuple(stranger.data.meshtalk_fit.stretch) == (0,) * 6


def _figures():
    from meshtalk_checkout.engine.geometry.fit.binding import FitFigures

    return FitFigures(0.3, 1.0, 0.99, 0.9)


def test_squash_and_stretch_is_no_proportion(head, part):
    signs, even = part("scene.stretch").stretch_signs, part("scene.stretch").EVEN
    head.scale = (1, 1, 1.2)
    head.keyframe_insert("scale", frame=1)
    head.keyframe_insert("scale", frame=20)
    assert signs(head) != even  # keyed with all the rest, and never changed
    head.scale = (1, 1, 0.8)
    head.keyframe_insert("scale", frame=20)
    assert signs(head) == even
    head.animation_data_clear()
    assert signs(head) != even
    head.driver_add("scale", 2).driver.expression = "0.8"
    assert signs(head) == even
    head.scale = (1, 0, 1)  # nothing to divide by
    assert signs(head) == even


@pytest.mark.parametrize("how", ["keys", "bones"])
def test_what_a_stretched_head_does_is_read_as_it_is_seen(part, head, tmp_path, wav, speech, how):
    MOVERS[how](part, head, tmp_path)
    head.scale = (1.0, 1.4, 0.8)
    before = film(head)
    words = str(wav("words.wav", speech))
    assert bpy.ops.meshtalk.dub(sound_file=words, upper=1.0, mouth=1.0) == {"FINISHED"}
    np.testing.assert_allclose(film(head), before, atol=1e-6)


def _pair(head):
    """The same head twice: with an uneven scale, and with that scale applied."""
    other = head.copy()
    other.data = head.data.copy()
    bpy.context.scene.collection.objects.link(other)
    head.scale = other.scale = (1.2, 1.0, 0.8)
    head.rotation_euler = other.rotation_euler = (0, 0, radians(30))
    other.data.transform(Matrix.Diagonal((*other.scale, 1.0)), shape_keys=True)
    other.scale = (1, 1, 1)
    return other


def _own_key(head):
    """A jaw that goes another way than the model's."""
    head.shape_key_add(name="Basis")
    key = head.shape_key_add(name="jawOpen", from_mix=False)
    rest = np.array([point.co for point in key.data])
    chin = np.clip((np.median(rest[:, 2]) - rest[:, 2]) / np.ptp(rest[:, 2]), 0, 1)
    rest += chin[:, None] * np.array([0, 0.02, -0.06])
    key.data.foreach_set("co", rest.astype(np.float32).ravel())


@pytest.mark.parametrize("has_keys", [False, True], ids=["no keys", "keys of its own"])
def test_known_heads_and_their_own_keys_too(part, scene, head, has_keys):
    if has_keys:
        _own_key(head)
    other = _pair(head)
    for thing in (head, other):
        choose(thing)
        generate(head=thing.name)
    got, want = motion_of(head), motion_of(other)
    assert np.linalg.norm(want) > 0
    np.testing.assert_allclose(got, want, atol=1e-3 * np.abs(want).max())


def test_a_stretched_head_takes_another_ones_motion_as_it_is_seen(part, scene, head):
    choose(head)
    generate(head=head.name)
    stretched = head.copy()
    stretched.data = head.data.copy()
    stretched.shape_key_clear()
    stretched.meshtalk.takes.clear()
    bpy.context.scene.collection.objects.link(stretched)
    other = _pair(stretched)
    for thing in (stretched, other):
        choose(thing)
        assert bpy.ops.meshtalk.retarget(source=head.name, head=thing.name) == {"FINISHED"}
    got, want = motion_of(stretched), motion_of(other)
    assert np.linalg.norm(want) > 0
    np.testing.assert_allclose(got, want, atol=2e-3 * np.abs(want).max())
