# SPDX-License-Identifier: GPL-3.0-or-later
"""Which shape keys Generate makes, renews, drives and leaves alone."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import bpy  # first: it brings bmesh

import bmesh  # isort: skip
import numpy as np
import pytest

from tests.addon.generating import assert_plays, expected, fcurves, generate, sound_of
from tests.addon.speaking import moved


def shape_of(head, name):
    """What a key adds to its basis, (V, 3)."""
    block = head.data.shape_keys.key_blocks[name]
    flat, base = (np.empty(len(block.data) * 3, np.float32) for _ in range(2))
    block.data.foreach_get("co", flat)
    block.relative_key.data.foreach_get("co", base)
    return (flat - base).reshape(-1, 3)


def edit(head, change):
    """Change the vertices (V, 3) in Edit Mode, as a user does: Blender takes the other keys along."""
    head.active_shape_key_index = 0
    bpy.ops.object.mode_set(mode="EDIT")
    mesh = bmesh.from_edit_mesh(head.data)
    before = np.array([vertex.co for vertex in mesh.verts])
    for vertex, place in zip(mesh.verts, change(before), strict=True):
        vertex.co = place
    bmesh.update_edit_mesh(head.data)
    bpy.ops.object.mode_set(mode="OBJECT")


def longer_chin(points):
    """The lower part of the face drawn down."""
    low = points[:, 2].min() + 0.4 * np.ptp(points[:, 2])
    return points + np.where(points[:, 2:] < low, [[0, 0, -0.2]], 0) * (low - points[:, 2:])


class TestAgainOnTheSameHead:
    """What was made before follows the head; what the user did to it stays."""

    def test_made_keys_follow_an_edited_mesh(self, part, talking, head):
        generate()
        before = shape_of(head, "jawOpen")
        edit(head, longer_chin)
        np.testing.assert_allclose(shape_of(head, "jawOpen"), before, atol=1e-6)
        generate()
        weights, deltas, rest = expected(part, talking, head, sound_of(talking, part), Fraction(30))
        assert np.abs(shape_of(head, "jawOpen") - before).max() > 1e-4
        assert_plays(head, 1, weights, deltas, rest)
        assert "renewed" in part("ops.desk").desk.message

    def test_sculpted_keys_stay(self, part, talking, head):
        generate()
        head.data.shape_keys.key_blocks["jawOpen"].data[3].co.x += 0.002
        sculpted = shape_of(head, "jawOpen")
        edit(head, longer_chin)
        generate()
        np.testing.assert_allclose(shape_of(head, "jawOpen"), sculpted, atol=1e-6)
        assert "1 shape key kept" in part("ops.desk").desk.message

    def test_locked_keys_stay(self, part, talking, head):
        generate()
        before = shape_of(head, "jawOpen")
        head.data.shape_keys.key_blocks["jawOpen"].lock_shape = True
        edit(head, longer_chin)
        generate()
        np.testing.assert_allclose(shape_of(head, "jawOpen"), before, atol=1e-6)

    def test_nothing_is_written_anew_without_need(self, part, talking, head):
        generate()
        generate()
        assert "shape key" not in part("ops.desk").desk.message

    def test_a_deleted_key_is_made_again(self, part, talking, head):
        generate()
        before = shape_of(head, "jawOpen")
        head.shape_key_remove(head.data.shape_keys.key_blocks["jawOpen"])
        generate()
        np.testing.assert_allclose(shape_of(head, "jawOpen"), before, atol=1e-7)
        assert sorted(head.data.shape_keys["meshtalk"]["made"]) == sorted(
            block.name for block in head.data.shape_keys.key_blocks if block.name != "Basis"
        )

    def test_a_basis_of_another_name_and_moved_relative_keys(self, part, talking, head):
        generate()
        blocks = head.data.shape_keys.key_blocks
        blocks["Basis"].name = "Neutral"
        blocks["mouthPucker"].relative_key = blocks["jawOpen"]
        before = shape_of(head, "mouthPucker")
        generate()
        assert "Basis" not in blocks and blocks["mouthPucker"].relative_key == blocks["jawOpen"]
        np.testing.assert_array_equal(shape_of(head, "mouthPucker"), before)

    def test_a_locked_curve_is_left_alone(self, part, talking, head):
        generate()
        path = 'key_blocks["jawOpen"].value'
        curve = fcurves(part, head)[path]
        for key in curve.keyframe_points:
            key.co.y = 0.125
        curve.lock = True
        talking.meshtalk.seed = 3
        generate()
        assert {key.co.y for key in fcurves(part, head)[path].keyframe_points} == {0.125}
        assert "locked" in part("ops.desk").desk.message


ARKIT_OF_TINY = (
    "browInnerUp",
    "eyeBlink_L",
    "eyeBlink_R",
    "jawOpen",
    "mouthClose",
    "mouthPucker",
    "mouthSmile_L",
)


def give_keys(head, names, step=0.001):
    """Keys of the user's, each with a shape of its own."""
    head.shape_key_add(name="Rest", from_mix=False)
    for number, name in enumerate(names):
        block = head.shape_key_add(name=name, from_mix=False)
        block.data[number].co.z += step * (number + 1)
        block.value = 0.0


