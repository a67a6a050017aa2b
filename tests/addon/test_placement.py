# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a take goes: a new Action, frames of the user's own, an NLA strip; what was there plays on."""

from __future__ import annotations

from fractions import Fraction

import bpy
import numpy as np
import pytest

from tests.addon import paper
from tests.addon.speaking import JAW, Speaker, curve_values, give_keys, moved, played

FRAMES = np.arange(1, 140, 0.5)
FIRST, COUNT, SETTLE = 40, 30, 8
PLACEMENTS = ("NEW", "RANGE", "NLA")


@pytest.fixture()
def speaker(part, head):
    return Speaker(part, head)


def users_motion(head, interpolation="BEZIER"):
    """An Action of the user's: a hat that no model knows, and a jaw."""
    give_keys(head, ("hat", JAW))
    blocks = head.data.shape_keys.key_blocks
    for name, values in (("hat", (0.1, 0.9, 0.3, 0.6)), (JAW, (0.0, 0.7, 0.2, 0.4))):
        for frame, value in zip((10, 35, 61, 110), values, strict=True):
            blocks[name].value = value
            blocks[name].keyframe_insert("value", frame=frame)
    action = head.data.shape_keys.animation_data.action
    action.name = "Mine"
    for fcurve in played(head):
        for key in fcurve.keyframe_points:
            key.interpolation = interpolation
    return action


def inside(frames, margin=SETTLE):
    return (frames > FIRST - margin) & (frames < FIRST + COUNT - 1 + margin)


