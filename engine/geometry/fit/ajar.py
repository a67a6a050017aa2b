# SPDX-License-Identifier: GPL-3.0-or-later
"""Features that a head's rest pose holds open or shut: lips that stand apart, eyes that are closed.

A model learnt from people at rest, whose lips nearly touch: what it calls shut leaves the lips of a head that
was modelled with parted ones as far apart as they were. So the model is shown the head with its lips
together, and what parts them at rest counts as motion.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...arrays import ramp
from ...template import SKIN, Template
from ..units import close
from .mesh import triangulate, vertex_normals
from .shape import Shape
from .target import Target

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

CLOSES = "mouthClose"
PARTED = (0.0007, 0.0012)
"""Metres between the lips, beyond the template's own, from which they count as parted, and from which in
full. *Measured*: of 500 people of the template's family one has more than the first."""
BLINKS = ("eyeBlinkLeft", "eyeBlinkRight")
LIDS = 0.002  # metres that a blink moves them at least
TURN, LIKE, FAR = 0.005, 0.3, 0.004  # as lids are matched: metres, cosine, metres
NEARER = 0.93
"""Eyes are shut where a blink brings the lids nearer than to this part of their distance. *Measured*: people
with open eyes 1.7 and more (ICT's head 1.12), half open 0.95 to 1.6, shut 0.2 to 0.76 (ICT's 0.86)."""
MIDDLE = 0.5  # of the mouth's half width: pairs that tell whether lips are parted


def lips_together(template: Template, rest: Floats) -> Floats:
    """The rest shape (V, 3) with its lips as near to each other as the template's, by the lower one; `rest`
    itself where they are no further apart than people's."""
    chosen = _lip_pairs(template)
    if not len(chosen):
        return rest
    beyond = _gaps(template, rest, chosen) - _gaps(template, template.rest, chosen)
    side = np.abs(template.rest[template.closure_moving[chosen], 0])
    middle = float(beyond[side <= MIDDLE * side.max()].mean())
    share = float(ramp(middle, *PARTED))
    if share == 0:
        return rest
    wanted = share * np.maximum(beyond, 0.0)[:, None] * [0.0, 0.0, 1.0]
    field = close(template, CLOSES, wanted).reshape(-1)
    basis = template.motion_basis.reshape(len(template.motion_basis), -1)
    if len(basis):
        field = (basis @ field) @ basis  # within the decoder's span: frames stay one product
    return (rest + field.reshape(rest.shape)).astype(np.float32)


def parted_mm(template: Template, rest: Floats) -> float:
    """How far the lips stand apart at rest beyond the template's, mm, in the widest place that is closed."""
    return 1e3 * float(np.linalg.norm(lips_together(template, rest) - rest, axis=1).max(initial=0.0))


def eyes_shut(template: Template, shape: Shape, target: Target) -> bool:
    """Whether the lids of a mesh lie where a blink would put those of a person that was fitted to it."""
    if not all(name in template.unit_names for name in BLINKS):
        return False
    blink = template.unit_deltas[[template.unit(name) for name in BLINKS]].sum(axis=0)
    lids = np.flatnonzero((template.part == SKIN) & (np.linalg.norm(blink, axis=1) > LIDS))
    if not len(lids):
        return False
    triangles, apart = triangulate(template.faces), []
    for points in (shape.points(), shape.points() + shape.place.vectors(blink)):
        matches = target.match(points[lids], vertex_normals(points, triangles)[lids], TURN)
        distance = np.linalg.norm(matches.places - points[lids], axis=1)
        good = matches.found & (matches.cosine > LIKE)
        apart.append(float(np.where(good, np.minimum(distance, FAR), FAR).mean()))
    return apart[1] < NEARER * apart[0]


def _lip_pairs(template: Template) -> NDArray[np.intp]:
    if CLOSES not in template.unit_names:
        return np.zeros(0, np.intp)
    return np.flatnonzero(template.closure_unit == template.unit(CLOSES))


def _gaps(template: Template, shape: NDArray[np.floating], pairs: NDArray[np.intp]) -> Doubles:
    """How far each of some closure pairs (P,) is open upwards, metres."""
    mix = template.closure_mix[pairs, None].astype(np.float64)
    fixed = template.closure_fixed[pairs]
    opposite = shape[fixed[:, 0]] * (1 - mix) + shape[fixed[:, 1]] * mix
    return (opposite - shape[template.closure_moving[pairs]])[:, 2].astype(np.float64)
