# SPDX-License-Identifier: GPL-3.0-or-later
"""A few distances of the mouth over time, in mm: all that the measurements on speech look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.geometry.attached import Attached, attach_to
from engine.template import TEETH, Template

Array = NDArray[np.float64]

FRAME_RATE = 30
INCISORS_BEHIND, INCISORS_BELOW = 0.0047, 0.0015
"""Metres from the upper lip's inner landmark at rest to the edge of the upper incisors; it never moves, since
upper teeth don't."""

FRONT, MIDDLE, EDGE = 0.012, 0.006, 12
"""Metres behind the foremost tooth, and beside the middle, within which lower incisors lie; how many of their
highest points are their edge."""

BLOCK = 256
"""Frames at a time, which bounds the memory."""

_MARKS = ("lip_upper_inner", "lip_lower_inner", "mouth_left", "mouth_right", "chin")


@dataclass(frozen=True, eq=False)
class Tracks:
    """Distances ``(T,)`` in mm at 30 fps.

    ``aperture`` is the distance of the inner lips' middles, ``gap`` its vertical part (negative when the lips
    press into each other), ``teeth`` the distance of the lower lip's inner edge from the upper incisors,
    ``width`` the distance of the mouth's corners, ``jaw`` the chin's descent below rest, ``incisors`` that of
    the lower incisors' edge: the jaw itself, as articulographs measure it, since skin on the chin is also
    lifted by lips. None for a template without teeth. ``resting_gap`` is ``gap`` of the face at rest.
    """

    aperture: Array
    gap: Array
    teeth: Array
    width: Array
    jaw: Array
    resting_gap: float
    incisors: Array | None = None

    def __len__(self) -> int:
        return len(self.aperture)


def tracks_of(template: Template, landmarks: Mapping[str, int], motion: NDArray[np.floating]) -> Tracks:
    """Tracks of displacements ``(T, V, 3)`` in metres on the template's rest pose, or of unit weights
    ``(T, U)``.

    Axes are the template's: Z up, facing −Y.
    """
    vertices = [landmarks[name] for name in _MARKS]
    rest = template.rest[vertices].astype(np.float64)
    if motion.ndim == 2:
        moved = np.einsum("tu,uvi->tvi", motion, template.unit_deltas[:, vertices], dtype=np.float64)
    else:
        moved = motion[:, vertices].astype(np.float64)
    upper, lower, left, right, chin = np.moveaxis(rest + moved, 1, 0)
    incisors = rest[0] + (0.0, INCISORS_BEHIND, -INCISORS_BELOW)
    return Tracks(
        aperture=_millimetres(upper - lower),
        gap=1000.0 * (upper[:, 2] - lower[:, 2]),
        teeth=_millimetres(lower - incisors),
        width=_millimetres(left - right),
        jaw=1000.0 * (rest[4, 2] - chin[:, 2]),
        resting_gap=float(1000.0 * (rest[0, 2] - rest[1, 2])),
        incisors=_incisors(template, motion),
    )


def _incisors(template: Template, motion: NDArray[np.floating]) -> Array | None:
    """The descent ``(T,)`` in mm of the lower incisors' edge."""
    attached, edge = _lower_incisors(template)
    if not len(edge):
        return None
    if motion.ndim == 2:
        return -1000.0 * motion.astype(np.float64) @ attached.unit_deltas[:, edge, 2].mean(axis=1)
    blocks = [attached.follow(motion[at : at + BLOCK])[:, edge, 2] for at in range(0, len(motion), BLOCK)]
    return -1000.0 * np.concatenate(blocks).mean(axis=1, dtype=np.float64)


@lru_cache(maxsize=4)
def _lower_incisors(template: Template) -> tuple[Attached, NDArray[np.intp]]:
    """The attached parts, and which of their points (n,) are the edge of the middle lower teeth."""
    attached, rest = attach_to(template, template.rest), template.attached_rest
    moves = np.abs(template.bone_motion).max(axis=(1, 2, 3), initial=0.0) > 0
    lower = np.flatnonzero((template.attached_part == TEETH) & moves[template.attached_bone])
    if not len(lower):
        return attached, lower
    front = rest[lower, 1] < rest[lower, 1].min() + FRONT
    front = lower[front & (np.abs(rest[lower, 0]) < MIDDLE)]
    return attached, front[np.argsort(-rest[front, 2])[:EDGE]]


def _millimetres(vectors: Array) -> Array:
    return 1000.0 * np.linalg.norm(vectors, axis=-1)
