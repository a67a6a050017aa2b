# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can't be done is refused with one clear sentence, and nothing is changed."""

from __future__ import annotations

import shutil
from functools import partial

import bpy
import numpy as np
import pytest

needs_sound = pytest.mark.skipif(
    not bpy.app.build_options.audaspace, reason="this Blender was built without sound: it has no sound strips"
)


def snapshot():
    """What a user could find changed: datablocks, keys, Actions, strips and settings."""
    counts = {
        name: len(getattr(bpy.data, name))
        for name in ("objects", "meshes", "shape_keys", "actions", "sounds", "materials", "scenes")
    }
    keys = {key.name: [block.name for block in key.key_blocks] for key in bpy.data.shape_keys}
    editor = bpy.context.scene.sequence_editor
    strips = (
        0
        if editor is None
        else len(getattr(editor, "strips_all", None) or getattr(editor, "sequences_all", ()))
    )
    settings = bpy.context.scene.meshtalk
    return counts, keys, strips, settings.sound_source, settings.strip


def refused(words: str) -> None:
    """Pressing Generate says so in one sentence and leaves the file as it was."""
    before = snapshot()
    with pytest.raises(RuntimeError) as caught:
        bpy.ops.meshtalk.generate()
    message = str(caught.value).strip().splitlines()[0]
    assert words in message
    assert message.endswith(".") and "Traceback" not in str(caught.value)
    assert snapshot() == before


def test_no_selection(talking, head):
    head.select_set(False)
    refused("Choose a head")


def test_nothing_active(talking, head):
    bpy.context.view_layer.objects.active = None
    refused("Choose a head")


def test_no_mesh(talking, head):
    empty = bpy.data.objects.new("Empty", None)
    talking.collection.objects.link(empty)
    bpy.context.view_layer.objects.active = empty
    empty.select_set(True)
    refused("“Empty” is not a mesh")


@pytest.mark.parametrize(
    "mode, words", [("EDIT", "Edit Mode"), ("SCULPT", "Sculpt Mode"), ("WEIGHT_PAINT", "Weight Paint")]
)
def test_other_modes(talking, head, mode, words):
    bpy.ops.object.mode_set(mode=mode)
    refused(words)


def test_zero_vertices(talking, head):
    head.data.clear_geometry()
    refused("has no vertices")


def test_a_cube_is_refused(talking):
    bpy.ops.mesh.primitive_cube_add()
    refused("face")


def test_of_several_heads_it_is_said_which_is_none(talking, head):
    bpy.ops.mesh.primitive_cube_add()
    head.select_set(True)
    talking.meshtalk.heads = "SELECTED"
    refused("“Cube” is refused: ")
    assert head.data.shape_keys is None


def test_half_a_head_with_a_mirror(talking, head):
    head.modifiers.new("Mirror", "MIRROR")
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}  # a whole one may have a modifier left over
    bpy.ops.meshtalk.add_head()
    half = bpy.context.active_object
    half.modifiers.new("Mirror", "MIRROR")
    for vertex in half.data.vertices:
        vertex.co.x = max(vertex.co.x, 0)
    refused("half a head")


def test_a_head_with_shuffled_faces_or_moved_far_is_still_no_surprise(talking, head):
    coordinates = np.random.default_rng(0).normal(size=len(head.data.vertices) * 3).astype(np.float32)
    head.data.vertices.foreach_set("co", coordinates)
    head.data.update()
    refused("")


def test_not_a_number_in_the_mesh(talking, head):
    head.data.vertices[3].co.x = float("nan")
    refused("")


def test_absolute_keys(talking, head):
    head.shape_key_add(name="Basis")
    head.data.shape_keys.use_relative = False
    refused("absolute shape keys")


@pytest.fixture()
def library(scene, head, tmp_path):
    """A file with a head to link."""
    path = tmp_path / "library.blend"
    bpy.data.libraries.write(str(path), {head})
    name = head.name
    bpy.data.objects.remove(head)
    with bpy.data.libraries.load(str(path), link=True) as (_, wanted):
        wanted.objects = [name]
    scene.collection.objects.link(wanted.objects[0])
    return wanted.objects[0]


def test_linked_head(talking, library):
    talking.meshtalk.head = library
    refused("is linked from another file")


