# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of the face model, drawn anew by what Apple's documentation, FACS and anatomy say of them.

The pack that the face model takes its units from was painted with brushes that end abruptly: a smile stops at
the jaw's edge, a jaw that comes forward hardly draws the throat, a chin that rises is as wide as a coin.
Skin doesn't: every unit goes on over the skin around it. A few are something else than their names say.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.arrays import ramp
from engine.geometry.fit.mesh import triangulate, vertex_normals
from engine.geometry.topology import neck_fade
from engine.geometry.units import carry_units
from engine.template import EYE, SKIN, Template

from .around import SEPTUM, along, recipe
from .membrane import Membrane

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

DETAIL = 0.001  # metres; where a unit moves a part q of its most, details smaller than this over q are lost
FIRM = 1e8  # 1/m²: held within 0.1 mm
LIPS = 0.008  # metres around the lips' line that keep their own motion
LIDS = 0.35  # part of the blink's most: what moves as far is thin skin that unfolds, and drags nothing
MARGIN = 0.003  # metres around the lids' margins that keep their own motion
MIDLINE = 0.015  # metres to either side over which one half's motion goes over into the other's
GLIDE = 0.0022  # metres by which the lower lid goes nasally in a blink (Doane 1980)
LID_REACH = 0.006  # metres below its margin over which that fades
CORNER = 0.007  # metres around the lids' inner corner over which skin is drawn from their end to …
LIGAMENT = (-0.0036, -0.0018, 0.0002)  # … the medial ligament, from the lower margin's end
EYEBALL = 0.022  # metres from an eyeball's middle; what lies further off is none of the lids' inner side
UNSEEN = 2e-5  # metres; skin that moves less stays
ROUND = 0.018  # metres: half a funnel's width
PARTED, RAISED = 0.003, 0.0018  # metres by which its lower and upper lip lack at half of that
CLOSING_ROUNDS = 3  # as in `build`: what lids and lips lack is mostly closed in each


def redraw_units(template: Template) -> Template:
    """The template with its units (U, V, 3), the pack's, drawn anew; lids and lips close as before."""
    draw = Drawing(template)
    units = np.stack([draw.unit(name) for name in template.unit_names]).astype(np.float32)
    drawn = replace(template, unit_deltas=units)
    for _ in range(CLOSING_ROUNDS):
        drawn = replace(drawn, unit_deltas=carry_units(drawn, drawn.rest))
    return drawn


