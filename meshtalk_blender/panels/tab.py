# SPDX-License-Identifier: GPL-3.0-or-later
"""The tab's panels, lists and menus as Blender registers them, in the order of the tab.

What they show is drawn by modules of their own, which are imported with the first draw: Blender starts
without them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import bpy

from ..ops.checks import chosen_head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..mapping_props import MeshTalkMapping
    from ..take_props import MeshTalkTake


class Late:
    """Base of what the module `drawn_in` of this package draws, with its function `drawn_by`."""

    drawn_in: str
    drawn_by = "draw"

    if TYPE_CHECKING:
        layout: bpy.types.UILayout

    @classmethod
    def module(cls) -> Any:
        """The module that draws it."""
        return import_module(f".{cls.drawn_in}", __package__)

    def draw(self, context: bpy.types.Context) -> None:
        getattr(self.module(), self.drawn_by)(self.layout, context)


class Tab(Late):
    """Base of what is in the MeshTalk tab."""

    bl_category = "MeshTalk"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"


class InTab(Tab):
    """Base of a sub-panel of the tab."""

    bl_parent_id = "MESHTALK_PT_main"


class ForMesh(InTab):
    """Base of a sub-panel that is shown for heads that are meshes."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        head = chosen_head(context)
        return head is not None and head.type == "MESH"


class ForTakes(ForMesh):
    """Base of a sub-panel that is shown for heads that have takes."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        head = chosen_head(context)
        return super().poll(context) and head is not None and len(head.meshtalk.takes) > 0


class MESHTALK_PT_main(Tab, bpy.types.Panel):
    """Head, sound, model and seed; Generate, progress and Cancel"""

    bl_label = "MeshTalk"
    drawn_in = "main"


class MESHTALK_PT_seeds(ForMesh, bpy.types.Panel):
    """Sample takes of the same words, look at them, choose one"""

    bl_label = "Seeds"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 1
    drawn_in = "seeds"


class MESHTALK_PT_gallery(Late, bpy.types.Panel):
    """All seeds side by side, however narrow the sidebar is"""

    bl_label = "Side by Side"
    bl_space_type = "VIEW_3D"
    bl_region_type = "HEADER"  # a popover, no panel of the sidebar
    bl_options = {"INSTANCED"}
    drawn_in, drawn_by = "seeds", "draw_gallery"


class MESHTALK_UL_takes(bpy.types.UIList):
    """The head's takes; the one with the dot plays"""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: bpy.types.PropertyGroup,
        item: MeshTalkTake,
        icon: int,
        active_data: bpy.types.PropertyGroup,
        active_property: str,
        index: int = 0,
        flt_flag: int = 0,
    ) -> None:
        MESHTALK_PT_takes.module().draw_item(layout, item)


class MESHTALK_PT_takes(ForTakes, bpy.types.Panel):
    """What this head can play: its takes, and what it played before"""

    bl_label = "Takes"
    bl_order = 2
    drawn_in = "takes"

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        self.module().draw_header_preset(self.layout, context)


class MESHTALK_MT_controls(Late, bpy.types.Menu):
    """Presets of the controls: your own, and those that come with MeshTalk"""

    bl_label = "Preset"
    drawn_in, drawn_by = "controls", "draw_menu"


class MESHTALK_PT_controls(ForTakes, bpy.types.Panel):
    """How the take plays: turned at once, without generating again"""

    bl_label = "Live Controls"
    bl_order = 3
    drawn_in = "controls"


class MESHTALK_PT_dub(InTab, bpy.types.Panel):
    """New words for a head that moves already"""

    bl_label = "Dub"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 4
    drawn_in = "dub"


class MESHTALK_PT_retarget(InTab, bpy.types.Panel):
    """The motion of one head on another"""

    bl_label = "Retarget"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 5
    drawn_in = "retarget"


class MESHTALK_PT_fit(InTab, bpy.types.Panel):
    """Open for heads that must be fitted; Blender remembers for each of the two whether it is open"""

    bl_label = "Fit"
    drawn_in = "fit"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return cls.module().is_for_fitted(context)


class MESHTALK_PT_fit_known(InTab, bpy.types.Panel):
    """Closed for heads that need no fit"""

    bl_label = "Fit"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 10  # the other one comes before the jobs
    drawn_in = "fit"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return cls.module().is_for_known(context)


class MESHTALK_PT_landmarks(InTab, bpy.types.Panel):
    """Where the face is, for heads on which MeshTalk doesn't find it well by itself"""

    bl_label = "Landmarks"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 11
    drawn_in = "landmarks"


class MESHTALK_PT_parts_offer(InTab, bpy.types.Panel):
    """Shown while other meshes are selected together with the head"""

    bl_label = "Selected Meshes"
    bl_options = {"HIDE_HEADER"}
    bl_order = -1  # right below Generate
    drawn_in, drawn_by = "parts", "draw_offer"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return cls.module().is_offered(context)


class MESHTALK_PT_parts(ForMesh, bpy.types.Panel):
    """Meshes that move with the head: teeth, tongue, eyeballs, lashes"""

    bl_label = "Parts"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 12
    drawn_in = "parts"


class MESHTALK_UL_keys(bpy.types.UIList):
    """The head's shape keys, each with what drives it"""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: bpy.types.Key,
        item: bpy.types.ShapeKey,
        icon: int,
        active_data: MeshTalkMapping,
        active_property: str,
        index: int = 0,
        flt_flag: int = 0,
    ) -> None:
        MESHTALK_PT_mapping.module().draw_item(layout, item, active_data)

    def filter_items(
        self, context: bpy.types.Context, data: bpy.types.Key, property: str
    ) -> tuple[Sequence[int], Sequence[int]]:
        return MESHTALK_PT_mapping.module().filter_items(self, context, getattr(data, property))


class MESHTALK_MT_mapping(Late, bpy.types.Menu):
    """Mappings: by the names of the shape keys, your own, and those that come with MeshTalk"""

    bl_label = "Mapping"
    drawn_in, drawn_by = "mapping", "draw_menu"


class MESHTALK_PT_mapping(ForMesh, bpy.types.Panel):
    """Shape keys that the head already has, what drives each, and whether missing ones are made"""

    bl_label = "Shape Keys"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 13
    drawn_in = "mapping"


class MESHTALK_MT_object(Late, bpy.types.Menu):
    """What MeshTalk does with heads"""

    bl_label = "MeshTalk"
    drawn_in, drawn_by = "menu", "draw_menu"


def draw_entry(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    """The line in the Object menu, which opens MeshTalk's own."""
    self.layout.separator()
    self.layout.menu(MESHTALK_MT_object.__name__, icon="USER")


CLASSES = (
    MESHTALK_PT_main,
    MESHTALK_PT_seeds,
    MESHTALK_PT_gallery,
    MESHTALK_UL_takes,
    MESHTALK_PT_takes,
    MESHTALK_MT_controls,
    MESHTALK_PT_controls,
    MESHTALK_PT_dub,
    MESHTALK_PT_retarget,
    MESHTALK_PT_fit,
    MESHTALK_PT_fit_known,
    MESHTALK_PT_landmarks,
    MESHTALK_PT_parts_offer,
    MESHTALK_PT_parts,
    MESHTALK_UL_keys,
    MESHTALK_MT_mapping,
    MESHTALK_PT_mapping,
    MESHTALK_MT_object,
)
