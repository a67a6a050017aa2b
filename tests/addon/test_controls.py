# SPDX-License-Identifier: GPL-3.0-or-later
"""Live controls in Blender: curves follow the sliders, presets, key reduction, undo, and Bake."""

from __future__ import annotations

import json

import bpy
import numpy as np
import pytest

from tests.addon import paper


@pytest.fixture()
def take(talking, head):
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    return head.meshtalk.takes[0]


@pytest.fixture()
def curves(part, head):
    """All curves of the head's take by shape key, as they play."""

    def read(number: int = 0) -> dict[str, np.ndarray]:
        found = {}
        for where in part("scene.takes").written_curves(head, head.meshtalk.takes[number]):
            frames = np.arange(where.spans[0][0], where.spans[-1][1] + 0.01)
            for fcurve in where.fcurves:
                name = fcurve.data_path.split('"')[1]
                found[name] = np.array([fcurve.evaluate(frame) for frame in frames])
        return found

    return read


def key_count(head) -> int:
    action = head.data.shape_keys.animation_data.action
    return sum(len(fcurve.keyframe_points) for fcurve in fcurves_of(action))


def fcurves_of(action):
    """The F-curves of an Action's only slot, in every Blender."""
    return action.fcurves if hasattr(action, "fcurves") else action.layers[0].strips[0].channelbags[0].fcurves


@pytest.fixture()
def own_folder(part, monkeypatch, tmp_path):
    """The user's folder of an installed extension, which this checkout isn't."""
    monkeypatch.setattr(part("scene.own_files"), "EXTENSION_ID", f"bl_ext.user_default.{tmp_path.name}")
    return part("scene.own_files").own_folder("controls", create=True)


def test_a_slider_changes_its_region_and_nothing_else(take, curves):
    before = curves()
    take.controls.brow = 0.5
    after = curves()
    assert after["browInnerUp"] == pytest.approx(0.5 * before["browInnerUp"], abs=1e-5)
    for name in before:
        assert name == "browInnerUp" or np.array_equal(after[name], before[name])
    take.controls.brow = 1.0
    back = curves()
    assert all(np.array_equal(back[name], before[name]) for name in before)


def _retouch(head, name, frame=20.0) -> None:
    """What an animator does in the Graph Editor: another value at one frame."""
    fcurve = next(each for each in fcurves_of(_action(head)) if f'"{name}"' in each.data_path)
    key = next(key for key in fcurve.keyframe_points if key.co[0] == frame)
    key.co[1] = 0.987
    fcurve.update()


def _action(head):
    return head.data.shape_keys.animation_data.action


@pytest.mark.parametrize("placement", ["NEW", "RANGE", "NLA"])
def test_what_was_changed_by_hand_stays_and_the_rest_follows(talking, head, curves, placement):
    assert bpy.ops.meshtalk.generate(placement=placement) == {"FINISHED"}
    take = head.meshtalk.takes[0]
    item, spoken = take.objects[0], curves()
    fcurve = next(each for each in fcurves_of(item.action) if '"jawOpen"' in each.data_path)
    was, fcurve.keyframe_points[19].co[1] = fcurve.keyframe_points[19].co[1], 0.987
    fcurve.update()
    mine = curves()["jawOpen"]
    take.controls.brow = 0.5
    assert np.array_equal(curves()["jawOpen"], mine) and item.by_hand == 1
    assert curves()["browInnerUp"] == pytest.approx(0.5 * spoken["browInnerUp"], abs=1e-5)
    take.controls.jaw = 0.5
    assert np.array_equal(curves()["jawOpen"], mine) and not np.array_equal(mine, spoken["jawOpen"])
    fcurve.keyframe_points[19].co[1] = was
    take.controls.jaw = 1.0
    assert item.by_hand == 0
    take.controls.jaw = 0.5
    assert not np.array_equal(curves()["jawOpen"], spoken["jawOpen"])


def test_a_take_in_some_frames_is_no_change_by_hand(part, take, head, curves):
    bpy.context.scene.meshtalk.placement = "RANGE"
    assert bpy.ops.meshtalk.generate(seed=1) == {"FINISHED"}
    spoken = curves()["browInnerUp"]
    take.controls.brow = 0.5
    assert take.objects[0].by_hand == 0
    for number in (1, 0, 1):
        head.meshtalk.takes[number].controls.jaw = 0.4 + 0.1 * number
        assert [each.objects[0].by_hand for each in head.meshtalk.takes] == [0, 0]
    head.meshtalk.active_take = 1
    bpy.ops.meshtalk.remove_take()
    assert len(head.meshtalk.takes) == 1
    assert curves()["browInnerUp"] != pytest.approx(spoken, abs=1e-3)
    take.controls.brow = 0.25
    assert take.objects[0].by_hand == 0


