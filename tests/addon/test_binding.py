# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads that nobody knows: fitted before or by Generate; the fit stays with the mesh wherever that goes."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import bpy
import numpy as np
import pytest

from tests.addon.strangers import choose, make_object

ROOT = Path(__file__).resolve().parents[2]
SPEECH = ROOT / "samples" / "speech.flac"
ICT = ROOT.parent / "shared" / "heads" / "ict.npz"
READING = "Reading the sound"
FIT_STAGES = {"Finding the face", "Fitting the template", "Carrying the shapes over"}


_fits: list[tuple] = []


@pytest.fixture()
def fitted(stranger, part):
    """The same, fitted; done once for all tests, for it takes seconds."""
    binding, landmarks = part("scene.binding"), part("scene.landmarks")
    if not _fits:
        fit()
        kept = binding.stored_binding(stranger), binding.stored_figures(stranger)
        _fits.append((*kept, landmarks.fitted_landmarks(stranger)))
    data, figures, places = _fits[0]
    binding.store_binding(stranger, data, figures)
    landmarks.set_fitted_landmarks(stranger, places)
    return stranger


@pytest.fixture()
def state(part):
    """Where a head stands, as the panel says it, after the panel has had time to look."""
    return lambda head: part("ops.head_state").look_now(head, bpy.context.scene.meshtalk.model)


def fit() -> None:
    assert bpy.ops.meshtalk.fit_head() == {"FINISHED"}


def stored(part, head) -> bytes | None:
    return part("scene.binding").stored_binding(head)


def stages_of(part) -> list[str]:
    """Generate's stages for the chosen head, cancelled when the head is bound."""
    from meshtalk_checkout.engine.errors import Cancelled

    plan = part("ops.plan")
    request = plan.make_plan(bpy.context, plan.wish_of(bpy.context)).request
    seen: list[str] = []
    with pytest.raises(Cancelled):
        part("ops.speech").run_speech(
            request, lambda stage, _fraction: seen.append(stage), lambda: READING in seen
        )
    assert READING in seen
    return seen


def speak(scene, path=SPEECH) -> None:
    scene.meshtalk.sound_source = "FILE"
    scene.meshtalk.sound_file = str(path)


def lip_gaps(head, part, frames) -> np.ndarray:
    """Distances between the middles of both lips at these frames, in the head's units."""
    places = {item.name: np.array(item.location) for item in head.meshtalk.fitted}
    rest = part("scene.mesh").read_vertices(head.data)
    lips = [
        int(np.linalg.norm(rest - places[f"lip_{side}_inner"], axis=1).argmin())
        for side in ("upper", "lower")
    ]
    gaps = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        mesh = head.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
        upper, lower = (np.array(mesh.vertices[lip].co) for lip in lips)
        gaps.append(np.linalg.norm(upper - lower))
    return np.array(gaps)


def test_the_panel_says_where_a_head_stands(stranger, state, part):
    assert "Not fitted yet" in state(stranger).words
    fit()
    now = state(stranger)
    assert "mm, good" in now.words and not now.is_poor
    assert now.figures.median_mm < 0.6 and now.figures.share_within_4mm > 0.95
    assert {"chin", "nose_tip"} <= {item.name for item in stranger.meshtalk.fitted}
    assert bpy.ops.meshtalk.clear_fit() == {"FINISHED"}
    assert "Not fitted yet" in state(stranger).words and stored(part, stranger) is None
    assert len(stranger.meshtalk.fitted) == 0


def test_what_the_rest_pose_means_is_kept_and_forgotten_with_the_fit(stranger, part):
    from meshtalk_checkout.engine.geometry.fit.binding import FitFigures

    binding = part("scene.binding")
    binding.store_binding(stranger, b"fit", FitFigures(0.3, 1.0, 0.99, parted_mm=3.0, eyes_shut=True))
    eyes, lips = binding.stored_figures(stranger).remarks
    assert "eyes" in eyes and "3 mm" in lips
    binding.clear_binding(stranger)
    assert not stranger.data.meshtalk_fit.eyes_shut and stranger.data.meshtalk_fit.parted_mm == 0


def test_a_known_head_needs_no_fit(default, state, part):
    bpy.ops.meshtalk.add_head()
    head = bpy.context.active_object
    assert state(head).words == "Known head: exact"
    fit()
    assert stored(part, head) is None and state(head).words == "Known head: exact"


