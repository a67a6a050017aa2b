# SPDX-License-Identifier: GPL-3.0-or-later
"""Units whose skin around moves otherwise than an elastic sheet would, or than the face model's pack has it.

Each recipe says what Apple's description, FACS (Ekman, Friesen & Hager 2002) and anatomy say of one unit; all
are at the pack's strength. Positions are those of the mean template: metres, x to the left, y back, z up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.arrays import ramp

if TYPE_CHECKING:
    from .redrawn import Drawing

Doubles = NDArray[np.float64]
Vector = tuple[float, float, float]

ROLLED = np.array(  # how deep below the lips' line, of the way to the chin; millimetres back and up
    [
        (0.20, 2.0, 5.0),
        (0.37, 1.6, 4.8),
        (0.51, 1.1, 4.0),
        (0.58, -0.7, 3.5),
        (0.67, -1.2, 3.1),
        (0.78, -1.3, 2.6),
        (1.00, -0.5, 1.9),
        (1.21, -0.2, 1.1),
        (1.46, 0.0, 0.6),
        (1.80, 0.0, 0.0),
    ]
).T
SEPTUM = (0.0, 0.0009, -0.0005)  # metres by which lips that purse draw the nose's tip back and down
PRESSED = (0.0, 0.0006, -0.0002)  # the same of lips that press on one side


def recipe(name: str) -> Callable[[Drawing], Doubles] | None:
    """How a unit is drawn that has a recipe here."""
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        sided = SIDED.get(name.removesuffix(side))
        if name.endswith(side) and sided is not None:
            return lambda draw, sided=sided, sign=sign: sided(draw, sign)
    return WHOLE.get(name)


def smile(draw: Drawing, side: float) -> Doubles:
    """mouthSmile (AU 12): zygomaticus major raises the cheek's mass below the eye and bulges it."""
    cheek = draw.lid(side) + (0.012 * side, 0.004, -0.022)
    raised = along(draw.ball(cheek, 0.032), (0.0016 * side, -0.0008, 0.0042))
    return draw.beside_lips(draw.sided("mouthSmile", side), raised)


def frown(draw: Drawing, side: float) -> Doubles:
    """mouthFrown (AU 15): "pouching or bagging of the skin below the lips' corners"."""
    corner, chin = draw.corner(side), draw.mark("chin")
    place = np.array([0.6 * corner[0], 0.5 * (corner[1] + chin[1]), chin[2] + 0.3 * (corner[2] - chin[2])])
    pouch = along(draw.ball(place, 0.014), (0.0002 * side, -0.0018, 0.0005))
    return draw.beside_lips(draw.sided("mouthFrown", side), pouch)


def stretch(draw: Drawing, side: float) -> Doubles:
    """mouthStretch (AU 20): risorius and the platysma's border draw the lower cheek's skin and that beside
    the chin aside with the corner."""
    corner, chin = draw.corner(side), draw.mark("chin")
    place = np.array([1.6 * corner[0], corner[1] + 0.016, chin[2]])
    aside = along(draw.ball(place, 0.034), (0.0036 * side, 0.0005, 0.0003))
    return draw.beside_lips(draw.sided("mouthStretch", side), aside)


def dimple(draw: Drawing, side: float) -> Doubles:
    """mouthDimple (Apple: "backward movement" of the corner; AU 14, buccinator): the corner goes in rather
    than aside, the skin below and beside is drawn up to it, that above bulges."""
    corner = draw.corner(side)
    ring = draw.ball(corner, 0.018)
    below = ring * ramp(corner[2] - draw.rest[:, 2], -0.004, 0.008)
    beside = ring * np.clip(side * (draw.rest[:, 0] - corner[0]) / 0.02, 0, 1)
    fold = draw.ball(corner + (0.004 * side, -0.002, 0.02), 0.014)
    around = 0.35 * below[:, None] * (corner - draw.rest) + along(beside, (0.002 * side, -0.0036, 0))
    around += along(fold, (0.0008 * side, -0.0022, 0.0008))
    return draw.follow(draw.at_lips(draw.sided("mouthDimple", side) * [0.5, 1.3, 1.0], around))


def press(draw: Drawing, side: float) -> Doubles:
    """mouthPress (Apple: "upward compression of the lower lip" on one side; AU 24 with 17): the chin's skin
    pushes that side's lower lip up against the upper, both roll in a little and grow narrower; the pack's
    drew the corner aside."""
    corner, chin = draw.corner(side), draw.mark("chin")
    across = draw.rest[:, 0] / corner[0]
    near = draw.near(2)
    pushed = draw.lower * np.clip(1 - ((across - 0.35) / 0.75) ** 2, 0, 1) ** 2 * near
    yields = (1 - draw.lower) * np.exp(-(((across - 0.6) / 0.3) ** 2)) * near
    lips = draw.half(side) * 0.2 * (draw.pack("mouthRollUpper") + draw.pack("mouthRollLower"))
    lips += along(pushed, (-0.0003 * side, -0.0003, 0.0019))
    lips += along(yields, (-0.0003 * side, -0.0003, 0.0006))
    boss = draw.ball(chin + np.array([0.5, 0, 0.35]) * (corner - chin), 0.018)
    above = draw.ball(corner * [0.6, 1, 1] + (0, -0.008, 0.014), 0.01)
    around = along(boss, (0, -0.001, 0.0036)) + along(above, (0, -0.001, -0.0002))
    return draw.follow(draw.at_lips(lips, around + along(draw.nose_tip, PRESSED)))


