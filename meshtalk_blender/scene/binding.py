# SPDX-License-Identifier: GPL-3.0-or-later
"""The fit of a head, kept with the face's mesh datablock: save, load, append and duplicate take it along.

Whether it still belongs to the head is for the engine to say, which compares every vertex. For the panel
there are cheap signs: counts, which may be read while drawing, and a sum over all positions, which may not.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import bpy

from .landmarks import placed_landmarks
from .parts import head_objects
from .stretch import are_same, stretch_signs

if TYPE_CHECKING:
    from ...engine.geometry.fit.binding import FitFigures

STORE, DATA = ".MeshTalk fit", "meshtalk_fit"
"""The datablock that holds a fit's bytes (Blender's lists leave out names that begin with a dot), and its
custom property that they are in."""


class Change(Enum):
    """What happened to a head since it was fitted."""

    NONE = "none"
    MESH = "mesh"
    LANDMARKS = "landmarks"
    SCALE = "scale"


def stored_binding(head: bpy.types.Object) -> bytes | None:
    """What the last fit left with this head's mesh; None where it wasn't fitted."""
    store = head.data.meshtalk_fit.store
    return None if store is None else store.get(DATA)


def store_binding(head: bpy.types.Object, data: bytes, figures: FitFigures) -> None:
    """Keep a fit with the head's mesh: its bytes, and what the panel shows of it."""
    _drop_store(head.data)
    fit = head.data.meshtalk_fit
    fit.store = bpy.data.texts.new(STORE)
    fit.store.use_fake_user = False  # it goes where the mesh goes
    fit.store[DATA] = data
    fit.median_mm, fit.percentile_95_mm = figures.median_mm, figures.percentile_95_mm
    fit.share_within_4mm, fit.resemblance = figures.share_within_4mm, figures.resemblance
    fit.parted_mm, fit.eyes_shut = figures.parted_mm, figures.eyes_shut
    fit.counts, fit.positions = _counts(head), _positions(head)
    fit.landmarks, fit.stretch = _landmarks(head), stretch_signs(head)


def clear_binding(head: bpy.types.Object) -> None:
    """Forget the fit of this head's mesh."""
    _drop_store(head.data)
    for name in (
        "counts",
        "positions",
        "landmarks",
        "stretch",
        "median_mm",
        "percentile_95_mm",
        "share_within_4mm",
        "resemblance",
        "parted_mm",
        "eyes_shut",
    ):
        head.data.meshtalk_fit.property_unset(name)


def _drop_store(mesh: bpy.types.Mesh) -> None:
    """Let go of what a fit left with this mesh; a copy of the mesh may still have it."""
    store = mesh.meshtalk_fit.store
    mesh.meshtalk_fit.property_unset("store")
    if store is not None and not store.users and store.library is None:
        bpy.data.texts.remove(store)


def has_binding(head: bpy.types.Object) -> bool:
    """Whether a fit is stored with the head; cheap."""
    return bool(head.data.meshtalk_fit.counts)


def stored_figures(head: bpy.types.Object) -> FitFigures | None:
    """How well the last fit came out; None where there is none; cheap."""
    if not has_binding(head):
        return None
    from ...engine.geometry.fit.binding import FitFigures

    fit = head.data.meshtalk_fit
    return FitFigures(
        fit.median_mm,
        fit.percentile_95_mm,
        fit.share_within_4mm,
        fit.resemblance,
        fit.parted_mm,
        fit.eyes_shut,
    )


def quick_change(head: bpy.types.Object) -> Change:
    """What obviously changed since the fit: counts, landmarks, an uneven scale; cheap enough to be asked
    while drawing."""
    fit = head.data.meshtalk_fit
    if fit.counts != _counts(head):
        return Change.MESH
    if not are_same(fit.stretch, stretch_signs(head)):
        return Change.SCALE
    return Change.NONE if fit.landmarks == _landmarks(head) else Change.LANDMARKS


def fit_mark(head: bpy.types.Object) -> tuple[int, str]:
    """Which fit of which object: another one where the head was fitted anew; cheap."""
    return head.session_uid, head.data.meshtalk_fit.positions


def has_moved(head: bpy.types.Object) -> bool:
    """Whether any vertex lies elsewhere than at the fit; reads all vertices."""
    return head.data.meshtalk_fit.positions != _positions(head)


def _counts(head: bpy.types.Object) -> str:
    meshes = [part.data for part in head_objects(head)]
    return " ".join(f"{len(mesh.vertices)}/{len(mesh.polygons)}/{len(mesh.loops)}" for mesh in meshes)


def _positions(head: bpy.types.Object) -> str:
    """A sum over the bits of all rest positions; the objects' places and scales don't count."""
    import numpy as np

    total = 0
    for part in head_objects(head):
        mesh = part.data
        flat = np.empty(len(mesh.vertices) * 3, np.float32)
        (mesh.shape_keys.reference_key.data if mesh.shape_keys else mesh.vertices).foreach_get("co", flat)
        bits = flat.view(np.uint32)
        total += int(bits.sum(dtype=np.uint64)) + 31 * int(bits[::2].sum(dtype=np.uint64))
    return f"{total:x}"


def _landmarks(head: bpy.types.Object) -> str:
    """Names and places, rounded so that what Blender reads back is the same."""
    places = sorted(placed_landmarks(head).items())
    return " ".join(f"{name}:" + ",".join(f"{x:.5g}" for x in place) for name, place in places)
