# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes are a list that an animator can trust: played, renamed, deleted, undone, saved, copied."""

from __future__ import annotations

from fractions import Fraction

import bpy
import numpy as np
import pytest

from tests.addon.speaking import JAW, Speaker, curve_values, give_keys, moved, played

SPEECH = np.arange(10, 40)


@pytest.fixture()
def speaker(part, head):
    return Speaker(part, head)


@pytest.fixture()
def two(head, speaker):
    """Two takes, “one” and “two”, the second of which plays; their weights."""
    return speaker.write(10, 30, name="one"), speaker.write(10, 30, name="two", seed=5)


def names(head):
    return [take.name for take in head.meshtalk.takes]


def plays(part, head):
    """The names of the takes that play."""
    return [take.name for take in head.meshtalk.takes if part("scene.takes").is_playing(head, take)]


def jaw(head):
    return curve_values(head, JAW, SPEECH)


class TestRawCurves:
    """What is kept of a take, bit for bit."""

    @pytest.mark.parametrize("correctives", [0, 3])
    @pytest.mark.parametrize("labels", [True, False])
    def test_they_come_back_as_they_were(self, part, correctives, labels):
        from meshtalk_checkout.engine.takes.curves import RawCurves, pack_curves, unpack_curves

        rng = np.random.default_rng(1)
        weights = rng.random((50, 4)).astype(np.float32)
        weights[3, 1] = np.float32(1e-42)
        curves = RawCurves(
            ("a", "é", "c", "d"),
            weights,
            Fraction(24000, 1001),
            tuple(f"{n} lip" for n in range(correctives)),
            rng.normal(size=(50, correctives)).astype(np.float32) if correctives else None,
            rng.integers(0, 128, (60, 8)).astype(np.int16) if labels else None,
        )
        data = pack_curves(curves)
        back = unpack_curves(data)
        assert (back.unit_names, back.fps) == (curves.unit_names, curves.fps)
        for name in ("weights", "corrective_weights", "labels"):
            want, got = getattr(curves, name), getattr(back, name)
            assert (want is None) == (got is None)
            if want is not None:
                assert want.dtype == got.dtype and want.tobytes() == got.tobytes()
        assert pack_curves(back) == data

    @pytest.mark.parametrize("data", [b"", b"nonsense", b"PK\x03\x04" + bytes(50)])
    def test_bytes_that_are_no_curves_are_refused_in_a_sentence(self, part, data):
        from meshtalk_checkout.engine.errors import TakeError
        from meshtalk_checkout.engine.takes.curves import unpack_curves

        with pytest.raises(TakeError, match="generate it again"):
            unpack_curves(data)


