# SPDX-License-Identifier: GPL-3.0-or-later
"""What an animator can turn about a take. Light: panels are made of it."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

from ..control_limits import LIMITS
from ..errors import OptionError


@dataclass(frozen=True)
class Controls:
    """How a take is played.

    Strengths `mouth`, `jaw`, `brow`, `blink`, `gaze` from 0 to 2, 1 as spoken; `smooth_mouth` and
    `smooth_upper` in frames; `closure` from 0 to 1, how far lips that nearly touch are pulled shut; `offset`
    in frames, later where positive; `tolerance` of key reduction, in weights. OptionError for other values.
    """

    mouth: float = 1.0
    jaw: float = 1.0
    brow: float = 1.0
    blink: float = 1.0
    gaze: float = 1.0
    smooth_mouth: float = 0.0
    smooth_upper: float = 0.0
    closure: float = 0.0
    offset: float = 0.0
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, low, high = getattr(self, field.name), *LIMITS[field.name]
            if not low <= value <= high:  # NaN lies nowhere
                name = field.name.replace("_", " ")
                raise OptionError(f"The control “{name}” goes from {low:g} to {high:g}, not {value!r}.")

    @property
    def fingerprint(self) -> str:
        """The same for the same values: what curves were written with."""
        return " ".join(f"{value:.6g}" for value in astuple(self))

    @property
    def changes_motion(self) -> bool:
        """Whether anything but the choice of keys differs from what was spoken."""
        return astuple(self)[:-1] != astuple(Controls())[:-1]
