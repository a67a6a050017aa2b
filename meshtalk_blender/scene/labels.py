# SPDX-License-Identifier: GPL-3.0-or-later
"""Where labels go beside a crowd of dots, so that all can be read: pure geometry, in pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Pixel = tuple[float, float]


def arranged(
    dots: Mapping[str, Pixel], widths: Mapping[str, float], line: float, gap: float, room: float
) -> dict[str, Pixel]:
    """The left end of each dot's label: two columns beside the dots, in the order of the dots' heights.

    `widths` are the labels' own, `line` is the least distance between two of a column, `gap` that of the
    columns from the dots, `room` the region's width, which no label leaves.
    """
    if not dots:
        return {}
    across = [x for x, _ in dots.values()]
    low, high = min(across), max(across)
    right = [name for name, (x, _) in dots.items() if x >= 0.5 * (low + high)]
    left = [name for name in dots if name not in right]
    places = {}
    for names, side in ((left, -1), (right, 1)):
        order = sorted(names, key=lambda name: dots[name][1])
        for name, height in zip(order, apart([dots[name][1] for name in order], line), strict=True):
            x = high + gap if side > 0 else low - gap - widths[name]
            places[name] = (max(gap / 4, min(x, room - widths[name] - gap / 4)), height)
    return places


def apart(heights: Sequence[float], line: float) -> list[float]:
    """Heights in rising order, moved as little as needed so that neighbours are at least `line` apart."""
    groups: list[tuple[float, int]] = []  # the sum of what its members wish for the lowest one, their count
    for height in heights:
        wish, count = height, 1
        while groups and groups[-1][0] / groups[-1][1] + groups[-1][1] * line > wish / count:
            below, size = groups.pop()
            wish, count = below + wish - count * size * line, size + count
        groups.append((wish, count))
    return [wish / count + line * step for wish, count in groups for step in range(count)]