class TestList:
    """Show, rename, duplicate, delete."""

    def test_each_take_is_listed_and_the_newest_plays(self, part, head, two):
        assert names(head) == ["one", "two"] and plays(part, head) == ["two"]
        assert head.meshtalk.active_take == 1

    def test_choosing_another_in_the_list_plays_it(self, part, head, two, speaker):
        head.meshtalk.active_take = 0
        assert plays(part, head) == ["one"]
        np.testing.assert_allclose(jaw(head), two[0][:, speaker.unit(JAW)], atol=1e-6)
        assert bpy.ops.meshtalk.show_take(take="two") == {"FINISHED"}
        assert head.meshtalk.active_take == 1
        np.testing.assert_allclose(jaw(head), two[1][:, speaker.unit(JAW)], atol=1e-6)

    def test_back_to_what_was_there(self, part, head, speaker):
        give_keys(head, (JAW,))
        head.data.shape_keys.key_blocks[JAW].keyframe_insert("value", frame=3)
        mine = head.data.shape_keys.animation_data.action
        speaker.write(10, 30)
        bpy.ops.meshtalk.show_take(take="ORIGINAL")
        assert head.data.shape_keys.animation_data.action == mine
        assert plays(part, head) == [] and len(head.meshtalk.takes) == 1
        bpy.ops.meshtalk.show_take(take="take")
        assert plays(part, head) == ["take"]

    def test_where_nothing_was_the_original_is_a_face_at_rest(self, part, head, two):
        rest = part("scene.mesh").read_rest_pose(head).vertices
        moved(head, 20)
        bpy.ops.meshtalk.show_take(take="ORIGINAL")
        assert head.data.shape_keys.animation_data.action is None
        np.testing.assert_allclose(moved(head, 20), rest, atol=1e-6)

    def test_a_pose_by_hand_comes_back_with_the_original(self, head, speaker):
        give_keys(head, (JAW, "mouthSmileLeft"))
        head.data.shape_keys.key_blocks[JAW].value = 0.4
        pose = moved(head, 1)
        speaker.write(10, 30)
        moved(head, 25)
        bpy.ops.meshtalk.show_take(take="ORIGINAL")
        assert head.data.shape_keys.key_blocks[JAW].value == pytest.approx(0.4)
        np.testing.assert_allclose(moved(head, 25), pose, atol=1e-6)

    def test_renaming_renames_the_action_and_never_makes_two_of_one_name(self, head, two):
        take = head.meshtalk.takes[1]
        take.name = "Take 7, smiling"
        assert take.objects[0].action.name == "MeshTalk Take 7, smiling"
        take.name = "one"
        assert names(head) == ["one", "one.001"]
        assert bpy.ops.meshtalk.rename_take(take="one.001", name="calm") == {"FINISHED"}
        assert names(head) == ["one", "calm"]
        with pytest.raises(RuntimeError, match="needs a name"):
            bpy.ops.meshtalk.rename_take(take="calm", name=" ")

    def test_an_action_that_the_user_named_keeps_its_name(self, head, two):
        take = head.meshtalk.takes[1]
        take.objects[0].action.name = "Hero"
        take.name = "calm"
        assert take.objects[0].action.name == "Hero"

    def test_a_duplicate_is_changed_alone(self, part, head, two, speaker):
        head.meshtalk.takes[1].controls.jaw = 0.5
        assert bpy.ops.meshtalk.duplicate_take() == {"FINISHED"}
        assert names(head) == ["one", "two", "two.001"] and plays(part, head) == ["two.001"]
        copy, origin = head.meshtalk.takes[2], head.meshtalk.takes[1]
        assert copy.controls.jaw == 0.5 and copy.uid != origin.uid
        before = jaw(head)
        copy.controls.jaw = 1.0
        np.testing.assert_allclose(jaw(head), two[1][:, speaker.unit(JAW)], atol=1e-6)
        head.meshtalk.active_take = 1
        np.testing.assert_allclose(jaw(head), before, atol=1e-6)

    def test_deleting_leaves_nothing_behind(self, part, head, two):
        bpy.ops.meshtalk.remove_take(take="one")
        assert names(head) == ["two"] and plays(part, head) == ["two"] and head.meshtalk.active_take == 0
        assert len(bpy.data.actions) == 1
        bpy.ops.meshtalk.remove_take()
        assert names(head) == [] and head.meshtalk.active_take == -1
        assert len(bpy.data.actions) == 0 and len(head.meshtalk.originals) == 0

    def test_after_deleting_the_one_that_plays_its_neighbour_plays(self, part, head, two, speaker):
        speaker.write(10, 30, name="three", seed=6)
        head.meshtalk.active_take = 1
        bpy.ops.meshtalk.remove_take()
        assert plays(part, head) == ["three"]
        bpy.ops.meshtalk.remove_take()
        assert plays(part, head) == ["one"]

    def test_an_action_that_somebody_else_uses_stays(self, head, two):
        action = head.meshtalk.takes[0].objects[0].action
        action.use_fake_user = True
        other = bpy.data.objects.new("Other", head.data.copy())
        other.data.shape_keys.animation_data_create().action = action
        bpy.ops.meshtalk.remove_take(take="one")
        assert action.name == "MeshTalk one" and other.data.shape_keys.animation_data.action == action

    @pytest.mark.parametrize("placement", ["NEW", "RANGE", "NLA"])
    def test_undo_and_redo_after_each(self, part, head, speaker, placement):
        give_keys(head, (JAW,))
        head.data.shape_keys.key_blocks[JAW].keyframe_insert("value", frame=3)
        name = head.name

        def state():
            thing = bpy.data.objects[name]
            animation = thing.data.shape_keys.animation_data
            tracks = [(track.name, track.mute, len(track.strips)) for track in animation.nla_tracks]
            takes = [(take.name, take.controls.jaw) for take in thing.meshtalk.takes]
            values = [moved(thing, frame).tobytes() for frame in (5, 20, 60)]
            return takes, sorted(action.name for action in bpy.data.actions), tracks, values

        states = [state()]
        bpy.ops.ed.undo_push(message="before")
        speaker.write(10, 30, placement=placement, name="a")
        bpy.ops.ed.undo_push(message="write")
        states.append(state())
        for step in ("duplicate_take", "remove_take", "remove_take"):
            getattr(bpy.ops.meshtalk, step)("EXEC_DEFAULT", True)
            states.append(state())
        for want in states[-2::-1]:
            bpy.ops.ed.undo()
            assert state() == want
        for want in states[1:]:
            bpy.ops.ed.redo()
            assert state() == want

    def test_a_preview_is_replaced_until_it_is_kept(self, part, head, speaker, two):
        takes = part("scene.takes")
        speaker.write(10, 30, seed=7, preview=True)
        actions = len(bpy.data.actions)
        weights = speaker.write(10, 30, seed=8, preview=True)
        assert len(head.meshtalk.takes) == 3 and len(bpy.data.actions) == actions
        np.testing.assert_allclose(jaw(head), weights[:, speaker.unit(JAW)], atol=1e-6)
        takes.keep_preview(head, takes.find_preview(head))
        speaker.write(10, 30, seed=9, preview=True)
        assert len(head.meshtalk.takes) == 4