class TestRange:
    """Into the Action that plays, in the take's frames only."""

    @pytest.mark.parametrize("interpolation", ["BEZIER", "LINEAR", "CONSTANT"])
    def test_all_stays_outside_the_frames(self, head, speaker, interpolation):
        action = users_motion(head, interpolation)
        jaw, hat = curve_values(head, JAW, FRAMES), curve_values(head, "hat", FRAMES)
        weights = speaker.write(FIRST, COUNT, placement="RANGE")
        assert head.data.shape_keys.animation_data.action == action and action.name == "Mine"
        np.testing.assert_array_equal(curve_values(head, "hat", FRAMES), hat)
        out = ~inside(FRAMES)
        np.testing.assert_allclose(curve_values(head, JAW, FRAMES)[out], jaw[out], atol=2e-4)
        speech = np.arange(FIRST, FIRST + COUNT)
        np.testing.assert_allclose(curve_values(head, JAW, speech), weights[:, speaker.unit(JAW)], atol=1e-6)

    def test_the_mesh_goes_over_without_a_jump(self, head, speaker):
        users_motion(head)
        weights = speaker.write(FIRST, COUNT, placement="RANGE")
        steps = np.abs(np.diff(curve_values(head, JAW, np.arange(1, 120))))
        assert steps.max() < np.abs(np.diff(weights[:, speaker.unit(JAW)])).max() + 0.2

    def test_a_key_without_a_curve_keeps_its_value_outside(self, head, speaker):
        give_keys(head, (JAW, "eyeBlinkLeft"))
        head.data.shape_keys.key_blocks[JAW].keyframe_insert("value", frame=1)
        head.data.shape_keys.key_blocks["eyeBlinkLeft"].value = 0.3
        speaker.write(FIRST, COUNT, placement="RANGE")
        assert curve_values(head, "eyeBlinkLeft", [1, 20, 100]) == pytest.approx([0.3] * 3)

    def test_controls_write_into_the_same_frames_again(self, part, head, speaker):
        users_motion(head)
        jaw = curve_values(head, JAW, FRAMES)
        weights = speaker.write(FIRST, COUNT, placement="RANGE")
        take = speaker.take
        for jaw_strength in (0.5, 1.5, 0.0, 1.0):
            take.controls.jaw = jaw_strength
        out = ~inside(FRAMES)
        np.testing.assert_allclose(curve_values(head, JAW, FRAMES)[out], jaw[out], atol=2e-4)
        speech = np.arange(FIRST, FIRST + COUNT)
        np.testing.assert_allclose(curve_values(head, JAW, speech), weights[:, speaker.unit(JAW)], atol=1e-6)

    def test_deleting_it_puts_back_what_was_there(self, head, speaker):
        users_motion(head)
        before = {name: curve_values(head, name, FRAMES) for name in (JAW, "hat")}
        keys = {curve.data_path: [tuple(key.co) for key in curve.keyframe_points] for curve in played(head)}
        speaker.write(FIRST, COUNT, placement="RANGE")
        assert bpy.ops.meshtalk.remove_take() == {"FINISHED"}
        for name, values in before.items():
            np.testing.assert_allclose(curve_values(head, name, FRAMES), values, atol=1e-6)
        after = {curve.data_path: [tuple(key.co) for key in curve.keyframe_points] for curve in played(head)}
        assert after == keys
        assert [action.name for action in bpy.data.actions] == ["Mine"]

    def test_what_plays_between_two_strips_stays(self, head, speaker):
        users_motion(head)
        jaw = curve_values(head, JAW, FRAMES)
        first, second = speaker.write_many([(20, 15), (80, 20)], placement="RANGE")
        for strength in (0.5, 1.0):
            speaker.take.controls.jaw = strength
        spoken = ((FRAMES > 20 - SETTLE) & (FRAMES < 34 + SETTLE)) | (
            (FRAMES > 80 - SETTLE) & (FRAMES < 99 + SETTLE)
        )
        assert np.ptp(jaw[(FRAMES > 42) & (FRAMES < 72)]) > 0.1
        np.testing.assert_allclose(curve_values(head, JAW, FRAMES)[~spoken], jaw[~spoken], atol=2e-4)
        for frame, weights in ((20, first), (80, second)):
            values = curve_values(head, JAW, np.arange(frame, frame + len(weights)))
            np.testing.assert_allclose(values, weights[:, speaker.unit(JAW)], atol=1e-6)
        assert bpy.ops.meshtalk.remove_take() == {"FINISHED"}
        np.testing.assert_allclose(curve_values(head, JAW, FRAMES), jaw, atol=1e-6)

    @pytest.mark.parametrize("then", ["slider", "delete", "lost backup", "bake"])
    def test_what_the_user_keys_between_two_strips_afterwards_stays(self, head, speaker, then):
        """A reaction while the other one speaks, made after the take."""
        users_motion(head)
        speaker.write_many([(10, 30), (120, 30)], placement="RANGE")
        curve = next(c for c in played(head) if JAW in c.data_path)
        curve.keyframe_points.insert(80, 0.77)
        curve.update()
        between = list(range(61, 105))  # from the user's next key on: what leads to it comes from the take
        before = curve_values(head, JAW, between)
        if then == "lost backup":
            bpy.data.actions.remove(speaker.take.objects[0].before)
        if then == "delete":
            assert bpy.ops.meshtalk.remove_take(head=head.name, take=speaker.take.uid) == {"FINISHED"}
        elif then == "bake":
            assert bpy.ops.meshtalk.bake(step=3) == {"FINISHED"}
        else:
            jaw = curve_values(head, JAW, [12, 20, 130])
            speaker.take.controls.jaw = 0.3
            assert speaker.take.objects[0].by_hand == 0
            assert np.abs(curve_values(head, JAW, [12, 20, 130]) - jaw).max() > 0.05
        np.testing.assert_allclose(curve_values(head, JAW, between), before, atol=1e-4)

    def test_two_strips_without_room_between_them_go_over_into_each_other(self, head, speaker):
        users_motion(head)
        ends, begins = (
            weights[at, speaker.unit(JAW)]
            for weights, at in zip(
                speaker.write_many([(40, 15), (60, 20)], placement="RANGE"), (-1, 0), strict=True
            )
        )
        between = curve_values(head, JAW, np.arange(55, 60))
        assert min(ends, begins) - 1e-6 <= between.min() and between.max() <= max(ends, begins) + 1e-6

    def test_what_the_user_moves_outside_afterwards_stays(self, head, speaker):
        users_motion(head)
        speaker.write(FIRST, COUNT, placement="RANGE")
        curve = next(c for c in played(head) if JAW in c.data_path)
        curve.keyframe_points.insert(130, 0.9)
        speaker.take.controls.jaw = 0.5
        assert curve_values(head, JAW, [130]) == pytest.approx([0.9])
        bpy.ops.meshtalk.remove_take()
        assert curve_values(head, JAW, [130]) == pytest.approx([0.9])

    def test_a_linked_action_is_refused(self, part, head, speaker, tmp_path):
        action = users_motion(head)
        bpy.data.libraries.write(str(tmp_path / "library.blend"), {action}, fake_user=True)
        with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
            wanted.actions = ["Mine"]
        head.data.shape_keys.animation_data.action = wanted.actions[0]
        with pytest.raises(part("scene.errors").SceneError, match="is linked: choose New Action"):
            speaker.write(FIRST, COUNT, placement="RANGE")
        assert len(head.meshtalk.takes) == 0


