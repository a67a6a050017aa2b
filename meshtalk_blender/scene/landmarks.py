# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks that the user placed on a head: kept with the object, in its own space, on the mesh at rest.

A landmark on the surface remembers its triangle, so that it keeps its place on the skin when vertices are
moved (sculpting, applied scale); where the mesh got other vertices, it stays where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import dist, inf
from typing import TYPE_CHECKING

import bpy

from .spots import Place, Spot, place_at_rest

if TYPE_CHECKING:
    from .surface import RestMesh


@dataclass(frozen=True)
class Landmark:
    """A place on a face that people find at once: the template's `name`, a `label` and a `hint` for people.

    Left and right are the character's own. `other` is the name of its twin on the other side, if any.
    """

    name: str
    label: str
    hint: str
    other: str | None = None


FEWEST = 3
"""With so many, spread over the face, the landmarks stand in for the search for the face."""

ON_SURFACE = 0.0005
"""Of the mesh's size: a place that is not further away than this counts as on the surface."""


def _pair(name: str, label: str, hint: str) -> tuple[Landmark, Landmark]:
    left, right = f"{name}_left", f"{name}_right"
    return (
        Landmark(left, f"Left {label}", f"{hint}, on the character's left", right),
        Landmark(right, f"Right {label}", f"{hint}, on the character's right", left),
    )


LANDMARKS: tuple[Landmark, ...] = (
    Landmark("nose_tip", "Nose Tip", "The foremost point of the nose"),
    *_pair("eye_outer", "Outer Eye Corner", "Where the lids meet, towards the ear"),
    *_pair("mouth", "Mouth Corner", "Where the lips meet, towards the cheek"),
    Landmark("chin", "Chin", "The foremost point of the chin"),
    *_pair("eye_inner", "Inner Eye Corner", "Where the lids meet, towards the nose"),
    *_pair("lid_upper", "Upper Lid", "Middle of the upper lid's edge"),
    *_pair("lid_lower", "Lower Lid", "Middle of the lower lid's edge"),
    Landmark("lip_upper_inner", "Upper Lip", "Middle of the upper lip, where it touches the lower one"),
    Landmark("lip_lower_inner", "Lower Lip", "Middle of the lower lip, where it touches the upper one"),
)
"""In the order in which they are asked for: the first three already tell where the face is."""

BY_NAME: Mapping[str, Landmark] = {landmark.name: landmark for landmark in LANDMARKS}


def placed_landmarks(head: bpy.types.Object) -> dict[str, Place]:
    """The head's landmarks by the template's names, in object space; empty where none was placed."""
    return {item.name: _place(head, item) for item in head.meshtalk.landmarks if item.name}


def fitted_landmarks(head: bpy.types.Object) -> dict[str, Place]:
    """Where the last fit saw the landmarks, in object space; empty where the head wasn't fitted."""
    return {item.name: _place(head, item) for item in head.meshtalk.fitted if item.name}


def set_landmarks(head: bpy.types.Object, places: Mapping[str, Place]) -> None:
    """Replace the head's landmarks by these places in object space."""
    _write(head.meshtalk.landmarks, places, _reader(head), ON_SURFACE)


def set_fitted_landmarks(head: bpy.types.Object, places: Mapping[str, Place]) -> None:
    """Remember where a fit sees the landmarks, in object space, drawn onto the mesh; those that nobody places
    are left out."""
    known = {name: place for name, place in places.items() if name in BY_NAME}
    _write(head.meshtalk.fitted, known, _reader(head), inf)


def clear_landmarks(head: bpy.types.Object) -> None:
    """Take all landmarks off the head."""
    head.meshtalk.landmarks.clear()


def label_of(name: str) -> str:
    """What people call the landmark; names of other tools are turned into words."""
    known = BY_NAME.get(name)
    return known.label if known else name.replace("_", " ").title()


def twin_of(name: str) -> str | None:
    """The landmark's name on the other side; None in the middle."""
    for side, other in (("_left", "_right"), ("_right", "_left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return None


def spots_of(head: bpy.types.Object, rest: RestMesh, items: bpy.types.bpy_prop_collection) -> dict[str, Spot]:
    """Landmarks as spots on the head's surface, the nearest where they don't lie on it."""
    found = {item.name: spot_of(head, item) or rest.nearest(item.location) for item in items if item.name}
    return found if len(rest.triangles) else {}


def set_spots(head: bpy.types.Object, rest: RestMesh, spots: Mapping[str, Spot]) -> None:
    """Replace the head's landmarks by these spots."""
    items = head.meshtalk.landmarks
    items.clear()
    for name, spot in spots.items():
        _add(items, name, rest.place(spot), spot, len(rest.vertices))


def spot_of(head: bpy.types.Object, item: bpy.types.PropertyGroup) -> Spot | None:
    """The spot that a landmark is tied to; None where it is tied to none, or the mesh got other vertices."""
    count = len(head.data.vertices) if head.type == "MESH" else 0
    corners = tuple(item.corners)
    if item.mesh_vertices != count or not all(0 <= corner < count for corner in corners):
        return None
    return Spot(corners, tuple(item.weights))


def _reader(head: bpy.types.Object) -> RestMesh | None:
    from .surface import read_rest_mesh

    return read_rest_mesh(head) if head.type == "MESH" and len(head.data.polygons) else None


def _write(
    items: bpy.types.bpy_prop_collection, places: Mapping[str, Place], rest: RestMesh | None, within: float
) -> None:
    """Replace the items; places nearer to the mesh than `within` of its size are tied to it."""
    items.clear()
    for name, place in places.items():
        spot = None if rest is None else rest.nearest(place)
        if rest is None or spot is None:
            _add(items, name, place, None, -1)
            continue
        apart = dist(rest.place(spot), place)
        _add(items, name, place, spot if apart <= within * rest.size else None, len(rest.vertices))


def _add(
    items: bpy.types.bpy_prop_collection, name: str, place: Place, spot: Spot | None, vertices: int
) -> None:
    item = items.add()
    item.name, item.location = name, place
    if spot is not None:
        item.corners, item.weights, item.mesh_vertices = spot.corners, spot.weights, vertices


def _place(head: bpy.types.Object, item: bpy.types.PropertyGroup) -> Place:
    spot = spot_of(head, item)
    return tuple(item.location) if spot is None else place_at_rest(head, spot)
