# SPDX-License-Identifier: GPL-3.0-or-later
"""Dub: new words for heads that something moves already, seen on the evaluated mesh."""

from __future__ import annotations

from fractions import Fraction

import bpy
import numpy as np
import pytest

from tests.addon.movers import FIRST, LAST, MOVERS, by_bones, by_keys, film
from tests.addon.speaking import played

SOUND = 45
"""Frames of the new sound at 30 a second."""


@pytest.fixture()
def words(wav, speech):
    """1.5 s of other speech."""
    return str(wav("words.wav", speech[::-1][:24_000]))


def moved_by(how, part, head, tmp_path):
    """The head with a performance, and that performance (T, V, 3)."""
    MOVERS[how](part, head, tmp_path)
    return film(head)


def curve_texts():
    """All that is written in all Actions."""

    def curves(action):
        if hasattr(action, "layers") and hasattr(action, "slots"):
            return [
                c for la in action.layers for st in la.strips for bag in st.channelbags for c in bag.fcurves
            ]
        return list(action.fcurves)

    return {
        action.name: [(c.data_path, [tuple(k.co) for k in c.keyframe_points]) for c in curves(action)]
        for action in bpy.data.actions
    }


def regions(part):
    """Vertices of the tiny head that are all upper face, and all mouth."""
    from meshtalk_checkout.engine.generate.read_back import upper_share

    models = part("models")
    template = models.loaded_bundle(models.model_folder("tiny_bundle"), None).template
    share = upper_share(template)
    return np.flatnonzero(share == 1), np.flatnonzero(share == 0)


def wanted(part, head, before, words, **options):
    """What the engine makes of the evaluated mesh: vertices (T, V, 3)."""
    from meshtalk_checkout.engine.audio.sound import load_sound
    from meshtalk_checkout.engine.generate.dub import dub
    from meshtalk_checkout.engine.generate.dub_options import DubOptions
    from meshtalk_checkout.engine.generate.past import Original
    from meshtalk_checkout.engine.geometry.bind import bind_head

    models = part("models")
    bundle = models.loaded_bundle(models.model_folder("tiny_bundle"), None)
    rest = part("scene.mesh").read_rest_pose(head)
    binding = bind_head(bundle.template, rest.vertices, rest.polygons)
    original = Original(Fraction(30), before)
    return dub(bundle, load_sound(words), binding, original, DubOptions(**options)).vertices


@pytest.mark.parametrize("how", MOVERS)
def test_nothing_changes_where_all_is_kept(part, head, tmp_path, words, how):
    before = moved_by(how, part, head, tmp_path)
    written = curve_texts()
    assert bpy.ops.meshtalk.dub(sound_file=words, upper=1.0, mouth=1.0) == {"FINISHED"}
    np.testing.assert_allclose(film(head), before, atol=1e-6)
    after = curve_texts()
    assert {name: after[name] for name in written} == written
    assert head.meshtalk.takes[-1].kind == "DUB"


@pytest.mark.parametrize("how", MOVERS)
def test_the_mouth_speaks_and_the_upper_face_stays(part, head, tmp_path, words, how):
    before = moved_by(how, part, head, tmp_path)
    want = wanted(part, head, before, words)
    written = curve_texts()
    assert bpy.ops.meshtalk.dub(sound_file=words) == {"FINISHED"}
    after = curve_texts()
    assert {name: after[name] for name in written} == written
    upper, mouth = regions(part)
    seen = film(head)
    asked = np.linalg.norm(want - before[:SOUND], axis=2)[:, mouth].max()
    left = np.linalg.norm(seen[:SOUND] - want, axis=2)
    assert np.percentile(left[:, mouth].max(axis=1), 95) < 0.25 * asked
    changed = np.linalg.norm(seen[:SOUND] - before[:SOUND], axis=2)
    assert changed[:, upper].max() < 0.1 * changed[:, mouth].max()
    np.testing.assert_allclose(seen[SOUND + 8 :], before[SOUND + 8 :], atol=1e-5)  # the old one plays on