class TestGone:
    """What the user deleted since is said in a sentence; nothing fails."""

    def test_the_action(self, part, head, two):
        bpy.data.actions.remove(head.meshtalk.takes[0].objects[0].action)
        head.meshtalk.active_take = 0
        assert "was deleted" in part("ops.desk").desk.message
        assert plays(part, head) == ["two"]
        with pytest.raises(RuntimeError, match="was deleted: remove the take"):
            bpy.ops.meshtalk.show_take(take="one")
        head.meshtalk.takes[0].controls.jaw = 0.5
        assert bpy.ops.meshtalk.remove_take(take="one") == {"FINISHED"}
        assert names(head) == ["two"]

    def test_the_shape_keys(self, part, head, two):
        head.shape_key_clear()
        head.meshtalk.takes[1].controls.jaw = 0.5
        with pytest.raises(RuntimeError, match="lost its shape keys"):
            bpy.ops.meshtalk.show_take(take="one")
        bpy.ops.meshtalk.remove_take(take="one")
        bpy.ops.meshtalk.remove_take(take="two")
        assert names(head) == [] and len(bpy.data.actions) == 0

    def test_one_shape_key(self, head, two, speaker):
        head.shape_key_remove(head.data.shape_keys.key_blocks[JAW])
        head.meshtalk.takes[1].controls.brow = 0.5
        assert names(head) == ["one", "two"]

    def test_the_nla_track(self, part, head, speaker):
        speaker.write(10, 30, placement="NLA", name="strip")
        tracks = head.data.shape_keys.animation_data.nla_tracks
        tracks.remove(tracks[-1])
        with pytest.raises(RuntimeError, match="NLA track of this take .* is gone"):
            bpy.ops.meshtalk.show_take(take="strip")

    def test_the_original(self, head, speaker):
        give_keys(head, (JAW,))
        head.data.shape_keys.key_blocks[JAW].keyframe_insert("value", frame=3)
        speaker.write(10, 30)
        bpy.data.actions.remove(head.meshtalk.originals[0].action)
        assert bpy.ops.meshtalk.show_take(take="ORIGINAL") == {"FINISHED"}
        assert head.data.shape_keys.animation_data.action is None


