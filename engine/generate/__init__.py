# SPDX-License-Identifier: GPL-3.0-or-later
"""From a sound and a bound head to sampled takes."""

from ..progress import CancelCheck, Progress, Stage
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