@pytest.mark.parametrize(
    "add, words", [("cube", "too few"), ("uv_sphere", "choose a head"), ("torus", "choose a head")]
)
def test_what_has_no_face_is_refused_with_a_reason(default, part, add, words):
    getattr(bpy.ops.mesh, f"primitive_{add}_add")()
    thing = bpy.context.active_object
    with pytest.raises(RuntimeError, match=words) as caught:
        bpy.ops.meshtalk.fit_head()
    assert "Traceback" not in str(caught.value)
    assert stored(part, thing) is None and thing.data.shape_keys is None


def test_a_monkey_is_refused_or_called_a_poor_fit(default, state, part):
    """Its eyes and its mouth aren't where a person's are."""
    bpy.ops.mesh.primitive_monkey_add()
    monkey = bpy.context.active_object
    try:
        fit()
    except RuntimeError as error:
        assert "choose a head" in str(error)
    else:
        assert state(monkey).is_poor and "poor" in state(monkey).words


def test_the_fit_is_used_by_generate(fitted, part, default):
    speak(default)
    data = stored(part, fitted)
    assert not FIT_STAGES & set(stages_of(part))
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    assert stored(part, fitted) == data
    assert not FIT_STAGES & set(stages_of(part))  # with shape keys now


def test_an_unknown_head_talks(stranger, part, default, state):
    """Generate fits it itself, and its lips open and close."""
    speak(default)
    assert FIT_STAGES & set(stages_of(part))
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    assert "mm, good" in state(stranger).words
    action = stranger.data.shape_keys.animation_data.action
    first, last = (int(frame) for frame in action.frame_range)
    gaps = lip_gaps(stranger, part, range(first, last, 2)) * 100  # decimetres to millimetres
    assert gaps.min() < 1.5 < 6 < gaps.max()
    assert (
        np.diff(np.sign(gaps - 0.5 * (gaps.max() + gaps.min()))) != 0
    ).sum() >= 3  # it opens more than once


def test_save_and_load_keep_the_fit(fitted, part, state, tmp_path):
    data = stored(part, fitted)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "head.blend"), check_existing=False)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "head.blend"))
    head = bpy.data.objects["Stranger"]
    assert stored(part, head) == data and "mm, good" in state(head).words
    speak(bpy.context.scene)
    assert not FIT_STAGES & set(stages_of(part))


def test_append_keeps_the_fit(fitted, part, state, tmp_path):
    data = stored(part, fitted)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "head.blend"), check_existing=False)
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "head.blend")) as (_there, here):
        here.objects = ["Stranger"]
    head = here.objects[0]
    bpy.context.scene.collection.objects.link(head)
    bpy.context.scene.meshtalk.model = "default"
    choose(head)
    assert stored(part, head) == data and "mm, good" in state(head).words
    speak(bpy.context.scene)
    assert not FIT_STAGES & set(stages_of(part))


@pytest.mark.parametrize("linked", [False, True], ids=["with its mesh", "sharing the mesh"])
def test_a_duplicate_keeps_the_fit(fitted, part, state, linked):
    data = stored(part, fitted)
    assert bpy.ops.object.duplicate(linked=linked) == {"FINISHED"}
    twin = bpy.context.active_object
    assert twin != fitted and stored(part, twin) == data and "mm, good" in state(twin).words


def test_the_mesh_itself_holds_nothing_large(fitted, part):
    """Blender copies all that a mesh holds in every frame that it plays."""
    fit = fitted.data.meshtalk_fit
    assert len(stored(part, fitted)) > 100_000
    for prop in fit.bl_rna.properties:
        if prop.type == "STRING":
            assert len(getattr(fit, prop.identifier)) < 5_000, prop.identifier


def test_a_fit_that_is_forgotten_leaves_nothing_behind(fitted, part):
    """But for the copy of the mesh that has it too."""
    data = stored(part, fitted)
    assert bpy.ops.object.duplicate(linked=False) == {"FINISHED"}
    twin = bpy.context.active_object
    part("scene.binding").clear_binding(fitted)
    assert stored(part, fitted) is None and stored(part, twin) == data
    part("scene.binding").clear_binding(twin)
    assert not bpy.data.texts


def test_moving_and_scaling_the_object_is_no_edit(fitted, part, state, default):
    fitted.location, fitted.scale, fitted.rotation_euler = (3, 4, 5), (2, 2, 2), (0.4, 0.5, 0.6)
    bpy.context.view_layer.update()
    assert "mm, good" in state(fitted).words
    speak(default)
    assert not FIT_STAGES & set(stages_of(part))


def test_an_edited_mesh_is_fitted_again(fitted, part, state, default):
    before = stored(part, fitted)
    fitted.data.vertices[100].co.y -= 0.02
    fitted.data.update()
    assert "edited" in state(fitted).words
    speak(default)
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    assert stored(part, fitted) not in (None, before) and "mm, good" in state(fitted).words


