# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks that the user placed on a head: kept with the object, in its own space, on the mesh at rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import bpy

Place = tuple[float, float, float]


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


def _pair(name: str, label: str, hint: str) -> tuple[Landmark, Landmark]:
    left, right = f"{name}_left", f"{name}_right"
    return (
        Landmark(left, f"Left {label}", f"{hint}, on the character's left", right),
        Landmark(right, f"Right {label}", f"{hint}, on the character's right", left),
    )


LANDMARKS: tuple[Landmark, ...] = (
    Landmark("nose_tip", "Nose Tip", "The foremost point of the nose"),
    *_pair("mouth", "Mouth Corner", "Where the upper and the lower lip meet"),
    Landmark("chin", "Chin", "The foremost point of the chin"),
    *_pair("lid_upper", "Upper Lid", "Middle of the upper lid's edge"),
    *_pair("lid_lower", "Lower Lid", "Middle of the lower lid's edge"),
    Landmark("lip_upper_inner", "Upper Lip", "Middle of the upper lip, where it touches the lower one"),
    Landmark("lip_lower_inner", "Lower Lip", "Middle of the lower lip, where it touches the upper one"),
)
"""In the order in which they are asked for."""

BY_NAME: Mapping[str, Landmark] = {landmark.name: landmark for landmark in LANDMARKS}


def placed_landmarks(head: bpy.types.Object) -> dict[str, Place]:
    """The head's landmarks by the template's names, in object space; empty where none was placed."""
    return {item.name: tuple(item.location) for item in head.meshtalk.landmarks if item.name}


def set_landmarks(head: bpy.types.Object, places: Mapping[str, Place]) -> None:
    """Replace the head's landmarks by these places in object space."""
    items = head.meshtalk.landmarks
    items.clear()
    for name, place in places.items():
        item = items.add()
        item.name = name
        item.location = place


def clear_landmarks(head: bpy.types.Object) -> None:
    """Take all landmarks off the head."""
    head.meshtalk.landmarks.clear()


def label_of(name: str) -> str:
    """What people call the landmark; names of other tools are turned into words."""
    known = BY_NAME.get(name)
    return known.label if known else name.replace("_", " ").title()
