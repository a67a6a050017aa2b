# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel says of a head before anything is generated: known, not fitted yet, fitted how well, edited.

Drawing may only look into what is known already. What takes longer (comparing a mesh with the known
topologies, summing up positions after an edit) is done by a timer and a thread, and then the panel is drawn
again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...engine.errors import MeshTalkError
from ..fit_overlay import hide_fit, shown_fit
from ..models import chosen_threads, loaded_bundle, model_folder
from ..scene.binding import Change, fit_mark, has_binding, has_moved, quick_change, stored_figures
from .background import redraw_panels
from .head_looks import LOOK_SECONDS, MeshKey, ask, looks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ...engine.geometry.fit.binding import FitFigures

logger = logging.getLogger(__name__)


class Kind(Enum):
    """Where a head stands."""

    LOOKING = "looking"
    KNOWN = "known"
    UNFITTED = "unfitted"
    FITTED = "fitted"
    EDITED = "edited"
    MARKED = "marked"
    SCALED = "scaled"


@dataclass(frozen=True)
class HeadState:
    """Where a head stands, and how well it fitted where it was fitted."""

    kind: Kind
    figures: FitFigures | None = None

    @property
    def is_poor(self) -> bool:
        """Whether the user should do something about the fit first."""
        return self.kind is Kind.FITTED and self.figures is not None and self.figures.verdict == "poor"

    @property
    def words(self) -> str:
        """At a glance, for the head's place in the panel."""
        if self.kind is Kind.FITTED and self.figures is not None:
            return f"Fitted: {self.figures.median_mm:.1f} mm, {self.figures.verdict}"
        return _WORDS[self.kind]


_WORDS = {
    Kind.LOOKING: "Looking at the mesh…",
    Kind.KNOWN: "Known head: exact",
    Kind.UNFITTED: "Not fitted yet: Generate will fit it",
    Kind.FITTED: "Fitted",
    Kind.EDITED: "Mesh was edited: will be fitted again",
    Kind.MARKED: "Landmarks changed: will be fitted again",
    Kind.SCALED: "Proportions were scaled: will be fitted again",
}


def state_of(head: bpy.types.Object, model: str) -> HeadState:
    """Where this mesh object stands with the model of this name; cheap, may be asked while drawing."""
    known = looks.known.get(_key(head, model))
    if known is None:
        ask(head.session_uid)
        return HeadState(Kind.LOOKING)
    if known:
        return HeadState(Kind.KNOWN)
    if not has_binding(head):
        return HeadState(Kind.UNFITTED)
    figures, change = stored_figures(head), quick_change(head)
    if change is Change.LANDMARKS:
        return HeadState(Kind.MARKED, figures)
    if change is Change.SCALE:
        return HeadState(Kind.SCALED, figures)
    moved = looks.moved.get(fit_mark(head))
    if moved is None:
        ask(head.session_uid)
    return HeadState(Kind.EDITED if moved or change is Change.MESH else Kind.FITTED, figures)


def look_now(head: bpy.types.Object, model: str) -> HeadState:
    """The same, but found out here and now."""
    for _ in range(2):  # whether a head is known comes first, for only others are compared with their fit
        for work in _work(head, model):
            work()
    return state_of(head, model)


def _key(head: bpy.types.Object, model: str) -> MeshKey:
    mesh = head.data
    return (mesh.session_uid, len(mesh.vertices), len(mesh.polygons), len(mesh.loops), model)


def look() -> float | None:
    """The timer: look at what was asked for, in a thread where it takes long."""
    if looks.thread is not None:
        if looks.thread.is_alive():
            return LOOK_SECONDS
        looks.thread = None
        redraw_panels()
    heads = [o for o in bpy.data.objects if o.session_uid in looks.asked and o.type == "MESH"]
    looks.asked.clear()
    model = bpy.context.scene.meshtalk.model
    works = [work for head in heads for work in _work(head, model)]
    redraw_panels()
    if not works:
        return None
    looks.thread = threading.Thread(target=_do, args=(works,), name="MeshTalk look", daemon=True)
    looks.thread.start()
    return LOOK_SECONDS


def _do(works: list[Callable[[], None]]) -> None:
    for work in works:
        work()


def _work(head: bpy.types.Object, model: str) -> list[Callable[[], None]]:
    """Look at what is quick, and give what isn't, free of bpy."""
    key = _key(head, model)
    if looks.known.get(key) is None:
        from ..scene.mesh import read_mesh

        polygons = read_mesh(head.data)[1]
        return [partial(_recognise, key, model_folder(model), chosen_threads(), polygons)]
    if has_binding(head):
        moved = looks.moved[fit_mark(head)] = has_moved(head)
        picture = shown_fit()
        if moved and picture is not None and picture.head_uid == head.session_uid:
            hide_fit()
    return []


def _recognise(key: MeshKey, folder: Path | None, threads: int | None, polygons: NDArray[np.int32]) -> None:
    """Whether the mesh is a known head; where there is no model, Generate says so."""
    import numpy as np

    from ...engine.geometry.topology import find_topology

    known = False
    try:
        if folder is not None:
            template = loaded_bundle(folder, threads).template
            known = find_topology(template, key[1], polygons.astype(np.int64)) is not None
    except MeshTalkError as error:
        logger.info("No model to compare the head with: %s", error)  # Generate tells the user
    except Exception:  # else the panel would ask again for ever
        logger.exception("The head could not be compared with the known ones")
    looks.known[key] = known
