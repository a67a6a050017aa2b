# SPDX-License-Identifier: GPL-3.0-or-later
"""Which vertices of the lids and the lips must meet, by their numbers in MakeHuman's base mesh."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .source import HeadSource, mirror_map

# The loop along the middle of the left lids' margins, from the inner to the outer corner.
UPPER_LID = (13364, 13369, 13371, 13359, 13352, 13353, 13358, 13357, 13356, 13355)
LOWER_LID = (13361, 13362, 13378, 13367, 13368, 13370, 13372, 13373, 13374, 13366, 13379, 13375, 13376)
# Inner edges of the right half of the lips: lower vertex and the upper one above it.
LIPS = ((540, 520), (534, 522), (518, 515), (475, 516), (437, 418))


def closure_arrays(source: HeadSource) -> dict[str, NDArray]:
    """Arrays `closure_*` of the template: both eyes by eyeBlink, the lips by mouthClose together with
    jawOpen.
    """
    place = {int(number): vertex for vertex, number in enumerate(source.base)}
    mirror = mirror_map(source.neutral)
    rows = []
    for moving, fixed, mix in _lid_pairs(source, place):
        for side, pair in (("Left", (moving, *fixed)), ("Right", tuple(mirror[[moving, *fixed]]))):
            rows.append((source.unit_names.index(f"eyeBlink{side}"), -1, *pair, mix, (0.0, 0.0, 0.0)))
    close, jaw = (source.unit_names.index(name) for name in ("mouthClose", "jawOpen"))
    for lower, upper in LIPS:
        pair = np.array([place[lower], place[upper], place[upper]])
        for sided in {tuple(pair.tolist()), tuple(mirror[pair].tolist())}:
            rows.append((close, jaw, *sided, 0.0, (1.0, 1.0, 0.0)))
    rows.sort()
    unit, other, moving, first, second, mix, keep = zip(*rows, strict=True)
    return {
        "closure_unit": np.array(unit, np.int32),
        "closure_with": np.array(other, np.int32),
        "closure_moving": np.array(moving, np.int32),
        "closure_fixed": np.array([first, second], np.int32).T,
        "closure_mix": np.array(mix, np.float32),
        "closure_keep": np.array(keep, np.float32),
    }


def _lid_pairs(source: HeadSource, place: dict[int, int]) -> list[tuple[int, tuple[int, int], float]]:
    """Left upper lid vertices, the two lower ones below each, and the weight of the second.

    The margins are matched by the part of their length from corner to corner.
    """
    upper, lower = ([place[number] for number in loop] for loop in (UPPER_LID, LOWER_LID))
    corners = source.neutral[[lower[0], lower[-1]], 0]
    along = (source.neutral[lower, 0] - corners[0]) / (corners[1] - corners[0])
    blink = source.unit_deltas[source.unit_names.index("eyeBlinkLeft")]
    where = (source.neutral[upper, 0] + blink[upper, 0] - corners[0]) / (corners[1] - corners[0])
    pairs = []
    for vertex, at in zip(upper, where, strict=True):
        second = int(np.clip(np.searchsorted(along, at), 1, len(along) - 1))
        mix = (at - along[second - 1]) / (along[second] - along[second - 1])
        pairs.append((vertex, (lower[second - 1], lower[second]), float(np.clip(mix, 0, 1))))
    return pairs
