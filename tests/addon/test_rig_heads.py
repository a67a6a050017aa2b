# SPDX-License-Identifier: GPL-3.0-or-later
"""Animators have the armature selected: the tab works on the head that hangs on it."""

from __future__ import annotations

import time

import bpy
import pytest

from tests.addon import paper
from tests.addon.speaking import give_keys

ARKIT = ("jawOpen", "mouthPucker", "mouthSmileLeft", "eyeBlinkLeft")


def hang(thing, rig, how="modifier"):
    if how == "modifier":
        thing.modifiers.new("Armature", "ARMATURE").object = rig
    elif how == "parent":
        thing.parent = rig
    else:  # below an empty below the armature
        empty = bpy.data.objects.new("Group", None)
        bpy.context.scene.collection.objects.link(empty)
        empty.parent, thing.parent = rig, empty


def choose(thing):
    for each in bpy.context.view_layer.objects:
        each.select_set(each == thing)
    bpy.context.view_layer.objects.active = thing


@pytest.fixture()
def rig(talking):
    """The selected armature, on which nothing hangs."""
    bpy.ops.object.armature_add()
    bpy.context.active_object.name = "Rig"
    return bpy.context.active_object


@pytest.fixture()
def shirt(rig):
    """Another mesh of the character."""
    bpy.ops.mesh.primitive_uv_sphere_add()
    thing = bpy.context.active_object
    thing.name = "Shirt"
    hang(thing, rig)
    choose(rig)
    return thing


def chosen(part):
    bpy.context.view_layer.update()
    return part("ops.checks").chosen_head(bpy.context)


@pytest.mark.parametrize("how", ["modifier", "parent", "group"])
@pytest.mark.parametrize("mode", ["OBJECT", "POSE"])
def test_the_only_mesh_of_a_selected_armature_speaks(part, head, rig, how, mode):
    hang(head, rig, how)
    choose(rig)
    bpy.ops.object.mode_set(mode=mode)
    assert chosen(part) == head
    assert f"Head of “Rig”: {head.name}" in paper.draw(part("panels.tab").MESHTALK_PT_main).texts
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    assert len(head.meshtalk.takes) == 1
    assert paper.draw(part("panels.tab").MESHTALK_PT_takes) is not None


def test_of_several_meshes_the_one_with_keys_that_speech_moves(part, head, rig, shirt):
    hang(head, rig)
    give_keys(shirt, ["Sleeve Left", "Sleeve Right", "Wind"])
    assert chosen(part) == rig
    give_keys(head, ARKIT)
    assert chosen(part) == head


def test_of_several_meshes_the_one_that_spoke_before(part, head, rig, shirt):
    give_keys(shirt, ARKIT)
    give_keys(head, ARKIT)
    hang(head, rig)
    assert chosen(part) == rig
    with pytest.raises(RuntimeError, match="“Rig” moves 2 meshes: select the one with the face, or pick it"):
        bpy.ops.meshtalk.generate()
    choose(head)
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    choose(rig)
    assert chosen(part) == head


def test_teeth_that_are_parts_count_with_their_face(part, head, rig, shirt):
    hang(head, rig)
    part("scene.parts").add_parts(head, [shirt])
    assert chosen(part) == head


def test_an_armature_without_meshes_says_so(part, head, rig):
    assert chosen(part) == rig
    with pytest.raises(RuntimeError, match="“Rig” is an armature that moves no mesh"):
        bpy.ops.meshtalk.generate()


def test_two_selected_armatures_are_two_heads(part, talking, head, rig):
    hang(head, rig)
    bpy.ops.meshtalk.add_head()
    other = bpy.context.active_object
    bpy.ops.object.armature_add()
    second = bpy.context.active_object
    hang(other, second)
    rig.select_set(True)
    talking.meshtalk.heads = "SELECTED"
    bpy.context.view_layer.update()
    assert set(part("ops.checks").chosen_heads(bpy.context)) == {head, other}


def test_with_an_armature_panels_draw_at_once_in_a_large_scene(part, head, rig, monkeypatch):
    """Two thousand other objects are looked through once, and not for each line of the tab."""
    hang(head, rig)
    choose(rig)
    for number in range(2000):
        thing = bpy.data.objects.new(f"Tree {number}", bpy.data.meshes.new("Tree"))
        bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.update()
    rig_heads, looked = part("scene.rig_heads"), []
    whole = rig_heads.meshes_of_rig
    monkeypatch.setattr(rig_heads, "meshes_of_rig", lambda *args: looked.append(1) or whole(*args))
    monkeypatch.setattr(rig_heads, "bpy", _in_a_window())
    monkeypatch.setattr(rig_heads, "time", _Still)
    rig_heads.forget()
    for panel in paper.panels():
        paper.draw(panel)
    assert len(looked) == 1
    rig_heads.forget()  # as any change of the scene does
    assert part("ops.checks").chosen_head(bpy.context) == head and len(looked) == 2


class _Still:
    """A clock that stands: the machine may be slow."""

    now = time.monotonic()

    @classmethod
    def monotonic(cls):
        return cls.now


def _in_a_window():
    from types import SimpleNamespace

    return SimpleNamespace(app=SimpleNamespace(background=False), types=bpy.types)
