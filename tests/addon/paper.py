# SPDX-License-Identifier: GPL-3.0-or-later
"""A layout to draw panels on without a window: it keeps what was written, and refuses what Blender would."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import bpy

PACKAGE = "meshtalk_checkout"


@dataclass
class Sheet:
    """All that one panel drew: texts, properties as (owner, name), operators as (idname, enabled), and the
    names of properties that it drew as meaning nothing now."""

    texts: list[str] = field(default_factory=list)
    props: list[tuple[Any, str]] = field(default_factory=list)
    operators: list[tuple[str, bool]] = field(default_factory=list)
    dim: list[str] = field(default_factory=list)


class Paper:
    """Stands in for bpy.types.UILayout, whose instances only a window's drawing hands out."""

    def __init__(self, sheet: Sheet, enabled: bool = True, active: bool = True) -> None:
        self.__dict__.update(sheet=sheet, above=enabled, enabled=True, lit=active, active=True)

    def _part(self, *_args: Any, **_options: Any) -> Paper:
        return Paper(self.sheet, self.above and self.enabled, self.lit and self.active)

    row = column = box = split = column_flow = grid_flow = menu_pie = _part

    def panel(self, *_args: Any, **_options: Any) -> tuple[Paper, Paper]:
        return self._part(), self._part()

    def label(self, *, text: str = "", **_options: Any) -> None:
        self.sheet.texts.append(text)

    def progress(self, *, text: str = "", factor: float = 0.0, **_options: Any) -> None:
        assert 0.0 <= factor <= 1.0
        self.sheet.texts.append(text)

    def prop(self, data: Any, name: str, *, text: str | None = None, **_options: Any) -> None:
        assert name in data.bl_rna.properties, f"{data} has no property {name}"
        self.sheet.props.append((data, name))
        if not (self.lit and self.active):
            self.sheet.dim.append(name)
        self.sheet.texts.append(text or "")

    def prop_search(self, data: Any, name: str, *_args: Any, **options: Any) -> None:
        self.prop(data, name, text=options.get("text"))

    def operator(self, idname: str, *, text: str | None = None, **_options: Any) -> Any:
        module, _, name = idname.partition(".")
        getattr(getattr(bpy.ops, module), name).get_rna_type()  # KeyError where there is no such operator
        self.sheet.operators.append((idname, self.above and self.enabled))
        self.sheet.texts.append(text or "")
        return SimpleNamespace()

    def __getattr__(self, name: str) -> Any:
        if (
            name not in bpy.types.UILayout.bl_rna.functions
            and name not in bpy.types.UILayout.bl_rna.properties
        ):
            raise AttributeError(f"a layout has no {name}")
        return self._part


class Context:
    """bpy.context with a sidebar's region."""

    region = SimpleNamespace(width=300, height=800, type="UI", tag_redraw=lambda: None)

    def __getattr__(self, name: str) -> Any:
        return getattr(bpy.context, name)


class Shown:
    """Stands in for a panel or a menu that is being drawn."""

    def __init__(self, cls: type[bpy.types.Panel] | type[bpy.types.Menu], layout: Paper) -> None:
        self._cls, self.layout = cls, layout

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cls, name)


def panels() -> list[type[bpy.types.Panel]]:
    """The add-on's registered panels."""
    return [cls for cls in bpy.types.Panel.__subclasses__() if cls.__module__.startswith(PACKAGE)]


def draw(panel: type[bpy.types.Panel]) -> Sheet | None:
    """Draw one panel as Blender would; None where it isn't shown now."""
    context, sheet = Context(), Sheet()
    if hasattr(panel, "poll") and not panel.poll(context):
        return None
    owner = Shown(panel, Paper(sheet))
    for step in ("draw_header", "draw"):
        if hasattr(panel, step):
            getattr(panel, step)(owner, context)
    return sheet


def draw_menu(menu: type[bpy.types.Menu]) -> Sheet:
    """Draw a menu."""
    sheet = Sheet()
    menu.draw(Shown(menu, Paper(sheet)), Context())
    return sheet