class TestRangeOnTakes:
    """Into the Action of another take: both can still be changed, and deleted."""

    FIX = slice(20, 40)

    @pytest.fixture()
    def stacked(self, head, speaker):
        """A take of 60 frames, and another one in 20 of them; the weights of both."""
        return speaker.write(1, 60, name="long"), speaker.write(21, 20, placement="RANGE", name="fix", seed=9)

    def values(self, head):
        return curve_values(head, JAW, np.arange(1, 61))

    def check(self, head, speaker, long, fix):
        unit, values = speaker.unit(JAW), self.values(head)
        np.testing.assert_allclose(values[self.FIX], fix[:, unit], atol=1e-5)
        np.testing.assert_allclose(values[:12], long[:12, unit], atol=1e-5)
        np.testing.assert_allclose(values[48:], long[48:, unit], atol=1e-5)

    def test_changing_the_lower_one_keeps_the_upper(self, head, speaker, stacked):
        self.check(head, speaker, *stacked)
        long = head.meshtalk.takes["long"]
        long.controls.jaw = 0.5
        np.testing.assert_allclose(self.values(head)[self.FIX], stacked[1][:, speaker.unit(JAW)], atol=1e-5)
        assert np.abs(self.values(head)[:12] - stacked[0][:12, speaker.unit(JAW)]).max() > 0.02
        long.controls.jaw = 1.0
        self.check(head, speaker, *stacked)

    def test_deleting_the_upper_one_gives_the_lower_one_back(self, head, speaker, stacked):
        bpy.ops.meshtalk.remove_take(take="fix")
        np.testing.assert_allclose(self.values(head), stacked[0][:, speaker.unit(JAW)], atol=1e-5)
        assert len(bpy.data.actions) == 1

    def test_three_on_each_other_come_off_in_any_order(self, head, speaker, stacked):
        speaker.write(31, 20, placement="RANGE", name="more", seed=12)
        bpy.ops.meshtalk.remove_take(take="fix")
        bpy.ops.meshtalk.remove_take(take="more")
        np.testing.assert_allclose(self.values(head), stacked[0][:, speaker.unit(JAW)], atol=1e-5)
        bpy.ops.meshtalk.remove_take(take="long")
        assert len(bpy.data.actions) == 0


@pytest.mark.parametrize("order", range(4))
def test_whatever_was_shown_before_each_take_plays_itself(head, speaker, order):
    """The user's motion, takes of all placements, in any order, again and again."""
    users_motion(head)
    frames = np.r_[1:FIRST:4, FIRST : FIRST + COUNT, 80:140:7]
    mine = played_values(head, JAW, frames)
    want = {
        name: speaker.write(FIRST, COUNT, placement=placement, name=name, seed=seed)
        for seed, (name, placement) in enumerate((("nla", "NLA"), ("new", "NEW"), ("nla 2", "NLA")))
    }
    unit, speech = speaker.unit(JAW), np.isin(frames, np.arange(FIRST, FIRST + COUNT))
    rng = np.random.default_rng(order)
    for name in rng.choice([*want, "ORIGINAL"], 12):
        bpy.ops.meshtalk.show_take(take=str(name))
        values = played_values(head, JAW, frames)
        if name == "ORIGINAL":
            np.testing.assert_allclose(values, mine, atol=1e-5, err_msg=name)
            assert head.data.shape_keys.animation_data.action.name == "Mine"
            continue
        np.testing.assert_allclose(values[speech], want[name][:, unit], atol=1e-5, err_msg=name)
        if name == "nla":
            out = ~inside(frames)
            np.testing.assert_allclose(values[out], mine[out], atol=1e-5)
    for name in rng.permutation(list(want)):
        bpy.ops.meshtalk.remove_take(take=str(name))
    animation = head.data.shape_keys.animation_data
    assert [action.name for action in bpy.data.actions] == ["Mine"] and len(animation.nla_tracks) == 0
    np.testing.assert_allclose(played_values(head, JAW, frames), mine, atol=1e-5)