class Drawing:
    """Draws units on a template's skin; fields are (V, 3), metres; `side` is 1 on the left (+X), else −1."""

    def __init__(self, template: Template) -> None:
        self.template, self.sheet = template, Membrane(template)
        self.rest = template.rest.astype(np.float64)
        self.lips = lip_distance(template)

    def unit(self, name: str) -> Doubles:
        """A unit as it is meant to be, without motion that nobody sees."""
        unit = self.meant(name)
        far = np.linalg.norm(unit, axis=1)
        seen = np.where(self.kept, 1.0, ramp(far, UNSEEN, 2 * UNSEEN))
        return unit * seen[:, None]

    def meant(self, name: str) -> Doubles:
        """A unit as it is meant to be."""
        side = 1.0 if name.endswith("Left") else -1.0
        drawn = recipe(name)
        if drawn is not None:
            return drawn(self)
        if name == "tongueOut":
            return self.pack(name)
        if name.startswith("eyeBlink"):
            return self.on_eyeball(self.corner_held(self.pack(name) + self.lower_lid(side), side), side)
        if name == "mouthFunnel":
            return self.drawn_by_lips(self.pack(name) + self.rounding())
        if name == "mouthPucker":
            return self.drawn_by_lips(self.pack(name))
        return self.lower_down(side) if name.startswith("mouthLowerDown") else self.follow(self.pack(name))

    def pack(self, name: str) -> Doubles:
        """The unit as the pack has it."""
        return self.template.unit_deltas[self.template.unit(name)].astype(np.float64)

    def sided(self, name: str, side: float) -> Doubles:
        """The pack's unit of one side."""
        return self.pack(name + ("Left" if side > 0 else "Right"))

    def follow(self, unit: Doubles) -> Doubles:
        """The unit, gone on over the skin around what it moves."""
        return self.sheet.settle(unit, self._grip(unit))

    def roll(self, unit: Doubles) -> Doubles:
        """The same, for a lip that rolls in: the mouth's wall behind it goes along, where the pack's came
        forward through it."""
        walls = self.template.inside & (self.lips > LIPS)
        return self.sheet.settle(unit, np.where(walls, 0, self._grip(unit)))

    def _grip(self, unit: Doubles) -> Doubles:
        """How firmly (V,) a unit is held: the more the farther it moves."""
        far = np.linalg.norm(unit, axis=1)
        most = max(far[self.template.part == SKIN].max(), 1e-4)
        return np.maximum(FIRM * self.kept, (far / most / DETAIL) ** 2)

    def drawn_by_lips(self, unit: Doubles) -> Doubles:
        """A unit whose lips draw the skin around along: mouthFunnel (Apple: "contraction of both lips into an
        open shape"; AU 22), where the pack drew the skin beside the nose down, against them, and mouthPucker
        ("contraction and compression of both closed lips"; AU 18), where it lifted the chin as AU 17 does.
        The nose's tip is cartilage and doesn't come along: depressor septi, which arises from the same lips,
        draws it back and down."""
        near = self.near(1.5)
        part = (self.nose_tip / np.maximum(near + self.nose_tip, 1e-6))[:, None]
        wanted = (1 - part) * unit + part * SEPTUM
        grip = np.maximum(near, self.nose_tip) / (2 * DETAIL) ** 2
        return self.sheet.settle(
            np.where(self.kept[:, None], unit, wanted), np.maximum(FIRM * self.kept, grip)
        )

    def rounding(self) -> Doubles:
        """What mouthFunnel adds to the pack's, whose lower lip folds to a V: both lips part beside their
        middle too, so that what is open is round."""
        beside = np.sin(np.pi * np.clip(np.abs(self.rest[:, 0]) / ROUND, 0, 1)) ** 2 * self.near(3)
        return along(beside * self.lower, (0, 0, -PARTED)) + along(beside * (1 - self.lower), (0, 0, RAISED))

    def lower_down(self, side: float) -> Doubles:
        """mouthLowerDown (AU 16): depressor labii inferioris draws the lip to the jaw's edge, so the skin
        between them moves the less the nearer it is to the bone; the pack's drew the chin aside."""
        mark = self.template.landmarks
        lip, chin = self.rest[mark["lip_lower_inner"]], self.rest[mark["chin"]]
        deep = np.clip((lip[2] - self.rest[:, 2]) / (2 * (lip[2] - chin[2])), 0, 1)
        beside = np.exp(-(((self.rest[:, 0] - 0.5 * self.corner(side)[0]) / 0.018) ** 2))
        front = ramp(chin[1] + 0.035 - self.rest[:, 1], 0, 0.02)
        share = (1 - deep) * beside * front * (self.rest[:, 2] < lip[2])
        around = along(share, (0.001 * side, 0, -0.004))
        unit, near = self.sided("mouthLowerDown", side), self.near(1.5)
        most = np.linalg.norm(unit[near > 0.5], axis=1).max()
        asked = (1 - near) * (np.linalg.norm(around, axis=1) / most / (4 * DETAIL)) ** 2
        grip = np.maximum(FIRM * self.kept, np.maximum(near / (2 * DETAIL) ** 2, asked))
        return self.sheet.settle(self.at_lips(unit, around, 1.5), grip)

    def lower_lid(self, side: float) -> Doubles:
        """What a blink adds to the pack's, whose lower lid stays: it glides nasally over the eyeball."""
        template = self.template
        lower, upper = self.margins(side)
        along = side * self.rest[lower, 0]
        along = (along - along.min()) / np.ptp(along)  # from the nose outwards; the inner corner stays
        share = ramp(np.minimum(along, 1.4 - along), 0, 0.4)
        arm = self.rest[lower, :2] - self.rest[self.left_eye, :2].mean(axis=0) * [side, 1]
        angle = -side * GLIDE / np.linalg.norm(arm, axis=1) * share
        wanted = np.zeros_like(self.rest)
        wanted[lower, :2] = np.column_stack([-arm[:, 1], arm[:, 0]]) * angle[:, None]
        held = template.part != SKIN
        held[np.union1d(lower, upper)] = True
        return Membrane(template, LID_REACH, LID_REACH).settle(wanted, FIRM * held)

    def corner_held(self, blink: Doubles, side: float) -> Doubles:
        """The blink with the skin nasally of both lids' margins drawn smoothly from their end to the medial
        ligament, which holds it to the bone; the pack's folds there, to a spike at the shut line's end."""
        lower, upper = self.margins(side)
        end = self.rest[lower[np.abs(self.rest[lower, 0]).argmin()]]
        ligament = end + np.array(LIGAMENT) * [side, 1, 1]
        skin = self.template.part == SKIN
        free = (1 - ramp(np.linalg.norm(self.rest - ligament, axis=1), 0.5 * CORNER, CORNER)) * skin
        free[np.union1d(lower, upper)] = 0
        tied = skin & (np.linalg.norm(self.rest - ligament, axis=1) < 0.25 * CORNER)
        wanted = np.where(tied[:, None], 0, blink)
        grip = np.where(tied, 1 / DETAIL**2, FIRM * (1 - free) ** 4)
        return Membrane(self.template, CORNER, CORNER).settle(wanted, grip)

    def on_eyeball(self, blink: Doubles, side: float) -> Doubles:
        """The blink with the lids' inner side gliding over the eyeball: what lies behind their margins stays
        as far from its middle as it is; the pack's went through the ball."""
        ball = self.rest[self.left_eye]
        middle = 0.5 * (ball.min(axis=0) + ball.max(axis=0)) * [side, 1, 1]
        arm, moved = self.rest - middle, self.rest + blink - middle
        far = np.linalg.norm(arm, axis=1)
        facing = -(vertex_normals(self.rest, triangulate(self.template.faces)) * arm).sum(axis=1) / far
        margins = self.rest[np.concatenate(self.margins(side))]
        behind = np.linalg.norm(self.rest[:, None] - margins, axis=2).min(axis=1)
        near = (self.template.part == SKIN) & (far < EYEBALL)
        share = ramp(facing, 0.5, 0.9) * ramp(behind, MARGIN, 2 * MARGIN) * near
        kept = moved * (far / np.maximum(np.linalg.norm(moved, axis=1), 1e-6))[:, None]
        return blink + share[:, None] * (kept - moved)

    def margins(self, side: float) -> tuple[Indices, Indices]:
        """The vertices of a side's lower and upper lid that meet in a blink."""
        template = self.template
        pairs = template.closure_unit == template.unit("eyeBlinkLeft" if side > 0 else "eyeBlinkRight")
        lower, upper = template.closure_fixed[pairs], template.closure_moving[pairs]
        return np.unique(lower).astype(np.int64), np.unique(upper).astype(np.int64)

    @cached_property
    def left_eye(self) -> NDArray[np.bool_]:
        """The vertices (V,) of the left eyeball; the right one lacks its back."""
        return (self.template.part == EYE) & (self.rest[:, 0] > 0)

    @cached_property
    def kept(self) -> NDArray[np.bool_]:
        """Vertices (V,) that keep a unit's own motion: all but skin, the mouth's inside, lips and lids, and
        the neck's end, where other heads go on."""
        template = self.template
        rows = [row for row, name in enumerate(template.unit_names) if name.startswith("eyeBlink")]
        blink = np.linalg.norm(template.unit_deltas[rows], axis=2).max(axis=0)
        pairs = np.isin(template.closure_unit, rows)
        lids = np.unique([template.closure_moving[pairs], *template.closure_fixed[pairs].T])
        away = np.linalg.norm(self.rest[:, None] - self.rest[lids], axis=2).min(axis=1)
        skin = (template.part == SKIN) & ~template.inside
        return (
            ~skin
            | (neck_fade(template) < 1)
            | (self.lips < LIPS)
            | (blink > LIDS * blink.max())
            | (away < MARGIN)
        )

    @cached_property
    def lower(self) -> Doubles:
        """How much (V,) skin belongs to the lower lip: as far as it goes with the jaw."""
        jaw = np.linalg.norm(self.pack("jawOpen"), axis=1)
        return ramp(jaw, 0, jaw[self.template.landmarks["lip_lower_inner"]])

    @cached_property
    def nose_tip(self) -> Doubles:
        """How much (V,) skin lies on the cartilage of the nose's tip."""
        return ramp(self.ball(self.mark("nose_tip") + (0, 0.009, 0.002), 0.016), 0.2, 0.8)

    def beside_lips(self, unit: Doubles, more: Doubles) -> Doubles:
        """The unit with more motion beside the lips, gone on over the skin around."""
        return self.follow(self.at_lips(unit, unit + more))

    def at_lips(self, unit: Doubles, around: Doubles, times: float = 2) -> Doubles:
        """One motion at the lips and wherever a unit's own is kept, another from `times` LIPS on."""
        near = self.near(times)[:, None]
        return np.where(self.kept[:, None], unit, near * unit + (1 - near) * around)

    def near(self, times: float) -> Doubles:
        """1 at the lips (V,), 0 from `times` LIPS on, and for all but skin."""
        return (1 - ramp(self.lips, LIPS, times * LIPS)) * (self.template.part == SKIN)

    def mark(self, name: str) -> Doubles:
        """A landmark's place (3,)."""
        return self.rest[self.template.landmarks[name]]

    def corner(self, side: float) -> Doubles:
        """A corner of the mouth (3,)."""
        return self.mark("mouth_left" if side > 0 else "mouth_right")

    def lid(self, side: float, which: str = "lower") -> Doubles:
        """The middle of a lid's margin (3,)."""
        return self.mark(f"lid_{which}_{'left' if side > 0 else 'right'}")

    def half(self, side: float) -> Doubles:
        """How much (V, 1) of what both sides do one side does: both halves make the whole."""
        return ramp(side * self.rest[:, :1], -MIDLINE, MIDLINE)

    def ball(self, centre: Doubles, size: float) -> Doubles:
        """A Gaussian (V,) around a place."""
        return np.exp(-((np.linalg.norm(self.rest - centre, axis=1) / size) ** 2))


def lip_distance(template: Template) -> Doubles:
    """Metres (V,) from the line between the lips, from corner to corner."""
    rest = template.rest.astype(np.float64)
    ends = [rest[template.landmarks[name]] for name in ("mouth_left", "lip_upper_inner", "mouth_right")]
    line = np.concatenate([np.linspace(ends[place], ends[place + 1], 20) for place in range(2)])
    return np.linalg.norm(rest[:, None] - line[None], axis=2).min(axis=1)
