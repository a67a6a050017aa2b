# SPDX-License-Identifier: GPL-3.0-or-later
"""From a sound and a bound head to sampled takes."""

from typing import TYPE_CHECKING

from ..late import late_names
from ..progress import CancelCheck, Progress, Stage

if TYPE_CHECKING:
    from .correctives import Correction
    from .decode import Block, Mover
    from .encode import encode_audio
    from .expression import encode_expression, fuse
    from .options import GenerateOptions, Take, as_rate, frame_count
    from .pipeline import Performance, correct, generate, move, perform
    from .sample import sample_labels

__all__ = [
    "Block",
    "CancelCheck",
    "Correction",
    "GenerateOptions",
    "Mover",
    "Performance",
    "Progress",
    "Stage",
    "Take",
    "as_rate",
    "correct",
    "encode_audio",
    "encode_expression",
    "frame_count",
    "fuse",
    "generate",
    "move",
    "perform",
    "sample_labels",
]

__getattr__ = late_names(
    __name__,
    {
        "correctives": ("Correction",),
        "decode": ("Block", "Mover"),
        "encode": ("encode_audio",),
        "expression": ("encode_expression", "fuse"),
        "options": ("GenerateOptions", "Take", "as_rate", "frame_count"),
        "pipeline": ("Performance", "correct", "generate", "move", "perform"),
        "sample": ("sample_labels",),
    },
)
