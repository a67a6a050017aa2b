# SPDX-License-Identifier: GPL-3.0-or-later
"""What drives each shape key of a mesh: a mapping, its grammar, and the presets that mappings come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .visemes import VISEMES

UNITS, VISEME_KIND = "units", "visemes"
KINDS = (UNITS, VISEME_KIND)

SIDES = ("Left", "Right")
DIRECTIONS = ("jaw", "mouth")
"""jawLeft and mouthRight are directions, not the sides of something called jaw or mouth."""

MOUTH = ("jaw", "mouth", "tongue", "cheekPuff")
"""How units of the mouth begin."""

WHOLE_MOUTH = 12
"""From so many of the mouth's units on (jawOpen among them) a mesh needs no others to speak."""


@dataclass(frozen=True)
class KeyDrive:
    """A shape key and what drives it, times `gain`.

    `drive` is a viseme ("PP"), a unit ("jawOpen"), both sides of one ("mouthSmile"), several ("eyeLookOutLeft
    + eyeLookInRight"), or opposites ("jawLeft - jawRight", for a key that goes below 0).
    """

    key: str
    drive: str
    gain: float = 1.0
    on: bool = True

    @property
    def is_viseme(self) -> bool:
        """Whether a viseme drives it, not units."""
        return self.drive in VISEMES


@dataclass(frozen=True)
class RigMapping:
    """The shape keys of one mesh and what drives each; `kind` is one of KINDS."""

    name: str
    kind: str
    keys: tuple[KeyDrive, ...]

    @property
    def used(self) -> tuple[KeyDrive, ...]:
        """The keys that are on."""
        return tuple(entry for entry in self.keys if entry.on)

    def units(self, unit_names: Sequence[str]) -> frozenset[str]:
        """The units that some key shows, on or off, without those that visemes only resemble."""
        return frozenset(
            unit for entry in self.keys if not entry.is_viseme for unit in units_of(entry.drive, unit_names)
        )

    def covers_mouth(self, unit_names: Sequence[str]) -> bool:
        """Whether the mesh can speak with the keys that it has: by visemes, or by most units of the mouth."""
        if self.kind == VISEME_KIND:
            return True
        mouth = {unit for unit in self.units(unit_names) if unit.startswith(MOUTH)}
        return "jawOpen" in mouth and len(mouth) >= min(WHOLE_MOUTH, _mouth_units(unit_names))


@dataclass(frozen=True)
class PresetKey:
    """One entry of a preset: the spellings of a key, the best first, and what drives it.

    Where a key of `unless` is found too, this one is listed but off: one key for both lids isn't driven next
    to one for each.
    """

    spellings: tuple[str, ...]
    drive: str
    gain: float = 1.0
    on: bool = True
    unless: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preset:
    """Key names of one kind of rig. `needs` are the drives without which a mesh isn't of this kind."""

    name: str
    kind: str
    keys: tuple[PresetKey, ...]
    needs: tuple[str, ...] = ()


def sides_of(drive: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names that raise a key and those that lower it."""
    up, _, down = drive.partition(" - ")
    return _names(up), _names(down)


def is_mixed(drive: str) -> bool:
    """Whether a drive adds something to a viseme, which would mean nothing."""
    names = [name for side in sides_of(drive) for name in side]
    return len(names) > 1 and any(name in VISEMES for name in names)


def units_of(drive: str, unit_names: Sequence[str]) -> tuple[str, ...]:
    """The units that a drive is about; those that a model hasn't got are left out."""
    return tuple(unit for names in sides_of(drive) for name in names for unit in expand(name, unit_names))


def expand(name: str, unit_names: Sequence[str]) -> tuple[str, ...]:
    """The unit of this name, or both sides of it; nothing where there is no such unit."""
    if name in unit_names:
        return (name,)
    if name in DIRECTIONS:
        return ()
    return tuple(name + side for side in SIDES if name + side in unit_names)


def drive_names(unit_names: Sequence[str]) -> tuple[str, ...]:
    """All that a single name can stand for: visemes, units, and pairs of units."""
    pairs = dict.fromkeys(
        unit.removesuffix("Left")
        for unit in unit_names
        if unit.endswith("Left") and unit.removesuffix("Left") not in DIRECTIONS
    )
    return (*VISEMES, *unit_names, *pairs)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(" + ") if name.strip())


def _mouth_units(unit_names: Sequence[str]) -> int:
    return sum(unit.startswith(MOUTH) for unit in unit_names)
