# SPDX-License-Identifier: GPL-3.0-or-later
"""``retarget``: the performance of one head in, the same on another head out."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..bundle import default_bundle_path, load_bundle
from ..generate.dub_layer import layer_deltas
from ..generate.options import Take, as_rate
from ..generate.retarget import Part, RetargetOptions, retarget
from ..geometry.topology import Binding
from ..heads import Head
from ..takes import write_live_link_csv, write_npz
from ..takes.atomic import check_writable, replacing
from .animate import SUFFIXES, take_stems
from .dub import read_performance
from .heads import bound_head
from .line import ProgressLine


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
    add("--head", type=Path, help="the head that gets the motion (default: the template)")
    add("--landmarks", type=Path, metavar="L.json", help="places on that head")
    add("--model", type=Path, metavar="DIR", help="folder of the model (default: the bundled one)")
    add(
        "--part",
        choices=[one.value for one in Part],
        default=Part.ALL.value,
        help="what of the face is taken over (default: all)",
    )
    add("--fps", help="frames a second, as 24, 23.976 or 24000/1001 (default: the performance's)")
    add(
        "--correctives",
        type=float,
        metavar="MM",
        help="shapes for what the units leave open, to within MM at the lips (0.2 is fine)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Check everything, retarget, write: both files appear at the end or none does."""
    options = RetargetOptions(
        Part(arguments.part),
        None if arguments.fps is None else as_rate(arguments.fps),
        arguments.correctives,
    )
    (stem,) = take_stems(arguments.out, 1)
    paths = [stem.parent / (stem.name + suffix) for suffix in SUFFIXES]
    for path in paths:
        check_writable(path)
    bundle = load_bundle(arguments.model or default_bundle_path())
    original = read_performance(arguments.performance)
    _, source = bound_head(bundle.template, arguments.source, arguments.source_landmarks)
    head, target = bound_head(bundle.template, arguments.head, arguments.landmarks)
    with ProgressLine() as line:
        take = retarget(bundle, source, original, target, options, line.show)
        _write(paths, take, head, target)
    length = f"{len(take.weights)} frames at {float(take.fps):g} fps"
    sys.stdout.write(f"{paths[0]}: {length}, {arguments.part}\n")


def _write(paths: list[Path], take: Take, head: Head, target: Binding) -> None:
    shapes = None
    if take.correctives is not None:
        shapes = layer_deltas(target, (), take.corrective_names or (), take.correctives)
    with ExitStack() as stack:
        npz, csv = (stack.enter_context(replacing(path)) for path in paths)
        write_npz(npz, take, head.polygons, shapes)
        write_live_link_csv(csv, take)
