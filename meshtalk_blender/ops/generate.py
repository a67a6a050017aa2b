# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate: speech in, shape keys and an Action out, without holding up Blender's window."""

from __future__ import annotations

from functools import partial

import bpy

from .background import InBackground
from .checks import disabled_reason
from .job import Work
from .plan import make_plan, wish_of, write_result
from .speech import run_speech
from .writing import HeadResult


class MESHTALK_OT_generate(InBackground, bpy.types.Operator):
    """Make the head speak the sound: shape keys, and a new Action at the sound's place in time"""

    bl_idname = "meshtalk.generate"
    bl_label = "Generate"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = disabled_reason(context)
        if reason is not None:
            cls.poll_message_set(reason)
        return reason is None

    def prepare(self, context: bpy.types.Context) -> Work:
        self._plan = make_plan(context, wish_of(context))
        return partial(run_speech, self._plan.request)

    def write(self, _context: bpy.types.Context, result: tuple[HeadResult, ...]) -> str:
        return write_result(self._plan, result)


CLASSES = (MESHTALK_OT_generate,)
