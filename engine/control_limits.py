# SPDX-License-Identifier: GPL-3.0-or-later
"""How far an animator can turn what there is to turn about a take. Apart from the controls themselves, as
Blender makes properties of it at its start.
"""

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
