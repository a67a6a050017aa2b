# SPDX-License-Identifier: GPL-3.0-or-later
"""Which units speech is said with, and what a weight costs.

Units that are the same throughout a take, and in every take, leave a remainder of few directions: it is the
motion less a linear map of it. Units that come and go leave another remainder in each of their states, and
the correctives have to follow all of them. *Measured* on six voices: eleven fixed units and 8 correctives do
what the ten best units of each moment and 14 correctives did, to the same 0.2 mm. So speech is said with a
few units, which are cheap; any other unit of the mouth comes in where a take can't do without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .weights import Float64

SPOKEN = (
    *("jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthRollLower"),
    *("mouthLowerDown{}", "mouthStretch{}", "mouthUpperUp{}"),
)
"""The units that speech is said with; {} is a side. *Measured*: without mouthFunnel units alone leave 1.7
instead of 1.0 mm at the lips, without mouthPucker 1.4, and closures are off by 0.16 instead of 0.04 mm
without mouthClose; one more unit makes more keys in all."""

MOUTH = ("jaw", "mouth", "cheekPuff")
"""What the names of the mouth's units begin with."""

SELDOM = 8.0
"""How many times as far as what is visible the own part of any other unit of the mouth must reach.
*Measured*: at 4 units come and go from take to take, and a frame has four correctives more."""

PRICE, SPOKEN_PRICE = 1.1, 0.2
"""The L1 penalty of a weight, as a part of its visible weight; what is cheaper than this is 0. *Measured*: at
0.7 the upper face has 7.4 units above 0 in a frame, at 1.1 5.3 and 0.1 mm more error in its worst vertex, at
1.4 3.9, and lids whose gap is off by 0.2 mm. With spoken units at 0.3 closures are off by 0.09 instead of
0.02 mm in noise."""

ANY_PRICE = 0.7
"""The same for any unit, where nothing is known of the motion."""

HARDER = 3.0
"""How many times the price is asked, but of the units of speech, where a unit isn't large for a while: what
hops around the price itself goes altogether."""


@dataclass(frozen=True, eq=False)
class Costs:
    """By unit (U,): how many times as far as what is visible its own part must reach in a take (``need``),
    the ``price`` of a weight as a part of its visible weight, and how many times that is asked where the unit
    isn't large (``harder``)."""

    need: Float64
    price: Float64
    harder: Float64


def equal_costs(unit_names: Sequence[str]) -> Costs:
    """The costs for motion that isn't the model's: correctives weren't made for what is left of it, so
    every unit takes part."""
    same = np.ones(len(unit_names))
    return Costs(same, ANY_PRICE * same, HARDER * same)


def costs_of(unit_names: Sequence[str]) -> Costs:
    """The costs of a model's units in its own motion."""
    spoken = {name.format(side) for name in SPOKEN for side in ("Left", "Right")}
    is_spoken = np.array([name in spoken for name in unit_names], bool)
    of_mouth = np.array([name.startswith(MOUTH) for name in unit_names], bool)
    return Costs(
        need=np.where(of_mouth & ~is_spoken, SELDOM, 1.0),
        price=np.where(is_spoken, SPOKEN_PRICE, PRICE),
        harder=np.where(is_spoken, 1.0, HARDER),
    )