class TestCarriedAlong:
    """Takes are kept with the head: in its file, in another file, on a copy."""

    def test_saved_and_loaded(self, part, head, two, speaker, tmp_path):
        head.meshtalk.takes[1].controls.jaw = 0.7
        name, before = head.name, moved(head, 25)
        path = str(tmp_path / "takes.blend")
        bpy.ops.wm.save_as_mainfile(filepath=path)
        bpy.ops.wm.open_mainfile(filepath=path)
        opened = bpy.data.objects[name]
        np.testing.assert_array_equal(moved(opened, 25), before)
        opened.meshtalk.takes[1].controls.jaw = 1.0
        np.testing.assert_allclose(jaw(opened), two[1][:, speaker.unit(JAW)], atol=1e-6)
        opened.meshtalk.active_take = 0
        np.testing.assert_allclose(jaw(opened), two[0][:, speaker.unit(JAW)], atol=1e-6)

    def test_appended(self, part, head, two, speaker, tmp_path):
        path = str(tmp_path / "library.blend")
        bpy.data.libraries.write(path, {head}, fake_user=True)
        name, before = head.name, moved(head, 25)
        bpy.ops.wm.read_homefile(use_empty=True)
        with bpy.data.libraries.load(path) as (_, wanted):
            wanted.objects = [name]
        appended = wanted.objects[0]
        bpy.context.scene.collection.objects.link(appended)
        np.testing.assert_allclose(moved(appended, 25), before, atol=1e-6)
        appended.meshtalk.active_take = 0
        np.testing.assert_allclose(jaw(appended), two[0][:, speaker.unit(JAW)], atol=1e-6)
        appended.meshtalk.takes[0].controls.jaw = 0.0
        assert np.abs(jaw(appended)).max() < 0.2

    @pytest.mark.parametrize("copies_actions", [True, False])
    @pytest.mark.parametrize("placement", ["NEW", "NLA", "RANGE"])
    def test_a_duplicated_head_leaves_the_originals_motion_alone(
        self, part, head, speaker, copies_actions, placement
    ):
        give_keys(head, (JAW,))
        head.data.shape_keys.key_blocks[JAW].keyframe_insert("value", frame=3)
        weights = speaker.write(10, 30, placement=placement)
        unit = speaker.unit(JAW)
        bpy.context.preferences.edit.use_duplicate_action = copies_actions
        bpy.ops.object.select_all(action="DESELECT")
        head.select_set(True)
        bpy.context.view_layer.objects.active = head
        bpy.ops.object.duplicate()
        bpy.context.preferences.edit.use_duplicate_action = True
        copy = bpy.context.active_object
        assert copy != head and plays(part, copy) == ["take"] or copies_actions
        mesh = [moved(head, frame) for frame in SPEECH]
        copy.meshtalk.takes[0].controls.jaw = 0.3
        for frame, want in zip(SPEECH, mesh, strict=True):
            np.testing.assert_allclose(moved(head, frame), want, atol=1e-6)
        assert plays(part, head) == plays(part, copy) == ["take"]
        assert any(np.abs(moved(copy, f) - want).max() > 1e-4 for f, want in zip(SPEECH, mesh, strict=True))
        changed = [moved(copy, frame) for frame in SPEECH]
        head.meshtalk.takes[0].controls.jaw = 2.0
        head.meshtalk.takes[0].controls.jaw = 1.0
        for frame, want in zip(SPEECH, changed, strict=True):
            np.testing.assert_allclose(moved(copy, frame), want, atol=1e-6)
        if placement == "NEW":
            np.testing.assert_allclose(jaw(head), weights[:, unit], atol=1e-6)

    def test_deleting_a_take_of_a_copy_keeps_the_originals(self, part, head, two):
        bpy.ops.object.duplicate()
        copy = bpy.context.active_object
        for name in ("one", "two"):
            bpy.ops.meshtalk.remove_take(head=copy.name, take=name)
        assert names(copy) == [] and names(head) == ["one", "two"]
        head.meshtalk.active_take = 0
        assert plays(part, head) == ["one"]

    @pytest.mark.parametrize("by_hand", [True, False])
    def test_takes_of_a_deleted_head_go_with_the_next_save(self, head, two, tmp_path, by_hand):
        if by_hand:
            bpy.ops.object.delete()
            assert len(bpy.data.objects) == 0
        else:
            bpy.data.objects.remove(head)
        for _ in range(2):
            bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "takes.blend"))
            bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "takes.blend"))
        assert len(bpy.data.actions) == 0