def test_a_dub_of_a_dub_starts_from_what_is_seen(part, head, tmp_path, words):
    moved_by("bones", part, head, tmp_path)
    assert bpy.ops.meshtalk.dub(sound_file=words, seed=1) == {"FINISHED"}
    before = film(head)
    assert bpy.ops.meshtalk.dub(sound_file=words, upper=1.0, mouth=1.0) == {"FINISHED"}
    np.testing.assert_allclose(film(head), before, atol=1e-6)


@pytest.mark.parametrize("how", ["take", "bones", "keys"])
def test_a_removed_dub_leaves_what_was_there(part, head, tmp_path, words, how):
    before = moved_by(how, part, head, tmp_path)
    keys = head.data.shape_keys
    names = [] if keys is None else [key.name for key in keys.key_blocks]
    assert bpy.ops.meshtalk.dub(sound_file=words) == {"FINISHED"}
    takes = part("scene.takes")
    takes.remove_take(head, head.meshtalk.takes[-1])
    np.testing.assert_allclose(film(head), before, atol=1e-6)
    left = [key.name for key in head.data.shape_keys.key_blocks] if head.data.shape_keys else []
    assert not [name for name in left if name.startswith("MeshTalk Dub") and name not in names]


def test_the_sound_stands_where_its_strip_is(part, scene, head, tmp_path, words):
    if not bpy.app.build_options.audaspace:
        pytest.skip("this Blender was built without sound: it has no sound strips")
    before = moved_by("keys", part, head, tmp_path)
    part("scene.strips").add_sound_strip(scene, words, "words", 9)
    assert bpy.ops.meshtalk.dub(strip="words") == {"FINISHED"}
    same = np.abs(film(head)[:60] - before).max(axis=(1, 2)) < 1e-5
    assert same[:3].all() and not same[11:50].any() and same[-1:].all()


def test_settings_of_the_panel_count_unless_told_otherwise(part, scene, head, tmp_path, words):
    before = moved_by("take", part, head, tmp_path)
    scene.meshtalk.sound_source, scene.meshtalk.sound_file = "FILE", words
    scene.meshtalk_dub.mouth = 1.0
    assert bpy.ops.meshtalk.dub() == {"FINISHED"}
    np.testing.assert_allclose(film(head), before, atol=1e-6)
    assert bpy.ops.meshtalk.dub(mouth=0.0, name="Louder", sound_file=words) == {"FINISHED"}
    assert np.abs(film(head) - before).max() > 1e-4
    assert head.meshtalk.takes[-1].name == "Louder"


def test_undo_takes_a_dub_back_and_redo_brings_it_again(part, head, tmp_path, words):
    moved_by("bones", part, head, tmp_path)
    name = head.name
    bpy.ops.ed.undo_push(message="Before")
    assert bpy.ops.meshtalk.dub(sound_file=words) == {"FINISHED"}
    seen = film(head)
    bpy.ops.ed.undo_push(message="Dub")
    bpy.ops.ed.undo()
    head = bpy.data.objects[name]
    assert len(head.meshtalk.takes) == 0 and head.data.shape_keys is None
    bpy.ops.ed.redo()
    head = bpy.data.objects[name]
    assert len(head.meshtalk.takes) == 1
    np.testing.assert_allclose(film(head), seen, atol=1e-6)


def snapshot():
    """The names and users of all datablocks, and what F-curves, keys, bones and modifiers say."""
    kinds = {kind: getattr(bpy.data, kind) for kind in dir(bpy.data)}
    blocks = {
        kind: sorted((block.name, block.users, block.session_uid) for block in found)
        for kind, found in kinds.items()
        if isinstance(found, bpy.types.bpy_prop_collection)
    }
    values = [
        [(k.name, k.value, k.mute, [tuple(point.co) for point in k.points]) for k in key.key_blocks]
        for key in bpy.data.shape_keys
    ]
    values += [[tuple(map(tuple, b.matrix_basis)) for b in o.pose.bones] for o in bpy.data.objects if o.pose]
    modifiers = [[(m.name, m.show_viewport) for m in thing.modifiers] for thing in bpy.data.objects]
    return blocks, curve_texts(), values, modifiers, bpy.context.scene.frame_current_final


