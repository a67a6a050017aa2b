# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate, from the button to the moving mesh, with the tiny model on its own head."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import bpy  # first: it brings bmesh
import numpy as np
import pytest

from tests.addon.generating import assert_plays, expected, fcurves, generate
from tests.addon.speaking import moved

RATES = [(24, 1.001), (24, 1.0), (25, 1.0), (30, 1.0), (60, 1.0), (120, 1.0)]

needs_sound = pytest.mark.skipif(
    not bpy.app.build_options.audaspace, reason="this Blender was built without sound: it has no sound strips"
)


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
    assert "drivers" in part("ops.desk").desk.message


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
    assert len(fcurves(part, head)) > 5 and "no sound" in part("ops.desk").desk.message


def test_draw_of_the_panel_asks_only_cheap_questions(part, talking, head):
    checks, times = part("ops.checks"), []
    for _ in range(50):
        started = time.thread_time()
        assert checks.disabled_reason(bpy.context) is None
        times.append(time.thread_time() - started)
    assert min(times) < 0.002


def test_a_silent_sound_is_told(part, talking, wav):
    talking.meshtalk.model = "default"
    bpy.ops.meshtalk.add_head()
    talking.meshtalk.sound_file = str(wav("silent.wav", np.zeros(16_000, np.float32)))
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    assert "no speech was heard" in part("ops.desk").desk.message
    assert bpy.ops.meshtalk.generate(
        sound_file=str(Path(__file__).parents[2] / "samples" / "speech.flac")
    ) == {"FINISHED"}
    assert "no speech was heard" not in part("ops.desk").desk.message


def test_time_stretching_is_told(part, talking):
    """Blender plays the motion at another speed then, and the sound as it is."""
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    assert "Time Stretching" not in part("ops.desk").desk.message
    talking.render.frame_map_new = 2 * talking.render.frame_map_old
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    assert "Time Stretching is on" in part("ops.desk").desk.message
