# SPDX-License-Identifier: GPL-3.0-or-later
"""How jobs for one head begin: the model loaded, the head bound. No bpy in here: they run in a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ...engine.progress import CancelCheck, Progress, Stage
from ..models import loaded_bundle
from .job import FITTED, LOADED, FitRequest, Rising, bind_request

if TYPE_CHECKING:
    from ...engine.bundle import Bundle
    from ...engine.geometry.topology import Binding
    from .writing import Target


class Bound(NamedTuple):
    """A head that is bound, in the middle of its job: `whole` is the job's stage, of which the part up to
    `begin` is done; `data` are the fit's bytes where it was fitted anew."""

    bundle: Bundle
    binding: Binding
    data: bytes | None
    whole: Stage
    begin: float

    def rest(self, name: str, end: float = 1.0) -> Stage:
        """What is left of the job, up to `end` of the whole, under this name."""
        return self.whole.span(name, self.begin, end)


def fit_of(target: Target) -> FitRequest:
    """What binding the head needs."""
    return FitRequest(target.model, target.threads, target.rest, target.landmarks, target.stored_binding)


def bind_target(target: Target, progress: Progress, cancelled: CancelCheck) -> Bound:
    """Load the model and bind the head. Raises MeshTalkError."""
    rising = Rising(progress)
    whole = Stage("Loading the model", 0.0, 1.0, rising, cancelled)
    whole.at(0, 1)
    bundle = loaded_bundle(target.model, target.threads)
    fitting = whole.span("Fitting the head", LOADED, FITTED)
    binding, data = bind_request(bundle.template, fit_of(target), fitting)
    return Bound(bundle, binding, data, whole, max(LOADED, rising.highest))
