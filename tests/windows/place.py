# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside the window (see run.py): a head of another maker gets landmarks by clicks and drags."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from math import pi

import bpy
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Vector

sys.path.insert(0, "/project")

from buttons import press_button
from hands import (
    EXTENSION,
    PROJECT,
    choose_tab,
    click,
    drag,
    frame_head,
    install,
    picture,
    press,
    report,
    run,
    settled,
    to,
    until,
    view,
    write_report,
)
from tab import open_only

PICKED = {  # metres, by hand on the ICT head; its left is +X, up is +Y
    "nose_tip": (0.0, 0.0009, 0.1309),
    "eye_outer_left": (0.0454, 0.0342, 0.0862),
    "mouth_left": (0.0248, -0.0341, 0.1031),
    "chin": (0.0, -0.0628, 0.1105),
    "eye_inner_left": (0.0181, 0.0330, 0.0921),
}
NEAR = 0.003
"""Metres that a clicked landmark may lie from the place that was aimed at."""


def module(name: str):
    """A module of the installed add-on."""
    return importlib.import_module(f"{EXTENSION}.meshtalk_blender.{name}")


def import_head() -> bpy.types.Object:
    """The head as an importer would leave it: upright in the object, Y up in the mesh."""
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    with np.load(PROJECT / "head.npz") as file:
        vertices, faces = file["vertices"], file["faces"]
    mesh = bpy.data.meshes.new("Head")
    mesh.from_pydata(
        vertices.tolist(), [], [[corner for corner in face if corner >= 0] for face in faces.tolist()]
    )
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
    head = bpy.data.objects.new("Head", mesh)
    head.rotation_euler.x = pi / 2
    bpy.context.collection.objects.link(head)
    bpy.context.view_layer.objects.active = head
    head.select_set(True)
    return head


def head() -> bpy.types.Object:
    """The head; undo makes another object of it."""
    return bpy.data.objects["Head"]


def pixel(place: tuple[float, float, float]) -> tuple[float, float]:
    """The window's pixel at which a place of the head's object space is seen."""
    region = view()["region"]
    seen = location_3d_to_region_2d(region, region.data, head().matrix_world @ Vector(place))
    return region.x + seen.x, region.y + seen.y


def session():
    """What the running operator works on; None when it isn't running."""
    return module("scene.placing_desk").placing_desk.session


def placed() -> dict[str, np.ndarray]:
    """The session's landmarks that count."""
    now = session()
    return {name: np.array(now.rest.place(spot)) for name, spot in now.placed.items()}


def check(name: str, place: tuple[float, float, float], most: float = NEAR) -> None:
    """The landmark is where it was aimed at."""
    apart = float(np.linalg.norm(placed()[name] - np.array(place)))
    report.setdefault("apart_mm", {})[name] = round(1e3 * apart, 2)
    assert apart < most, f"{name} is {1e3 * apart:.1f} mm from where it was put"


def mirrored(place: tuple[float, float, float]) -> tuple[float, float, float]:
    """The place on the head's other side."""
    return (-place[0], place[1], place[2])


def steps() -> Iterator[float]:
    """What happens, one step after the other."""
    install()
    yield 1.0
    open_only("landmarks")
    import_head()
    context = view()
    with bpy.context.temp_override(**context):
        bpy.ops.view3d.view_axis(type="FRONT")
        context["space_data"].show_region_ui = True
        context["space_data"].overlay.show_floor = False
    frame_head()
    yield 1.5
    choose_tab()
    with bpy.context.temp_override(**view()):
        bpy.ops.view3d.zoom(delta=4)
    bpy.ops.ed.undo_push(message="Before")
    yield 1.5
    yield from start()
    yield from place_all()
    yield from correct()
    yield from from_the_side()
    yield from finish()
    yield from show_the_fit()
    report["well"] = True


def start() -> Iterator[float]:
    """Place Landmarks, by its button, once the panels above it know what the head is."""
    view()["area"].tag_redraw()
    yield 4.0
    yield from press_button("meshtalk.place_landmarks")
    yield from until(lambda: session() is not None, "the button did not start the operator")
    report["symmetric"] = session().plane is not None


def place_all() -> Iterator[float]:
    """Click one after the other; the twins come along, and after three the others are guessed."""
    for name, place in PICKED.items():
        assert session().next_name == name, f"next is {session().next_name}, not {name}"
        press(*to(*pixel(place)))
        yield from settled()
        if name in ("nose_tip", "mouth_left"):
            picture(f"next_{name}.png")
            yield from settled()
        click(*pixel(place))
        yield from until(lambda name=name: name in placed(), f"the click did not place {name}")
        check(name, place)
        if name.endswith("_left"):
            check(name.replace("_left", "_right"), mirrored(place))
    picture("placed.png")
    yield from settled()


def correct() -> Iterator[float]:
    """Drag both mouth corners, then the right one alone, step back, remove one."""
    place = PICKED["mouth_left"]
    aside = (place[0] + 0.006, place[1] + 0.004, place[2] - 0.003)
    drag(pixel(place), pixel(aside))
    yield from until(lambda: placed()["mouth_left"][0] > place[0] + 0.004, "the dot did not follow the mouse")
    yield from settled(3.0)  # Blender may still be behind the mouse
    moved = placed()
    assert abs(moved["mouth_left"][0] + moved["mouth_right"][0]) < 0.002, "the twin did not follow"
    drag(pixel(tuple(moved["mouth_right"])), pixel(mirrored(place)), modifiers=("ctrl",))
    yield from settled(3.0)
    check("mouth_right", mirrored(place))
    assert np.allclose(placed()["mouth_left"], moved["mouth_left"]), "Ctrl moved the other side too"
    press("key", "ctrl+z", "sleep", "0.5", "key", "ctrl+z")
    yield from until(lambda: abs(placed()["mouth_left"][0] - place[0]) < 0.001, "Ctrl Z did not step back")
    check("mouth_right", mirrored(place))
    count = len(placed())
    press(*to(*pixel(PICKED["chin"])), "sleep", "0.4", "key", "Delete")
    yield from until(lambda: "chin" not in placed(), "Delete did not remove the chin")
    assert len(placed()) == count - 1, "Delete removed more than the chin"
    press("key", "ctrl+z")
    yield from until(lambda: "chin" in placed(), "Ctrl Z did not bring the chin back")
    check("chin", PICKED["chin"])


