# SPDX-License-Identifier: GPL-3.0-or-later
"""What a take feels: slow offsets, mostly of the upper face, that the words don't determine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NEUTRAL_FACE = "neutral"

EMOTIONS: dict[str, dict[str, float]] = {
    "smile": {
        **dict.fromkeys(("mouthSmileLeft", "mouthSmileRight"), 0.22),
        **dict.fromkeys(("mouthDimpleLeft", "mouthDimpleRight"), 0.1),
        **dict.fromkeys(("cheekSquintLeft", "cheekSquintRight"), 0.35),
        **dict.fromkeys(("eyeSquintLeft", "eyeSquintRight"), 0.15),
        **dict.fromkeys(("browOuterUpLeft", "browOuterUpRight"), 0.1),
        "browInnerUp": 0.08,
    },
    "anger": {
        **dict.fromkeys(("browDownLeft", "browDownRight"), 0.5),
        **dict.fromkeys(("eyeSquintLeft", "eyeSquintRight"), 0.2),
        **dict.fromkeys(("noseSneerLeft", "noseSneerRight"), 0.2),
        **dict.fromkeys(("mouthFrownLeft", "mouthFrownRight"), 0.1),
        "jawForward": 0.04,
    },
    "sadness": {
        "browInnerUp": 0.5,
        **dict.fromkeys(("browDownLeft", "browDownRight"), 0.1),
        **dict.fromkeys(("mouthFrownLeft", "mouthFrownRight"), 0.25),
        **dict.fromkeys(("eyeLookDownLeft", "eyeLookDownRight"), 0.12),
        "mouthShrugUpper": 0.03,
        "mouthShrugLower": 0.04,
    },
}
"""Emotion -> unit weights at full strength; small on the mouth, where the words have the say."""


def feel(emotion: str, strength: Array) -> dict[str, Array]:
    """Unit curves ``(T,)`` of an emotion of ``strength (T,)``; none for ``NEUTRAL_FACE``."""
    return {unit: weight * strength for unit, weight in EMOTIONS.get(emotion, {}).items()}
