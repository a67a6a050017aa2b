# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs that fit a head and turn a sound into a take: no bpy in here, so they can run in a thread."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ...engine.errors import Cancelled, MeshTalkError
from ...engine.progress import CancelCheck, Progress, Stage
from ..models import loaded_bundle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ...engine.geometry.fit.binding import FitFigures
    from ...engine.geometry.topology import Binding
    from ...engine.template import Template
    from ..scene.mesh import RestPose

logger = logging.getLogger(__name__)

Place = tuple[float, float, float]

LOADED = 0.05
"""Part of the whole job after which the head is bound and the engine starts to generate."""

EARLY_SECONDS, EARLY = 1.5, 0.03
"""Before so many seconds, and so small a part of the job, nobody knows how long it will take."""

FITTED = 0.4
"""Part of the whole job after which generation starts where the head has to be fitted first."""


@dataclass(frozen=True)
class FitRequest:
    """A head to fit, copied out of bpy: `landmarks` in the space of `rest`.

    `stored` is what an earlier fit left with the mesh; it is used where it still belongs to it.
    """

    model: Path
    threads: int | None
    rest: RestPose
    landmarks: Mapping[str, Place] = field(default_factory=dict)
    stored: bytes | None = None


@dataclass(frozen=True, eq=False)
class FittedHead:
    """How the template lies on a head.

    `data` is to be kept with the mesh. `landmarks` and `template` (V, 3) are where the template lies in the
    face's object space, `faces` (F, 4) those of its face's skin, which the figures are about, and `fit_mm`
    (V,) how far it is from the mesh.
    """

    data: bytes
    figures: FitFigures
    landmarks: Mapping[str, Place]
    template: NDArray[np.float64]
    faces: NDArray[np.int32]
    fit_mm: NDArray[np.float64]


@dataclass(frozen=True)
class FitResult:
    """How a head was bound; `fitted` is None for known topologies, which are exact."""

    fitted: FittedHead | None


Result = TypeVar("Result")
Work = Callable[[Progress, CancelCheck], Any]
"""What a job does: it tells its progress, asks whether to stop, gives a result or raises MeshTalkError."""


@dataclass(frozen=True, eq=False)
class Gathering:
    """What only the main thread can read, before the work can begin.

    Each of the `steps` takes a moment (at most 0.05 s where Blender allows) and yields how far it is, 0…1; at
    the end they return the work. Closed before, they put back what they changed. `stage` is its name, `part`
    about how much of the whole job it is.
    """

    stage: str
    steps: Generator[float, None, Work]
    part: float = 0.3

    def at_once(self, progress: Progress) -> Work:
        """Read everything now. Raises MeshTalkError."""
        while True:
            try:
                progress(self.stage, self.part * next(self.steps))
            except StopIteration as end:
                return end.value


@dataclass(frozen=True)
class JobStatus(Generic[Result]):
    """How far a job is: `fraction` 0…1, and the `result` or the sentence of its `failure` once it is over."""

    stage: str = "Starting"
    fraction: float = 0.0
    result: Result | None = None
    failure: str | None = None
    cancelled: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.cancelled or self.result is not None or self.failure is not None


def run_fit(request: FitRequest, progress: Progress, cancelled: CancelCheck) -> FitResult:
    """Bind a head and say how well it fits, here and now. Raises MeshTalkError."""
    from ...engine.geometry.fit.binding import FittedBinding

    whole = Stage("Loading the model", 0.0, 1.0, progress, cancelled)
    whole.at(0, 1)
    template = loaded_bundle(request.model, request.threads).template
    binding, new = bind_request(template, request, whole.span("Fitting the head", LOADED, 1.0))
    data = new or request.stored
    if not isinstance(binding, FittedBinding) or data is None:
        return FitResult(None)
    faces = _faces_of_skin(template)
    placed = request.rest.in_object_space(binding.template_on_head())
    landmarks = request.rest.places_in_object_space(binding.landmarks())
    return FitResult(FittedHead(data, binding.figures, landmarks, placed, faces, binding.fit_mm))


def bind_request(template: Template, request: FitRequest, stage: Stage) -> tuple[Binding, bytes | None]:
    """The head's binding, and its bytes where it had to be fitted anew: a known topology and a stored fit
    that still belongs to the mesh cost nothing. Raises MeshTalkError."""
    from ...engine.geometry.fit.binding import FittedBinding
    from ...engine.geometry.fit.kept import kept_binding
    from ...engine.geometry.fit.store import pack_binding
    from ...engine.geometry.fit.with_parts import bind_with_parts

    rest, landmarks = request.rest, request.landmarks
    if request.stored is not None:
        kept = kept_binding(template, rest.vertices, rest.polygons, request.stored, landmarks)
        if kept is not None:
            return kept, None
    binding = bind_with_parts(
        template, rest.vertices, rest.polygons, rest.face_count, landmarks or None, stage
    )
    if not isinstance(binding, FittedBinding):
        return binding, None
    return binding, pack_binding(binding, rest.polygons, landmarks)


