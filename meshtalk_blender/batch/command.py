# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of the command: progress on stdout, one sentence on stderr where it can't be done."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from ...engine.errors import MeshTalkError
from .. import models
from ..ops.job import desk
from ..scene.errors import SceneError
from .arguments import operator_of, operator_options, parse

DONE, FAILED, REFUSED = 0, 1, 2
"""What Blender's process ends with: done, something unexpected, or bad input."""

STEP = 0.1
"""A line of progress each time that so much more is done."""

logger = logging.getLogger(__name__)


def run_command(arguments: Sequence[str]) -> int:
    """Do what the arguments say and save it; returns the exit code."""
    try:
        given = parse(arguments)
        _work(given.job, operator_options(given.job, given), given.threads)
        _save(given.output)
    except MeshTalkError as error:
        sys.stderr.write(f"meshtalk: {error}\n")
        return REFUSED
    except SystemExit as end:  # --help
        return int(end.code or DONE)
    except Exception:
        logger.exception("MeshTalk could not do this")
        return FAILED
    return DONE


def _work(job: str, options: dict[str, Any], threads: int | None) -> None:
    """Call the operator, at once. Raises SceneError with its own sentence."""
    chosen = models.preferences()
    before = None if chosen is None else chosen.threads
    desk.on_progress = _Progress()
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
    try:
        if output:
            path = str(Path(output).resolve())
            bpy.ops.wm.save_as_mainfile(filepath=path, check_existing=False, copy=True, relative_remap=True)
        else:
            path = bpy.data.filepath
            bpy.ops.wm.save_mainfile()
    except RuntimeError as error:
        raise SceneError(_sentence(error)) from error
    _say(f"Saved {path}")


class _Progress:
    """Prints stages, and every tenth of the way."""

    def __init__(self) -> None:
        self._stage, self._told = "", 0.0

    def __call__(self, stage: str, fraction: float) -> None:
        if stage == self._stage and fraction < self._told + STEP:
            return
        self._stage, self._told = stage, fraction
        _say(f"{stage} {round(100 * fraction)} %")


def _say(words: str) -> None:
    sys.stdout.write(f"meshtalk: {words}\n")
    sys.stdout.flush()
