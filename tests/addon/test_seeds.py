# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeds: sampled together, looked at, kept or given up; takes combined; a range sampled again."""

from __future__ import annotations

import bpy
import numpy as np
import pytest


@pytest.fixture()
def gallery(part, talking, head):
    """A gallery of three seeds on the talking head."""
    assert bpy.ops.meshtalk.sample_seeds(count=3) == {"FINISHED"}
    return part("ops.gallery_desk").gallery_desk.gallery


def curves(part, head):
    """Values of the playing F-curves at the take's frames, by RNA path."""
    animation = head.data.shape_keys.animation_data
    return {
        c.data_path: np.array([c.evaluate(frame) for frame in range(1, 61)])
        for c in part("scene.actions").channels_of(animation).fcurves
    }


def unit(name):
    return f'key_blocks["{name}"].value'


def counts():
    """How many datablocks of each kind there are."""
    return {name: len(getattr(bpy.data, name)) for name in ("actions", "shape_keys", "sounds", "meshes")}


def test_sampling_changes_nothing_in_the_file(part, talking, head):
    before = counts()
    assert bpy.ops.meshtalk.sample_seeds(count=4, seed=7) == {"FINISHED"}
    gallery = part("ops.gallery_desk").gallery_desk.gallery
    assert [seed.seed for seed in gallery.seeds] == [7, 8, 9, 10]
    assert counts() == before and head.data.shape_keys is None and not len(head.meshtalk.takes)


def test_gallery_has_a_picture_of_each_seed(gallery):
    assert len(gallery.pictures) == 3
    for seed in gallery.seeds:
        height, width, colours = seed.overview.picture.shape
        assert width == height and colours == 3
        assert np.ptp(seed.overview.picture) > 50


def test_a_previewed_seed_is_what_generate_makes_of_it(part, gallery, head, talking):
    assert bpy.ops.meshtalk.preview_seed(index=2) == {"FINISHED"}
    seen = curves(part, head)
    assert bpy.ops.meshtalk.keep_seed() == {"FINISHED"}
    talking.meshtalk.seed = 2
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    made = curves(part, head)
    assert seen.keys() == made.keys()
    for path, values in made.items():
        np.testing.assert_array_equal(values, seen[path])


def test_looking_at_one_seed_after_the_other_leaves_one_preview(gallery, head):
    for index in (0, 1, 2, 1):
        assert bpy.ops.meshtalk.preview_seed(index=index) == {"FINISHED"}
    assert [take.preview for take in head.meshtalk.takes] == [True]
    assert len(bpy.data.actions) == 1
    assert "seed 1" in head.meshtalk.takes[0].name


def test_discard_brings_back_an_untouched_head(gallery, head, talking):
    before = counts()
    source, strips = talking.meshtalk.sound_source, _strip_names(talking)
    assert bpy.ops.meshtalk.preview_seed(index=0) == {"FINISHED"}
    assert len(head.data.shape_keys.key_blocks) > 1
    assert bpy.ops.meshtalk.preview_seed(index=1) == {"FINISHED"}
    assert bpy.ops.meshtalk.discard_seed() == {"FINISHED"}
    assert head.data.shape_keys is None and not len(head.meshtalk.takes)
    assert counts() == before
    assert talking.meshtalk.sound_source == source and _strip_names(talking) == strips


def test_discard_brings_back_the_take_that_played(part, gallery, head):
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    kept = curves(part, head)
    assert bpy.ops.meshtalk.sample_seeds(count=2, seed=30) == {"FINISHED"}
    assert bpy.ops.meshtalk.preview_seed(index=1) == {"FINISHED"}
    assert any(np.abs(curves(part, head)[path] - values).max() > 0.01 for path, values in kept.items())
    assert bpy.ops.meshtalk.discard_seed() == {"FINISHED"}
    assert len(head.meshtalk.takes) == 1
    back = curves(part, head)
    for path, values in kept.items():
        np.testing.assert_array_equal(back[path], values)


