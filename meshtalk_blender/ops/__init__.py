# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: properties → frozen dataclass → call → report."""

import bpy

from . import (
    add_head,
    add_sound,
    again,
    cancel,
    controls,
    dub,
    fit,
    generate,
    head_looks,
    landmarks,
    mapping,
    parts,
    retarget,
    seeds,
    takes,
)

_MODULES = (
    add_head,
    add_sound,
    cancel,
    generate,
    dub,
    retarget,
    fit,
    landmarks,
    mapping,
    parts,
    takes,
    seeds,
    controls,
)


def register() -> None:
    """Register the operators and the entry in Add ▸ Mesh."""
    for module in _MODULES:
        for cls in module.CLASSES:
            bpy.utils.register_class(cls)
    bpy.types.VIEW3D_MT_mesh_add.append(add_head.draw_menu)
    bpy.app.handlers.load_pre.append(cancel.stop_before_load)
    bpy.app.handlers.undo_post.append(cancel.forget_words)
    bpy.app.handlers.redo_post.append(cancel.forget_words)
    head_looks.register()
    seeds.register()


def unregister() -> None:
    """Stop a running job and take the operators back."""
    again.stop()
    cancel.stop_job()
    seeds.unregister()
    head_looks.unregister()
    bpy.app.handlers.redo_post.remove(cancel.forget_words)
    bpy.app.handlers.undo_post.remove(cancel.forget_words)
    bpy.app.handlers.load_pre.remove(cancel.stop_before_load)
    bpy.types.VIEW3D_MT_mesh_add.remove(add_head.draw_menu)
    for module in reversed(_MODULES):
        for cls in reversed(module.CLASSES):
            bpy.utils.unregister_class(cls)