class TestNla:
    """A strip on a track above what plays."""

    def test_the_take_plays_in_its_frames_and_the_users_action_outside(self, head, speaker):
        action = users_motion(head)
        jaw, hat = played_values(head, JAW), played_values(head, "hat")
        weights = speaker.write(FIRST, COUNT, placement="NLA")
        animation = head.data.shape_keys.animation_data
        playing = [track.strips[0].action for track in animation.nla_tracks]
        assert animation.action is None and playing[-2:] == [action, speaker.take.objects[0].action]
        frames = np.arange(1, 140)
        out = ~inside(frames)
        np.testing.assert_allclose(played_values(head, JAW)[out], jaw[out], atol=1e-5)
        np.testing.assert_allclose(played_values(head, "hat"), hat, atol=1e-5)
        speech = slice(FIRST - 1, FIRST - 1 + COUNT)
        np.testing.assert_allclose(played_values(head, JAW)[speech], weights[:, speaker.unit(JAW)], atol=1e-5)

    def test_the_mesh_is_the_same_as_with_an_action_of_its_own(self, head, speaker):
        speaker.write(FIRST, COUNT, placement="NEW")
        alone = [moved(head, frame) for frame in (FIRST, FIRST + 7, FIRST + COUNT - 1)]
        bpy.ops.meshtalk.show_take(take="ORIGINAL")
        speaker.write(FIRST, COUNT, placement="NLA")
        for frame, want in zip((FIRST, FIRST + 7, FIRST + COUNT - 1), alone, strict=True):
            np.testing.assert_allclose(moved(head, frame), want, atol=1e-6)

    def test_outside_its_frames_sliders_rest_where_the_user_left_them(self, head, speaker):
        give_keys(head, (JAW, "eyeBlinkLeft"))
        head.data.shape_keys.key_blocks["eyeBlinkLeft"].value = 0.3
        speaker.write(FIRST, COUNT, placement="NLA")
        for frame in (1, FIRST - SETTLE - 1, FIRST + COUNT + SETTLE, 300):
            assert played_values(head, "eyeBlinkLeft", [frame]) == pytest.approx([0.3])
            assert played_values(head, JAW, [frame]) == pytest.approx([0.0])
        bpy.ops.meshtalk.remove_take()
        assert head.data.shape_keys.key_blocks["eyeBlinkLeft"].value == pytest.approx(0.3)
        assert len(bpy.data.actions) == 0 and len(head.data.shape_keys.animation_data.nla_tracks) == 0

    def test_two_sentences_at_different_times_play_together(self, head, speaker):
        one = speaker.write(FIRST, COUNT, placement="NLA")
        two = speaker.write(FIRST + 60, COUNT, placement="NLA", seed=3)
        unit = speaker.unit(JAW)
        values = played_values(head, JAW, np.arange(1, 160))
        np.testing.assert_allclose(values[FIRST - 1 : FIRST - 1 + COUNT], one[:, unit], atol=1e-5)
        np.testing.assert_allclose(values[FIRST + 59 : FIRST + 59 + COUNT], two[:, unit], atol=1e-5)

    def test_at_the_same_time_the_last_one_plays_and_can_be_swapped(self, head, speaker):
        one = speaker.write(FIRST, COUNT, placement="NLA", name="one")
        two = speaker.write(FIRST, COUNT, placement="NLA", name="two", seed=3)
        unit, speech = speaker.unit(JAW), np.arange(FIRST, FIRST + COUNT)
        np.testing.assert_allclose(played_values(head, JAW, speech), two[:, unit], atol=1e-5)
        bpy.ops.meshtalk.show_take(take="one")
        np.testing.assert_allclose(played_values(head, JAW, speech), one[:, unit], atol=1e-5)

    def test_a_strip_that_was_moved_stays_moved(self, head, speaker):
        weights = speaker.write(FIRST, COUNT, placement="NLA")
        strip = head.data.shape_keys.animation_data.nla_tracks[-1].strips[0]
        strip.frame_start_ui += 25
        speaker.take.controls.jaw = 1.0
        speaker.take.controls.brow = 0.5
        speech = np.arange(FIRST + 25, FIRST + 25 + COUNT)
        np.testing.assert_allclose(played_values(head, JAW, speech), weights[:, speaker.unit(JAW)], atol=1e-5)

    def test_deleting_it_leaves_the_users_action_as_it_was(self, head, speaker):
        action = users_motion(head)
        jaw = played_values(head, JAW)
        speaker.write(FIRST, COUNT, placement="NLA")
        bpy.ops.meshtalk.remove_take()
        animation = head.data.shape_keys.animation_data
        assert animation.action == action and len(animation.nla_tracks) == 0
        np.testing.assert_allclose(played_values(head, JAW), jaw, atol=1e-6)
        assert [each.name for each in bpy.data.actions] == ["Mine"]

    def test_own_tracks_of_the_user_stay_below(self, head, speaker):
        action = users_motion(head)
        animation = head.data.shape_keys.animation_data
        animation.action = None
        track = animation.nla_tracks.new()
        track.name = "My track"
        strip = track.strips.new("mine", 10, action)
        if hasattr(strip, "action_slot"):
            strip.action_slot = action.slots[0]
        jaw = played_values(head, JAW)
        speaker.write(FIRST, COUNT, placement="NLA")
        frames = np.arange(1, 140)
        np.testing.assert_allclose(played_values(head, JAW)[~inside(frames)], jaw[~inside(frames)], atol=1e-5)
        bpy.ops.meshtalk.remove_take()
        assert [track.name for track in animation.nla_tracks] == ["My track"]
        np.testing.assert_allclose(played_values(head, JAW), jaw, atol=1e-6)