def test_a_copy_of_a_take_has_what_was_changed_by_hand(take, head, curves):
    _retouch(head, "jawOpen")
    mine = curves()["jawOpen"]
    assert bpy.ops.meshtalk.duplicate_take() == {"FINISHED"}
    assert np.array_equal(curves(1)["jawOpen"], mine)
    head.meshtalk.takes[1].controls.jaw = 0.0
    assert np.array_equal(curves(1)["jawOpen"], mine)


def test_keys_that_are_gone_are_counted(take, head):
    head.shape_key_remove(head.data.shape_keys.key_blocks["jawOpen"])
    take.controls.jaw = 0.5
    assert take.objects[0].gone == 1


def test_a_deleted_curve_is_written_anew(take, head, curves):
    _retouch(head, "jawOpen")
    take.controls.brow = 0.5
    curves_now = fcurves_of(_action(head))
    curves_now.remove(next(each for each in curves_now if '"jawOpen"' in each.data_path))
    take.controls.brow = 1.0
    assert take.objects[0].by_hand == 0 and 0.987 not in curves()["jawOpen"]


def test_offset_moves_the_motion_in_time(take, curves):
    before = curves()["jawOpen"]
    take.controls.offset = 2.0
    assert curves()["jawOpen"][2:50] == pytest.approx(before[:48], abs=1e-6)


def test_key_reduction_stays_within_its_tolerance_as_blender_plays_it(take, head, curves):
    before, keys = curves(), key_count(head)
    take.controls.tolerance = 0.02
    after = curves()
    assert key_count(head) < 0.6 * keys
    for name in before:
        limit = 0.02 + 1e-6
        assert np.abs(after[name] - before[name])[:-8].max() <= limit, name  # after it, both ease to rest


def test_presets_set_the_look_and_leave_offset_and_reduction(take):
    take.controls.offset, take.controls.tolerance = -1.5, 0.01
    for name in ("Subtle", "Theatrical", "Broadcast"):
        assert bpy.ops.meshtalk.choose_controls(name=name) == {"FINISHED"}
    assert take.controls.brow == pytest.approx(0.5) and take.controls.jaw == pytest.approx(1.1)
    assert (take.controls.offset, take.controls.tolerance) == pytest.approx((-1.5, 0.01))
    assert bpy.ops.meshtalk.choose_controls(name="Natural") == {"FINISHED"}
    assert take.controls.brow == 1.0 and take.controls.closure == 0.0
    with pytest.raises(RuntimeError, match="There is no preset"):
        bpy.ops.meshtalk.choose_controls(name="Nobody's")


def test_a_preset_writes_the_curves_once(part, take, monkeypatch):
    module, times = part("scene.takes"), []
    rewrite = module.rewrite_take
    monkeypatch.setattr(module, "rewrite_take", lambda *args: (times.append(1), rewrite(*args)))
    bpy.ops.meshtalk.choose_controls(name="Theatrical")
    assert len(times) == 1
    assert (
        part("scene.takes").written_with(take) == part("control_props").controls_of(take.controls).fingerprint
    )


def test_reset_goes_back_to_what_was_spoken(take, curves):
    before = curves()
    take.controls.jaw, take.controls.brow, take.controls.offset = 1.4, 0.3, 3.0
    bpy.ops.meshtalk.reset_controls(control="jaw")
    assert take.controls.jaw == 1.0 and take.controls.brow == pytest.approx(0.3)
    bpy.ops.meshtalk.reset_controls()
    after = curves()
    assert all(np.array_equal(after[name], before[name]) for name in before)
    with pytest.raises(RuntimeError, match="There is no control"):
        bpy.ops.meshtalk.reset_controls(control="nose")


def test_own_presets_are_saved_chosen_replaced_and_removed(part, take, own_folder):
    take.controls.jaw, take.controls.offset = 1.3, 2.0
    assert bpy.ops.meshtalk.save_controls(name="  Loud ") == {"FINISHED"}
    data = json.loads((own_folder / "loud.json").read_text(encoding="utf-8"))
    assert data["name"] == "Loud" and data["controls"]["jaw"] == 1.3 and "offset" not in data["controls"]
    bpy.ops.meshtalk.choose_controls(name="Natural")
    assert bpy.ops.meshtalk.remove_controls.poll() is False  # Natural isn't the user's
    bpy.ops.meshtalk.choose_controls(name="Loud")
    assert take.controls.jaw == pytest.approx(1.3) and take.controls.offset == 2.0
    take.controls.brow = 0.5
    bpy.ops.meshtalk.save_controls(name="Loud")
    assert len(list(own_folder.glob("*.json"))) == 1
    assert bpy.ops.meshtalk.remove_controls() == {"FINISHED"}
    assert not list(own_folder.glob("*.json")) and take.controls.brow == 0.5