def roll_lower(draw: Drawing) -> Doubles:
    """mouthRollLower (Apple: "movement of the lower lip toward the inside of the mouth"; AU 28): the lip's
    whole width goes in, and the skin below is drawn up over it and lies taut from there to the chin; the
    pack's rolled the middle alone and bulged the chin instead."""
    lip, chin = draw.mark("lip_lower_inner"), draw.mark("chin")
    deep = (lip[2] - draw.rest[:, 2]) / (lip[2] - chin[2])
    across = np.abs(draw.rest[:, 0]) / draw.corner(1)[0]
    front = ramp(chin[1] + 0.035 - draw.rest[:, 1], 0, 0.02) * (draw.rest[:, 2] < lip[2] + 0.002)
    share = np.clip(1 - (across / 1.5) ** 2, 0, 1) ** 2 * front
    back, up = (np.interp(deep, ROLLED[0], values) for values in ROLLED[1:])
    taut = 1e-3 * share[:, None] * np.stack([0 * deep, back, up], axis=1)
    sides = np.exp(-(((across - 0.65) / 0.28) ** 2)) * draw.near(2) * draw.lower
    unit = draw.pack("mouthRollLower") + along(sides, (0, 0.0012, 0.0004))
    return draw.roll(draw.at_lips(unit, taut, 1.5))


def roll_upper(draw: Drawing) -> Doubles:
    """mouthRollUpper, whose lip is the pack's."""
    return draw.roll(draw.pack("mouthRollUpper"))


def shrug_lower(draw: Drawing) -> Doubles:
    """mouthShrugLower (AU 17): mentalis raises the lower lip over its whole width, and the upper lip that it
    pushes against yields."""
    across = np.abs(draw.rest[:, 0]) / draw.corner(1)[0]
    width = np.clip(1 - (across / 1.1) ** 2, 0, 1) * draw.near(2)
    unit = draw.pack("mouthShrugLower")
    unit += along(draw.lower * width * np.clip(2 * across, 0, 1), (0, -0.0008, 0.0022))
    unit += along((1 - draw.lower) * width, (0, -0.0012, 0.0024))
    return draw.follow(unit)


def cheek_squint(draw: Drawing, side: float) -> Doubles:
    """cheekSquint (AU 6): orbicularis oculi draws skin to the eye from the temple and the cheek, and lowers
    the brow's outer end; the sheet alone pushed it up."""
    eye = 0.5 * (draw.lid(side) + draw.lid(side, "upper"))
    inwards = eye + (0, 0.004, 0) - draw.rest
    far = np.linalg.norm(inwards, axis=1)
    ring = np.exp(-(((far - 0.03) / 0.012) ** 2)) * ramp(side * (draw.rest[:, 0] - eye[0]), -0.012, 0.008)
    around = (0.0016 * ring / np.maximum(far, 1e-6))[:, None] * inwards
    around += along(draw.ball(eye + (0.008 * side, -0.004, 0.026), 0.016), (0, 0, -0.0012))
    unit = draw.sided("cheekSquint", side)
    still = 1 - ramp(np.linalg.norm(unit, axis=1), 0.0005, 0.002)
    return draw.beside_lips(unit, still[:, None] * around)


def sneer(draw: Drawing, side: float) -> Doubles:
    """noseSneer (Apple: "raising" of one side "of the nose around the nostril"; AU 9, levator labii
    superioris alaeque nasi): the wing and the skin beside the nose go up and bulge below the eye's inner
    corner; the pack's lowered the brow further than it raised the nose."""
    tip, eye = draw.mark("nose_tip"), draw.lid(side, "upper")
    wing = tip + np.array((0.018 * side, 0.016, 0.004))
    unit = draw.sided("noseSneer", side)
    unit *= 1 - 0.5 * ramp(draw.rest[:, 2] - eye[2], 0, 0.012)[:, None]
    raised = along(draw.ball(wing, 0.012), (0.0003 * side, -0.0006, 0.0016))
    raised += along(draw.ball(wing + (-0.004 * side, -0.004, 0.018), 0.012), (0, -0.0012, 0.0014))
    return draw.beside_lips(unit, raised)


SIDED = {
    "noseSneer": sneer,
    "mouthSmile": smile,
    "mouthFrown": frown,
    "mouthStretch": stretch,
    "mouthDimple": dimple,
    "mouthPress": press,
    "cheekSquint": cheek_squint,
}
WHOLE = {"mouthRollLower": roll_lower, "mouthRollUpper": roll_upper, "mouthShrugLower": shrug_lower}


def along(share: Doubles, direction: Vector) -> Doubles:
    """A field (V, 3): a part (V,) of one displacement."""
    return share[:, None] * np.array(direction)