def played_values(head, name, frames=range(1, 140)):
    """Values of a key as Blender's animation system gives them, frame by frame."""
    values = []
    for frame in frames:
        bpy.context.scene.frame_set(int(frame))
        evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
        values.append(evaluated.data.shape_keys.key_blocks[name].value)
    return np.array(values)


class TestSeveral:
    """Several stretches in one take, several heads in one job."""

    def test_two_stretches_with_rest_between(self, head, speaker):
        weights = speaker.write_many([(10, 20), (60, 20)])
        unit = speaker.unit(JAW)
        np.testing.assert_allclose(curve_values(head, JAW, np.arange(10, 30)), weights[0][:, unit], atol=1e-6)
        np.testing.assert_allclose(curve_values(head, JAW, np.arange(60, 80)), weights[1][:, unit], atol=1e-6)
        assert curve_values(head, JAW, [38, 45, 52, 88, 200]) == pytest.approx([0] * 5, abs=1e-6)
        assert len(speaker.take.segments) == 2 and len(head.meshtalk.takes) == 1

    def test_of_two_that_overlap_the_later_takes_over_and_the_sentence_says_so(self, head, speaker):
        weights = speaker.write_many([(10, 40), (30, 40)])
        unit = speaker.unit(JAW)
        np.testing.assert_allclose(
            curve_values(head, JAW, np.arange(10, 30)), weights[0][:20, unit], atol=1e-6
        )
        np.testing.assert_allclose(
            curve_values(head, JAW, np.arange(36, 70)), weights[1][6:, unit], atol=1e-6
        )
        assert "takes over at frame 30" in speaker.sentence

    @pytest.mark.parametrize("placement", PLACEMENTS)
    def test_whatever_the_placement(self, head, speaker, placement):
        users_motion(head)
        weights = speaker.write_many([(40, 20), (90, 20)], placement=placement)
        unit = speaker.unit(JAW)
        for first, each in zip((40, 90), weights, strict=True):
            values = played_values(head, JAW, range(first, first + 20))
            np.testing.assert_allclose(values, each[:, unit], atol=1e-5)

    def test_two_heads_speak_in_one_step(self, talking, head):
        other = head.copy()
        other.data = head.data.copy()
        talking.collection.objects.link(other)
        other.select_set(True)
        talking.meshtalk.heads = "SELECTED"
        bpy.ops.ed.undo_push(message="before")
        assert bpy.ops.meshtalk.generate("EXEC_DEFAULT", True) == {"FINISHED"}
        assert [len(each.meshtalk.takes) for each in (head, other)] == [1, 1]
        np.testing.assert_allclose(moved(head, 20), moved(other, 20), atol=1e-6)
        names = head.name, other.name
        bpy.ops.ed.undo()
        assert [len(bpy.data.objects[name].meshtalk.takes) for name in names] == [0, 0]
        assert len(bpy.data.actions) == 0