def figures_of(binding: Binding) -> tuple[FitFigures | None, Mapping[str, Place]]:
    """How well the template fits, and where it sees the landmarks, in the space of the head's rest pose;
    nothing for known topologies."""
    from ...engine.geometry.fit.binding import FittedBinding

    if not isinstance(binding, FittedBinding):
        return None, {}
    return binding.figures, binding.landmarks()


def _faces_of_skin(template: Template) -> NDArray[np.int32]:
    """The polygons (F, 4) of the face's skin, padded with −1."""
    from ...engine.geometry.fit.binding import face_skin

    face = face_skin(template)
    return template.faces[(face[template.faces] | (template.faces < 0)).all(axis=1)]


class Rising:
    """Passes progress on, and knows how far it was."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.highest = 0.0

    def __call__(self, stage: str, fraction: float) -> None:
        self.highest = max(self.highest, fraction)
        self._progress(stage, fraction)


def pass_on(stage: Stage, name: str, fraction: float) -> None:
    """Pass on how far a part of a job is (`name`, `fraction` 0…1), as a part of the whole."""
    if stage.progress is not None:
        stage.progress(name, stage.begin + (stage.end - stage.begin) * fraction)


class Job(Generic[Result]):
    """Work that runs in a thread of its own; the main thread polls its status.

    `work(progress, cancelled)` gives the result, or raises MeshTalkError with the sentence for the user. What
    has to be gathered first, the main thread reads step by step (`gather`) before the thread starts.
    """

    def __init__(self, work: Work | Gathering) -> None:
        self._gathering = work if isinstance(work, Gathering) else None
        self._work = None if isinstance(work, Gathering) else work
        self._base = 0.0
        self._updates: queue.SimpleQueue[JobStatus[Result]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._status: JobStatus[Result] = JobStatus()
        self._thread = threading.Thread(target=self._run, name="MeshTalk", daemon=True)
        self._started = time.monotonic()
        self.is_waiting = False
        """Whether it is done, and its result waits for a head that is being edited."""

    def start(self) -> None:
        """Begin to work, or to gather."""
        if self._gathering is None:
            self._thread.start()
        else:
            self._report(self._gathering.stage, 0.0)

    @property
    def is_gathering(self) -> bool:
        """Whether the main thread has to call `gather`."""
        return self._gathering is not None

    def gather(self) -> None:
        """Read a little more on the main thread; after the last step the work starts."""
        if self._gathering is None:
            return
        try:
            done = next(self._gathering.steps)
        except StopIteration as end:
            self._base, self._gathering, self._work = self._gathering.part, None, end.value
            self._thread.start()
        except MeshTalkError as error:
            self._fail(str(error))
        except Exception as error:  # as in the thread: the user must hear of anything
            logger.exception("The job failed while it read the scene")
            self._fail(unexpected(error))
        else:
            self._updates.put(JobStatus(self._gathering.stage, self._gathering.part * done))

    def cancel(self) -> None:
        """Ask the thread to stop; it does so between two small steps of its work. What was gathered so far is
        dropped, and the scene as it was."""
        self._stop.set()
        self._drop()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end, at most so long."""
        if self._thread.ident is not None:  # it was started
            self._thread.join(seconds)

    @property
    def seconds(self) -> float:
        """How long ago the job was made."""
        return time.monotonic() - self._started

    @property
    def seconds_left(self) -> float | None:
        """About how long it will take yet; None where it is too early to say."""
        fraction = self._status.fraction
        if self.seconds < EARLY_SECONDS or fraction < EARLY:
            return None
        return self.seconds * (1 - fraction) / fraction

    @property
    def is_cancelling(self) -> bool:
        """Whether the thread was asked to stop."""
        return self._stop.is_set()

    @property
    def status(self) -> JobStatus[Result]:
        """The newest status."""
        while True:
            try:
                self._status = self._updates.get_nowait()
            except queue.Empty:
                return self._status

    def _drop(self) -> None:
        gathering, self._gathering = self._gathering, None
        if gathering is not None:
            gathering.steps.close()

    def _fail(self, sentence: str) -> None:
        self._drop()
        self._updates.put(JobStatus("Failed", failure=sentence))

    def _run(self) -> None:
        try:
            assert self._work is not None  # gathered by now
            result = self._work(self._report, self._stop.is_set)
            self._updates.put(JobStatus("Done", 1.0, result=result))
        except Cancelled:
            self._updates.put(JobStatus("Cancelled", cancelled=True))
        except MeshTalkError as error:
            self._updates.put(JobStatus("Failed", failure=str(error)))
        except Exception as error:  # the thread's last line of defence: the user must hear of anything
            logger.exception("The job failed")
            self._updates.put(JobStatus("Failed", failure=unexpected(error)))

    def _report(self, stage: str, fraction: float) -> None:
        self._updates.put(JobStatus(stage, self._base + (1 - self._base) * fraction))


def unexpected(error: Exception) -> str:
    """A sentence for an error that nobody foresaw."""
    return f"MeshTalk stopped with an unexpected error ({type(error).__name__}: {error}): please report it."