def reading(part, head, first=FIRST, last=LAST, seen=None):
    scene = bpy.context.scene
    handle, rest = part("scene.handles").handle_of(head), part("scene.mesh").read_rest_pose(head)
    rate = part("scene.timing").scene_rate(scene.render.fps, scene.render.fps_base)
    read_performance = part("scene.reading").read_performance
    return read_performance(handle, rest, scene.session_uid, first, last, rate, seen)


def whole(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def test_what_is_read_is_what_is_seen(part, scene, head, tmp_path):
    moved_by("bones", part, head, tmp_path)
    head.location = (3, 2, 1)  # the object's own motion is no expression, what its rig does then is
    head.keyframe_insert("location", frame=1)
    head.location = (1, 2, 9)
    head.keyframe_insert("location", frame=40)
    before = film(head)
    scene.frame_set(23, subframe=0.25)
    read = whole(reading(part, head))
    assert scene.frame_current_final == 23.25
    np.testing.assert_allclose(read.vertices, before, atol=2e-6)


def refused(*_arguments, **_named):
    raise AssertionError("a scene was evaluated")


@pytest.mark.parametrize("how", ["keys", "take"])
def test_what_f_curves_tell_is_read_without_evaluating_a_scene(part, head, tmp_path, monkeypatch, how):
    before = moved_by(how, part, head, tmp_path)
    bpy.app.handlers.frame_change_post.append(print_nothing)  # the scene's own frame is read then
    try:
        seen = whole(reading(part, head))
    finally:
        bpy.app.handlers.frame_change_post.remove(print_nothing)
    monkeypatch.setattr(part("scene.reading"), "evaluated_aside", refused)
    read = whole(reading(part, head))
    np.testing.assert_allclose(read.vertices, before, atol=1e-6)
    np.testing.assert_allclose(seen.vertices, before, atol=1e-6)
    for one, other in zip(read.keys, seen.keys, strict=True):
        np.testing.assert_array_equal(one.values, other.values)


def print_nothing(*_arguments):
    """A handler of somebody's."""


def test_keys_that_are_muted_clamped_grouped_or_relative_are_read_as_they_play(part, scene, head, tmp_path):
    moved_by("take", part, head, tmp_path)
    blocks = head.data.shape_keys.key_blocks
    blocks[1].mute = True
    blocks[2].slider_max = 0.2
    blocks[3].relative_key = blocks[2]
    group = head.vertex_groups.new(name="Half")
    group.add(list(range(0, len(head.data.vertices), 2)), 0.5, "REPLACE")
    blocks[3].vertex_group = "Half"
    before = film(head)
    read = whole(reading(part, head))
    np.testing.assert_allclose(read.vertices, before, atol=1e-6)


def test_reading_leaves_the_frame_and_what_was_not_keyed(part, scene, head, tmp_path):
    """Bones: evaluated, but aside."""
    moved_by("bones", part, head, tmp_path)
    jaw = head.modifiers["Rig"].object.pose.bones["jaw"]
    scene.frame_set(9)
    jaw.rotation_euler[0] = 0.7
    steps = reading(part, head)
    next(steps)
    assert scene.frame_current == 9 and len(bpy.data.scenes) == 1
    whole(steps)
    assert abs(jaw.rotation_euler[0] - 0.7) < 1e-6 and scene.frame_current == 9


def test_where_the_scene_has_a_say_its_own_frame_is_read(part, scene, head, tmp_path):
    moved_by("bones", part, head, tmp_path)
    driver = head.driver_add("location", 0).driver
    driver.variables.new().name = "at"
    target = driver.variables[0].targets[0]
    target.id_type, target.id, target.data_path = "SCENE", scene, "frame_current"
    driver.expression = "at * 0.1"
    before = film(head)
    scene.frame_set(9)
    read = whole(reading(part, head))
    np.testing.assert_allclose(read.vertices, before, atol=2e-6)
    assert scene.frame_current == 9 and len(bpy.data.scenes) == 1


@pytest.mark.parametrize("how", MOVERS)
def test_vertices_are_read_under_the_sound_alone(part, scene, head, tmp_path, how):
    """Three new seconds in a long performance cost three seconds."""
    moved_by(how, part, head, tmp_path)
    whole_range, seen = whole(reading(part, head)), whole(reading(part, head, seen=(20, 33)))
    assert (len(seen.vertices), seen.count, seen.last) == (14, 60, whole_range.last)
    np.testing.assert_allclose(seen.vertices, whole_range.vertices[19:33], atol=1e-6)
    for one, other in zip(seen.keys, whole_range.keys, strict=True):
        np.testing.assert_allclose(one.values, other.values, atol=1e-6)


@pytest.mark.parametrize("how", MOVERS)
def test_a_dub_needs_no_vertices_beyond_its_sound(part, scene, head, tmp_path, wav, speech, monkeypatch, how):
    words = str(wav("few.wav", speech[::-1][:6_400]))  # 12 frames, and a second more of 60
    moved_by(how, part, head, tmp_path)
    scene.frame_start = 10
    films = []
    for lasts in (part("scene.sound").seconds_of, lambda _source: None):
        monkeypatch.setattr(part("scene.sound"), "seconds_of", lasts)
        assert bpy.ops.meshtalk.dub(sound_file=words, mute_old=False) == {"FINISHED"}
        films.append(film(head))
        assert bpy.ops.meshtalk.remove_take() == {"FINISHED"}
    assert np.abs(films[0] - film(head)).max() > 1e-3
    np.testing.assert_allclose(films[0], films[1], atol=1e-5)


def test_slow_scenes_are_read_between_their_frames(part, scene, head, tmp_path):
    moved_by("keys", part, head, tmp_path)
    scene.render.fps = 12
    read = whole(reading(part, head, 1, 20))
    assert read.steps == 2 and read.rate == 24 and len(read.vertices) == 39
    np.testing.assert_allclose(read.vertices[::2], film(head, 1, 20), atol=1e-6)


def test_modifiers_that_make_vertices_are_off_only_while_it_reads(part, head, tmp_path, words):
    before = moved_by("bones", part, head, tmp_path)
    smooth = head.modifiers.new("Smooth", "SUBSURF")
    steps = reading(part, head)
    next(steps)
    assert smooth.show_viewport
    np.testing.assert_allclose(whole(steps).vertices, before, atol=2e-6)
    assert smooth.show_viewport
    assert bpy.ops.meshtalk.dub(sound_file=words) == {"FINISHED"}
    assert smooth.show_viewport


def one_frame_a_step(part, monkeypatch):
    monkeypatch.setattr(part("scene.reading"), "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(part("scene.reading"), "BLOCK", 1)


@pytest.mark.parametrize("how", MOVERS)
def test_a_step_is_short_and_a_cancelled_reading_leaves_no_trace(
    part, scene, head, tmp_path, monkeypatch, how
):
    moved_by(how, part, head, tmp_path)
    scene.frame_set(17)
    one_frame_a_step(part, monkeypatch)
    steps = reading(part, head)
    then = snapshot()
    shares = [next(steps) for _ in range(5)]
    assert shares == sorted(shares) and shares[-1] < 0.2
    steps.close()
    assert snapshot() == then


def test_a_job_gathers_before_it_works_and_can_be_cancelled(part, scene, head, tmp_path, monkeypatch):
    job = part("ops.job")
    moved_by("take", part, head, tmp_path)
    scene.frame_set(9)
    one_frame_a_step(part, monkeypatch)

    def gathered():
        read = yield from reading(part, head, 1, 10)
        return lambda progress, _cancelled: (progress("Working", 0.5), len(read.vertices))[1]

    then = snapshot()
    cancelled = job.Job(job.Gathering("Reading", gathered()))
    cancelled.start()
    for _ in range(3):
        cancelled.gather()
    assert cancelled.is_gathering and 0 < cancelled.status.fraction < 0.3
    cancelled.cancel()
    assert not cancelled.is_gathering and snapshot() == then
    done = job.Job(job.Gathering("Reading", gathered()))
    done.start()
    while done.is_gathering:
        done.gather()
    done.join(5)
    assert done.status.result == 10 and snapshot() == then


def refusal(**how):
    with pytest.raises(RuntimeError) as caught:
        bpy.ops.meshtalk.dub(**how)
    return str(caught.value)


def test_what_cannot_be_dubbed_says_what_to_do(part, scene, head, tmp_path, words):
    moved_by("keys", part, head, tmp_path)
    then = snapshot()
    assert "move the strip" in refusal(sound_file=words, start=-20, end=0)
    assert "no frame between 50 and 20" in refusal(sound_file=words, start=50, end=20)
    head.hide_viewport = True
    assert "is hidden: show it" in refusal(sound_file=words, head=head.name)
    head.hide_viewport = False
    head.select_set(True)
    head.show_only_shape_key = True
    assert "unpin" in refusal(sound_file=words)
    head.show_only_shape_key = False
    cache = head.modifiers.new("Abc", "MESH_SEQUENCE_CACHE")
    assert "Mesh Cache" in refusal(sound_file=words)
    head.modifiers.remove(cache)
    cage = head.copy()
    cage.data = head.data.copy()
    cage.name = "Cage"
    scene.collection.objects.link(cage)
    bound = head.modifiers.new("Bound", "SURFACE_DEFORM")
    bound.target = cage
    bpy.ops.object.surfacedeform_bind(modifier="Bound")
    assert "where “Cage” is, which hides shape keys" in refusal(sound_file=words)
    bpy.ops.object.surfacedeform_bind(modifier="Bound")
    head.modifiers.remove(bound)
    bpy.data.meshes.remove(cage.data)
    assert "no object" in refusal(sound_file=words, head="Nobody")
    assert snapshot() == then


def test_a_head_at_rest_is_refused_and_a_held_pose_is_not(part, scene, head, words):
    then = snapshot()
    said = refusal(sound_file=words)
    assert "“MeshTalk Head” stays at rest from frame 1 to" in said and "press Generate instead" in said
    assert snapshot() == then
    rest = part("scene.mesh").read_rest_pose(head).vertices
    head.shape_key_add(name="Basis", from_mix=False)
    key = head.shape_key_add(name="Frown", from_mix=False)
    key.points.foreach_set("co", (rest * np.float32(1.02)).ravel())
    key.value = 1.0
    assert bpy.ops.meshtalk.dub(sound_file=words) == {"FINISHED"}


@pytest.mark.parametrize("mute", [True, False])
def test_the_old_speech_is_muted_where_both_would_sound(part, scene, head, words, wav, speech, mute):
    if not bpy.app.build_options.audaspace:
        pytest.skip("this Blender was built without sound: it has no sound strips")
    strips = part("scene.strips")
    old = strips.add_sound_strip(scene, str(wav("old.wav", speech)), "old", 1)
    music = strips.add_sound_strip(scene, str(wav("music.wav", speech)), "music", 1)
    assert bpy.ops.meshtalk.generate(strip="old") == {"FINISHED"}
    assert bpy.ops.meshtalk.dub(sound_file=words, mute_old=mute) == {"FINISHED"}
    assert (old.mute, music.mute) == (mute, False)
    new = next(strip for strip in strips.sound_strips(scene) if strip.name == scene.meshtalk.strip)
    assert new.name not in ("old", "music") and not new.mute
    assert ("“old” muted" in part("ops.desk").desk.message) == mute


def test_the_range_is_that_of_whatever_animates_the_head(part, scene, head, tmp_path):
    animated_range = part("scene.animated").animated_range
    scene.frame_start, scene.frame_end = 10, 300
    assert animated_range(head, scene) is None
    by_keys(part, head, tmp_path)
    assert animated_range(head, scene) == (1, 55)
    by_bones(part, head, tmp_path)
    assert animated_range(head, scene) == (1, 57)
    driver = head.modifiers["Rig"].object.pose.bones["head"].driver_add("location", 0).driver
    driver.expression = "0.01 * frame"
    assert animated_range(head, scene) == (1, 300)


def test_bones_that_play_on_behind_a_chosen_end_are_read(part, scene, head, tmp_path, words):
    """A layer comes on top of what they do: reckoned against the pose at that end it would move twice."""
    by_bones(part, head, tmp_path)
    before = film(head)
    assert np.ptp(before[20:], axis=0).max() > 1e-3
    assert bpy.ops.meshtalk.dub(sound_file=words, end=20, upper=1.0, mouth=1.0) == {"FINISHED"}
    np.testing.assert_allclose(film(head), before, atol=2e-5)


def controlled(head):
    """Hands what a head's rig does over to another rig, which its bones copy."""
    rig = head.modifiers["Rig"].object
    boss = rig.copy()
    bpy.context.scene.collection.objects.link(boss)
    rig.animation_data_clear()
    for bone in rig.pose.bones:
        copied = bone.constraints.new("COPY_TRANSFORMS")
        copied.target, copied.subtarget = boss, bone.name
        copied.target_space = copied.owner_space = "LOCAL"


def deformed(head):
    """Hands a head over to a finer copy of itself, as its rig moves that."""
    cage = head.copy()
    cage.data = head.data.copy()
    bpy.context.scene.collection.objects.link(cage)
    cage.modifiers.new("Finer", "SUBSURF").levels = 1
    head.modifiers.clear()
    bound = head.modifiers.new("Bound", "SURFACE_DEFORM")
    bound.target = cage
    bpy.ops.object.surfacedeform_bind(modifier="Bound")
    assert bound.is_bound


@pytest.mark.parametrize("by", [controlled, deformed])
def test_what_moves_a_head_from_afar_is_read(part, scene, head, tmp_path, by):
    """The graph of a scene beside the user's doesn't list what only hangs on its objects."""
    by_bones(part, head, tmp_path)
    by(head)
    assert part("scene.animated").animated_range(head, scene) == (1, 57)
    before = film(head)
    assert np.ptp(before, axis=0).max() > 1e-3
    np.testing.assert_allclose(whole(reading(part, head)).vertices, before, atol=2e-6)


@pytest.mark.parametrize("kind", ["CYCLES", "NOISE"])
def test_curves_that_never_end_are_kept_as_long_as_the_scene(part, scene, head, tmp_path, words, kind):
    by_keys(part, head, tmp_path)
    scene.frame_end = 100
    for curve in played(head):
        curve.modifiers.new(kind)
    head.data.shape_keys.animation_data.action.update_tag()
    before = film(head, 1, 100)
    assert np.ptp(before[LAST:], axis=0).max() > 1e-4
    assert bpy.ops.meshtalk.dub(sound_file=words, upper=1.0, mouth=1.0) == {"FINISHED"}
    np.testing.assert_allclose(film(head, 1, 100), before, atol=1e-6)


def test_parts_are_read_where_they_are(part, scene, head, tmp_path):
    """An eye that turns as an object, in the face's space."""
    mesh = bpy.data.meshes.new("Eye")
    mesh.from_pydata([(0, 0, 0), (0.01, 0, 0), (0, 0.01, 0)], [], [(0, 1, 2)])
    eye = bpy.data.objects.new("Eye", mesh)
    scene.collection.objects.link(eye)
    eye.parent = head
    bpy.context.view_layer.update()
    part("scene.parts").add_parts(head, [eye])
    for frame, angle in ((1, 0.0), (30, 0.5)):
        eye.rotation_euler[2] = angle
        eye.keyframe_insert("rotation_euler", frame=frame)
    head.location.x = 5
    count = len(head.data.vertices)
    read = whole(reading(part, head, 1, 30)).vertices[:, count:]
    assert np.abs(read[0] - [(0, 0, 0), (0.01, 0, 0), (0, 0.01, 0)]).max() < 1e-6
    np.testing.assert_allclose(read[-1, 1], (0.01 * np.cos(0.5), 0.01 * np.sin(0.5), 0), atol=1e-6)
