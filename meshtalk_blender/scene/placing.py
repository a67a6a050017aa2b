# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to landmarks while they are placed: click, drag, mirror, remove, step back. No events, no
drawing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .landmarks import LANDMARKS, twin_of
from .spots import Place, Spot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .surface import RestMesh
    from .symmetry import Plane

Spots = dict[str, Spot]


@dataclass(eq=False)
class Session:
    """Landmarks of one head while the user places them.

    `placed` are those that the user put somewhere; `suggested` where a fit, or the average face, sees the
    others: they don't count until they are touched. `fitted` tells which of both it was. `plane` is where the
    mesh itself is symmetric, None where it isn't. `stretched` is the mesh as an uneven scale shows it: there
    faces are symmetric and as wide as they should be; None for an even one.
    """

    rest: RestMesh
    placed: Spots
    suggested: Spots = field(default_factory=dict)
    fitted: bool = False
    plane: Plane | None = None
    stretched: RestMesh | None = None
    active: str = ""
    chosen: str = ""
    wish: str = ""
    _before: list[Spots] = field(default_factory=list)
    _after: list[Spots] = field(default_factory=list)

    @property
    def seen(self) -> RestMesh:
        """The mesh in which mirrored places, and those of an average face, are looked for."""
        return self.rest if self.stretched is None else self.stretched

    @property
    def next_name(self) -> str | None:
        """The landmark that the next click places; None when all are placed or known from a fit."""
        if self.chosen:
            return self.chosen
        if self.fitted:
            return None
        return next((mark.name for mark in LANDMARKS if mark.name not in self.placed), None)

    @property
    def shown(self) -> Spots:
        """Every landmark that is seen, placed or suggested."""
        return {**self.suggested, **self.placed}

    @property
    def is_swapped(self) -> bool:
        """Whether left and right seem mixed up."""
        from .face_plan import is_swapped

        return is_swapped(self._places(), self.seen.centre)

    @property
    def mirror(self) -> Plane | None:
        """Where left and right mirror each other: by the mesh itself, else by pairs of landmarks."""
        if self.plane is not None:
            return self.plane
        return plane_of_landmarks(self._places() if self._has_pair() else self._shown_places())

    def place(self, name: str, spot: Spot, both: bool) -> None:
        """Put a landmark somewhere; with `both` its twin follows, and one of the middle stays there. Call
        `settle` once it is where it belongs."""
        self.active = name
        self.chosen = "" if self.chosen == name else self.chosen
        mirror = self.mirror if both else None
        twin = twin_of(name)
        if mirror is None:
            self.placed[name] = spot
        elif twin is None:
            self.placed[name] = self.seen.nearest(mirror.dropped(self.seen.place(spot)))
        else:
            self.placed[name] = spot
            self.placed[twin] = self.seen.nearest(mirror.mirrored(self.seen.place(spot)))

    def remove(self, name: str, both: bool) -> None:
        """Take a landmark away, and its twin with `both`; a fit's suggestion comes back in its place."""
        self.remember()
        for gone in (name, twin_of(name) if both else None):
            if gone is not None:
                self.placed.pop(gone, None)
        self.active = ""
        self.settle()

    def settle(self) -> None:
        """After a change: without a fit, guess the others from those placed."""
        from .face_plan import guessed

        if not self.fitted:
            self.suggested = {
                name: self.seen.nearest(place)
                for name, place in guessed(self._places()).items()
                if any(mark.name == name for mark in LANDMARKS)
            }

    def skip(self) -> None:
        """Choose the landmark after the next one for the next click."""
        missing = [mark.name for mark in LANDMARKS if mark.name not in self.placed]
        if missing:
            now = self.next_name
            self.chosen = missing[(missing.index(now) + 1) % len(missing)] if now in missing else missing[0]

    def remember(self) -> None:
        """Keep how things are, for one step back; called before each change."""
        self._before.append(dict(self.placed))
        self._after.clear()

    def step_back(self) -> bool:
        """Undo the last change; False when there is none."""
        return self._step(self._before, self._after)

    def step_forward(self) -> bool:
        """Redo what was undone last; False when there is nothing."""
        return self._step(self._after, self._before)

    def _step(self, source: list[Spots], target: list[Spots]) -> bool:
        while source and source[-1] == self.placed:  # a click that changed nothing is no step
            source.pop()
        if not source:
            return False
        target.append(dict(self.placed))
        self.placed = source.pop()
        self.settle()
        return True

    def _has_pair(self) -> bool:
        return any(twin_of(name) in self.placed for name in self.placed)

    def _places(self) -> dict[str, Place]:
        return {name: self.seen.place(spot) for name, spot in self.placed.items()}

    def _shown_places(self) -> dict[str, Place]:
        return {name: self.seen.place(spot) for name, spot in self.shown.items()}


def begin(
    rest: RestMesh, placed: Spots, fitted: Spots, stretch: NDArray[np.float64] | None = None
) -> Session:
    """A session that starts from what was placed before, and from where a fit saw the others; `stretch`
    (3, 3) is that of the head's object."""
    from .symmetry import mesh_plane

    session = Session(rest, dict(placed), dict(fitted), bool(fitted), stretched=rest.stretched(stretch))
    seen, known = session.seen, {**fitted, **placed}
    hint = plane_of_landmarks({name: seen.place(spot) for name, spot in known.items()})
    session.plane = mesh_plane(seen.vertices, [] if hint is None else [hint])
    session.settle()
    return session


def plane_of_landmarks(places: Mapping[str, Place]) -> Plane | None:
    """The plane at which pairs of landmarks mirror each other; None without a pair."""
    from .symmetry import plane_of_pairs

    lefts = [name for name in places if name.endswith("_left") and twin_of(name) in places]
    middles = [place for name, place in places.items() if twin_of(name) is None]
    return plane_of_pairs(
        [places[name] for name in lefts], [places[str(twin_of(name))] for name in lefts], middles
    )


def mirrored_spots(rest: RestMesh, spots: Spots, plane: Plane, source: str) -> Spots:
    """All spots, with those of the other side made from the side `source` (left or right) at the plane."""
    result = dict(spots)
    for name, spot in spots.items():
        twin = twin_of(name)
        if twin is not None and (name.endswith(f"_{source}") or twin not in spots):
            result[twin] = rest.nearest(plane.mirrored(rest.place(spot)))
    return result