def test_rates_that_are_no_whole_numbers(part, scene, head):
    scene.render.fps, scene.render.fps_base = 24, 1.001
    speaker = Speaker(part, head)
    assert speaker.rate == Fraction(24000, 1001)
    weights = speaker.write(FIRST, COUNT, placement="NLA")
    speech = np.arange(FIRST, FIRST + COUNT)
    np.testing.assert_allclose(played_values(head, JAW, speech), weights[:, speaker.unit(JAW)], atol=1e-5)


@pytest.mark.parametrize("order", ["012", "021", "102", "120", "201", "210"])
def test_takes_of_all_placements_leave_nothing_in_whatever_order_they_are_deleted(head, speaker, order):
    action = users_motion(head)
    for number, placement in enumerate(PLACEMENTS):
        speaker.write(FIRST, COUNT, placement=placement, name=str(number))
    for name in order:
        assert bpy.ops.meshtalk.remove_take(take=name) == {"FINISHED"}
    animation = head.data.shape_keys.animation_data
    assert list(bpy.data.actions) == [action] and animation.action == action
    assert len(animation.nla_tracks) == 0


def test_takes_above_takes_that_are_gone_leave_nothing(head, speaker):
    """What was pushed down of a take outlives that take, and was left behind below a further one."""
    speaker.write(FIRST, COUNT, name="range", placement="RANGE")
    speaker.write(FIRST, COUNT, name="gone")
    speaker.write(FIRST, COUNT, name="above", placement="NLA")
    assert bpy.ops.meshtalk.remove_take(take="gone") == {"FINISHED"}
    speaker.write(FIRST, COUNT, name="new")
    speaker.write(FIRST, COUNT, name="above new", placement="NLA")
    for name in ("range", "above", "new", "above new"):
        assert bpy.ops.meshtalk.show_take(take=name) == {"FINISHED"}
        assert bpy.ops.meshtalk.remove_take(take=name) == {"FINISHED"}
    assert len(bpy.data.actions) == 0
    assert len(head.data.shape_keys.animation_data.nla_tracks) == 0


def test_a_take_baked_into_the_users_action_is_what_plays_without_takes(head, speaker):
    """Not the copy of before: that goes, whatever other takes there still are."""
    action = users_motion(head)
    speaker.write(FIRST, COUNT, placement="RANGE", name="baked")
    speaker.write(FIRST, COUNT, name="other")
    assert bpy.ops.meshtalk.show_take(take="baked") == {"FINISHED"}
    assert bpy.ops.meshtalk.bake() == {"FINISHED"}
    keys = _jaw_keys(head)
    assert bpy.ops.meshtalk.remove_take(take="other") == {"FINISHED"}
    assert list(bpy.data.actions) == [action] and head.data.shape_keys.animation_data.action == action
    assert _jaw_keys(head) == keys > 20


def _jaw_keys(head):
    return len(next(curve for curve in played(head) if JAW in curve.data_path).keyframe_points)