class TestHeadsWithKeysOfTheirOwn:
    """Only the user's keys move, and nothing is added."""

    def test_all_units_there(self, part, talking, head):
        give_keys(head, ARKIT_OF_TINY)
        generate()
        keys = head.data.shape_keys
        assert [block.name for block in keys.key_blocks] == ["Rest", *ARKIT_OF_TINY]
        assert len(fcurves(part, head)) == len(ARKIT_OF_TINY) and "meshtalk" not in keys
        for curve in fcurves(part, head).values():
            assert all(0 <= key.co.y <= 1 for key in curve.keyframe_points)

    def test_visemes_alone_move(self, part, talking, head):
        names = [f"viseme_{v}" for v in "sil PP FF TH DD kk CH SS nn RR aa E I O U".split()]
        give_keys(head, names)
        generate()
        assert [block.name for block in head.data.shape_keys.key_blocks] == ["Rest", *names]
        moving = [c for c in fcurves(part, head).values() if len(c.keyframe_points) > 2]
        assert moving and np.abs(moved(head, 20) - moved(head, 1)).max() > 1e-5

    def test_missing_units_skipped(self, part, talking, head):
        give_keys(head, ["jawOpen"])
        head.meshtalk.missing_units = "SKIP"
        generate()
        assert [block.name for block in head.data.shape_keys.key_blocks] == ["Rest", "jawOpen"]

    def test_nothing_to_move_is_refused(self, part, talking, head):
        head.meshtalk.missing_units = "SKIP"
        with pytest.raises(RuntimeError, match="no shape keys that speech moves"):
            bpy.ops.meshtalk.generate()
        assert head.data.shape_keys is None and len(bpy.data.actions) == 0

    def test_all_keys_driven_is_refused(self, part, talking, head):
        give_keys(head, ARKIT_OF_TINY)
        for block in head.data.shape_keys.key_blocks[1:]:
            block.driver_add("value").driver.expression = "0.1"
        with pytest.raises(RuntimeError, match="have drivers or locked curves"):
            bpy.ops.meshtalk.generate()
        assert len(bpy.data.actions) == 0

    def test_what_an_earlier_take_moved_comes_to_rest(self, part, talking, head):
        give_keys(head, ["jawOpen"])
        generate()
        head.data.shape_keys.key_blocks["jawOpen"].name = "bite"
        generate()
        curve = fcurves(part, head)['key_blocks["bite"].value']
        assert [key.co.y for key in curve.keyframe_points] == [0.0]
        assert 'key_blocks["jawOpen"].value' in fcurves(part, head)

    def test_armature_turns_what_the_keys_shape(self, part, talking, head):
        weights, deltas, rest = expected(part, talking, head, talking.meshtalk.sound_file, Fraction(30))
        rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
        talking.collection.objects.link(rig)
        bpy.context.view_layer.objects.active = rig
        bpy.ops.object.mode_set(mode="EDIT")
        bone = rig.data.edit_bones.new("head")
        bone.tail = (0, 0, 1)
        bpy.ops.object.mode_set(mode="OBJECT")
        head.vertex_groups.new(name="head").add(range(len(rest)), 1.0, "REPLACE")
        head.modifiers.new("Armature", "ARMATURE").object = rig
        rig.pose.bones["head"].rotation_mode = "XYZ"
        rig.pose.bones["head"].rotation_euler = (0, 0.5, 0)
        bpy.context.view_layer.objects.active = head
        generate()
        talking.frame_set(30)
        turn = np.array(rig.pose.bones["head"].matrix @ rig.data.bones["head"].matrix_local.inverted())
        want = (rest + np.tensordot(weights[29], deltas, 1)) @ turn[:3, :3].T + turn[:3, 3]
        np.testing.assert_allclose(moved(head, 30), want, atol=2e-5)


