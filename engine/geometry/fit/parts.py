# SPDX-License-Identifier: GPL-3.0-or-later
"""Which islands of a mesh are skin, eyeballs, teeth, tongue, lashes, or something that stays.

All in normalised template space (metres), after the template was bent onto the mesh. An island is what edges
and seams join. Skin is where the template's face found its matches; eyeballs are round and sit where the
template's do; what lies behind the lips is of the mouth, below the line of the teeth it goes with the jaw;
small things that touch the skin of the face (lashes, brows, tear lines) follow it; all else (hair, glasses,
clothes) stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...template import EYE, SKIN, TONGUE, Template
from .mesh import Surface, neighbour_table, triangulate, vertex_normals
from .nearest import search_of

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

STAYS, FACE, EYE_LEFT, EYE_RIGHT, MOUTH, FOLLOWS = range(6)
NAMES = ("stays", "skin", "left eye", "right eye", "mouth", "follows the skin")

SKIN_SHARE = 0.03  # of the face's matches: an island with fewer is no skin
LARGE = 0.1  # metres; larger things that touch the face are hair or glasses
TOUCH = 0.005  # metres from the skin up to which a small thing follows it
ROOT = 0.0015  # metres further from the skin than its nearest vertex: still a root
BITE = 0.0015  # metres from the inner upper lip down to where the teeth meet
DEPTH = 0.13  # metres that a mouth's parts reach back at most
TOOTH = 0.018  # metres; what is narrower than this is one tooth, however deep its roots reach
ONE_JAW = 0.85  # of an island's vertices on one side of the bite: it belongs to one jaw
JAW_EDGE = 0.003  # metres over which an island of both jaws passes from one to the other
JAW_ROUNDS = 12
PAIRS = 2_000_000  # of vertices that are compared at once: bounds the memory to some 30 MB


@dataclass(frozen=True, eq=False)
class Roles:
    """`role` (V',) of each vertex; `jaw` (V',) its share of the jaw's motion where the role is MOUTH;
    `donor` (V',) the skin vertex whose motion a following vertex takes, `root` (V',) whether it does so
    itself or only through its island's roots; `centres` (2, 3) of the left and the right eyeball."""

    role: NDArray[np.int8]
    jaw: Doubles
    donor: Indices
    root: NDArray[np.bool_]
    centres: Doubles

    def count(self) -> dict[str, int]:
        """How many vertices have each role, by its name for people."""
        return {name: int((self.role == role).sum()) for role, name in enumerate(NAMES)}


def find_roles(template: Template, rest: Doubles, surface: Surface, matched: Indices) -> Roles:
    """Roles of the vertices of `surface`, where `rest` (V, 3) is the bent template and `matched` (M,) are
    vertices that its face found."""
    islands = surface.islands
    count = int(islands.max()) + 1
    hits = np.bincount(islands[matched], minlength=count)
    skin = hits >= SKIN_SHARE * hits.sum()
    centres, radii = _template_eyes(template, rest)
    role = np.full(count, STAYS, np.int8)
    order = np.argsort(islands, kind="stable")
    members = np.split(order, np.searchsorted(islands[order], np.arange(1, count)))
    for island in np.flatnonzero(~skin):
        role[island] = _role(template, rest, surface.vertices[members[island]], centres, radii)
    role[skin] = FACE
    nearest, distance = _nearest_skin(surface, skin[islands], np.flatnonzero((role == FOLLOWS)[islands]))
    for island in np.flatnonzero(role == FOLLOWS):
        role[island] = FOLLOWS if distance[members[island]].min() < TOUCH else STAYS
    role_of = role[islands]
    jaw = _jaw_share(template, rest, surface, role_of, members)
    donor, root = _donors(surface, role_of, members, nearest, distance)
    return Roles(role_of, jaw, donor, root, _eye_centres(surface, role_of, centres))


def _role(template: Template, rest: Doubles, points: Doubles, centres: Doubles, radii: Doubles) -> int:
    """The role of one island of points (N, 3), which follows the skin only if it touches it."""
    for side, (centre, radius) in enumerate(zip(centres, radii, strict=True)):
        if _is_eyeball(points, centre, float(radius)):
            return (EYE_LEFT, EYE_RIGHT)[side]
    if _is_in_mouth(template, rest, points):
        return MOUTH
    small = np.ptp(points, axis=0).max() < LARGE
    return FOLLOWS if small and _is_of_face(template, rest, points) else STAYS


