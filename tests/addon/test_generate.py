# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate, from the button to the moving mesh, with the tiny model on its own head."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import bpy  # first: it brings bmesh

import bmesh  # isort: skip
import numpy as np
import pytest

RATES = [(24, 1.001), (24, 1.0), (25, 1.0), (30, 1.0), (60, 1.0), (120, 1.0)]

needs_sound = pytest.mark.skipif(
    not bpy.app.build_options.audaspace, reason="this Blender was built without sound: it has no sound strips"
)


def generate():
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}


def fcurves(part, head):
    """The playing F-curves by RNA path."""
    return {
        c.data_path: c for c in part("scene.actions").channels_of(head.data.shape_keys.animation_data).fcurves
    }


def moved(head, frame, subframe=0.0):
    """Vertices of the evaluated mesh at a frame, (V, 3)."""
    bpy.context.scene.frame_set(frame, subframe=subframe)
    mesh = head.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    flat = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", flat)
    return flat.reshape(-1, 3)


def expected(part, scene, head, sound_path, rate, **cut):
    """Weights (T', U) and unit deltas that the engine gives for this head, without the add-on's writing."""
    import meshtalk_checkout.engine.audio.sound as sound
    from meshtalk_checkout.engine.generate import GenerateOptions
    from meshtalk_checkout.engine.generate import generate as run
    from meshtalk_checkout.engine.geometry.bind import bind_head

    models, mesh = part("models"), part("scene.mesh")
    bundle = models.loaded_bundle(models.model_folder(scene.meshtalk.model), None)
    rest = mesh.read_rest_pose(head)
    binding = bind_head(bundle.template, rest.vertices, rest.polygons)
    options = GenerateOptions(seed=scene.meshtalk.seed, temperature=scene.meshtalk.temperature, fps=rate)
    (take,) = run(bundle, sound.load_sound(sound_path, **cut), binding, options)
    return take.weights, binding.unit_deltas(), rest.vertices


