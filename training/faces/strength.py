# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a unit goes at weight 1: as far as what Apple describes goes on a person.

The face model's pack stops short in some units. Weights drive the keys that a head brings too, so 1 should
mean the same on every head. What is learnt stays: a unit that is s times as strong gets weights of 1/s.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.geometry.fit.mesh import triangulate
from engine.geometry.fit.unfold import unfold
from engine.template import Template

STRENGTH = {
    "jawOpen": 1.15,  # incisors 32 mm apart → 37; people reach 40 to 50 (Zawawi et al. 2003)
    "mouthClose": 1.15,  # closes that
    "mouthRollLower": 2.35,  # the lip's red is no longer seen (AU 28 at its most)
    "mouthShrugLower": 1.8,  # the lower lip's edge rises by 9 mm, to the upper one's height
    "mouthFunnel": 1.35,  # teeth are seen between both lips (AU 22 with 25)
    "mouthPucker": 1.15,  # lips come forward by 9 to 10 mm
    "mouthLeft": 1.4,  # the mouth's middle goes aside by 8 mm
    "mouthRight": 1.4,
    "mouthUpperUp": 1.45,  # upper teeth are seen to their necks (AU 10 at its most)
    "mouthPress": 1.7,  # half of the lower lip's red is gone
    "browOuterUp": 1.4,  # the brow's outer part rises by 9 mm (AU 2 at its most)
    "noseSneer": 1.4,  # the nose's wing rises by 6 mm (AU 9 at its most)
}
"""How many times as far as the pack's, by the unit's name without its side."""


def strengths(template: Template) -> NDArray[np.float32]:
    """Each unit's strength (U,)."""
    stems = (name.removesuffix("Left").removesuffix("Right") for name in template.unit_names)
    whole = zip(template.unit_names, stems, strict=True)
    return np.array([STRENGTH.get(name, STRENGTH.get(stem, 1.0)) for name, stem in whole], np.float32)


def at_full_strength(template: Template) -> Template:
    """The template, whose units are at the pack's strength, with units and bones at full strength.

    Triangles that turn over then are unfolded; where margins must meet nothing is, since that comes first.
    """
    units = template.unit_deltas * strengths(template)[:, None, None]
    free = np.setdiff1d(np.arange(len(units)), template.closure_unit)
    rest = template.rest.astype(np.float64)
    units[free] = unfold(units[free], rest, triangulate(template.faces), {})
    moved = template.bone_motion.shape[1]  # 0 where nothing is attached
    bones = template.bone_motion * strengths(template)[:moved, None, None]
    return replace(template, unit_deltas=units, bone_motion=bones)
