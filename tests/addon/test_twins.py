# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads that share one mesh (Alt D), and so its shape keys and all that plays on them."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from tests.addon.speaking import JAW, Speaker, moved


@pytest.fixture()
def speaker(part, head):
    return Speaker(part, head)


def twin_of(head):
    """What Alt D makes."""
    for thing in bpy.context.scene.objects:
        thing.select_set(thing == head)
    bpy.context.view_layer.objects.active = head
    assert bpy.ops.object.duplicate(linked=True) == {"FINISHED"}
    twin = bpy.context.active_object
    assert twin != head and twin.data == head.data
    return twin


def names(head):
    return [take.name for take in head.meshtalk.takes]


def jaw(head):
    """The jaw's values as they play from frame 5 to 49, whatever plays them."""
    found = []
    for frame in range(5, 50):
        bpy.context.scene.frame_set(frame)
        found.append(head.data.shape_keys.key_blocks[JAW].value)
    return np.array(found)


def test_selected_together_they_are_animated_once(talking, head, part):
    twin = twin_of(head)
    head.select_set(True)
    talking.meshtalk.heads = "SELECTED"
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    assert sorted(len(each.meshtalk.takes) for each in (head, twin)) == [0, 1]
    assert len(bpy.data.actions) == 1
    message = part("ops.desk").desk.message
    assert "shares the mesh of" in message and message.count("frames") == 1
    np.testing.assert_array_equal(moved(head, 20), moved(twin, 20))


def test_named_together_they_are_too(talking, head):
    twin = twin_of(head)
    heads = [{"name": head.name}, {"name": twin.name}]
    assert bpy.ops.meshtalk.generate(heads=heads) == {"FINISHED"}
    assert [len(head.meshtalk.takes), len(twin.meshtalk.takes)] == [1, 0]


@pytest.mark.parametrize("placement", ["NEW", "RANGE", "NLA"])
def test_a_take_that_the_twin_has_too_only_leaves_the_list(part, head, speaker, placement):
    speaker.write(10, 30, placement=placement, name="one")
    speaker.write(10, 30, placement=placement, name="two", seed=3)
    twin = twin_of(head)
    before = jaw(head)
    take, playing = part("scene.take_list"), head.data.shape_keys.animation_data.action
    assert bpy.ops.meshtalk.remove_take(head=twin.name, take="two") == {"FINISHED"}
    np.testing.assert_array_equal(jaw(head), before)
    assert head.data.shape_keys.animation_data.action == playing
    assert names(twin) == ["one"] and names(head) == ["one", "two"]
    assert take.is_playing(head, head.meshtalk.takes[1])
    assert bpy.ops.meshtalk.remove_take(head=twin.name, take="one") == {"FINISHED"}
    np.testing.assert_array_equal(jaw(head), before)
    assert names(twin) == [] and twin.meshtalk.active_take == -1 and len(twin.meshtalk.originals) == 0
    assert bpy.ops.meshtalk.remove_take(head=head.name, take="two") == {"FINISHED"}  # the last who had it
    assert names(head) == ["one"] and np.abs(jaw(head) - before).max() > 0.1


def test_it_is_said(part, head, speaker):
    speaker.write(10, 30, name="one")
    twin = twin_of(head)
    operators = part("ops.takes")
    done = operators.MESHTALK_OT_remove_take.act(None, twin, twin.meshtalk.takes[0])
    assert done == f"“one” is off the list; “{head.name}” shares the mesh and keeps it, so it plays on"
    assert operators.MESHTALK_OT_remove_take.act(None, head, head.meshtalk.takes[0]) == "“one” was deleted"


def test_what_one_turns_both_have(part, head, speaker):
    speaker.write(10, 30, name="one")
    twin = twin_of(head)
    before = jaw(head)
    for number, thing in enumerate((head, twin, head)):
        thing.meshtalk.takes[0].controls.jaw = 0.2 + 0.3 * number
        assert len(bpy.data.actions) == 1
        items = [each.meshtalk.takes[0].objects[0] for each in (head, twin)]
        assert items[0].action == items[1].action and items[0].by_hand == items[1].by_hand == 0
        jaws = [each.meshtalk.takes[0].controls.jaw for each in (head, twin)]
        assert jaws == pytest.approx([0.2 + 0.3 * number] * 2)
    assert np.abs(jaw(head) - before).max() > 0.02
    for name in ("undo_post", "load_post"):
        for handler in getattr(bpy.app.handlers, name):
            if handler.__module__.endswith("control_props"):
                handler()
    assert head.meshtalk.takes[0].controls.jaw == pytest.approx(0.8)


def test_a_copy_with_a_mesh_of_its_own_is_no_twin(part, head, speaker):
    speaker.write(10, 30, name="one")
    twin = twin_of(head)
    twin.data = twin.data.copy()
    before = jaw(head)
    twin.meshtalk.takes[0].controls.jaw = 0.1
    np.testing.assert_array_equal(jaw(head), before)
    assert np.abs(jaw(twin) - before).max() > 0.02
