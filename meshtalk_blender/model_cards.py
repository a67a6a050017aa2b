# SPDX-License-Identifier: GPL-3.0-or-later
"""What is shown of a model without loading it: its card, its size, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .models import CARD


@dataclass(frozen=True)
class ModelCard:
    """A model as the preferences show it; `size` in bytes, `problem` is a sentence, "" where all is well."""

    title: str
    licence: str = ""
    size: int = 0
    problem: str = ""

    @property
    def line(self) -> str:
        """Size and licence, as one line."""
        size = f"{self.size / 1e6:.0f} MB" if self.size >= 1e6 else f"{self.size / 1e3:.0f} kB"
        return f"{size}, {self.licence}" if self.licence else size


_seen: dict[Path, tuple[float, ModelCard]] = {}


def card_of(folder: Path) -> ModelCard:
    """What the model in `folder` says of itself; read again only when its card has changed, so that panels
    may ask in every draw. Checksums are left to the loading, which reads every byte anyway."""
    try:
        changed = (folder / CARD).stat().st_mtime
    except OSError:
        return ModelCard(folder.name, problem=f"The model folder {folder} has gone; choose another model.")
    known = _seen.get(folder)
    if known is None or known[0] != changed:
        known = _seen[folder] = (changed, _read(folder))
    return known[1]


def _read(folder: Path) -> ModelCard:
    from ..engine.bundle import read_card
    from ..engine.errors import BundleError

    try:
        card = read_card(folder / CARD)
    except BundleError as error:
        return ModelCard(folder.name, problem=str(error))
    files = [folder / name for name in {*card.graphs.values(), card.template}]
    missing = next((path.name for path in files if not path.is_file()), "")
    if missing:
        problem = f"The model's file {missing} is missing from {folder}; install it again."
        return ModelCard(card.name, card.licence, problem=problem)
    return ModelCard(card.name, card.licence, sum(path.stat().st_size for path in files))


def forget_cards() -> None:
    """Read every card again, as after files were put back."""
    _seen.clear()