def test_a_still_curve_has_one_key_at_rest(part):
    module = part("scene.fcurves")

    def frames(value):
        return module.key_points([module.Values(7, np.full(20, value, np.float32))], 3).co.tolist()

    assert frames(5e-5) == [[7, 0]]
    assert frames(0.25) == [[7, 0.25], [26, 0.25], [29, 0]]


class TestCorrectives:
    """Keys for what the named units can't express, the same ones in every take of a head."""

    NAMES = ("1 lower lip", "2 left mouth corner")

    @pytest.fixture()
    def write(self, part, talking, head):
        """Write a take with so many correctives, whose deltas are (K, V', 3)."""
        module, speech = part("ops.plan"), part("ops.speech")

        def write(count, size=0.003):
            plan = module.make_plan(bpy.context, module.wish_of(bpy.context))
            (result,) = speech.run_speech(plan.request, lambda *_: None, lambda: False)
            (spoken,) = result.spoken
            frames, shape = len(spoken.take.weights), (count, len(head.data.vertices), 3)
            deltas = size * np.random.default_rng(1).uniform(-1, 1, (2, *shape[1:])).astype(np.float32)
            weights = np.sin(np.arange(frames * count).reshape(frames, count)).astype(np.float32)
            take = replace(
                spoken.take,
                corrective_weights=weights,
                correctives=deltas[:count],
                corrective_names=self.NAMES[:count],
                corrective_error_mm=0.15,
            )
            spoken = (replace(spoken, take=take),)
            result = replace(result, spoken=spoken, corrective_deltas=deltas[:count])
            text = module.write_result(plan, (result,))
            return text, weights, deltas

        return write

    def values(self, part, head, name):
        curve = fcurves(part, head)[f'key_blocks["MeshTalk Corrective {name}"].value']
        return [key.co.y for key in curve.keyframe_points]

    def test_they_reach_below_zero_and_are_shared_between_takes(self, part, head, write):
        text, weights, deltas = write(2)
        block = head.data.shape_keys.key_blocks["MeshTalk Corrective 1 lower lip"]
        assert (block.slider_min, block.slider_max) == (-1, 1) and "0.15 mm" in text
        np.testing.assert_allclose(shape_of(head, block.name), deltas[0], atol=1e-6)
        np.testing.assert_allclose(self.values(part, head, self.NAMES[0])[: len(weights)], weights[:, 0])
        count = len(head.data.shape_keys.key_blocks)
        write(1)
        assert len(head.data.shape_keys.key_blocks) == count
        assert self.values(part, head, self.NAMES[1]) == [0.0]

    def test_another_models_shape_of_the_same_name_replaces_it(self, part, head, write):
        write(2)
        _, _, deltas = write(2, 0.005)
        np.testing.assert_allclose(shape_of(head, "MeshTalk Corrective 1 lower lip"), deltas[0], atol=1e-6)

    def test_none_beside_keys_of_the_users(self, part, head, write):
        give_keys(head, ["jawOpen"])
        write(2)
        assert not any("Corrective" in block.name for block in head.data.shape_keys.key_blocks)
