# SPDX-License-Identifier: GPL-3.0-or-later
"""What modifiers do to vertices that shape keys have placed: leave their number alone, or hide the keys."""

from __future__ import annotations

import bpy

from .errors import SceneError

KEEPS_COUNT = frozenset(
    {
        "ARMATURE",
        "CAST",
        "CLOTH",
        "COLLISION",
        "CORRECTIVE_SMOOTH",
        "CURVE",
        "DATA_TRANSFER",
        "DISPLACE",
        "HOOK",
        "LAPLACIANDEFORM",
        "LAPLACIANSMOOTH",
        "LATTICE",
        "MESH_CACHE",
        "MESH_DEFORM",
        "MESH_SEQUENCE_CACHE",
        "NORMAL_EDIT",
        "SHRINKWRAP",
        "SIMPLE_DEFORM",
        "SMOOTH",
        "SOFT_BODY",
        "SURFACE",
        "SURFACE_DEFORM",
        "UV_PROJECT",
        "UV_WARP",
        "VERTEX_WEIGHT_EDIT",
        "VERTEX_WEIGHT_MIX",
        "VERTEX_WEIGHT_PROXIMITY",
        "VOLUME_DISPLACE",
        "WARP",
        "WAVE",
        "WEIGHTED_NORMAL",
    }
)
"""Modifiers that only move vertices, or not even that."""


def hiding_cache(thing: bpy.types.Object) -> str | None:
    """Why no shape key of this object can be seen, whatever it does, as a sentence; None where keys can be
    seen, or can with `let_keys_through`."""
    for modifier in thing.modifiers:
        if modifier.show_viewport and modifier.type == "MESH_SEQUENCE_CACHE" and _reads(modifier):
            return (
                f"“{modifier.name}” of “{thing.name}” puts the vertices where a file says, which hides shape "
                "keys: export it as a mesh cache (PC2 or MDD), and use a Mesh Cache modifier instead."
            )
        if modifier.show_viewport and _follows(modifier):
            return (
                f"“{modifier.name}” of “{thing.name}” puts the vertices where “{modifier.target.name}” is, "
                "which hides shape keys: choose that one as the head instead."
            )
    return None


def hiding_modifier(thing: bpy.types.Object) -> bpy.types.Modifier | None:
    """The modifier behind which no shape key of this object can be seen as it is set now."""
    return next((m for m in thing.modifiers if m.show_viewport and (_reads(m) or _follows(m))), None)


def _reads(modifier: bpy.types.Modifier) -> bool:
    if modifier.type == "MESH_SEQUENCE_CACHE":
        return "VERT" in modifier.read_data
    return modifier.type == "MESH_CACHE" and modifier.deform_mode == "OVERWRITE" and modifier.factor == 1


def _follows(modifier: bpy.types.Modifier) -> bool:
    """Whether it leaves nothing of where vertices were."""
    if modifier.type != "SURFACE_DEFORM" or not modifier.is_bound or modifier.target is None:
        return False
    return modifier.strength == 1 and not modifier.vertex_group


def plays_cache(thing: bpy.types.Object) -> bool:
    """Whether a Mesh Cache modifier places this object's vertices."""
    return any(m.type == "MESH_CACHE" and m.show_viewport for m in thing.modifiers)


def let_keys_through(thing: bpy.types.Object) -> tuple[str, ...]:
    """Let Mesh Cache modifiers add the shape keys to what they play, which with keys at 0 looks as before;
    names of those that were changed."""
    changed = []
    for modifier in thing.modifiers:
        if modifier.type == "MESH_CACHE" and modifier.show_viewport and modifier.deform_mode == "OVERWRITE":
            modifier.deform_mode = "INTEGRATE"
            changed.append(modifier.name)
    return tuple(changed)


def check_seen(thing: bpy.types.Object) -> None:
    """Raise SceneError where shape keys of this object can't be seen."""
    problem = hiding_cache(thing)
    if problem is not None:
        raise SceneError(problem)
    if thing.show_only_shape_key:
        raise SceneError(f"“{thing.name}” shows only one shape key: unpin it (Solo Active Shape Key) first.")
