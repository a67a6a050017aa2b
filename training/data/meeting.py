# SPDX-License-Identifier: GPL-3.0-or-later
"""Lips that meet, and bite, on any face: the teacher solves closures and f v for one, and training shows them
on others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.geometry.attached import teeth_edge
from engine.template import Template

Floats = NDArray[np.float32]

NEAR, FAR = 0.0003, 0.0013
"""Metres beyond a rest's own gap up to which lips count as near, and from which on as open."""
BITING, FREE = 0.0015, 0.003
"""Metres from the upper incisors' edge up to which the lower lip counts as biting, and from which on as free:
closed lips lie 3 mm and more before it."""


@dataclass(frozen=True, eq=False)
class Biting:
    """Where the lower lip's middle lies from the edge of the upper incisors, back and up in metres: ``rest
    (I, 2)``, ``units (I, U, 2)`` what each unit adds at weight 1; which of them are ``jaw``, jawOpen, and
    ``roll``, mouthRollLower."""

    rest: Floats
    units: Floats
    jaw: int
    roll: int

    def place(self, weights: Floats, identity: int) -> Floats:
        """Back and up ``(T, 2)`` of the lip under ``weights (T, U)``."""
        return self.rest[identity] + np.tensordot(weights, self.units[identity], 1)

    def carried(self, weights: Floats, wanted: Floats, other: int) -> Floats:
        """Weights ``(T, U)`` for the face ``other`` whose lip, where it bites, lies at ``wanted (T, 2)``:
        roll and jaw make up what is missing, the jaw alone where the roll would leave 0 … 1."""
        jaw, roll = self.units[other, self.jaw], self.units[other, self.roll]
        both = np.stack([jaw, roll]).astype(np.float64)
        if abs(np.linalg.det(both)) < 1e-9:
            return weights
        held = np.clip((FREE - np.linalg.norm(wanted, axis=1)) / (FREE - BITING), 0.0, 1.0)
        missing = held[:, None] * (wanted - self.place(weights, other))
        out = weights.copy()
        out[:, self.roll] = np.clip(out[:, self.roll] + missing @ np.linalg.inv(both)[:, 1], 0.0, 1.0)
        missing = missing - (out[:, self.roll] - weights[:, self.roll])[:, None] * roll
        out[:, self.jaw] = np.clip(out[:, self.jaw] + missing @ jaw / (jaw @ jaw), 0.0, 1.0)
        return out


@dataclass(frozen=True, eq=False)
class Meeting:
    """The gap between the lips' middles of all identities, metres upwards: ``rest (I,)``, ``units (I, U)``
    what each unit adds at weight 1, and which of them are ``close``, mouthClose, and ``jaw``, jawOpen;
    ``biting`` is None for faces whose lip can't be rolled."""

    rest: Floats
    units: Floats
    close: int
    jaw: int
    biting: Biting | None = None

    def carried(self, weights: Floats, own: int, other: int) -> Floats:
        """Weights ``(T, U)`` that were solved for identity ``own``, as ``other`` needs them: lips that touch
        there touch here, by mouthClose, or the jaw where they would cross, lips at rest rest, and a lower lip
        at the incisors' edge lies there."""
        if own == other:
            return weights
        carried = self._closed(weights, own, other)
        if self.biting is None:
            return carried
        return self.biting.carried(carried, self.biting.place(weights, own), other)

    def _closed(self, weights: Floats, own: int, other: int) -> Floats:
        pull, drop = -self.units[other, self.close], self.units[other, self.jaw]
        if pull <= 0 or drop <= 0:
            return weights
        gap = self.rest[own] + weights @ self.units[own]
        resting = max(float(self.rest[own]), 1e-5)
        wanted = gap + np.clip(gap / resting, 0.0, 1.0) * (self.rest[other] - self.rest[own])
        there = self.rest[other] + weights @ self.units[other]
        held = np.clip((resting + FAR - gap) / (FAR - NEAR), 0.0, 1.0)
        closing, carried = weights[:, self.close], weights.copy()
        carried[:, self.close] = np.clip(closing + held * (there - wanted) / pull, 0.0, 1.0)
        crossed = wanted - there + (carried[:, self.close] - closing) * pull
        carried[:, self.jaw] += held * np.clip(crossed / drop, 0.0, None)
        return carried


def meeting_of(template: Template, rests: Floats, unit_codes: Floats) -> Meeting | None:
    """The gaps of identities with ``rests (I, V, 3)`` and ``unit_codes (I, U, K)`` in the template's basis;
    None for faces that have no such unit or landmarks."""
    names, basis = template.unit_names, template.motion_basis
    marks = [template.landmarks.get(name) for name in ("lip_upper_inner", "lip_lower_inner")]
    if not {"mouthClose", "jawOpen"} <= set(names) or None in marks:
        return None
    upper, lower = marks
    rest = rests[:, upper, 2] - rests[:, lower, 2]
    units = (unit_codes @ (basis[:, upper, 2] - basis[:, lower, 2])).astype(np.float32)
    close, jaw = (names.index(name) for name in ("mouthClose", "jawOpen"))
    return Meeting(rest.astype(np.float32), units, close, jaw, _biting_of(template, rests, unit_codes))


def _biting_of(template: Template, rests: Floats, unit_codes: Floats) -> Biting | None:
    names, lower = template.unit_names, template.landmarks["lip_lower_inner"]
    if "mouthRollLower" not in names:
        return None
    edges = np.array([teeth_edge(template, rest) for rest in rests], np.float32)
    units = (unit_codes @ template.motion_basis[:, lower, 1:]).astype(np.float32)
    jaw, roll = (names.index(name) for name in ("jawOpen", "mouthRollLower"))
    return Biting((rests[:, lower] - edges)[:, 1:], units, jaw, roll)