def assert_plays(head, first, weights, deltas, rest):
    """The evaluated mesh is rest + weights · deltas, frame by frame."""
    for index in {0, 1, len(weights) // 3, len(weights) // 2, len(weights) - 1}:
        want = rest + np.tensordot(weights[index], deltas, 1)
        np.testing.assert_allclose(moved(head, first + index), want, atol=2e-5)


@pytest.mark.parametrize("fps, base", RATES)
def test_mesh_moves_at_the_right_frames(part, talking, head, speech_file, fps, base):
    talking.render.fps, talking.render.fps_base = fps, base
    rate = Fraction(fps) / Fraction(base).limit_denominator(1001)
    talking.frame_start = 11
    weights, deltas, rest = expected(part, talking, head, speech_file, rate)
    generate()
    assert len(weights) == round(2 * rate)
    assert np.ptp(weights, axis=0).max() > 0.02
    assert_plays(head, 11, weights, deltas, rest)


@needs_sound
@pytest.mark.parametrize(
    "fps, base, start, trim, end",
    [(25, 1.0, 40, 10, 5), (24, 1.001, 7, 0, 0), (60, 1.0, 100, 31, 9), (30, 1.0, 5, -8, 0)],
)
def test_a_strip_keeps_its_trim_and_place(part, talking, head, speech_file, fps, base, start, trim, end):
    talking.render.fps, talking.render.fps_base = fps, base
    rate = Fraction(fps) / Fraction(base).limit_denominator(1001)
    strip = part("scene.strips").add_sound_strip(talking, str(speech_file), "speech", start)
    new = "left_handle_offset" in strip.bl_rna.properties
    setattr(strip, "left_handle_offset" if new else "frame_offset_start", trim)
    setattr(strip, "right_handle_offset" if new else "frame_offset_end", end)
    talking.meshtalk.sound_source = "STRIP"
    left = part("scene.strips").strip_frames(strip, "left")
    right = part("scene.strips").strip_frames(strip, "right")
    generate()
    curve = max(fcurves(part, head).values(), key=lambda c: len(c.keyframe_points))
    frames = [key.co.x for key in curve.keyframe_points]
    assert frames[0] == left == start + trim and frames[-2] <= right - 1
    assert len(frames) - 1 in (right - left, right - left - 1)
    if trim > 0:
        cut = {"start": float(trim / rate), "duration": float((right - left) / rate)}
        assert_plays(head, left, *expected(part, talking, head, speech_file, rate, **cut))


def test_same_seed_same_take_other_seed_other_take(part, talking, head):
    def values():
        generate()
        return np.array(
            [
                [k.co.y for k in c.keyframe_points][:50]
                for c in fcurves(part, head).values()
                if len(c.keyframe_points) > 50
            ]
        )

    first, again = values(), values()
    talking.meshtalk.seed = 5
    other = values()
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or np.abs(first - other).max() > 0.01


def test_face_comes_to_rest_after_the_last_sample(part, talking, head):
    generate()
    rest = part("scene.mesh").read_rest_pose(head).vertices
    last = max(key.co.x for curve in fcurves(part, head).values() for key in curve.keyframe_points)
    assert last == 1 + 60 - 1 + 8
    np.testing.assert_allclose(moved(head, int(last) + 50), rest, atol=1e-6)


def test_new_keys_start_at_zero_and_are_named_after_units(part, talking, head):
    bundle = part("models").loaded_bundle(part("models").model_folder("tiny_bundle"), None)
    generate()
    blocks = head.data.shape_keys.key_blocks
    assert [b.name for b in blocks] == ["Basis", *bundle.unit_names]
    assert all(b.slider_min == 0 and b.slider_max == 1 for b in blocks)
    assert list(head.data.shape_keys["meshtalk"]["made"]) == list(bundle.unit_names)


def test_keys_of_the_user_are_driven_and_others_left_alone(part, talking, head):
    head.shape_key_add(name="Basis", from_mix=False)
    own = head.shape_key_add(name="EYE_BLINK_L", from_mix=False)
    own.data[0].co.z += 1.0
    own.value, own.slider_max = 0.25, 0.5
    hidden = head.shape_key_add(name="hat", from_mix=False)
    hidden.mute, hidden.value = True, 0.5
    shape = [tuple(point.co) for point in own.data]
    generate()
    blocks = head.data.shape_keys.key_blocks
    assert "eyeBlinkLeft" not in blocks and "eyeBlinkRight" in blocks
    assert [tuple(point.co) for point in blocks["EYE_BLINK_L"].data] == shape
    assert 'key_blocks["EYE_BLINK_L"].value' in fcurves(part, head)
    assert blocks["EYE_BLINK_L"].slider_max == 0.5
    assert max(k.co.y for k in fcurves(part, head)['key_blocks["EYE_BLINK_L"].value'].keyframe_points) <= 0.5
    assert blocks["hat"].mute and blocks["hat"].value == 0.5
    assert 'key_blocks["hat"].value' not in fcurves(part, head)


def _users_action(head):
    """An Action of the user's on the head's shape keys: a hat that wobbles, and a jaw."""
    head.shape_key_add(name="Basis", from_mix=False)
    for name in ("hat", "jawOpen"):
        block = head.shape_key_add(name=name, from_mix=False)
        for frame, value in ((1, 0.0), (20, 0.8), (40, 0.1)):
            block.value = value
            block.keyframe_insert("value", frame=frame)
    action = head.data.shape_keys.animation_data.action
    action.name = "Mine"
    return action


def _content(part, head):
    return {path: [tuple(k.co) for k in c.keyframe_points] for path, c in fcurves(part, head).items()}


def test_users_action_stays_as_it_was_and_what_the_take_does_not_animate_plays_on(part, talking, head):
    action = _users_action(head)
    before = _content(part, head)
    hat = [head.data.shape_keys.key_blocks["hat"].value for f in (5, 20, 33) if moved(head, f) is not None]
    generate()
    assert head.data.shape_keys.animation_data.action != action
    assert action.name == "Mine" and action.use_fake_user and "meshtalk" not in action
    after = _content(part, head)
    assert after['key_blocks["hat"].value'] == before['key_blocks["hat"].value']
    assert len(after['key_blocks["jawOpen"].value']) != 3
    assert hat == [
        head.data.shape_keys.key_blocks["hat"].value for f in (5, 20, 33) if moved(head, f) is not None
    ]
    head.data.shape_keys.animation_data.action = action
    if hasattr(action, "slots"):
        head.data.shape_keys.animation_data.action_slot = action.slots[0]
    assert _content(part, head) == before


def test_generating_again_makes_another_action_and_keeps_the_first(part, talking, head):
    generate()
    first = head.data.shape_keys.animation_data.action
    keys = len(head.data.shape_keys.key_blocks)
    generate()
    second = head.data.shape_keys.animation_data.action
    assert first != second and first.users == 1 and not second.use_fake_user  # the list of takes holds it
    assert first["meshtalk"]["seed"] == second["meshtalk"]["seed"] == 0
    assert len(head.data.shape_keys.key_blocks) == keys
    assert len(fcurves(part, head)) == keys - 1


def test_keys_with_drivers_are_left_to_them(part, talking, head):
    head.shape_key_add(name="Basis", from_mix=False)
    head.shape_key_add(name="jawOpen", from_mix=False).driver_add("value").driver.expression = "0.5"
    generate()
    assert 'key_blocks["jawOpen"].value' not in fcurves(part, head)
    assert "drivers" in part("ops.job").desk.message


def test_pose_of_the_object_and_its_modifiers_do_not_matter(part, talking, head):
    head.scale, head.rotation_euler = (2.0, 3.0, 4.0), (1.0, 0.5, 0.2)
    head.modifiers.new("Smooth", "SUBSURF").levels = 1
    weights, _, _ = expected(part, talking, head, talking.meshtalk.sound_file, Fraction(30))
    generate()
    curve = fcurves(part, head)['key_blocks["jawOpen"].value']
    unit = (
        part("models")
        .loaded_bundle(part("models").model_folder("tiny_bundle"), None)
        .unit_names.index("jawOpen")
    )
    if len(curve.keyframe_points) > 1:
        got = [key.co.y for key in curve.keyframe_points][:60]
        np.testing.assert_allclose(got, weights[:, unit], atol=1e-6)


def test_undo_takes_it_all_back_in_one_step_and_redo_brings_it(part, talking, head):
    name = head.name
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.meshtalk.generate("EXEC_DEFAULT", True) == {"FINISHED"}
    assert len(bpy.data.actions) == 1
    bpy.ops.ed.undo()
    assert len(bpy.data.actions) == 0 and len(bpy.data.shape_keys) == 0 and len(bpy.data.sounds) == 0
    assert bpy.context.scene.meshtalk.sound_source == "FILE"
    bpy.ops.ed.redo()
    assert len(bpy.data.actions) == 1
    assert len(fcurves(part, bpy.data.objects[name])) == len(bpy.data.shape_keys[0].key_blocks) - 1


def test_saved_file_plays_the_same_when_opened(part, talking, head, tmp_path):
    generate()
    name, before = head.name, moved(head, 20).copy()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "take.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "take.blend"))
    opened = bpy.data.objects[name]
    np.testing.assert_array_equal(moved(opened, 20), before)
    assert opened.data.shape_keys.animation_data.action["meshtalk"]["model"] == "tiny_bundle"
    assert bpy.context.scene.meshtalk.model == "tiny_bundle"


@needs_sound
def test_a_file_is_put_into_the_sequencer_at_the_first_frame(part, talking, head):
    talking.frame_start = 30
    generate()
    strip = part("scene.strips").find_sound_strip(talking, "")
    assert part("scene.strips").strip_frames(strip, "left") == 30
    assert (talking.meshtalk.sound_source, talking.meshtalk.strip) == ("STRIP", strip.name)
    assert min(k.co.x for c in fcurves(part, head).values() for k in c.keyframe_points) == 30


@pytest.mark.skipif(bpy.app.build_options.audaspace, reason="this Blender has sound strips")
def test_without_sound_in_blender_the_take_is_made_all_the_same(part, talking, head):
    generate()
    assert len(fcurves(part, head)) > 5 and "no sound" in part("ops.job").desk.message


def test_draw_of_the_panel_asks_only_cheap_questions(part, talking, head):
    checks, started = part("ops.checks"), time.thread_time()
    for _ in range(50):
        assert checks.disabled_reason(bpy.context) is None
    assert (time.thread_time() - started) / 50 < 0.002


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
        weights, deltas, rest = expected(part, talking, head, _sound(talking, part), Fraction(30))
        assert np.abs(shape_of(head, "jawOpen") - before).max() > 1e-4
        assert_plays(head, 1, weights, deltas, rest)
        assert "renewed" in part("ops.job").desk.message

    def test_sculpted_keys_stay(self, part, talking, head):
        generate()
        head.data.shape_keys.key_blocks["jawOpen"].data[3].co.x += 0.002
        sculpted = shape_of(head, "jawOpen")
        edit(head, longer_chin)
        generate()
        np.testing.assert_allclose(shape_of(head, "jawOpen"), sculpted, atol=1e-6)
        assert "1 shape key kept" in part("ops.job").desk.message

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
        assert "shape key" not in part("ops.job").desk.message

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
        assert "locked" in part("ops.job").desk.message


def _sound(talking, part):
    """The file that the chosen sound plays."""
    if talking.meshtalk.sound_source == "FILE":
        return talking.meshtalk.sound_file
    strip = part("scene.strips").find_sound_strip(talking, talking.meshtalk.strip)
    return bpy.path.abspath(strip.sound.filepath)


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


def test_a_silent_sound_is_told(part, talking, wav):
    talking.meshtalk.model = "default"
    bpy.ops.meshtalk.add_head()
    talking.meshtalk.sound_file = str(wav("silent.wav", np.zeros(16_000, np.float32)))
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    assert "no speech was heard" in part("ops.job").desk.message
    assert bpy.ops.meshtalk.generate(
        sound_file=str(Path(__file__).parents[2] / "samples" / "speech.flac")
    ) == {"FINISHED"}
    assert "no speech was heard" not in part("ops.job").desk.message
