# SPDX-License-Identifier: GPL-3.0-or-later
"""Regions of the face, and errors in them in mm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.template import Template
from training.data.faces import contact_pairs

Floats = NDArray[np.float32]
LIP_RADIUS = 0.012
"""Skin within 12 mm of the line where the lips meet is lips."""


class Regions:
    """``face``, ``mouth`` and ``upper`` as vertex weights that sum to 1, ``lips`` as vertex ids."""

    def __init__(self, template: Template) -> None:
        skin = template.part == 0
        moving = skin & (np.maximum(template.mask_mouth, template.mask_upper) > 0.05)
        self.weights = {
            "face": moving / max(moving.sum(), 1),
            "mouth": template.mask_mouth / template.mask_mouth.sum(),
            "upper": template.mask_upper / template.mask_upper.sum(),
        }
        line = template.rest[contact_pairs(template).reshape(-1)]
        away = np.linalg.norm(template.rest[:, None] - line[None], axis=-1).min(1)
        self.lips = np.flatnonzero(skin & (away < LIP_RADIUS) & (template.mask_mouth > 0.05))

    def distances(self, first: Floats, second: Floats) -> dict[str, float]:
        """Mean distance of vertices in mm, by region, over frames; motions are ``(T, V, 3)`` in metres."""
        away = np.linalg.norm(first - second, axis=-1)
        return {name: float((away @ weight).mean() * 1000) for name, weight in self.weights.items()}

    def lip_error(self, first: Floats, second: Floats) -> float:
        """MeshTalk's lip error in mm (section 4.1): lips centred, largest distance of a frame, mean over
        frames.
        """
        centred = [
            motion[:, self.lips] - motion[:, self.lips].mean(1, keepdims=True) for motion in (first, second)
        ]
        return float(np.linalg.norm(centred[0] - centred[1], axis=-1).max(1).mean() * 1000)

    def errors(self, decoded: Floats, true: Floats) -> dict[str, float]:
        """All errors in mm: mean distances by region and the lip error."""
        return self.distances(decoded, true) | {"lips": self.lip_error(decoded, true)}


def mean_of(rows: list[dict[str, float]], frames: list[int]) -> dict[str, float]:
    """Mean of figures over clips, weighted by their frames."""
    share = np.asarray(frames, np.float64) / max(sum(frames), 1)
    return {name: float(share @ [row[name] for row in rows]) for name in rows[0]}