@pytest.mark.parametrize("name", ["", "Natural", "natural", "x" * 61])
def test_names_that_cant_be_saved_say_so(take, own_folder, name):
    with pytest.raises(RuntimeError, match="preset|comes with MeshTalk"):
        bpy.ops.meshtalk.save_controls(name=name)
    assert not list(own_folder.glob("*.json"))


def test_damaged_presets_are_told_and_harm_nobody(part, take, own_folder):
    for number, text in enumerate(
        ("{", "[]", '{"format": 1, "name": "A", "controls": {"jaw": 3}}', '{"format": 9, "name": "B"}')
    ):
        (own_folder / f"{number}.json").write_text(text, encoding="utf-8")
    presets, problems = part("scene.control_presets").all_presets()
    assert len(problems) == 4 and all(".json" in problem for problem in problems)
    assert {"Subtle", "Natural", "Theatrical", "Broadcast"} == {preset.name for preset in presets}
    assert part("scene.control_presets").own_presets()[0] == []


@pytest.mark.parametrize("step", [0, 1, 3])
def test_baked_keys_are_the_users(part, take, head, curves, step):
    take.controls.jaw, take.controls.tolerance = 1.3, 0.01
    name, action = take.name, take.objects[0].action
    before = curves()
    assert bpy.ops.meshtalk.bake(step=step) == {"FINISHED"}
    assert len(head.meshtalk.takes) == 0 and "meshtalk" not in action
    assert head.data.shape_keys.animation_data.action == action and name in action.name
    assert bpy.ops.meshtalk.choose_controls.poll() is False
    jaw = next(fcurve for fcurve in fcurves_of(action) if "jawOpen" in fcurve.data_path)
    frames = [int(point.co.x) for point in jaw.keyframe_points]
    if step:
        assert set(np.diff(frames)[:-1]) == {step}
    played = np.array([jaw.evaluate(frame) for frame in frames])
    assert played == pytest.approx(before["jawOpen"][np.array(frames) - frames[0]], abs=1e-4)


@pytest.mark.parametrize("step", [0, 2])
def test_baking_into_the_users_action_leaves_the_keys_outside(talking, head, step):
    """A take in frames of an Action that the user keyed before and after them."""
    head.shape_key_add(name="Basis", from_mix=False)
    block = head.shape_key_add(name="jawOpen", from_mix=False)
    for frame, value in ((-40, 0.3), (-30, 0.6), (200, 0.5), (220, 0.1)):
        block.value = value
        block.keyframe_insert("value", frame=frame)
    action = head.data.shape_keys.animation_data.action
    assert bpy.ops.meshtalk.generate(placement="RANGE") == {"FINISHED"}
    head.meshtalk.takes[0].controls.jaw = 1.5
    assert bpy.ops.meshtalk.bake(step=step) == {"FINISHED"}
    assert head.data.shape_keys.animation_data.action == action and len(head.meshtalk.takes) == 0
    jaw = next(fcurve for fcurve in fcurves_of(action) if "jawOpen" in fcurve.data_path)
    outside = np.array([point.co for point in jaw.keyframe_points if not -25 < point.co.x < 190])
    assert outside == pytest.approx(np.array([(-40, 0.3), (-30, 0.6), (200, 0.5), (220, 0.1)]))
    assert len([point for point in jaw.keyframe_points if 0 < point.co.x < 61]) > 20
    assert not [each for each in bpy.data.actions if "meshtalk" in each]


def test_baking_an_nla_take_leaves_its_strip(talking, head):
    assert bpy.ops.meshtalk.generate(placement="NLA") == {"FINISHED"}
    action = head.meshtalk.takes[0].objects[0].action
    assert bpy.ops.meshtalk.bake(step=1) == {"FINISHED"}
    tracks = [track for track in head.data.shape_keys.animation_data.nla_tracks if not track.mute]
    assert action in [strip.action for track in tracks for strip in track.strips]
    assert "meshtalk" not in action and len(head.meshtalk.takes) == 0


def test_a_baked_take_is_followed_by_another_and_stays(take, head):
    action = take.objects[0].action
    bpy.ops.meshtalk.bake()
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    assert action.name in bpy.data.actions
    keys = len(fcurves_of(action))
    head.meshtalk.takes[0].controls.jaw = 0.2
    assert keys and head.data.shape_keys.animation_data.action != action