def _is_eyeball(points: Doubles, centre: Doubles, radius: float) -> bool:
    """A ball about where the template's is, or a disc (iris, pupil, cornea) in front of its middle."""
    size, middle = np.ptp(points, axis=0), 0.5 * (points.min(axis=0) + points.max(axis=0))
    apart = middle - centre
    if (
        size.max() > 3.2 * radius
        or np.linalg.norm(apart[[0, 2]]) > 0.6 * radius
        or abs(apart[1]) > 1.6 * radius
    ):
        return False
    ball = size.min() > 0.55 * size.max() and size.max() > radius
    disc = min(size[0], size[2]) > 0.75 * max(size[0], size[2]) and size.max() < 1.7 * radius
    return bool(ball or disc)


def _is_in_mouth(template: Template, rest: Doubles, points: Doubles) -> bool:
    marks = template.landmarks
    lip, chin, nose = (rest[marks[name]] for name in ("lip_upper_inner", "chin", "nose_tip"))
    half = 0.5 * np.linalg.norm(rest[marks["mouth_left"]] - rest[marks["mouth_right"]])
    middle = points.mean(axis=0)
    inside = abs(middle[0] - lip[0]) < 1.8 * half and chin[2] - 0.01 < middle[2] < nose[2] + 0.005
    behind = lip[1] < middle[1] < lip[1] + DEPTH and points[:, 1].min() > lip[1] - 0.004
    return bool(inside and behind and np.abs(points[:, 0] - lip[0]).max() < 2.2 * half)


def _is_of_face(template: Template, rest: Doubles, points: Doubles) -> bool:
    """Whether the middle of an island is in front, between the chin and a little above the brows."""
    marks, middle = template.landmarks, points.mean(axis=0)
    top = rest[marks["brow_inner_left"], 2] + 0.03
    front = middle[1] < rest[marks["mouth_left"], 1] + 0.06
    return bool(rest[marks["chin"], 2] - 0.04 < middle[2] < top and front)


def _template_eyes(template: Template, rest: Doubles) -> tuple[Doubles, Doubles]:
    """Centres (2, 3) and radii (2,) of the bent template's eyeballs, or of the space between its lids."""
    centres, radii = [], []
    for side in ("left", "right"):
        upper, lower = (rest[template.landmarks[f"lid_{lid}_{side}"]] for lid in ("upper", "lower"))
        sign = 1 if template.rest[template.landmarks[f"lid_upper_{side}"], 0] > 0 else -1
        ball = rest[(template.part == EYE) & (sign * template.rest[:, 0] > 0)]
        if len(ball):
            radius = 0.5 * float(np.ptp(ball, axis=0).mean())
            centres.append(0.5 * (ball.min(axis=0) + ball.max(axis=0)))
        else:
            radius = 0.0125
            centres.append(0.5 * (upper + lower) + [0, radius, 0])
        radii.append(radius)
    return np.array(centres), np.array(radii)


def _eye_centres(surface: Surface, role: NDArray[np.int8], centres: Doubles) -> Doubles:
    """Middles of the mesh's own eyeballs where it has them; the largest round thing counts most."""
    found = centres.copy()
    for side, eye in enumerate((EYE_LEFT, EYE_RIGHT)):
        points = surface.vertices[role == eye]
        if len(points):
            ball = points[points[:, 1] > np.percentile(points[:, 1], 5)]
            system = np.concatenate([2 * ball, np.ones((len(ball), 1))], axis=1)
            centre = np.linalg.lstsq(system, (ball**2).sum(axis=1), rcond=None)[0][:3]
            near = np.linalg.norm(centre - centres[side]) < 0.012
            found[side] = centre if near else 0.5 * (points.min(axis=0) + points.max(axis=0))
    return found


def _jaw_share(
    template: Template, rest: Doubles, surface: Surface, role: NDArray[np.int8], members: list[Indices]
) -> Doubles:
    """1 for what goes with the lower jaw, 0 for what stays with the skull."""
    share, points = np.zeros(len(role)), surface.vertices
    parts = [vertices for vertices in members if role[vertices[0]] == MOUTH]
    teeth = [np.ptp(points[vertices, :2], axis=0).max() < TOOTH for vertices in parts]
    middles = np.array([points[v].mean(axis=0) for v, one in zip(parts, teeth, strict=True) if one])
    line = float(rest[template.landmarks["lip_upper_inner"], 2]) - BITE
    lines = _bite_lines(middles.reshape(-1, 3), line)
    for vertices, one in zip(parts, teeth, strict=True):
        bite = _bite_at(points[vertices], middles.reshape(-1, 3), lines, line)
        below = bite - points[vertices, 2]
        lower = float((below > 0).mean())
        if one or abs(lower - 0.5) > ONE_JAW - 0.5:
            share[vertices] = float(below.mean() > 0)
        else:
            tongue = _is_tongue(template, rest, surface, vertices)
            share[vertices] = np.maximum(np.clip(below / JAW_EDGE + 0.5, 0, 1), tongue)
    blended = (role == MOUTH) & (share > 0) & (share < 1)
    if blended.any():
        share = _smoothed(surface, share, role == MOUTH)
    return share


