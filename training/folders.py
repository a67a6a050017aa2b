# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of commands that do one thing to each of some folders."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.errors import MeshTalkError
from training.errors import TrainingError


def run_on_folders(
    program: str,
    description: str | None,
    folders: str,
    work: Callable[[Path], str],
    arguments: Sequence[str] | None = None,
) -> int:
    """Read the command line, let ``work`` do each folder and write the line that it gives.

    ``program`` and ``description`` introduce the command in its help, ``folders`` says what they hold.
    Returns the exit status: 1 after what is wrong was told.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    parser.add_argument("folders", nargs="+", type=Path, help=folders)
    options = parser.parse_args(arguments)
    try:
        for folder in options.folders:
            sys.stdout.write(f"{work(folder)}\n")
    except (TrainingError, MeshTalkError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