class TestArguments:
    """Operators do it all at once, with what they are given."""

    def test_generate_says_what_it_needs_by_itself(self, part, talking, head, speech_file):
        talking.meshtalk.sound_file = ""
        bpy.context.view_layer.objects.active = None
        head.select_set(False)
        done = bpy.ops.meshtalk.generate(
            head=head.name, sound_file=str(speech_file), seed=4, name="calm", placement="NLA"
        )
        assert done == {"FINISHED"}
        take = head.meshtalk.takes[0]
        assert (take.name, take.placement, take.segments[0].seed) == ("calm", "NLA", "4")
        assert plays(part, head) == ["calm"]

    def test_the_settings_decide_what_isnt_given(self, talking, head):
        talking.meshtalk.seed = 9
        bpy.ops.meshtalk.generate()
        bpy.ops.meshtalk.generate(seed=3)
        assert [take.segments[0].seed for take in head.meshtalk.takes] == ["9", "3"]

    @pytest.mark.parametrize(
        "wrong, words",
        [({"head": "Nobody"}, "no head “Nobody”"), ({"sound_file": "/none.wav"}, "There is no file")],
    )
    def test_wrong_ones_are_refused_in_a_sentence(self, talking, head, wrong, words):
        with pytest.raises(RuntimeError, match=words):
            bpy.ops.meshtalk.generate(**wrong)
        assert len(head.meshtalk.takes) == 0 and len(bpy.data.actions) == 0

    @pytest.mark.skipif(
        not bpy.app.build_options.audaspace, reason="this Blender was built without sound: it has no strips"
    )
    def test_selected_strips_become_one_take(self, part, talking, head, speech_file):
        strips = part("scene.strips")
        made = [
            strips.add_sound_strip(talking, str(speech_file), f"part {n}", f) for n, f in ((1, 10), (2, 40))
        ]
        for strip in made:
            strip.select = True
        talking.meshtalk.sound_source = "SELECTED"
        assert bpy.ops.meshtalk.generate() == {"FINISHED"}
        take = head.meshtalk.takes[0]
        assert [(s.frame, s.strip) for s in take.segments] == [(10, "part 1"), (40, "part 2")]
        assert "“part 2” begins before “part 1” ends" in part("ops.desk").desk.message
        made[0].mute = True  # another reading of the same line, say: it isn't heard
        assert bpy.ops.meshtalk.generate() == {"FINISHED"}
        assert [s.strip for s in head.meshtalk.takes[1].segments] == ["part 2"]
        made[1].mute = True
        assert bpy.ops.meshtalk.generate() == {"FINISHED"}
        assert len(head.meshtalk.takes[2].segments) == 2
        for strip in made:
            strip.select = False
        with pytest.raises(RuntimeError, match="No sound strip is selected"):
            bpy.ops.meshtalk.generate()

    @pytest.mark.skipif(
        not bpy.app.build_options.audaspace, reason="this Blender was built without sound: it has no strips"
    )
    def test_who_listens_between_two_strips_lives_on(self, part, talking, head, speech_file):
        """Somebody else speaks there: until then the face stood still, as if Blender had stopped."""
        strips = part("scene.strips")
        one = strips.add_sound_strip(talking, str(speech_file), "one", 10)
        two = strips.add_sound_strip(talking, str(speech_file), "two", 10 + 3 * 38)
        one.select = two.select = True
        talking.meshtalk.sound_source = "SELECTED"
        assert bpy.ops.meshtalk.generate() == {"FINISHED"}
        take, end = head.meshtalk.takes[0], int(strips.strip_frames(one, "right"))
        pieces = part("scene.take_content").segments_of(take)
        assert [frame + len(curves.weights) for frame, curves in pieces][0] == two.frame_final_start
        assert "begins before" not in part("ops.desk").desk.message
        quiet = range(end + 10, int(two.frame_final_start))
        names = [key.name for key in head.data.shape_keys.key_blocks[1:]]
        alive = [name for name in names if np.ptp(curve_values(head, name, quiet)) > 1e-4]
        assert alive
        before = [curve_values(head, name, quiet) for name in names]
        assert bpy.ops.meshtalk.sample_range(start=end + 20, end=end + 40, seed=77) == {"FINISHED"}
        after = [curve_values(head, name, quiet) for name in names]
        assert any(np.abs(new - old).max() > 1e-4 for old, new in zip(before, after, strict=True))

    @pytest.mark.skipif(
        not bpy.app.build_options.audaspace, reason="this Blender was built without sound: it has no strips"
    )
    @pytest.mark.parametrize("placement, listens", [("NLA", True), ("RANGE", False)])
    def test_only_a_range_leaves_the_user_what_is_between(
        self, part, talking, head, speech_file, placement, listens
    ):
        """An NLA strip covers what plays below it between its two strips: it must live there itself."""
        strips = part("scene.strips")
        for name, frame in (("one", 10), ("two", 124)):
            strips.add_sound_strip(talking, str(speech_file), name, frame)
        names = [{"name": "one"}, {"name": "two"}]
        assert bpy.ops.meshtalk.generate(strips=names, placement=placement) == {"FINISHED"}
        (start, curves), *_ = part("scene.take_content").segments_of(head.meshtalk.takes[0])
        assert (start + len(curves.weights) == 124) == listens

    @pytest.mark.parametrize("operator", ["show_take", "rename_take", "duplicate_take", "remove_take"])
    def test_without_a_take_operators_say_so(self, head, operator):
        with pytest.raises(RuntimeError, match="has no"):
            getattr(bpy.ops.meshtalk, operator)(take="nothing")


def test_curves_locked_by_the_user_are_left(head, two):
    curve = next(curve for curve in played(head) if JAW in curve.data_path)
    curve.lock = True
    before = jaw(head)
    head.meshtalk.takes[1].controls.jaw = 0.2
    np.testing.assert_array_equal(jaw(head), before)
    curve.lock = False
    head.meshtalk.takes[1].controls.jaw = 0.3
    assert np.abs(jaw(head) - before).max() > 0.01


def test_what_the_sentence_of_a_take_says_is_short(part, head, speaker):
    speaker.write(10, 30, name="one")
    assert part("panels.takes").told_of(head.meshtalk.takes[0]) == ["Frames 10–39", "Seed 0, own Action"]


def test_time_left_in_words(part):
    words = part("panels.common").left_words
    assert [words(s) for s in (0.2, 7.4, 33, 88, 200)] == [
        "1 s left",
        "7 s left",
        "35 s left",
        "90 s left",
        "3 min left",
    ]
