# SPDX-License-Identifier: GPL-3.0-or-later
"""The job behind Retarget: what a head does, as a take of another. No bpy in here: it runs in a thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...engine.progress import CancelCheck, Progress, Stage
from ..models import loaded_bundle
from ..scene.errors import SceneError
from .bound import fit_of
from .job import LOADED, FitRequest, Rising, bind_request, figures_of, pass_on
from .matching import is_drawn_otherwise, own_shapes_of
from .played import Played, Roles
from .writing import HeadResult, Spoken, Target

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...engine.bundle import Bundle
    from ...engine.geometry.fit.binding import FitFigures
    from ...engine.geometry.topology import Binding
    from ..scene.performance import Performance

BOUND = 0.6
"""Part of the whole job after which both heads are bound where they have to be fitted first."""


@dataclass(frozen=True)
class RetargetRequest:
    """Everything that a retargeting needs, copied out of bpy: the head that gets the motion, and of the one
    that has it how it is bound (`source`), what it does, and the roles of its keys; `part` as in the
    engine."""

    target: Target
    source: FitRequest
    performance: Performance
    roles: Mapping[int, Roles]
    part: str


@dataclass(frozen=True, eq=False)
class Retargeted:
    """The target's take, and what is to be kept with the source where it was fitted anew."""

    result: HeadResult
    source_data: bytes | None = None
    source_fit: FitFigures | None = None


def run_retarget(request: RetargetRequest, progress: Progress, cancelled: CancelCheck) -> Retargeted:
    """Do the whole job here and now. Raises MeshTalkError."""
    performance = request.performance
    if performance.is_rest:
        raise SceneError(
            f"“{performance.rest.slices[0].name}” stays at rest from frame {performance.first} to "
            f"{performance.last}, so there is nothing to take over: choose another source or range."
        )
    target, rising = request.target, Rising(progress)
    whole = Stage("Loading the model", 0.0, 1.0, rising, cancelled)
    whole.at(0, 1)
    bundle = loaded_bundle(target.model, target.threads)
    fitting = whole.span("Fitting the heads", LOADED, BOUND)
    source, source_data = bind_request(bundle.template, request.source, fitting.part(0, 2))
    binding, data = bind_request(bundle.template, fit_of(target), fitting.part(1, 2))
    moving = whole.span("Reading the motion", max(LOADED, rising.highest), 1.0)
    spoken, deltas, units = _retarget(bundle, (source, binding), request, moving)
    figures, landmarks = figures_of(binding)
    is_part = request.part != "ALL"
    own = own_shapes_of(binding, target)
    result = HeadResult((spoken,), units, deltas, data, figures, landmarks, is_part, own)
    return Retargeted(result, source_data, figures_of(source)[0])


def _retarget(
    bundle: Bundle, heads: tuple[Binding, Binding], request: RetargetRequest, stage: Stage
) -> tuple[Spoken, NDArray[np.float32] | None, NDArray[np.float32]]:
    from ...engine.generate.dub_layer import layer_deltas
    from ...engine.generate.retarget import Part, RetargetOptions, retarget

    source, target = heads
    performance = request.performance
    played = Played(bundle, source, performance, request.roles, performance.first, stage=stage)
    options = RetargetOptions(
        Part(request.part.lower()), request.target.rate, request.target.tolerance_mm, keep_vertices=False
    )
    report = partial(pass_on, stage)
    original = played.original()
    if original.weights is not None and is_drawn_otherwise(source, performance, request.roles):
        original = replace(original, weights=None, unit_names=())
    take = retarget(bundle, source, original, target, options, report, stage.cancelled)
    deltas = None
    if take.correctives is not None:
        deltas = layer_deltas(target, (), take.corrective_names or (), take.correctives)
    rows = [bundle.unit_names.index(name) for name in take.unit_names]
    return Spoken(take, None, performance.first), deltas, target.unit_deltas()[rows]