def test_other_vertices_are_noticed_at_once(fitted, state):
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.mesh.subdivide()
    bpy.ops.object.mode_set(mode="OBJECT")
    assert "edited" in state(fitted).words


def test_an_edited_basis_is_noticed_as_well(fitted, part, state, default):
    """With shape keys the rest pose is the Basis."""
    fitted.shape_key_add(name="Basis")
    assert "mm, good" in state(fitted).words
    fitted.data.shape_keys.reference_key.data[100].co.y -= 0.02
    fitted.data.update()
    assert "edited" in state(fitted).words


def test_changed_landmarks_are_noticed(fitted, part, state, default):
    landmarks = part("scene.landmarks")
    landmarks.set_landmarks(fitted, {"chin": landmarks.fitted_landmarks(fitted)["chin"]})
    assert "Landmarks changed" in state(fitted).words
    fit()
    assert "mm" in state(fitted).words
    landmarks.clear_landmarks(fitted)
    assert "Landmarks changed" in state(fitted).words


def test_undo_takes_the_fit_back_and_redo_brings_it(stranger, part, state):
    bpy.ops.ed.undo_push(message="Before")
    fit()
    bpy.ops.ed.undo_push(message="Fit Head")  # operators called from a script leave no step of their own
    data = stored(part, stranger)
    bpy.ops.ed.undo()
    assert stored(part, bpy.data.objects["Stranger"]) is None
    bpy.ops.ed.redo()
    head = bpy.data.objects["Stranger"]
    assert stored(part, head) == data and "mm, good" in state(head).words


@pytest.mark.skipif(
    not bpy.app.build_options.audaspace, reason="this Blender was built without sound: it has no strips"
)
def test_a_fit_that_is_undone_while_the_next_take_is_made_comes_with_that(stranger, part, default, state):
    """The first Generate fits the head, and Ctrl Z takes both back while the second one runs."""
    name = stranger.name
    assert bpy.ops.meshtalk.add_sound(filepath=str(SPEECH)) == {"FINISHED"}
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.meshtalk.generate("EXEC_DEFAULT", True, seed=3) == {"FINISHED"}
    fit_of, rings = stored(part, stranger), part("scene.landmarks").fitted_landmarks(stranger)
    plan_of = part("ops.plan")
    plan = plan_of.make_plan(bpy.context, plan_of.wish_of(bpy.context))
    bpy.ops.ed.undo()
    head = bpy.data.objects[name]
    assert stored(part, head) is None
    result = part("ops.speech").run_speech(plan.request, lambda *_: None, lambda: False)
    plan_of.write_result(plan, result)
    assert len(head.meshtalk.takes) == 1 and stored(part, head) == fit_of and rings
    back = part("scene.landmarks").fitted_landmarks(head)
    assert back == {mark: pytest.approx(place, abs=1e-5) for mark, place in rings.items()}
    assert state(head).kind.name == "FITTED"


def test_a_cancelled_fit_writes_nothing(stranger, part, default):
    """Cancel is heard between two small steps of the work, in the thread."""
    op, job = part("ops.fit"), part("ops.job")
    request = op.fit_request(bpy.context, stranger)
    running = job.Job(partial(job.run_fit, request))
    running.start()
    while running.status.stage in ("Starting", "Loading the model"):
        time.sleep(0.01)
    running.cancel()
    started = time.monotonic()
    running.join(20)
    assert running.status.cancelled and time.monotonic() - started < 5
    assert stored(part, stranger) is None


def test_drawing_only_looks_at_what_is_known(fitted, part, default):
    """Asking where a head of 100,000 vertices stands takes less than a millisecond."""
    module = part("ops.head_state")
    module.look_now(fitted, "default")
    for _ in range(3):
        bpy.ops.object.mode_set(mode="EDIT")
        bpy.ops.mesh.select_all(action="SELECT")
        bpy.ops.mesh.subdivide()
        bpy.ops.object.mode_set(mode="OBJECT")
    assert len(fitted.data.vertices) > 100_000
    module.look_now(fitted, "default")
    times = []
    for _ in range(20):
        started = time.perf_counter()
        module.state_of(fitted, "default")
        times.append(time.perf_counter() - started)
    assert min(times) < 0.001


@pytest.mark.skipif(not ICT.is_file(), reason="the ICT head is not here: ../shared/heads/ict.npz")
def test_a_head_of_another_maker(default, part, state):
    arrays = np.load(ICT)
    head = make_object("ICT", arrays["vertices"], arrays["faces"])
    fit()
    assert "mm, good" in state(head).words
    assert len(stored(part, head)) < 10_000_000
    speak(default)
    assert not FIT_STAGES & set(stages_of(part))