def _bite_lines(middles: Doubles, line: float) -> Doubles:
    """The height (N,) at which each of N teeth meets those of the other jaw: between the highest and the
    lowest that stand in the same place, or `line` where there is only one row."""
    lines = np.full(len(middles), line)
    for number, middle in enumerate(middles):
        heights = middles[np.linalg.norm(middles[:, :2] - middle[:2], axis=1) < 0.009, 2]
        if np.ptp(heights) > 0.005:
            lines[number] = 0.5 * (heights.min() + heights.max())
    return lines


def _bite_at(points: Doubles, middles: Doubles, lines: Doubles, line: float) -> Doubles:
    """The height of the bite at points (N, 3): that of the nearest teeth, smoothly."""
    if not len(middles):
        return np.full(len(points), line)
    apart = ((points[:, None, :2] - middles[None, :, :2]) ** 2).sum(axis=2)
    weight = np.exp(-0.5 * (apart - apart.min(axis=1, keepdims=True)) / 0.008**2)
    return (weight @ lines) / weight.sum(axis=1)


def _is_tongue(template: Template, rest: Doubles, surface: Surface, vertices: Indices) -> Doubles:
    """1 for vertices near the bent template's tongue that face the same way (the palate doesn't)."""
    tongue = np.flatnonzero(template.part == TONGUE)
    if not len(tongue):
        return np.zeros(len(vertices))
    normals = vertex_normals(rest, triangulate(template.faces))[tongue]
    grid = search_of(rest[tongue], normals, 0.006)
    _, distance = grid.nearest(surface.vertices[vertices], surface.normals[vertices], 0.004)
    return (distance < 0.004).astype(np.float64)


def _smoothed(surface: Surface, share: Doubles, keep: NDArray[np.bool_]) -> Doubles:
    table, real = neighbour_table(surface.edges, len(share))
    degree = real.sum(axis=1)
    for _ in range(JAW_ROUNDS):
        mean = (share[table] * real).sum(axis=1) / np.maximum(degree, 1)
        share = np.where(keep & (degree > 0), 0.5 * (share + mean), share)
    return share[surface.weld]


def _nearest_skin(surface: Surface, skin: NDArray[np.bool_], others: Indices) -> tuple[Indices, Doubles]:
    """The skin vertex (V',) that is nearest to each of some `others` (N,), −1 beyond 12 mm and for all else,
    and how far it is (V',), infinite there."""
    nearest, distance = np.full(len(skin), -1), np.full(len(skin), np.inf)
    points = surface.vertices[skin]
    grid = search_of(points, np.zeros_like(points), 0.012)
    found, near = grid.nearest(surface.vertices[others], np.zeros((len(others), 3)), 0.0)
    some = found >= 0
    nearest[others[some]], distance[others[some]] = np.flatnonzero(skin)[found[some]], near[some]
    return nearest, distance


def _donors(
    surface: Surface, role: NDArray[np.int8], members: list[Indices], nearest: Indices, distance: Doubles
) -> tuple[Indices, NDArray[np.bool_]]:
    """The skin vertex (V',) that each following vertex goes with: that under its nearest root; itself for
    others. And which vertices (V',) are roots."""
    donor, root = np.arange(len(role)), np.zeros(len(role), bool)
    for vertices in members:
        if role[vertices[0]] != FOLLOWS:
            continue
        gap = distance[vertices]
        roots = vertices[(gap <= gap.min() + ROOT) & (nearest[vertices] >= 0)]
        donor[vertices] = nearest[roots[_nearest(surface.vertices[vertices], surface.vertices[roots])]]
        root[roots] = True
    return donor, root


def _nearest(points: Doubles, others: Doubles) -> Indices:
    """Which of some others (M, 3) is nearest to each point (N, 3), some pairs at a time."""
    middle = others.mean(axis=0)
    from_, to = points - middle, others - middle
    size, found = (to**2).sum(axis=1), np.empty(len(points), np.int64)
    step = max(1, PAIRS // len(others))
    for first in range(0, len(points), step):
        rows = slice(first, first + step)
        found[rows] = (size - 2 * from_[rows] @ to.T).argmin(axis=1)
    return found


__all__ = [
    "EYE_LEFT",
    "EYE_RIGHT",
    "FACE",
    "FOLLOWS",
    "MOUTH",
    "NAMES",
    "SKIN",
    "STAYS",
    "Roles",
    "find_roles",
]
