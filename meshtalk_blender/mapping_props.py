# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh object's shape keys as its user mapped them, saved with the object."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from .models import CARD, model_folder


def model_units(model: str) -> tuple[str, ...]:
    """The names of a model's units; none where the model isn't here or can't be read."""
    folder = model_folder(model)
    card = folder / CARD if folder else None
    return _units_of(card, card.stat().st_mtime_ns) if card is not None and card.is_file() else ()


@lru_cache(maxsize=8)
def _units_of(card: Path, _changed: int) -> tuple[str, ...]:
    import json

    try:
        units = json.loads(card.read_text(encoding="utf-8"))["units"]
    except (OSError, ValueError, KeyError, TypeError):
        return ()  # loading the model tells what is wrong with it
    return tuple(unit for unit in units if isinstance(unit, str)) if isinstance(units, list) else ()


def _choices(_key: MeshTalkKey, context: bpy.types.Context, text: str) -> list[str]:
    """What can be typed as a drive: the names that hold what was typed."""
    from ..engine.rigs.mapping import drive_names

    names = drive_names(model_units(context.scene.meshtalk.model))
    return [name for name in names if text.lower() in name.lower()]


class MeshTalkKey(bpy.types.PropertyGroup):
    """One shape key of a mapping that the user edits; `name` is the key's."""

    on: BoolProperty(name="Use", description="Let speech move this shape key", default=True)
    drive: StringProperty(
        name="Driven by",
        description="Viseme (PP, aa), unit (jawOpen) or both sides of one (mouthSmile); empty: nothing",
        search=_choices,
        search_options={"SUGGESTION"},
    )
    gain: FloatProperty(
        name="Gain",
        description="Strength: the value is multiplied by this, and then kept within the key's own range",
        default=1.0,
        min=-10.0,
        max=10.0,
        soft_min=0.0,
        soft_max=2.0,
        step=5,
        precision=2,
    )


class MeshTalkMapping(bpy.types.PropertyGroup):
    """The mapping that the user edits; without entries, MeshTalk finds one by itself."""

    entries: CollectionProperty(type=MeshTalkKey)
    active: IntProperty(options={"HIDDEN"})
    show_all: BoolProperty(
        name="All Shape Keys", description="List the shape keys too that speech doesn't move", default=False
    )


_CLASSES = (MeshTalkKey, MeshTalkMapping)


def register() -> None:
    """Register the mapping on objects."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Object.meshtalk_mapping = PointerProperty(type=MeshTalkMapping)


def unregister() -> None:
    """Take it back; what files hold of it stays."""
    del bpy.types.Object.meshtalk_mapping
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