def test_head_with_a_linked_mesh(talking, library):
    own = bpy.data.objects.new("Own", library.data)
    talking.collection.objects.link(own)
    talking.meshtalk.head = own
    refused("is linked from another file")


def test_override_of_object_and_mesh(talking, library):
    talking.meshtalk.head = None
    override = library.override_create()
    override.data = library.data.override_create()
    talking.collection.objects.link(override)
    talking.meshtalk.head = override
    refused("is a library override")


@pytest.mark.parametrize(
    "content, words",
    [
        (None, "There is no file"),
        (b"", "is empty"),
        (b"not a sound at all, just words" * 20, "wav, flac, ogg or mp3"),
    ],
)
def test_bad_files(talking, tmp_path, content, words):
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    talking.meshtalk.sound_file = str(path)
    refused(words)


def test_truncated_file(talking, speech_file):
    speech_file.write_bytes(speech_file.read_bytes()[:20_000])
    refused("cut off")


def test_zero_samples(talking, wav):
    talking.meshtalk.sound_file = str(wav("none.wav", np.zeros(0, np.float32)))
    refused("no samples")


def test_no_sound_chosen(talking):
    talking.meshtalk.sound_file = ""
    refused("Choose a sound")


@needs_sound
def test_deleted_strip(part, talking, speech_file):
    strips = part("scene.strips")
    strips.add_sound_strip(talking, str(speech_file), "speech", 1)
    talking.meshtalk.sound_source, talking.meshtalk.strip = "STRIP", "speech"
    editor = talking.sequence_editor
    collection = editor.strips if hasattr(editor, "strips") else editor.sequences
    collection.remove(strips.find_sound_strip(talking, "speech"))
    refused("no sound strip “speech”")


@needs_sound
def test_file_of_a_strip_is_gone(part, talking, speech_file):
    part("scene.strips").add_sound_strip(talking, str(speech_file), "speech", 1)
    talking.meshtalk.sound_source = "STRIP"
    speech_file.unlink()
    refused("is missing")


@pytest.fixture()
def broken(scene, tmp_path):
    """A copy of the tiny model to break, chosen in the scene."""
    preferences = bpy.context.preferences.addons["meshtalk_checkout"].preferences
    source = preferences.model_folders[0].folder
    copy = tmp_path / "broken"
    shutil.copytree(source, copy)
    preferences.model_folders.add().folder = str(copy)
    yield copy
    preferences.model_folders.remove(1)