def test_discard_leaves_what_the_user_had(gallery, head):
    head.shape_key_add(name="Basis", from_mix=False)
    own = head.shape_key_add(name="hat", from_mix=False)
    own.keyframe_insert("value", frame=3)
    action = head.data.shape_keys.animation_data.action
    assert bpy.ops.meshtalk.preview_seed(index=0) == {"FINISHED"}
    assert bpy.ops.meshtalk.discard_seed() == {"FINISHED"}
    assert [block.name for block in head.data.shape_keys.key_blocks] == ["Basis", "hat"]
    assert head.data.shape_keys.animation_data.action == action
    assert "meshtalk" not in head.data.shape_keys


def test_keys_of_kept_seeds_stay_when_another_is_discarded(part, gallery, head):
    assert bpy.ops.meshtalk.preview_seed(index=0) == {"FINISHED"}
    assert bpy.ops.meshtalk.keep_seed() == {"FINISHED"}
    kept = curves(part, head)
    assert bpy.ops.meshtalk.preview_seed(index=1) == {"FINISHED"}
    assert bpy.ops.meshtalk.discard_seed() == {"FINISHED"}
    assert [take.preview for take in head.meshtalk.takes] == [False]
    back = curves(part, head)
    for path, values in kept.items():
        np.testing.assert_array_equal(back[path], values)


def test_combining_takes_one_mouth_and_other_eyes(part, gallery, head):
    taken = []
    for index in (0, 1):
        bpy.ops.meshtalk.preview_seed(index=index)
        bpy.ops.meshtalk.keep_seed()
        taken.append(curves(part, head))
    one, two = (take.name for take in head.meshtalk.takes)
    assert bpy.ops.meshtalk.combine_takes(mouth=one, upper=head.meshtalk.takes[1].uid, name="Mix") == {
        "FINISHED"
    }
    mixed = curves(part, head)
    upper = [
        path for path in mixed if any(stem in path for stem in ("brow", "eye", "noseSneer", "cheekSquint"))
    ]
    assert upper and len(upper) < len(mixed)
    for path, values in mixed.items():
        np.testing.assert_array_equal(values, taken[1 if path in upper else 0][path])
    assert [take.name for take in head.meshtalk.takes] == [one, two, "Mix"]


def test_a_range_sampled_again_leaves_the_rest_bit_for_bit(part, gallery, head):
    bpy.ops.meshtalk.preview_seed(index=0)
    bpy.ops.meshtalk.keep_seed()
    before = curves(part, head)
    assert bpy.ops.meshtalk.sample_range(start=20, end=45, seed=9) == {"FINISHED"}
    after = curves(part, head)
    changed = np.zeros(60, bool)
    for path, values in before.items():
        changed |= values != after[path]
    assert changed[19:45].any() and not changed[:19].any() and not changed[45:].any()
    assert len(head.meshtalk.takes) == 1


def test_refusals_say_what_is_wrong(gallery, head):
    for call, word in (
        (lambda: bpy.ops.meshtalk.preview_seed(index=9), "0 to 2"),
        (lambda: bpy.ops.meshtalk.keep_seed(), "gallery"),
        (lambda: bpy.ops.meshtalk.discard_seed(), "nothing to discard"),
        (lambda: bpy.ops.meshtalk.combine_takes(mouth="a", upper="b"), "no take"),
        (lambda: bpy.ops.meshtalk.sample_range(start=1, end=5), "take"),
    ):
        with pytest.raises(RuntimeError, match=word):
            call()


def test_the_gallery_goes_with_the_file(part, gallery):
    bpy.ops.wm.read_homefile(use_empty=True)
    assert part("ops.gallery_desk").gallery_desk.gallery is None


def _strip_names(scene):
    editor = scene.sequence_editor
    if editor is None:
        return []
    return [strip.name for strip in (editor.strips if hasattr(editor, "strips") else editor.sequences)]


def test_undo_and_redo_of_a_preview(part, gallery, head):
    name = head.name
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.meshtalk.preview_seed(index=1) == {"FINISHED"}
    bpy.ops.ed.undo_push(message="preview")
    seen = curves(part, head)
    bpy.ops.ed.undo()
    head = bpy.data.objects[name]
    assert head.data.shape_keys is None and not len(head.meshtalk.takes)
    bpy.ops.ed.redo()
    head = bpy.data.objects[name]
    assert [take.preview for take in head.meshtalk.takes] == [True]
    again = curves(part, head)
    assert all(np.array_equal(values, again[path]) for path, values in seen.items())
    assert bpy.ops.meshtalk.discard_seed() == {"FINISHED"}
    assert bpy.data.objects[name].data.shape_keys is None


