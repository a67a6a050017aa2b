# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators with a job do turn by turn of the window."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import pytest

from tests.addon import paper

TIMER = SimpleNamespace(type="TIMER", value="NOTHING")


def test_a_window_that_is_slow_to_draw_still_lets_the_scene_be_read(part, scene, monkeypatch):
    """Each turn takes longer than the panels may wait to be drawn, as in a heavy scene."""
    background = part("ops.background")
    clock, drawn, read = iter(range(1, 1000)), [], []
    monkeypatch.setattr(background, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    job = SimpleNamespace(is_gathering=True, gather=lambda: read.append(1))
    user = SimpleNamespace(_job=job, _drawn=0.0, _has_read=False, _draw=lambda: drawn.append(1))
    for _ in range(10):
        background.InBackground._gather_or_draw(user, None)
    assert len(read) == 5 and len(drawn) == 5


def test_panels_are_drawn_only_where_they_show_something_else(part, scene, monkeypatch):
    """Each drawing holds the window up."""
    background, drawn = part("ops.background"), []
    monkeypatch.setattr(background, "redraw_panels", lambda: drawn.append(1))
    fractions = iter((0.1, 0.101, 0.12, 0.12, 0.5))
    status = part("ops.job").JobStatus
    job = SimpleNamespace(seconds_left=None)
    user = SimpleNamespace(_job=job, _told=None)
    for fraction in fractions:
        job.status = status("Sampling", fraction)
        background.InBackground._draw(user)
    assert len(drawn) == 3


@pytest.mark.parametrize("mode", ["EDIT", "SCULPT"])
def test_a_result_waits_until_its_head_is_no_longer_edited(part, head, mode):
    background, concluded = part("ops.background"), []
    job = SimpleNamespace(
        status=part("ops.job").JobStatus("Done", 1.0, result="result"), is_cancelling=False, is_waiting=False
    )
    user = SimpleNamespace(
        _job=job,
        _gather_or_draw=lambda _context: None,
        _leave=lambda _context: None,
        _conclude=lambda _context, result: concluded.append(result) or {"FINISHED"},
        written_heads=lambda: (handle,),
    )
    handle = part("scene.handles").handle_of(head)
    bpy.ops.object.mode_set(mode=mode)
    assert background.InBackground.modal(user, bpy.context, TIMER) == {"PASS_THROUGH"}
    assert job.is_waiting and not concluded
    bpy.ops.object.mode_set(mode="OBJECT")
    assert background.InBackground.modal(user, bpy.context, TIMER) == {"FINISHED"}
    assert concluded == ["result"] and not job.is_waiting


def test_the_motion_is_drawn_when_a_job_has_written_it(part, scene, monkeypatch):
    """Sampling a range again only rewrites keys, of which Blender's windows learn nothing."""
    background, drawn = part("ops.background"), []
    areas = [
        SimpleNamespace(type=kind, regions=(), tag_redraw=lambda kind=kind: drawn.append(kind))
        for kind in ("VIEW_3D", "GRAPH_EDITOR", "TEXT_EDITOR")
    ]
    windows = [SimpleNamespace(screen=SimpleNamespace(areas=areas))]
    blender = SimpleNamespace(context=SimpleNamespace(window_manager=SimpleNamespace(windows=windows)))
    monkeypatch.setattr(background, "bpy", blender)
    user = SimpleNamespace(
        write=lambda _context, _result: "Done", shows_done=True, report=lambda *_: None, _about=None
    )
    assert background.InBackground._conclude(user, None, "result") == {"FINISHED"}
    assert drawn == ["VIEW_3D", "GRAPH_EDITOR"]


@pytest.mark.parametrize("name", ["generate", "dub", "retarget", "fit_head", "sample_range"])
def test_what_writes_to_a_head_says_to_which(part, scene, name):
    background = part("ops.background").InBackground
    cls = next(each for each in background.__subclasses__() if each.bl_idname == f"meshtalk.{name}")
    assert cls.written_heads is not background.written_heads


def test_what_the_redo_panel_asks_for_is_done_in_the_background(part, scene, monkeypatch):
    """Blender undoes an operator and calls `execute`, in which nothing may wait for a thread."""
    background, again = part("ops.background"), []
    monkeypatch.setattr(background, "bpy", SimpleNamespace(app=SimpleNamespace(background=False)))
    monkeypatch.setattr(background, "run_again", again.append)
    user = SimpleNamespace(options=SimpleNamespace(is_repeat=True))
    context = SimpleNamespace(window=object())
    assert background.InBackground.execute(user, context) == {
        "CANCELLED"
    }  # Blender brings back what was there
    assert again == [user]


@pytest.fixture()
def again(part, monkeypatch):
    """The module; without a window there is no place to go to, and an undo would make it another one."""
    module = part("ops.again")
    monkeypatch.setattr(module, "_place", dict)
    return module


def test_a_redo_takes_the_place_of_what_was_done(again, talking, head):
    name = head.name
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.meshtalk.generate("EXEC_DEFAULT", True, seed=3, placement="NLA") == {"FINISHED"}
    done = bpy.context.window_manager.operators[-1]
    settings = again.settings_of(done)
    assert (settings["seed"], settings["placement"], settings["heads"]) == (3, "NLA", [{"name": name}])
    done.seed = 7
    again.run_again(done)
    assert bpy.app.timers.is_registered(again._begin)
    again.stop()
    assert not bpy.app.timers.is_registered(again._begin)
    again._begin()  # as the timer does; without a window it is done at once
    again.stop()
    assert again._watch() is None
    (take,) = bpy.data.objects[name].meshtalk.takes
    assert (take.segments[0].seed, take.placement) == ("7", "NLA")
    bpy.ops.ed.undo()
    assert len(bpy.data.objects[name].meshtalk.takes) == 0  # one step, and not two


def test_a_redo_that_comes_to_nothing_leaves_what_was_done(again, part, talking, head):
    name = head.name
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.meshtalk.generate("EXEC_DEFAULT", True, seed=3) == {"FINISHED"}
    again.run_again(bpy.context.window_manager.operators[-1])
    again._waiting.settings["model"] = "gone"  # as if it failed, or was cancelled
    again.stop()
    again._begin()
    assert len(bpy.data.objects[name].meshtalk.takes) == 0 and bpy.app.timers.is_registered(again._watch)
    again.stop()
    part("ops.desk").desk.job = object()
    assert again._watch() == again.PAUSE
    part("ops.desk").desk.job = None
    assert again._watch() is None
    assert [take.segments[0].seed for take in bpy.data.objects[name].meshtalk.takes] == ["3"]


def test_where_something_else_was_done_since_nothing_is_undone(again, talking, head):
    name = head.name
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.meshtalk.generate("EXEC_DEFAULT", True, seed=3) == {"FINISHED"}
    again.run_again(bpy.context.window_manager.operators[-1])
    again.stop()
    assert bpy.ops.meshtalk.duplicate_take("EXEC_DEFAULT", True) == {"FINISHED"}
    again._begin()
    assert [take.segments[0].seed for take in bpy.data.objects[name].meshtalk.takes] == ["3", "3"]


def test_what_was_done_to_one_head_is_not_told_of_another(part, talking, head):
    """The refusal of a cube would read as the next head's."""
    desk = part("ops.desk").desk
    panel = part("panels.tab").MESHTALK_PT_main
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.active_object
    desk.tell("This mesh has only 8 vertices", is_problem=True)
    assert "This mesh has only 8 vertices" in paper.draw(panel).texts
    bpy.context.view_layer.objects.active = head
    head.select_set(True)
    assert "This mesh has only 8 vertices" not in paper.draw(panel).texts
    desk.tell("Fitted", about=cube.session_uid)
    assert "Fitted" not in paper.draw(panel).texts


@pytest.mark.parametrize("job", ["dub", "retarget", "sample_seeds"])
def test_how_far_a_job_is_stands_where_it_was_started(part, talking, head, job):
    """The tab may be scrolled, so that the bar at its top isn't seen."""
    desk, status = part("ops.desk").desk, part("ops.job").JobStatus("Reading", 0.25)
    desk.job = SimpleNamespace(status=status, seconds_left=None, is_waiting=False)
    desk.operator = f"meshtalk.{job}"
    try:
        for panel in paper.panels():
            sheet = paper.draw(panel)
            if panel.__name__ in ("MESHTALK_PT_dub", "MESHTALK_PT_retarget", "MESHTALK_PT_seeds"):
                is_here = panel.__name__.endswith(job.removeprefix("sample_"))
                assert (("meshtalk.cancel", True) in sheet.operators) == is_here
    finally:
        desk.job = None
