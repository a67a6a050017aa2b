# SPDX-License-Identifier: GPL-3.0-or-later
"""The faces of a corpus: template, identities and what the model has to know of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.template import EYE, SKIN, Template
from training.errors import TrainingError
from training.model.space import FaceArrays

NEAR = 0.003
"""Lip vertices that touch are closer than this at rest, in metres of template space."""

STILL, PARTED = 0.3, 0.4
"""… and under jawOpen the upper one moves less, the lower one more than these shares of the unit's largest
step.
"""


def face_arrays(template: Template, motion_std: NDArray[np.float32]) -> FaceArrays:
    """What the model needs of the template; ``motion_std (Km,)`` is the spread of the motion coefficients
    (metres).
    """
    pairs = contact_pairs(template)
    lids, lid_mix = lid_pairs(template)
    lips = np.zeros(len(template), np.float32)
    lips[pairs.reshape(-1)] = 1.0
    regions = {"mouth": template.mask_mouth, "upper": template.mask_upper, "eyelids": template.mask_eyelids}
    skin = (template.part == SKIN).astype(np.float32)
    regions["brows"] = template.mask_upper * (1 - template.mask_eyelids) * skin
    regions["gaze"] = (template.part == EYE).astype(np.float32)
    regions |= {"all": np.ones(len(template), np.float32), "lips": lips}
    return FaceArrays(
        mean=template.rest,
        identity_basis=template.identity_basis,
        identity_std=template.identity_std,
        motion_basis=template.motion_basis,
        motion_std=motion_std,
        regions=regions,
        contacts=pairs,
        lids=lids,
        lid_mix=lid_mix,
    )


def lid_pairs(template: Template) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Where the template's blinks let the lids meet: vertices ``(L, 3)``, the upper lid's and two of the
    lower's, and what share ``(L,)`` the second of these has."""
    blinks = [row for row, name in enumerate(template.unit_names) if name.startswith("eyeBlink")]
    rows = np.isin(template.closure_unit, blinks)
    vertices = np.concatenate([template.closure_moving[rows][:, None], template.closure_fixed[rows]], axis=1)
    return vertices.astype(np.int64), template.closure_mix[rows].astype(np.float32)


def contact_pairs(template: Template, limit: int = 12) -> NDArray[np.int64]:
    """Pairs ``(P, 2)`` of an upper and a lower inner-lip vertex that lie together at rest and that the jaw
    parts.

    They are found by what they do, not by name: neighbours at rest that jawOpen moves far apart, skin only.
    At most ``limit`` pairs, spread from corner to corner. Raises ``TrainingError`` when the jaw parts no
    lips.
    """
    rest, jaw = template.rest, template.unit_deltas[template.unit("jawOpen")]
    reach = float(np.linalg.norm(jaw, axis=1).max())
    mouth = np.flatnonzero((template.part == SKIN) & (template.mask_mouth > 0.3))
    moved = np.linalg.norm(jaw[mouth], axis=1)
    upper, lower = mouth[moved < STILL * reach], mouth[moved > PARTED * reach]
    if len(upper) == 0 or len(lower) == 0:
        raise TrainingError("The faces' jawOpen unit parts no lips; make the corpus again.")
    away = np.linalg.norm(rest[upper][:, None] - rest[lower][None], axis=-1)
    best = away.argmin(1)
    rows = np.arange(len(upper))
    close = np.flatnonzero((away[rows, best] < NEAR) & (away.argmin(0)[best] == rows))
    if len(close) == 0:
        close = np.array([int(away.min(1).argmin())])
    pairs = np.stack([upper[close], lower[best[close]]], 1)
    pairs = pairs[np.argsort(rest[pairs[:, 0], 0], kind="stable")]
    spread = np.unique(np.linspace(0, len(pairs) - 1, min(limit, len(pairs))).round().astype(int))
    return pairs[spread].astype(np.int64)