def test_preview_after_undo_starts_afresh(gallery, head):
    name, before = head.name, counts()
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.meshtalk.preview_seed(index=1)
    bpy.ops.ed.undo_push(message="preview")
    bpy.ops.ed.undo()
    assert bpy.ops.meshtalk.preview_seed(index=2) == {"FINISHED"}
    assert bpy.ops.meshtalk.discard_seed() == {"FINISHED"}
    assert bpy.data.objects[name].data.shape_keys is None and counts() == before


def test_upper_temperature_changes_what_is_sampled(part, talking, head):
    assert bpy.ops.meshtalk.sample_seeds(count=1, upper_temperature=0.0) == {"FINISHED"}
    calm = part("ops.gallery_desk").gallery_desk.gallery.seeds[0].result.spoken[0].take
    talking.meshtalk_seeds.use_upper_temperature, talking.meshtalk_seeds.upper_temperature = True, 0.0
    assert bpy.ops.meshtalk.sample_seeds(count=1) == {"FINISHED"}
    same = part("ops.gallery_desk").gallery_desk.gallery.seeds[0].result.spoken[0].take
    assert bpy.ops.meshtalk.sample_seeds(count=1, upper_temperature=-1.0) == {"FINISHED"}
    free = part("ops.gallery_desk").gallery_desk.gallery.seeds[0].result.spoken[0].take
    np.testing.assert_array_equal(calm.labels, same.labels)
    assert not np.array_equal(calm.labels, free.labels)


def test_preview_stays_a_preview_when_the_file_is_saved(part, gallery, head, tmp_path):
    bpy.ops.meshtalk.preview_seed(index=0)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "seeds.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "seeds.blend"))
    head = next(thing for thing in bpy.data.objects if len(thing.meshtalk.takes))
    bpy.context.view_layer.objects.active = head
    assert bpy.ops.meshtalk.keep_seed() == {"FINISHED"}
    assert [take.preview for take in head.meshtalk.takes] == [False]


@pytest.mark.parametrize("placement", ["RANGE", "NLA"])
def test_discard_from_the_users_own_action(part, talking, head, placement):
    head.shape_key_add(name="Basis", from_mix=False)
    own = head.shape_key_add(name="jawOpen", from_mix=False)
    for frame, value in ((1, 0.0), (20, 0.8), (300, 0.1)):
        own.value = value
        own.keyframe_insert("value", frame=frame)
    action, before = head.data.shape_keys.animation_data.action, curves(part, head)
    talking.meshtalk.placement = placement
    assert bpy.ops.meshtalk.sample_seeds(count=2) == {"FINISHED"}
    for index in (0, 1):
        assert bpy.ops.meshtalk.preview_seed(index=index) == {"FINISHED"}
    assert bpy.ops.meshtalk.discard_seed() == {"FINISHED"}
    animation = head.data.shape_keys.animation_data
    assert animation.action == action and not len(animation.nla_tracks)
    after = curves(part, head)
    assert after.keys() == before.keys()
    for path, values in before.items():
        np.testing.assert_array_equal(after[path], values)
    assert [block.name for block in head.data.shape_keys.key_blocks] == ["Basis", "jawOpen"]


@pytest.mark.parametrize("stage", ["Sampling", "Moving", "Painting"])
def test_cancelling_at_any_stage_leaves_the_gallery_of_before(part, talking, head, gallery, stage):
    plan, seeds, errors = part("ops.plan"), part("ops.gallery"), part("ops.job")
    reached, steps = [], []

    def progress(name, fraction):
        steps.append(fraction)
        if name == stage:
            reached.append(len(steps))

    request = seeds.SeedsRequest(plan.make_plan(bpy.context, plan.wish_of(bpy.context)), 4)
    with pytest.raises(errors.Cancelled):
        seeds.run_seeds(request, progress, lambda: bool(reached))
    assert reached and steps == sorted(steps)
    assert part("ops.gallery_desk").gallery_desk.gallery is gallery