def test_model_with_a_flipped_byte(talking, broken):
    talking.meshtalk.model = "broken"
    data = bytearray((broken / "decoder.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (broken / "decoder.onnx").write_bytes(bytes(data))
    refused("decoder.onnx is damaged")


def test_model_without_a_graph(talking, broken):
    talking.meshtalk.model = "broken"
    (broken / "fusion.onnx").unlink()
    refused("fusion.onnx is missing")


def test_model_of_a_newer_format(talking, broken):
    talking.meshtalk.model = "broken"
    card = (broken / "model.json").read_text()
    (broken / "model.json").write_text(card.replace('"format": 1', '"format": 99'))
    refused("99")


def test_no_model_at_all(talking, part):
    bpy.context.preferences.addons["meshtalk_checkout"].preferences.model_folders.clear()
    if part("models").find_models():
        pytest.skip("the default model is here")
    refused("There is no model")


def test_the_files_model_is_not_here(talking, broken):
    talking.meshtalk.model = "broken"
    shutil.rmtree(broken)
    refused("Choose a model")


class TestWhileItRuns:
    """The user goes on working between pressing Generate and the result."""

    @pytest.fixture()
    def finish(self, part, talking):
        """Gather the plan as the button does, let the user do something, then write."""
        plan_module, speech = part("ops.plan"), part("ops.speech")
        plan = plan_module.make_plan(bpy.context, plan_module.wish_of(bpy.context))
        result = speech.run_speech(plan.request, lambda *_: None, lambda: False)

        def write(words):
            before = snapshot()
            with pytest.raises(part("ops.job").MeshTalkError, match=words):
                plan_module.write_result(plan, result)
            assert snapshot() == before

        write.plan, write.result, write.module = plan, result, plan_module
        return write

    def test_head_deleted(self, finish, head):
        bpy.data.objects.remove(head)
        finish("was deleted while MeshTalk was running")

    def test_head_deleted_though_the_panel_points_at_it(self, talking, finish, head):
        talking.meshtalk.head = head
        talking.collection.objects.unlink(head)
        finish("was deleted while MeshTalk was running")

    def test_mesh_edited(self, finish, head):
        head.data.vertices.add(1)
        finish("was changed while MeshTalk was running")

    def test_edit_mode_entered(self, finish, head):
        bpy.ops.object.mode_set(mode="EDIT")
        finish("Edit Mode")

    def test_rate_changed(self, talking, finish):
        talking.render.fps = 12
        finish("frame rate was changed")

    def test_head_renamed_is_fine(self, finish, head):
        head.name = "Somebody"
        assert "frames" in finish.module.write_result(finish.plan, finish.result)
        assert head.data.shape_keys is not None

    def test_undo_and_redo_meanwhile_are_fine(self, part, talking, head):
        module, speech = part("ops.plan"), part("ops.speech")
        bpy.ops.ed.undo_push(message="head")
        plan = module.make_plan(bpy.context, module.wish_of(bpy.context))
        result = speech.run_speech(plan.request, lambda *_: None, lambda: False)
        bpy.ops.mesh.primitive_cube_add("EXEC_DEFAULT", True)
        bpy.ops.ed.undo()
        assert "frames" in module.write_result(plan, result)


@needs_sound
class TestStripsWhileItRuns:
    """The same for the sound's strip."""

    @pytest.fixture()
    def strip(self, part, talking, speech_file):
        talking.meshtalk.sound_source = "STRIP"
        return part("scene.strips").add_sound_strip(talking, str(speech_file), "speech", 10)

    @pytest.fixture()
    def ready(self, part, strip):
        module, speech = part("ops.plan"), part("ops.speech")
        plan = module.make_plan(bpy.context, module.wish_of(bpy.context))
        return module, plan, speech.run_speech(plan.request, lambda *_: None, lambda: False)

    def test_deleted(self, ready, talking, strip, part):
        module, plan, result = ready
        editor = talking.sequence_editor
        (editor.strips if hasattr(editor, "strips") else editor.sequences).remove(strip)
        before = snapshot()
        with pytest.raises(part("ops.job").MeshTalkError, match="was deleted while MeshTalk was running"):
            module.write_result(plan, result)
        assert snapshot() == before

    def test_moved_takes_the_keys_along(self, ready, strip, head, part):
        module, plan, result = ready
        strip.frame_start = 50
        module.write_result(plan, result)
        curves = part("scene.actions").channels_of(head.data.shape_keys.animation_data).fcurves
        assert min(curve.range()[0] for curve in curves) == 50


class TestJob:
    """The thread that runs the engine."""

    def test_cancelled_job_gives_no_result(self, part, talking):
        module, speech, job = part("ops.plan"), part("ops.speech"), part("ops.job")
        request = module.make_plan(bpy.context, module.wish_of(bpy.context)).request
        running = job.Job(partial(speech.run_speech, request))
        running.cancel()
        running.start()
        running.join(20)
        assert running.status.cancelled and running.status.result is None

    def test_failure_comes_back_as_a_sentence(self, part, talking, tmp_path):
        module, speech, job = part("ops.plan"), part("ops.speech"), part("ops.job")
        request = module.make_plan(bpy.context, module.wish_of(bpy.context)).request
        (tmp_path / "speech.wav").unlink()
        running = job.Job(partial(speech.run_speech, request))
        running.start()
        running.join(20)
        assert running.status.is_over and "speech.wav" in running.status.failure

    def test_progress_only_grows(self, part, talking):
        module, speech = part("ops.plan"), part("ops.speech")
        seen = []
        request = module.make_plan(bpy.context, module.wish_of(bpy.context)).request
        speech.run_speech(request, lambda stage, fraction: seen.append((stage, fraction)), lambda: False)
        fractions = [fraction for _, fraction in seen]
        assert fractions == sorted(fractions) and fractions[-1] == 1.0
        assert all(stage for stage, _ in seen)
