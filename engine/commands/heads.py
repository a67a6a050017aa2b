# SPDX-License-Identifier: GPL-3.0-or-later
"""The head that a command is about: read from its file and bound."""

from __future__ import annotations

from pathlib import Path

from ..geometry.bind import bind_head
from ..geometry.topology import Binding
from ..heads import Head, read_head
from ..template import Template
from .landmarks import read_landmarks


def bound_head(template: Template, path: Path | None, landmarks: Path | None) -> tuple[Head, Binding]:
    """The head of the file `path`, or the template's own without one, bound with the landmarks of the file
    `landmarks`, if any. Raises HeadError."""
    head = Head(template.rest, template.faces) if path is None else read_head(path)
    places = None if landmarks is None else read_landmarks(landmarks, head.vertices)
    return head, bind_head(template, head.vertices, head.polygons, places)