def test_undo_and_redo_take_the_curves_along(take, head, curves):
    """Also where the curves were written after Blender had noted the step, as a timer does."""
    before, name = curves(), head.name
    bpy.ops.ed.undo_push(message="before")
    take.controls.brow = 0.5
    bpy.ops.ed.undo_push(message="slider")
    changed = curves()
    bpy.ops.ed.undo()
    head = bpy.data.objects[name]
    assert head.meshtalk.takes[0].controls.brow == 1.0
    assert _brow(head) == pytest.approx(before["browInnerUp"], abs=1e-6)
    bpy.ops.ed.redo()
    head = bpy.data.objects[name]
    assert head.meshtalk.takes[0].controls.brow == 0.5
    assert _brow(head) == pytest.approx(changed["browInnerUp"], abs=1e-6)


def test_curves_written_after_the_step_are_caught_up_with(part, take, head, curves):
    before, name = curves(), head.name
    props = part("control_props")
    bpy.ops.ed.undo_push(message="before")
    props._desk.quiet = True  # the slider is let go, its timer hasn't come yet
    take.controls.brow = 0.5
    props._desk.quiet = False
    bpy.ops.ed.undo_push(message="slider")
    part("scene.takes").rewrite_take(head, take)
    bpy.ops.ed.undo()
    head = bpy.data.objects[name]
    assert _brow(head) == pytest.approx(before["browInnerUp"], abs=1e-6)
    bpy.ops.ed.redo()
    head = bpy.data.objects[name]
    assert _brow(head) == pytest.approx(0.5 * before["browInnerUp"], abs=1e-5)


def _brow(head) -> np.ndarray:
    action = head.data.shape_keys.animation_data.action
    brow = next(fcurve for fcurve in fcurves_of(action) if "browInnerUp" in fcurve.data_path)
    first, last = brow.range()
    return np.array([brow.evaluate(frame) for frame in np.arange(first, last + 0.01)])


def test_controls_survive_save_and_load(take, head, curves, tmp_path):
    take.controls.brow = 0.4
    before = curves()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    again = bpy.data.objects[0] if len(bpy.data.objects) == 1 else bpy.data.objects["MeshTalk Head"]
    assert again.meshtalk.takes[0].controls.brow == pytest.approx(0.4)
    assert _brow(again) == pytest.approx(before["browInnerUp"], abs=1e-6)
    again.meshtalk.takes[0].controls.brow = 1.0
    assert _brow(again).max() == pytest.approx(before["browInnerUp"].max() / 0.4, rel=1e-3)


def test_the_panel_says_what_is_missing(take, head):
    panel = bpy.types.MESHTALK_PT_controls
    assert ("meshtalk.bake", True) in paper.draw(panel).operators
    head.meshtalk.active_take = -1
    assert any("Choose a take" in text for text in paper.draw(panel).texts)
    assert bpy.ops.meshtalk.bake.poll() is False
    head.meshtalk.takes.clear()
    assert paper.draw(panel) is None


def test_a_slider_leaves_alone_how_keys_go_on(take, head, curves):
    """Only values are written where only values change: a curve in steps stays one."""
    by_name = {curve.data_path.split('"')[1]: curve for curve in fcurves_of(_action(head))}
    for name in ("jawOpen", "browInnerUp"):
        keys = by_name[name].keyframe_points
        keys.foreach_set("interpolation", np.zeros(len(keys), np.int32))
        keys[5].select_control_point = True
    before = curves()
    take.controls.brow = 0.5
    after = curves()
    assert after["browInnerUp"] == pytest.approx(0.5 * before["browInnerUp"], abs=1e-5)
    for name in ("jawOpen", "browInnerUp"):
        assert {key.interpolation for key in by_name[name].keyframe_points} == {"CONSTANT"}
        assert by_name[name].keyframe_points[5].select_control_point
    take.controls.tolerance = 0.05  # other keys: written as new
    assert "CONSTANT" not in {key.interpolation for key in by_name["browInnerUp"].keyframe_points}


def test_what_a_slider_does_not_move_is_not_written(part, take, head, monkeypatch):
    """A change of ten minutes' brows would else write a million keys that stay as they are."""
    fcurves, placement = part("scene.fcurves"), part("scene.placement")
    written = []

    def watch(fcurve, points, there=None):
        if there is None or not np.array_equal(there, points.co):
            written.append(fcurve.data_path.split('"')[1])
        fcurves.write_points(fcurve, points, there)

    monkeypatch.setattr(placement, "write_points", watch)
    take.controls.brow = 0.5
    assert written == ["browInnerUp"]
