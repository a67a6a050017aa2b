# SPDX-License-Identifier: GPL-3.0-or-later
"""What a generation is asked for, and what comes out of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError

MAX_TAKES = 64
MAX_SEED = 2**63 - 1
FPS_RANGE = (1, 240)
MAX_TOLERANCE = 10.0

RATE_TEXT = re.compile(r"\d{1,9}(\.\d{1,9})?(/\d{1,9})?")

ROUNDING = Fraction(1, 5_000_000)
"""Blender keeps 1.001 as float32; a rate this near to n/1.001 is that broadcast rate."""

MAX_DENOMINATOR = 100_000
"""Rates are fractions of small numbers, so that times can be counted in integers without end."""


@dataclass(frozen=True)
class GenerateOptions:
    """How to generate.

    ``seed`` is the first take's seed, take ``k`` uses ``seed + k``. ``temperature`` scales the Gumbel noise
    of the sampler: 0 takes the likeliest label always, None is the model's own default.
    ``upper_temperature`` is that of brows, lids and gaze alone, None for the same. ``fps`` is the rate
    of the result (1 to 240, None for the model's rate). Without ``keep_vertices`` only weights are kept, so
    memory stays small. ``corrective_tolerance_mm`` asks for correctives: the largest distance of a lip vertex
    from the model's motion, in 95 % of the frames, in mm of a head of human size; None for units alone.
    """

    seed: int = 0
    takes: int = 1
    temperature: float | None = None
    fps: Fraction | float | None = None
    keep_vertices: bool = True
    corrective_tolerance_mm: float | None = None
    upper_temperature: float | None = None

    def __post_init__(self) -> None:
        _check_whole("seed", self.seed, 0, MAX_SEED)
        _check_whole("number of takes", self.takes, 1, MAX_TAKES)
        _check_temperature("temperature", self.temperature)
        _check_temperature("upper face's temperature", self.upper_temperature)
        if self.fps is not None:
            as_rate(self.fps)
        tolerance = self.corrective_tolerance_mm
        if tolerance is not None and not _is_number(tolerance, 0.0, MAX_TOLERANCE):
            raise OptionError(
                f"The tolerance of the correctives must be a number from 0 to {MAX_TOLERANCE:g} mm, not "
                f"{tolerance!r}."
            )

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of every take."""
        return tuple(self.seed + take for take in range(self.takes))


@dataclass(frozen=True, eq=False)
class Take:
    """One sampled performance.

    ``weights`` (T', U) float32 in 0…1 at ``fps``, sample ``i`` at time ``i / fps``; ``unit_names`` (U,);
    ``labels`` (T, H) int16 at the model's rate; ``vertices`` (T', V', 3) float32 in the head's own units,
    axes and vertex order, or None when they were not asked for.

    With correctives, ``correctives`` (K, V, 3) are the first K of the model's in normalised template space,
    metres, scaled to the head (``Binding.carry`` brings them to the mesh), ``corrective_names`` (K,) their
    names, ``corrective_weights`` (T', K) float32 in −1…1, and ``corrective_error_mm`` is what remains at the
    lips (see ``GenerateOptions``). K is 0 where the units suffice. All are None when they were not asked for,
    or the model has none.
    """

    weights: NDArray[np.float32]
    unit_names: tuple[str, ...]
    fps: Fraction
    seed: int
    labels: NDArray[np.int16]
    vertices: NDArray[np.float32] | None = None
    corrective_weights: NDArray[np.float32] | None = None
    correctives: NDArray[np.float32] | None = None
    corrective_names: tuple[str, ...] | None = None
    corrective_error_mm: float | None = None


def as_rate(fps: Fraction | float | str) -> Fraction:
    """Read a frame rate: 24, 23.976, ``24 / 1.001`` or the text "24000/1001"; OptionError outside 1 to
    240."""
    low, high = FPS_RANGE
    problem = OptionError(f"The frame rate must be a number from {low} to {high}, not {fps!r}.")
    if isinstance(fps, bool) or not isinstance(fps, int | float | str | Fraction | np.floating | np.integer):
        raise problem
    if isinstance(fps, str) and not RATE_TEXT.fullmatch(fps):  # Fraction("1e999999999") would never end
        raise problem
    try:
        rate = Fraction(fps) if isinstance(fps, (str, Fraction)) else Fraction(float(fps))
    except (ValueError, OverflowError, ZeroDivisionError):
        raise problem from None
    if not low <= rate <= high:
        raise problem
    broadcast = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    if abs(rate - broadcast) < rate * ROUNDING:
        return broadcast
    return rate.limit_denominator(1001 if isinstance(fps, (float, np.floating)) else MAX_DENOMINATOR)


def frame_count(duration: Fraction, fps: Fraction) -> int:
    """Frames of a sound of ``duration`` seconds at ``fps``: round(duration · fps), exact."""
    return round(duration * fps)


def _check_whole(name: str, value: Any, low: int, high: int) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not low <= int(value) <= high:
        raise OptionError(f"The {name} must be a whole number from {low} to {high}, not {value!r}.")


def _check_temperature(name: str, value: Any) -> None:
    if value is not None and not _is_number(value, 0.0, 10.0):
        raise OptionError(f"The {name} must be a number from 0 to 10, not {value!r}.")


def _is_number(value: Any, low: float, high: float) -> bool:
    """Whether a value is a number from ``low`` to ``high``; NaN lies nowhere."""
    number = isinstance(value, int | float | np.floating | np.integer) and not isinstance(value, bool)
    return number and low <= float(value) <= high
