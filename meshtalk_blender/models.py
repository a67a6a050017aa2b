# SPDX-License-Identifier: GPL-3.0-or-later
"""Which models there are, and the ones that are loaded already."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import bpy

from .ids import EXTENSION_ID

if TYPE_CHECKING:
    from ..engine.bundle import Bundle

DEFAULT = "default"
"""The model that a new file uses; comes with the extension."""

CARD = "model.json"
"""A folder with this file is a model."""

BUILT_IN = Path(__file__).resolve().parents[1] / "engine" / "models"

_loaded: dict[tuple[str, float, int, str], Bundle] = {}
_lock = threading.Lock()
_wanted = {"provider": "AUTO"}
"""What the preferences said when a job began: its thread may not ask bpy."""


class ModelPlace(NamedTuple):
    """A model's folder and the name to show for it."""

    name: str
    folder: Path

    @property
    def number(self) -> int:
        """Stays the same for this folder name in every session, so that files remember their choice."""
        return 0 if self.name == DEFAULT else crc32(self.name.encode()) & 0x7FFFFFFF


def preferences() -> bpy.types.AddonPreferences | None:
    """The extension's preferences; None where it runs without being enabled, as in tests of single
    modules."""
    addon = bpy.context.preferences.addons.get(EXTENSION_ID)
    return None if addon is None else addon.preferences


def find_models(folders: Iterable[Path] | None = None) -> list[ModelPlace]:
    """Models that come with the extension, then those of the preferences' folders; the default one first."""
    places: dict[str, ModelPlace] = {}
    for folder in [BUILT_IN, *(_preferred_folders() if folders is None else folders)]:
        for found in _models_in(folder):
            places.setdefault(found.name, ModelPlace(found.name, found))
    return sorted(places.values(), key=lambda place: (place.name != DEFAULT, place.name.lower()))


def model_folder(name: str) -> Path | None:
    """Folder of the model of this name, or the folder itself where `name` is its path, as scripts and farms
    give it; None when there is none."""
    found = next((place.folder for place in find_models() if place.name == name), None)
    if found is None and (os.sep in name or "/" in name):
        path = Path(bpy.path.abspath(name))
        return path if (path / CARD).is_file() else None
    return found


def model_trouble(name: str) -> str | None:
    """What is wrong with the model of this name at first sight, as a sentence; None where nothing is."""
    from .model_cards import card_of

    folder = model_folder(name)
    if folder is None:
        return f"There is no model “{name}”: choose another, or add its folder in the preferences."
    return card_of(folder).problem or None


def chosen_threads() -> int | None:
    """Threads that the user allows; None lets the engine choose. Main thread, before each job."""
    chosen = preferences()
    if chosen is None:
        return None
    _wanted["provider"] = chosen.provider
    return None if chosen.threads == 0 else chosen.threads


def loaded_bundle(folder: Path, threads: int | None) -> Bundle:
    """The checked bundle in `folder`, from memory when its card has not changed since. Raises BundleError.

    May be called from any thread; imports the engine on first use, so that Blender starts without waiting for
    it. The processor is the preferences' one, or the CPU where that isn't there.
    """
    from ..engine.bundle import load_bundle
    from ..engine.bundle.providers import choose_provider, provider_order

    card = folder / CARD
    provider, _fallback = choose_provider(_wanted["provider"])
    key = (str(folder), card.stat().st_mtime if card.is_file() else 0.0, threads or 0, provider)
    with _lock:
        if key not in _loaded:
            _loaded.clear()  # a model takes much memory; one is enough
            _loaded[key] = load_bundle(folder, threads, provider_order(provider))
        return _loaded[key]


def job_ended() -> None:
    """Free the loaded model where the preferences want its memory back after each job."""
    chosen = preferences()
    if chosen is not None and not chosen.keep_model:
        forget_bundles()


def forget_bundles() -> None:
    """Free the loaded model."""
    with _lock:
        _loaded.clear()


def _preferred_folders() -> list[Path]:
    chosen = preferences()
    return (
        [] if chosen is None else [Path(bpy.path.abspath(e.folder)) for e in chosen.model_folders if e.folder]
    )


def _models_in(folder: Path) -> list[Path]:
    """The folder itself if it is a model, else the models right inside it."""
    try:
        inside = [folder] if (folder / CARD).is_file() else sorted(folder.iterdir())
        return [path for path in inside if (path / CARD).is_file()]
    except OSError:
        return []
