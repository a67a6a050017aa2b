# SPDX-License-Identifier: GPL-3.0-or-later
"""The job behind Dub: a performance that was read, and a sound, to a take. No bpy in here: it runs in a
thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...engine.progress import CancelCheck, Progress, Stage
from ..scene.errors import SceneError
from ..scene.sound import SoundSource, read_sound
from .bound import bind_target
from .job import figures_of, pass_on
from .matching import own_shapes_of
from .played import Played, Roles
from .writing import HeadResult, Spoken, Target

if TYPE_CHECKING:
    from ...engine.bundle import Bundle
    from ...engine.generate.dub_options import DubOptions
    from ...engine.geometry.topology import Binding
    from ...engine.rigs.own_shapes import OwnShapes, Span
    from ..scene.performance import Performance

Floats = NDArray[np.float32]

PLAYED_MM = 0.2
"""Tolerance of the correctives where they play already, though the head asks for none."""


@dataclass(frozen=True, eq=False)
class DubRequest:
    """Everything that a dub needs, copied out of bpy; `roles` by the object's session_uid, and the scene's
    last frame (`end`)."""

    target: Target
    source: SoundSource
    options: DubOptions
    temperature: float
    performance: Performance
    roles: Mapping[int, Roles]
    end: int


def run_dub(request: DubRequest, progress: Progress, cancelled: CancelCheck) -> HeadResult:
    """Do the whole job here and now. Raises MeshTalkError."""
    performance = request.performance
    if performance.is_rest:
        raise SceneError(
            f"“{performance.rest.slices[0].name}” stays at rest from frame {performance.first} to "
            f"{performance.last}, so there is nothing to dub: press Generate instead, or choose another "
            "range."
        )
    bound = bind_target(request.target, progress, cancelled)
    binding = bound.binding
    spoken, deltas, span = _dub(bound.bundle, binding, request, bound.rest("Reading the sound"))
    figures, landmarks = figures_of(binding)
    units = (
        binding.unit_deltas()
        if spoken.take.unit_names
        else np.zeros((0, *binding.vertices.shape), np.float32)
    )
    own = _own_shapes(binding, request, span) if spoken.take.unit_names else None
    return HeadResult((spoken,), units, deltas, bound.data, figures, landmarks, own_shapes=own)


def _own_shapes(binding: Binding, request: DubRequest, span: Span) -> OwnShapes | None:
    """What the head's own keys do, for the samples whose mouth is new; None where old values stay in it."""
    if request.options.mouth > 0 or request.options.keep_silence:
        return None
    own = own_shapes_of(binding, request.target)
    return None if own is None else own.only_mouth(span)


def _dub(
    bundle: Bundle, binding: Binding, request: DubRequest, stage: Stage
) -> tuple[Spoken, Floats | None, Span]:
    from ...engine.generate.dub import dub
    from ...engine.generate.dub_splice import HAND_OVER

    stage.at(0, 1)
    sound = read_sound(request.source, stage.cancelled)
    past = Played(
        bundle,
        binding,
        request.performance,
        request.roles,
        request.source.frame,
        mouth_only=request.options.upper == 1,
        stage=stage,
    )
    temperature = request.temperature * bundle.card.default_temperature
    tolerance = request.target.tolerance_mm
    if tolerance is None and past.has_correctives:
        tolerance = PLAYED_MM
    options = replace(
        request.options,
        fps=request.target.rate,
        temperature=temperature,
        keep_vertices=False,
        corrective_tolerance_mm=tolerance,
        layer=past.is_layer,
    )
    take = dub(bundle, sound, binding, past.original(), options, partial(pass_on, stage), stage.cancelled)
    count = len(take.weights)
    take, first = past.spliced(take, request.end)
    start = request.source.frame - first
    fade = round(HAND_OVER * float(request.target.rate))
    span = start - fade, start + count + fade, fade
    return Spoken(take, request.source, first, temperature), past.deltas(take), span
