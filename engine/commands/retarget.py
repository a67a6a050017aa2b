# SPDX-License-Identifier: GPL-3.0-or-later
"""``retarget``: the performance of one head in, the same on another head out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..generate.dub_layer import layer_deltas
from ..generate.options import Take
from ..generate.retarget import Part, RetargetOptions, retarget
from ..geometry.topology import Binding
from .dub import read_performance
from .files import take_files, write_take
from .heads import bound_head
from .line import ProgressLine
from .options import add_correctives, add_fps, add_head, add_model, bundle_of, rate_of


def add_parser(commands: Any) -> None:
    """Add ``retarget`` to the commands of the parser."""
    parser = commands.add_parser(
        "retarget",
        help="put the performance of one head on another",
        description="Put what one head does on another one, in its own size.",
    )
    add = parser.add_argument
    add("performance", type=Path, metavar="TAKE.npz", help="vertices or weights of the source, and fps")
    add("--out", type=Path, required=True, metavar="NEW", help="where to write, with or without suffix")
    add("--source", type=Path, metavar="HEAD", help="the source at rest (default: the template)")
    add("--source-landmarks", type=Path, metavar="L.json", help="places on the source, as info lists them")
    add_head(parser, "the head that gets the motion (default: the template)")
    add_model(parser)
    add(
        "--part",
        choices=[one.value for one in Part],
        default=Part.ALL.value,
        help="what of the face is taken over (default: all)",
    )
    add_fps(parser, "the performance's")
    add_correctives(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Check everything, retarget, write: both files appear at the end or none does."""
    options = RetargetOptions(Part(arguments.part), rate_of(arguments), arguments.correctives)
    (files,) = take_files(arguments)
    bundle = bundle_of(arguments)
    original = read_performance(arguments.performance)
    _, source = bound_head(bundle.template, arguments.source, arguments.source_landmarks)
    head, target = bound_head(bundle.template, arguments.head, arguments.landmarks)
    with ProgressLine() as line:
        take = retarget(bundle, source, original, target, options, line.show)
        write_take(files, take, head.polygons, _shapes(target, take))
    length = f"{len(take.weights)} frames at {float(take.fps):g} fps"
    sys.stdout.write(f"{files.npz}: {length}, {arguments.part}\n")


def _shapes(target: Binding, take: Take) -> NDArray[np.float32] | None:
    """The correctives (K, V', 3) on the target's vertices, None where the take has none."""
    if take.correctives is None:
        return None
    return layer_deltas(target, (), take.corrective_names or (), take.correctives)
