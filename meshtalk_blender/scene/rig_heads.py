# SPDX-License-Identifier: GPL-3.0-or-later
"""Which head hangs on an armature: animators have that selected, and not the mesh."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import bpy

from .parts import ALIKE, face_of

KEPT_SECONDS = 1.0


@dataclass(frozen=True)
class _Found:
    """What was found below an armature, by name: pointers go stale."""

    asked: tuple[int, int, int]
    at: float
    head: str | None


class _Last:
    """The last answer: a draw of the tab asks dozens of times, playback with each frame."""

    found: _Found | None = None


def forget() -> None:
    """Something was changed: look again."""
    _Last.found = None


def head_of_rig(
    rig: bpy.types.Object, scene: bpy.types.Scene, unit_names: Sequence[str] = ()
) -> bpy.types.Object | None:
    """The only mesh of an armature that is a head, as far as can be told: that has takes, a fit or parts; or
    else shape keys that speech with these units moves; or else the only one that is seen. None where there is
    none, or several."""
    asked = (rig.session_uid, scene.session_uid, len(scene.objects))
    last = _Last.found
    if last is None or last.asked != asked or time.monotonic() > last.at + KEPT_SECONDS or bpy.app.background:
        head = _only(meshes_of_rig(rig, scene), unit_names)
        last = _Last.found = _Found(asked, time.monotonic(), None if head is None else head.name)
    return None if last.head is None else scene.objects.get(last.head)


def meshes_of_rig(rig: bpy.types.Object, scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """Meshes that an armature moves, as a modifier or as a parent; of heads with parts the face."""
    found = (thing for thing in scene.objects if thing.type == "MESH" and _hangs_on(thing, rig))
    return list(dict.fromkeys(face_of(thing) or thing for thing in found))


def _hangs_on(thing: bpy.types.Object, rig: bpy.types.Object) -> bool:
    if any(modifier.type == "ARMATURE" and modifier.object == rig for modifier in thing.modifiers):
        return True
    parent = thing.parent
    while parent is not None and parent != rig:
        parent = parent.parent
    return parent is not None


def _only(meshes: Sequence[bpy.types.Object], unit_names: Sequence[str]) -> bpy.types.Object | None:
    for kind in (_is_head, lambda mesh: _speaks(mesh, unit_names), lambda mesh: not mesh.hide_viewport):
        found = [mesh for mesh in meshes if kind(mesh)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _is_head(mesh: bpy.types.Object) -> bool:
    """Whether MeshTalk worked on it before."""
    settings = mesh.meshtalk
    return len(settings.takes) > 0 or len(settings.parts) > 0 or bool(mesh.data.meshtalk_fit.counts)


def _speaks(mesh: bpy.types.Object, unit_names: Sequence[str]) -> bool:
    if mesh.data.shape_keys is None:
        return False
    from .mapping import mapping_of

    mapping = mapping_of(mesh, unit_names)
    return mapping is not None and len(mapping.used) >= ALIKE
