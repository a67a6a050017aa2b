# SPDX-License-Identifier: GPL-3.0-or-later
"""Retarget: what one head does, on another; seen on the evaluated meshes."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from tests.addon.movers import LAST, MOVERS, by_take, film
from tests.addon.speaking import Speaker, curve_values


@pytest.fixture()
def other(head):
    """A second head, a third larger, beside the first; it is the active one."""
    assert bpy.ops.meshtalk.add_head() == {"FINISHED"}
    other = bpy.context.active_object
    other.name = "Other"
    places = np.empty(3 * len(other.data.vertices), np.float32)
    other.data.vertices.foreach_get("co", places)
    other.data.vertices.foreach_set("co", 1.33 * places)
    other.data.update()
    other.location.x = 0.5
    return other


def gap(part, places):
    """How far apart the lips are in places (T, V, 3)."""
    models = part("models")
    marks = models.loaded_bundle(models.model_folder("tiny_bundle"), None).template.landmarks
    return places[:, marks["lip_upper_inner"], 2] - places[:, marks["lip_lower_inner"], 2]


def test_the_other_head_does_the_same_in_its_own_size(part, head, other, tmp_path):
    by_take(part, head, tmp_path)
    assert bpy.ops.meshtalk.retarget(source=head.name, head=other.name) == {"FINISHED"}
    here, there = film(head), film(other)
    np.testing.assert_allclose(there - there[:1], 1.33 * (here - here[:1]), atol=2e-4)
    take = other.meshtalk.takes[-1]
    assert take.kind == "RETARGET" and take.name == head.name
    assert len(head.meshtalk.takes) == 1


@pytest.mark.parametrize("how", ["drivers", "cache"])
def test_whatever_moves_the_source_is_read(part, head, other, tmp_path, how):
    MOVERS[how](part, head, tmp_path)
    assert bpy.ops.meshtalk.retarget(source=head.name, head=other.name) == {"FINISHED"}
    here, there = gap(part, film(head)), gap(part, film(other))
    assert np.corrcoef(here, there)[0, 1] > 0.95
    assert np.ptp(there) > 0.5 * np.ptp(here)


def test_a_part_leaves_the_rest_to_what_plays(part, head, other, tmp_path):
    by_take(part, head, tmp_path)
    Speaker(part, other).write(1, LAST, seed=7)
    frames = range(1, LAST + 1, 7)
    before = {name: curve_values(other, name, frames) for name in ("jawOpen", "eyeBlinkLeft")}
    assert bpy.ops.meshtalk.retarget(source=head.name, head=other.name, part="UPPER") == {"FINISHED"}
    np.testing.assert_array_equal(curve_values(other, "jawOpen", frames), before["jawOpen"])
    wanted = curve_values(head, "eyeBlinkLeft", frames)
    np.testing.assert_allclose(curve_values(other, "eyeBlinkLeft", frames), wanted, atol=1e-5)
    assert np.abs(wanted - before["eyeBlinkLeft"]).max() > 0.05


def test_a_range_is_taken_over_where_it_is(part, head, other, tmp_path):
    by_take(part, head, tmp_path)
    assert bpy.ops.meshtalk.retarget(source=head.name, head=other.name, start=20, end=40) == {"FINISHED"}
    here, there = film(head), film(other)
    still = np.abs(np.diff(there, axis=0)).max(axis=(1, 2)) < 1e-6
    assert still[:18].all() and not still[20:38].any() and still[-1]
    rest = part("scene.mesh").read_rest_pose(head).vertices
    np.testing.assert_allclose((there[25] / 1.33) - here[25], rest * 0, atol=2e-4)


def test_the_panel_says_what_is_missing(part, scene, head, other):
    reason = part("ops.retarget").retarget_reason
    bpy.context.view_layer.objects.active = other
    assert "Choose a source" in reason(bpy.context)
    scene.meshtalk_retarget.source = other
    assert "itself" in reason(bpy.context)
    scene.meshtalk_retarget.source = head
    assert reason(bpy.context) is None
    with pytest.raises(RuntimeError, match="itself"):
        bpy.ops.meshtalk.retarget(source=head.name, head=head.name)


def test_undo_takes_it_back(part, head, other, tmp_path):
    by_take(part, head, tmp_path)
    bpy.ops.ed.undo_push(message="Before")
    actions = len(bpy.data.actions)
    assert bpy.ops.meshtalk.retarget(source=head.name, head=other.name) == {"FINISHED"}
    bpy.ops.ed.undo_push(message="Retarget")
    bpy.ops.ed.undo()
    other = bpy.data.objects["Other"]
    assert len(bpy.data.actions) == actions and len(other.meshtalk.takes) == 0
    assert other.data.shape_keys is None


def test_a_head_that_hides_its_keys_says_so(part, head, other, tmp_path):
    MOVERS["take"](part, head, tmp_path)
    other.modifiers.new("Abc", "MESH_SEQUENCE_CACHE")
    with pytest.raises(RuntimeError, match="hides shape keys"):
        bpy.ops.meshtalk.retarget(source=head.name, head=other.name)
    speaker = Speaker(part, other)
    speaker.write(1, 5)
    assert "“Abc” of “Other” hides its shape keys" in speaker.sentence
    other.modifiers["Abc"].show_viewport = False
    speaker.write(1, 5)
    assert "hides" not in speaker.sentence


@pytest.mark.parametrize("moved_by", ["keys", "drivers"])
def test_a_linked_source_is_only_read(part, scene, head, tmp_path, moved_by):
    """A character of another file drives one of this, also where both have the same name."""
    by_take(part, head, tmp_path)
    if moved_by == "drivers":  # read from the evaluated mesh
        head.modifiers.new("Smooth", "SMOOTH").factor = 0.0
    path, name = str(tmp_path / "character.blend"), head.name
    bpy.data.libraries.write(path, {head})
    here = film(head)
    with bpy.data.libraries.load(path, link=True) as (_found, wanted):
        wanted.objects = [name]
    linked = wanted.objects[0]
    bpy.data.objects.remove(head)
    scene.collection.objects.link(linked)
    assert bpy.ops.meshtalk.add_head() == {"FINISHED"}
    target = bpy.context.active_object
    target.name = name
    assert target.name == linked.name and linked.library is not None
    scene.meshtalk_retarget.source = linked
    assert part("ops.retarget").retarget_reason(bpy.context) is None
    assert bpy.ops.meshtalk.retarget(head=target.name, source="") == {"FINISHED"}
    there = film(target)
    np.testing.assert_allclose(there - there[:1], here - here[:1], atol=2e-4)
    assert len(linked.meshtalk.takes) == 1
