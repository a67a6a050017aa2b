# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of the command: progress on stdout, one sentence on stderr where it can't be done."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import bpy

from ...engine.errors import MeshTalkError
from .. import models
from ..ops.desk import desk
from ..scene.errors import SceneError
from .arguments import operator_of, operator_options, parse

DONE, FAILED, REFUSED, STOPPED = 0, 1, 2, 130
"""What Blender's process ends with: done, something unexpected, bad input, or stopped by Ctrl-C."""

STEP = 0.1
"""A line of progress each time that so much more is done."""

logger = logging.getLogger(__name__)


def run_command(arguments: Sequence[str]) -> int:
    """Do what the arguments say and save it; returns the exit code."""
    stop = _Stop()
    try:
        given = parse(arguments)
        with stop.watching(), _in_window():
            _work(given.job, operator_options(given.job, given), given.threads, stop)
        _save(given.output)
    except MeshTalkError as error:
        sys.stderr.write(f"meshtalk: {error}\n")
        return STOPPED if stop.wanted else REFUSED
    except SystemExit as end:  # --help
        return int(end.code or DONE)
    except Exception:
        logger.exception("MeshTalk could not do this")
        return FAILED
    return DONE


def _in_window() -> AbstractContextManager[Any]:
    """A command begins without a window, and so without the scene whose strips the sequencer shows (5.0)."""
    windows = bpy.context.window_manager.windows
    if bpy.context.window is not None or not windows:
        return nullcontext()
    return bpy.context.temp_override(window=windows[0], scene=bpy.context.scene)


def _work(job: str, options: dict[str, Any], threads: int | None, stop: _Stop) -> None:
    """Call the operator, at once. Raises SceneError with its own sentence."""
    chosen = models.preferences()
    before = None if chosen is None else chosen.threads
    desk.on_progress = _Progress(stop)
    try:
        if chosen is not None and threads is not None:
            chosen.threads = threads
        result = operator_of(job)(**options)
    except (RuntimeError, TypeError) as error:  # what Blender makes of an operator's report
        raise SceneError(_sentence(error)) from error
    finally:
        desk.on_progress = None
        if chosen is not None and before is not None:
            chosen.threads = before
    stop.check()
    if result != {"FINISHED"}:
        raise SceneError(desk.message or "Nothing was done.")
    _say(desk.message or "Done.")


def _sentence(error: Exception) -> str:
    """The words of the operator, without what Blender puts around them."""
    words = str(error).strip().removeprefix("Error: ")
    _before, found, reason = words.partition("poll() failed, ")
    if not found:
        _before, found, reason = words.partition("poll() ")
    return reason if found else words.splitlines()[0]


def _save(output: str | None) -> None:
    """Write the file; raises SceneError where Blender can't."""
    path = str(Path(output).resolve()) if output else bpy.data.filepath
    try:
        if output:
            bpy.ops.wm.save_as_mainfile(filepath=path, check_existing=False, copy=True, relative_remap=True)
        else:
            bpy.ops.wm.save_mainfile()
    except RuntimeError as error:
        raise SceneError(f"“{path}” could not be written ({_sentence(error).rstrip('.')}).") from error
    _say(f"Saved {path}")


class _Stop:
    """Whether Ctrl-C was pressed; Blender's own handler only tells renders."""

    def __init__(self) -> None:
        self.wanted = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Hear Ctrl-C for a while."""
        before = signal.signal(signal.SIGINT, self._hear)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)

    def check(self) -> None:
        """Raises SceneError once it was pressed."""
        if self.wanted:
            raise SceneError("Stopped; nothing was written.")

    def _hear(self, _number: int, _frame: object) -> None:
        self.wanted = True


class _Progress:
    """Prints stages, and every tenth of the way."""

    def __init__(self, stop: _Stop) -> None:
        self._stage, self._told, self._stop = "", 0.0, stop

    def __call__(self, stage: str, fraction: float) -> None:
        self._stop.check()
        if stage == self._stage and fraction < self._told + STEP:
            return
        self._stage, self._told = stage, fraction
        _say(f"{stage} {round(100 * fraction)} %")


def _say(words: str) -> None:
    sys.stdout.write(f"meshtalk: {words}\n")
    sys.stdout.flush()
