# SPDX-License-Identifier: GPL-3.0-or-later
"""Shape keys that the user renames after takes were made: live controls, other takes and deleting follow."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np
import pytest

from tests.addon.speaking import JAW, Speaker, curve_values, give_keys, played

FRAMES = np.arange(12, 38)
BLINK, SMILE = "eyeBlinkLeft", "mouthSmileLeft"


@pytest.fixture()
def speaker(part, head):
    return Speaker(part, head)


def rename(head, **names):
    """New names by old ones, as in the list of shape keys."""
    for old, new in names.items():
        head.data.shape_keys.key_blocks[old].name = new


def paths(head):
    return {curve.data_path for curve in played(head)}


@pytest.mark.parametrize("placement", ["NEW", "RANGE"])
@pytest.mark.parametrize("own", [False, True], ids=["made", "the head's own"])
def test_live_controls_follow(head, speaker, own, placement):
    if own:
        give_keys(head, (JAW, BLINK, SMILE))
        head.meshtalk.missing_units = "SKIP"
        head.meshtalk.use_matching = False
    speaker.write(10, 30, placement=placement)
    before, other = curve_values(head, JAW, FRAMES), curve_values(head, BLINK, FRAMES)
    rename(head, **{JAW: 'Kiefer "auf"'})
    speaker.take.controls.jaw = 0.5
    item = speaker.take.objects[0]
    assert item.gone == 0 and item.by_hand == 0
    half = curve_values(head, 'Kiefer \\"auf\\"', FRAMES)
    assert np.abs(half).max() < 0.8 * np.abs(before).max() and np.abs(half).max() > 0.05
    np.testing.assert_array_equal(curve_values(head, BLINK, FRAMES), other)
    assert f'key_blocks["{JAW}"].value' not in paths(head)
    assert len(head.data.shape_keys.key_blocks) == len(set(head.data.shape_keys.key_blocks.keys()))


def test_all_keys_renamed_at_once_those_at_rest_too(part, head, speaker):
    speaker.write(10, 30)
    keys = head.data.shape_keys
    for block in list(keys.key_blocks)[1:]:
        block.name = f"CTRL_{block.name}"
    speaker.take.controls.brow = 0.3
    assert speaker.take.objects[0].gone == 0
    assert all('"CTRL_' in path for path in paths(head))
    made = part("scene.made_keys")
    assert set(made.made_names(keys)) == made.untouched(keys) == set(keys.key_blocks.keys()[1:])


def test_own_keys_at_rest_are_told_apart_by_their_order(head, speaker):
    give_keys(head, (JAW, BLINK, SMILE, "mouthPucker", "browInnerUp"))
    head.meshtalk.missing_units, head.meshtalk.use_matching = "SKIP", False
    speaker.write(10, 30)
    writing = speaker.part("scene.take_writing")
    segment = speaker.take.segments[0]
    curves = writing.segments_of(speaker.take)[0][1]
    still = np.array([name in (JAW, BLINK, "mouthPucker", "browInnerUp") for name in curves.unit_names])
    rested = np.where(still, 0, curves.weights).astype(np.float32)
    writing.replace_segments(head, speaker.take, [(segment.frame, replace(curves, weights=rested))])
    rename(head, mouthPucker="one", browInnerUp="two", **{BLINK: "three", JAW: "four"})
    speaker.take.controls.jaw = 0.5
    assert speaker.take.objects[0].gone == 0
    recipe = speaker.part("scene.recipe").read_recipe(speaker.take.objects[0].recipe)
    drives = {entry.key: entry.drive for entry in recipe.drives}
    wanted = ["mouthPucker", "browInnerUp", BLINK, JAW]
    assert [drives[key] for key in ("one", "two", "three", "four")] == wanted


def test_takes_that_did_not_play_meanwhile_follow_too(head, speaker):
    speaker.write(10, 30, name="one")
    jaw = curve_values(head, JAW, FRAMES)
    speaker.write(10, 30, name="two", seed=3)
    rename(head, **{JAW: "open wide"})
    assert bpy.ops.meshtalk.show_take(take="one") == {"FINISHED"}
    np.testing.assert_array_equal(curve_values(head, "open wide", FRAMES), jaw)
    head.meshtalk.takes[0].controls.jaw = 0.4
    assert np.abs(curve_values(head, "open wide", FRAMES)).max() < np.abs(jaw).max()


def test_the_users_keys_come_back_below_a_take_in_a_range(head, speaker):
    give_keys(head, (JAW, BLINK))
    block = head.data.shape_keys.key_blocks[JAW]
    for frame in range(1, 60, 5):
        block.value = 0.5 + 0.4 * np.sin(frame)
        block.keyframe_insert("value", frame=frame)
    before = curve_values(head, JAW, np.arange(1, 60))
    speaker.write(10, 30, placement="RANGE")
    rename(head, **{JAW: "mine"})
    assert bpy.ops.meshtalk.remove_take() == {"FINISHED"}
    np.testing.assert_allclose(curve_values(head, "mine", np.arange(1, 60)), before, atol=1e-5)


def test_where_nothing_tells_it_is_counted(head, speaker):
    give_keys(head, (JAW, BLINK))
    head.meshtalk.missing_units, head.meshtalk.use_matching = "SKIP", False
    speaker.write(10, 30)
    head.meshtalk.active_take = -1  # nothing plays, so Blender takes nothing along
    rename(head, **{JAW: "somewhere", BLINK: "else"})
    head.meshtalk.active_take = 0
    speaker.take.controls.jaw = 0.5
    assert speaker.take.objects[0].gone == 2
    recipe = speaker.part("scene.recipe").read_recipe(speaker.take.objects[0].recipe)
    assert set(recipe.keys) == {JAW, BLINK}


def test_a_made_key_that_was_copied_is_left_to_the_user(part, head, speaker):
    """Two keys of that shape: neither is surely the one."""
    speaker.write(10, 30)
    keys = head.data.shape_keys
    shape = np.empty(3 * len(head.data.vertices), np.float32)
    keys.key_blocks[JAW].data.foreach_get("co", shape)
    head.meshtalk.active_take = -1
    for name in ("a", "b"):
        head.shape_key_add(name=name, from_mix=False).data.foreach_set("co", shape)
    head.shape_key_remove(keys.key_blocks[JAW])
    head.meshtalk.active_take = 0
    speaker.take.controls.jaw = 0.5
    assert speaker.take.objects[0].gone == 1
    head.shape_key_remove(keys.key_blocks["b"])
    speaker.take.controls.jaw = 0.6
    assert speaker.take.objects[0].gone == 0


def test_mapping_and_resting_values_follow(part, head, speaker):
    give_keys(head, (JAW, BLINK, "Sneer of mine"))
    keys = head.data.shape_keys.key_blocks
    keys[JAW].value = 0.25
    part("scene.mapping").edit_mapping(head, speaker.units)
    speaker.write(10, 30)
    rename(head, **{JAW: "mine"})
    speaker.take.controls.jaw = 0.5
    assert "mine" in head.meshtalk_mapping.entries and JAW not in head.meshtalk_mapping.entries
    head.meshtalk.active_take = -1
    bpy.context.scene.frame_set(3)
    assert keys["mine"].value == pytest.approx(0.25)
