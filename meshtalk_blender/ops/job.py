# SPDX-License-Identifier: GPL-3.0-or-later
"""The job that turns a sound into a take: no bpy in here, so it can run in a thread."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...engine.errors import Cancelled, MeshTalkError
from ..models import loaded_bundle
from ..scene.mesh import RestPose
from ..scene.sound import SoundSource, read_sound

if TYPE_CHECKING:
    from ...engine.generate import GenerateOptions, Take

logger = logging.getLogger(__name__)

LOADED = 0.05
"""Part of the whole job after which the engine starts to generate."""


@dataclass(frozen=True)
class JobRequest:
    """Everything that a job needs, copied out of bpy; `temperature` 1 is the model's own."""

    model: Path
    threads: int | None
    source: SoundSource
    rest: RestPose
    options: GenerateOptions
    temperature: float = 1.0


@dataclass(frozen=True)
class JobResult:
    """What a job gives: a take, the temperature it was sampled at, and the head's units (U, V', 3) in object
    space."""

    take: Take
    unit_deltas: NDArray[np.float32]
    temperature: float


@dataclass(frozen=True)
class JobStatus:
    """How far a job is: `fraction` 0…1, and the `result` or the sentence of its `failure` once it is over."""

    stage: str = "Starting"
    fraction: float = 0.0
    result: JobResult | None = None
    failure: str | None = None
    cancelled: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.cancelled or self.result is not None or self.failure is not None


def run_request(
    request: JobRequest, progress: Callable[[str, float], None], cancelled: Callable[[], bool]
) -> JobResult:
    """Do the whole job here and now. Raises MeshTalkError."""
    from ...engine.generate import generate
    from ...engine.geometry.topology import bind_head

    progress("Loading the model", 0.0)
    bundle = loaded_bundle(request.model, request.threads)
    rest = request.rest
    # A fitted head needs landmarks to correct and a picture of the fit, which the panel doesn't have yet.
    binding = bind_head(bundle.template, rest.vertices, rest.polygons, known_only=True)
    progress("Reading the sound", LOADED / 2)
    sound = read_sound(request.source, cancelled)
    temperature = request.temperature * bundle.card.default_temperature
    options = replace(request.options, temperature=temperature)
    (take,) = generate(bundle, sound, binding, options, partial(_after_loading, progress), cancelled)
    return JobResult(take, binding.unit_deltas(), temperature)


def _after_loading(progress: Callable[[str, float], None], stage: str, fraction: float) -> None:
    progress(stage, LOADED + (1 - LOADED) * fraction)


class Job:
    """A request that runs in a thread of its own; the main thread polls its status."""

    def __init__(self, request: JobRequest) -> None:
        self._request = request
        self._updates: queue.SimpleQueue[JobStatus] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._status = JobStatus()
        self._thread = threading.Thread(target=self._run, name="MeshTalk", daemon=True)
        self._started = time.monotonic()

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def cancel(self) -> None:
        """Ask the thread to stop; it does so between two small steps of its work."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end, at most so long."""
        self._thread.join(seconds)

    @property
    def seconds(self) -> float:
        """How long ago the job was made."""
        return time.monotonic() - self._started

    @property
    def is_cancelling(self) -> bool:
        """Whether the thread was asked to stop."""
        return self._stop.is_set()

    @property
    def status(self) -> JobStatus:
        """The newest status."""
        while True:
            try:
                self._status = self._updates.get_nowait()
            except queue.Empty:
                return self._status

    def _run(self) -> None:
        try:
            result = run_request(self._request, self._report, self._stop.is_set)
            self._updates.put(JobStatus("Done", 1.0, result=result))
        except Cancelled:
            self._updates.put(JobStatus("Cancelled", cancelled=True))
        except MeshTalkError as error:
            self._updates.put(JobStatus("Failed", failure=str(error)))
        except Exception as error:  # the thread's last line of defence: the user must hear of anything
            logger.exception("The job failed")
            self._updates.put(JobStatus("Failed", failure=unexpected(error)))

    def _report(self, stage: str, fraction: float) -> None:
        self._updates.put(JobStatus(stage, fraction))


def unexpected(error: Exception) -> str:
    """A sentence for an error that nobody foresaw."""
    return f"MeshTalk stopped with an unexpected error ({type(error).__name__}: {error}): please report it."


class Desk:
    """The one job of this Blender, and the last message for the panel."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self.message = ""
        self.is_problem = False

    def tell(self, message: str, is_problem: bool = False) -> None:
        """Keep a message for the panel."""
        self.message, self.is_problem = message, is_problem


desk = Desk()
