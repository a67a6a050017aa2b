# SPDX-License-Identifier: GPL-3.0-or-later
"""Other frames, evaluated aside: the scene that the user sees stays at its frame, and isn't drawn anew.

A scene that lives for a moment holds the objects; whatever they hang on is evaluated with them. Where the
scene itself has a say (frame handlers, drivers that ask a scene, simulations), its own frame is changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import bpy

from .animated import behind
from .errors import SceneError

SIMULATED = frozenset({"CLOTH", "DYNAMIC_PAINT", "FLUID", "NODES", "PARTICLE_SYSTEM", "SOFT_BODY"})
"""Modifiers that may go from frame to frame, which only the scene's own evaluation does."""

SUBDIVIDED = frozenset({"MULTIRES", "SUBSURF"})
"""Modifiers that simplifying a scene turns off."""

_COPIED = ("fps", "fps_base", "frame_map_old", "frame_map_new", "use_simplify", "simplify_subdivision")


class Frames(Protocol):
    """Where frames are evaluated: `graph` is the one evaluated last."""

    graph: bpy.types.Depsgraph

    def at(self, frame: int, subframe: float) -> bpy.types.Depsgraph:
        """Everything as it is at a frame; it isn't to be used any more once another one was asked for."""
        ...


class InScene:
    """The scene's own frame; `put_back` shows the one of before, where it was changed."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self._uid, self._home = scene.session_uid, (scene.frame_current, scene.frame_subframe)
        self._was_moved = False

    @property
    def graph(self) -> bpy.types.Depsgraph:
        """That of the window."""
        return bpy.context.evaluated_depsgraph_get()

    def at(self, frame: int, subframe: float) -> bpy.types.Depsgraph:
        """Show a frame. Raises SceneError where the scene is gone."""
        scene = self._scene()
        if scene is None:
            raise SceneError("The scene was deleted while MeshTalk was reading it: nothing was changed.")
        self._was_moved = True
        scene.frame_set(frame, subframe=subframe)
        return self.graph

    def put_back(self) -> None:
        """Show the frame of before, if the scene is still there."""
        scene = self._scene()
        if scene is not None and self._was_moved:
            scene.frame_set(self._home[0], subframe=self._home[1])

    def _scene(self) -> bpy.types.Scene | None:
        return next((scene for scene in bpy.data.scenes if scene.session_uid == self._uid), None)


class _Aside:
    def __init__(
        self, scene: bpy.types.Scene, graph: bpy.types.Depsgraph, things: Sequence[bpy.types.Object]
    ) -> None:
        self._scene, self.graph, self._things = scene, graph, things
        self._place: tuple[int, float] | None = None

    def at(self, frame: int, subframe: float) -> bpy.types.Depsgraph:
        if self._place != (frame, subframe):
            self._place = frame, subframe
            self._scene.frame_current, self._scene.frame_subframe = frame, subframe
        self.graph.update()
        return self.graph

    @property
    def asks_scene(self) -> bool:
        """Whether something among what is evaluated depends on a scene, or on the frame before."""
        found = dict.fromkeys(block.original for block in self.graph.ids) | behind(self._things)
        if any(isinstance(block, bpy.types.Scene) and block != self._scene for block in found):
            return True
        things = [block for block in found if isinstance(block, bpy.types.Object)]
        if any(thing.rigid_body or _is_simulated(thing) for thing in things):
            return True
        return any(_asks_context(block) for block in found)


@contextmanager
def evaluated_aside(
    scene: bpy.types.Scene, things: Sequence[bpy.types.Object], place: tuple[int, float]
) -> Iterator[Frames | None]:
    """Frames of these objects beside a scene, as long as this is entered, the first one (frame, subframe)
    evaluated; None where that can't be, because something there asks the scene. Nothing of it may be left
    when the user's events are handled again: an undo step or a file would keep it."""
    if has_frame_handlers():
        yield None
        return
    other = bpy.data.scenes.new("MeshTalk")
    try:
        _set_up(other, scene, things)
        layer = other.view_layers[0]
        other.statistics(
            layer
        )  # makes the graph; unlike update(), one that leaves the user's own values alone
        frames = None if layer.depsgraph is None else _Aside(other, layer.depsgraph, things)
        if frames is not None:
            frames.at(*place)
        yield None if frames is None or frames.asks_scene else frames
    finally:
        bpy.data.scenes.remove(other)


def has_frame_handlers() -> bool:
    """Whether somebody's Python does something when the scene's frame changes."""
    return bool(bpy.app.handlers.frame_change_pre or bpy.app.handlers.frame_change_post)


def _set_up(other: bpy.types.Scene, scene: bpy.types.Scene, things: Sequence[bpy.types.Object]) -> None:
    for name in _COPIED:
        setattr(other.render, name, getattr(scene.render, name))
    if not _has_cages(things):  # they are known by their number of vertices to what they deform
        other.render.use_simplify, other.render.simplify_subdivision = True, 0
    for thing in things:
        other.collection.objects.link(thing)


def _has_cages(things: Sequence[bpy.types.Object]) -> bool:
    """Whether something subdivided has a say in where these objects' vertices are."""
    others = [
        block for block in behind(things) if isinstance(block, bpy.types.Object) and block not in things
    ]
    return any(m.show_viewport and m.type in SUBDIVIDED for other in others for m in other.modifiers)


def _is_simulated(thing: bpy.types.Object) -> bool:
    return any(modifier.show_viewport and modifier.type in SIMULATED for modifier in thing.modifiers)


def _asks_context(block: bpy.types.ID) -> bool:
    animation = getattr(block, "animation_data", None)
    drivers = () if animation is None else animation.drivers
    return any(v.type == "CONTEXT_PROP" for curve in drivers for v in curve.driver.variables)