class TestTheScenesEnd:
    """A take that goes on after the scene's last frame is told, and one button mends it."""

    def test_it_is_told_and_mended(self, part, scene, head, speaker):
        scene.frame_end = 60
        speaker.write(10, 51)
        assert "the scene ends" not in speaker.sentence
        speaker.write(10, 200, placement="NLA")
        assert "; the scene ends at frame 60, before the take (frame 209)" in speaker.sentence
        words = "Extend the Scene to Frame 209"
        assert words in _drawn(part)
        assert bpy.ops.meshtalk.fit_range() == {"FINISHED"}
        assert scene.frame_end == 209 and words not in _drawn(part)
        assert bpy.ops.meshtalk.fit_range() == {"FINISHED"} and scene.frame_end == 209

    @pytest.mark.parametrize("placement", ["NEW", "RANGE", "NLA"])
    def test_the_list_and_the_sentence_name_the_same_frames(self, part, scene, head, speaker, placement):
        scene.frame_end = 60
        speaker.write(10, 200, placement=placement)
        assert "before the take (frame 209)" in speaker.sentence
        assert part("panels.takes").told_of(speaker.take)[0] == "Frames 10–209"

    def test_without_a_take_nothing_happens(self, scene, head):
        scene.frame_end = 60
        assert bpy.ops.meshtalk.fit_range() == {"FINISHED"} and scene.frame_end == 60


def _drawn(part):
    """The words on the panel of takes."""
    return paper.draw(part("panels.tab").MESHTALK_PT_takes).texts


class TestChangedByHandInRanges:
    """One take in frames of another, both in the user's own Action, both changed by hand."""

    OVER, UNDER = 40, 15

    @pytest.fixture()
    def both(self, part, head, speaker):
        users_motion(head)
        speaker.write(10, 60, placement="RANGE", name="under")
        speaker.write(30, 20, placement="RANGE", name="over", seed=4)
        for frame in (self.UNDER, self.OVER):
            fcurve = next(curve for curve in played(head) if f'"{JAW}"' in curve.data_path)
            next(key for key in fcurve.keyframe_points if key.co[0] == frame).co[1] = 0.987
            fcurve.update()
        return tuple(head.meshtalk.takes)

    def jaw(self, head):
        return curve_values(head, JAW, (self.UNDER, self.OVER)).tolist()

    def test_both_stay_when_the_one_below_is_written_again(self, head, both):
        brow, outside = "browInnerUp", np.arange(12, 20)
        spoken, inside = curve_values(head, brow, outside), curve_values(head, brow, np.arange(32, 48))
        for value in (0.5, 0.7):
            head.meshtalk.takes[0].controls.brow = value
            assert self.jaw(head) == pytest.approx([0.987, 0.987])
            assert [take.objects[0].by_hand for take in head.meshtalk.takes] == [1, 1]
            np.testing.assert_allclose(curve_values(head, brow, outside), value * spoken, atol=1e-5)
        np.testing.assert_allclose(curve_values(head, brow, np.arange(32, 48)), inside, atol=1e-5)
        head.meshtalk.takes[0].controls.jaw = 0.3  # the edited curve of either is left alone
        assert self.jaw(head) == pytest.approx([0.987, 0.987])

    def test_and_when_the_one_above_is(self, head, both):
        head.meshtalk.takes[1].controls.brow = 0.5
        assert self.jaw(head) == pytest.approx([0.987, 0.987])
        head.meshtalk.takes[1].controls.jaw = 0.5
        assert self.jaw(head) == pytest.approx([0.987, 0.987])

    def test_the_one_above_outlives_the_one_below(self, head, speaker, both):
        users = curve_values(head, JAW, np.arange(90, 120))
        assert bpy.ops.meshtalk.remove_take(take="under") == {"FINISHED"}
        assert self.jaw(head)[1] == pytest.approx(0.987) and self.jaw(head)[0] != pytest.approx(0.987)
        assert bpy.ops.meshtalk.remove_take(take="over") == {"FINISHED"}
        assert 0.987 not in [round(value, 3) for value in self.jaw(head)]
        np.testing.assert_allclose(curve_values(head, JAW, np.arange(90, 120)), users, atol=1e-5)
