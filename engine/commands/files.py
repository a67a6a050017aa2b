# SPDX-License-Identifier: GPL-3.0-or-later
"""The two files of a take: checked before the work, written together at its end."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import TakeError
from ..generate.options import Take
from ..takes import write_live_link_csv, write_npz
from ..takes.atomic import check_writable, replacing

SUFFIXES = (".npz", ".csv")


@dataclass(frozen=True)
class TakeFiles:
    """Vertices and weights in `npz`, weights for Live Link Face in `csv`."""

    npz: Path
    csv: Path


def take_files(arguments: argparse.Namespace, takes: int = 1) -> list[TakeFiles]:
    """The files of each take: named ``out``, or ``out-1``, ``out-2``, … of several.

    Raises TakeError where ``out`` names no file (they would be hidden, as ``.npz``), one can't be written, or
    would take the place of a file that the command reads.
    """
    out = arguments.out
    if out.name in ("", ".."):
        raise TakeError("--out needs a file's name, such as take or folder/take.")
    stem = out.with_suffix("") if out.suffix.lower() in SUFFIXES else out
    endings = [""] if takes == 1 else [f"-{take}" for take in range(1, takes + 1)]
    # with_suffix would cut names like `take.v2`
    found = [TakeFiles(*(stem.with_name(stem.name + end + suffix) for suffix in SUFFIXES)) for end in endings]
    for files in found:
        check_place(files.npz, arguments)
        check_place(files.csv, arguments)
    return found


def check_place(path: Path, arguments: argparse.Namespace) -> None:
    """Raise TakeError where a file can't be written, or would take the place of one that is read."""
    check_writable(path)
    read = (value for name, value in vars(arguments).items() if isinstance(value, Path) and name != "out")
    if path.exists() and any(other.exists() and path.samefile(other) for other in read):
        raise TakeError(f"{path} is read by this command and would be lost; choose another --out.")


@contextmanager
def replacing_both(files: TakeFiles) -> Iterator[TakeFiles]:
    """Where to write: both files stand at their places after the block, or neither, when it fails."""
    with replacing(files.npz) as npz, replacing(files.csv) as csv:
        yield TakeFiles(npz, csv)


def write_take(
    files: TakeFiles, take: Take, polygons: NDArray[np.int32], shapes: NDArray[np.float32] | None = None
) -> None:
    """Write a take that is whole in memory, with its head's `polygons` and its correctives' `shapes`."""
    with replacing_both(files) as places:
        write_npz(places.npz, take, polygons, shapes)
        write_live_link_csv(places.csv, take)
