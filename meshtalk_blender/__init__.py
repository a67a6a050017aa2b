# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of MeshTalk that lives in Blender."""

import os

# onnxruntime writes a telemetry database into the user's cache unless this is set before its first import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from . import (
    batch,
    control_props,
    dub_props,
    fit_props,
    gallery_props,
    head_props,
    mapping_props,
    ops,
    overlay,
    panels,
    preferences,
    props,
    take_props,
    translations,
)

_PARTS = (
    translations,
    preferences,
    props,
    control_props,
    take_props,
    head_props,
    fit_props,
    gallery_props,
    mapping_props,
    dub_props,
    ops,
    panels,
    overlay,
    batch,
)


def register() -> None:
    """Register every class, property and menu entry."""
    for part in _PARTS:
        part.register()


def unregister() -> None:
    """Take back everything that register() did, in reverse; a running job is stopped first."""
    for part in reversed(_PARTS):
        part.unregister()
