# SPDX-License-Identifier: GPL-3.0-or-later
"""How to dub."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..errors import OptionError
from .options import GenerateOptions
from .retime import Stretch

LIDS_FROM, LIDS_TO = 0.4, 0.5
"""Where on the slider blinks pass from the sampled to the original's: below the middle that people choose."""


@dataclass(frozen=True)
class DubOptions:
    """How to dub.

    ``upper`` and ``mouth`` say how much of the original's upper face and of its mouth is kept, 0 to 1; what
    isn't kept of the upper face is sampled by ``seed``, as generation does; blinks are the original's from
    0.5 on and sampled up to 0.4, for half a blink is none. With both at 1 the original stays
    as it is, bit for bit. ``keep_silence`` keeps the original's mouth in pauses of the new sound.
    ``stretch`` is for sounds that are longer or shorter than the original. ``temperature`` as in
    GenerateOptions; ``fps`` too, but None is the original's own rate.

    ``corrective_tolerance_mm`` asks for correctives, as in GenerateOptions. With ``layer`` the take has no
    units: its correctives (units, signed, and the model's own by their names) are to be added to a motion
    that plays on under the dub.
    """

    upper: float = 1.0
    mouth: float = 0.0
    keep_silence: bool = False
    stretch: Stretch = Stretch.LIVE
    seed: int = 0
    temperature: float | None = None
    fps: Fraction | float | None = None
    keep_vertices: bool = True
    corrective_tolerance_mm: float | None = None
    layer: bool = False

    def __post_init__(self) -> None:
        for name in ("upper", "mouth"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise OptionError(f"How much of the {_LONG[name]} is kept is from 0 to 1, not {value!r}.")
        if not isinstance(self.stretch, Stretch):
            known = ", ".join(one.value for one in Stretch)
            raise OptionError(f"The stretch is one of {known}, not {self.stretch!r}.")
        GenerateOptions(seed=self.seed, temperature=self.temperature, fps=self.fps)  # checks them alike

    @property
    def keeps_all(self) -> bool:
        """Whether nothing is to be changed."""
        return self.upper == 1 and self.mouth == 1


_LONG = {"upper": "upper face", "mouth": "mouth"}


def lids_kept(upper: float) -> float:
    """How much of the old lids is kept where so much of the upper face is: all from the middle on, nothing
    well below it, with a steep way between."""
    return float(np.clip((upper - LIDS_FROM) / (LIDS_TO - LIDS_FROM), 0.0, 1.0))
