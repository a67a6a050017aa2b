# SPDX-License-Identifier: GPL-3.0-or-later
"""What an animator can turn about a take, and how far. Light: panels and properties are made of it."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

from ..errors import OptionError

MOST = 2.0
"""Largest strength."""

LIMITS = {
    **dict.fromkeys(("mouth", "jaw", "brow", "blink", "gaze"), (0.0, MOST)),
    **dict.fromkeys(("smooth_mouth", "smooth_upper"), (0.0, 100.0)),
    "closure": (0.0, 1.0),
    "offset": (-1000.0, 1000.0),
    "tolerance": (0.0, 0.5),
}
"""Smallest and largest value of each control."""


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
