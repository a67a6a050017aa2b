# SPDX-License-Identifier: GPL-3.0-or-later
"""The landmarks that a head may be given: the template's own, and the corners of its eyes and mouth."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType

import numpy as np

from ...template import SKIN, Template

BEFORE = 0.003  # metres that the visible corner of the mouth lies before the one where the lips' insides meet


@lru_cache(maxsize=4)
def landmark_vertices(template: Template) -> MappingProxyType[str, int]:
    """Template vertex of every landmark by its name.

    Besides the template's own landmarks these are `eye_inner_left`, `eye_outer_left` and the right eye's,
    which bundles don't list: the ends of the lid margins that a blink brings together, so templates without
    closures lack them. `mouth_left` and `mouth_right` are the corners that people see and click: the
    template's own lie deeper, where the insides of the lips meet.
    """
    return MappingProxyType({**template.landmarks, **_mouth_corners(template), **_eye_corners(template)})


def _mouth_corners(template: Template) -> dict[str, int]:
    """The skin before each of the template's own corners, nearest to it as seen from the front."""
    corners = {}
    for name in ("mouth_left", "mouth_right"):
        own = template.rest[template.landmarks[name]]
        before = np.flatnonzero((template.part == SKIN) & (template.rest[:, 1] < own[1] - BEFORE))
        if len(before):
            apart = np.linalg.norm((template.rest[before] - own)[:, [0, 2]], axis=1)
            corners[name] = int(before[apart.argmin()])
    return corners


def _eye_corners(template: Template) -> dict[str, int]:
    """Left is the character's left, +X."""
    corners = {}
    for side in ("left", "right"):
        unit = f"eyeBlink{side.title()}"
        blink = template.closure_unit == (template.unit(unit) if unit in template.unit_names else -1)
        if blink.any():
            margin = np.r_[template.closure_moving[blink], template.closure_fixed[blink].ravel()]
            out = np.abs(template.rest[margin, 0])
            corners[f"eye_inner_{side}"] = int(margin[out.argmin()])
            corners[f"eye_outer_{side}"] = int(margin[out.argmax()])
    return {name: vertex for name, vertex in corners.items() if name not in template.landmarks}