def from_the_side() -> Iterator[float]:
    """Orbit with the middle button, and place a suggestion from there."""
    region = view()["region"]
    before = region.data.view_rotation.copy()
    middle = pixel(PICKED["nose_tip"])
    drag(middle, (middle[0] - 120, middle[1]), button="2")
    yield from until(
        lambda: region.data.view_rotation.rotation_difference(before).angle > 0.2, "the view did not turn"
    )
    yield from settled()
    assert session() is not None, "orbiting ended the operator"
    picture("side.png")
    yield from settled()
    place = session().rest.place(session().suggested["lid_upper_left"])
    click(*pixel(place))
    yield from until(lambda: "lid_upper_left" in placed(), "the click did not take the suggestion")
    check("lid_upper_left", place, 2 * NEAR)  # in the fold above the lid, where a pixel is deep


def finish() -> Iterator[float]:
    """Enter keeps them; one step back takes all away, one forward brings them back; Esc leaves them."""
    count = len(placed())
    press("key", "Return")
    yield from until(lambda: session() is None, "Enter did not end the operator")
    assert len(head().meshtalk.landmarks) == count, "not all landmarks were kept"
    picture("kept.png")
    yield from settled()
    press("key", "ctrl+z")
    yield from until(lambda: len(head().meshtalk.landmarks) == 0, "one step back did not take them away")
    press("key", "ctrl+shift+z")
    yield from until(
        lambda: len(head().meshtalk.landmarks) == count, "a step forward did not bring them back"
    )
    places = module("scene.landmarks").placed_landmarks(head())
    with bpy.context.temp_override(**view()):
        bpy.ops.meshtalk.place_landmarks("INVOKE_DEFAULT")
    press(*to(*pixel(places["chin"])), "sleep", "0.6", "key", "Delete")
    yield from until(lambda: "chin" not in placed(), "Delete did not remove the chin")
    press("key", "Escape")
    yield from until(lambda: session() is None, "Esc did not end the operator")
    assert module("scene.landmarks").placed_landmarks(head()) == places, "Esc lost some"
    report["landmarks"] = {name: [round(value, 4) for value in place] for name, place in places.items()}
    write_report()


def show_the_fit() -> Iterator[float]:
    """Fit Head, by its button: the template is drawn over the head, follows it, and goes with the file."""
    fit = module("fit_overlay")
    with bpy.context.temp_override(**view()):
        bpy.ops.view3d.view_axis(type="FRONT")
    yield 1.0
    yield from press_button("meshtalk.fit_head")
    yield from until(lambda: fit.shown_fit() is not None, "Fit Head showed no fit", 120.0)
    yield 2.0
    picture("fit_front.png")
    yield from settled()
    yield from rings()
    with bpy.context.temp_override(**view()):
        bpy.ops.view3d.view_orbit(angle=-0.6, type="ORBITRIGHT")
        bpy.ops.view3d.view_persportho()
    yield 1.5
    picture("fit_side.png")
    yield from settled()
    head().location.x = 0.05
    head().scale = (1.2, 1.2, 1.2)
    yield 1.5
    picture("fit_moved.png")
    yield from settled()
    yield from not_in_renders()
    bpy.ops.wm.read_homefile(app_template="")
    yield 2.0
    assert fit.shown_fit() is None, "the fit outlived its file"


def rings() -> Iterator[float]:
    """With a fit and nothing placed, all landmarks are where the fit sees them, and none is asked for."""
    marks = module("scene.landmarks")
    places = marks.placed_landmarks(head())
    marks.clear_landmarks(head())
    with bpy.context.temp_override(**view()):
        bpy.ops.meshtalk.place_landmarks("INVOKE_DEFAULT")
    yield 1.5
    assert session().next_name is None and session().suggested.keys() == marks.BY_NAME.keys()
    report["fitted_apart_mm"] = {
        name: round(1e3 * float(np.linalg.norm(np.subtract(session().rest.place(spot), places[name]))), 2)
        for name, spot in session().suggested.items()
        if name in places
    }
    picture("fitted_rings.png")
    yield from settled()
    press("key", "Escape")
    yield from until(lambda: session() is None, "Esc did not end the operator")
    marks.set_landmarks(head(), places)


def not_in_renders() -> Iterator[float]:
    """A picture of the view, as View ▸ Render Image does, is the same with and without the fit."""
    pictures = []
    for shown in (True, False):
        if not shown:
            shown_before = list(module("fit_overlay")._shown)
            module("overlay").hide_fit()
        yield 1.0
        with bpy.context.temp_override(**view()):
            bpy.ops.render.opengl(view_context=True)
        image = bpy.data.images["Render Result"]
        path = str(PROJECT / f"render_{shown}.png")
        image.save_render(path)
        loaded = bpy.data.images.load(path)
        pictures.append(np.array(loaded.pixels[:]))
    module("fit_overlay")._shown[:] = shown_before
    other = float((np.abs(pictures[0] - pictures[1]) > 0.05).mean())  # edges are smoothed anew each time
    report["render_differs"] = round(other, 4)
    assert other < 0.01, "the fit is in the rendered view"


run(steps())
