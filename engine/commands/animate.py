# SPDX-License-Identifier: GPL-3.0-or-later
"""``animate``: a sound and a head in, take files out."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..audio.sound import load_sound
from ..bundle import Bundle
from ..generate import GenerateOptions, Mover, Performance, Take, correct, move, perform
from ..geometry.topology import Binding
from ..heads import Head
from ..takes import NpzWriter, describe, write_live_link_csv
from .files import TakeFiles, replacing_both, take_files
from .heads import bound_head
from .keys import HeadKeys, keys_of
from .line import ProgressLine
from .options import add_correctives, add_fps, add_head, add_model, bundle_of, rate_of


def add_parser(commands: Any) -> None:
    """Add ``animate`` to the commands of the parser."""
    parser = commands.add_parser(
        "animate",
        help="make a head speak",
        description="Make a head speak: TAKE.npz with vertices and weights, TAKE.csv for Live Link Face.",
    )
    add = parser.add_argument
    add("speech", type=Path, metavar="SPEECH", help="wav, flac, ogg or mp3")
    add("--out", type=Path, required=True, metavar="TAKE", help="where to write, with or without suffix")
    add_head(parser, "any head: .obj, .ply, .glb, .gltf or .npz (default: the template)")
    add_model(parser)
    add("--seed", type=int, default=0, help="another seed is another take (default: 0)")
    add(
        "--takes",
        type=int,
        default=1,
        help="takes to make, of seeds SEED, SEED + 1, ...: TAKE-1, TAKE-2, ...",
    )
    add_fps(parser, "the model's")
    add("--temperature", type=float, help="0 for the likeliest motion (default: the model's)")
    add("--upper-temperature", type=float, help="the same for brows, lids and eyes alone")
    add_correctives(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Check everything, generate, write: all files appear at the end or none does."""
    options = GenerateOptions(
        arguments.seed,
        arguments.takes,
        arguments.temperature,
        rate_of(arguments),
        corrective_tolerance_mm=arguments.correctives,
        upper_temperature=arguments.upper_temperature,
    )
    files = take_files(arguments, options.takes)
    bundle = bundle_of(arguments)
    head, binding = bound_head(bundle.template, arguments.head, arguments.landmarks)
    sound = load_sound(arguments.speech)
    with ProgressLine() as line:
        performance = perform(bundle, sound, options, line.show)
        takes = _write_all(bundle, binding, head, performance, files)
    length = f"{performance.count} frames at {float(performance.fps):g} fps"
    for one, take in zip(files, takes, strict=True):
        told = "" if arguments.correctives is None else f", {_told(take)}"
        sys.stdout.write(f"{one.npz}: {length}, seed {take.seed}{told}\n")


def _write_all(
    bundle: Bundle, binding: Binding, head: Head, performance: Performance, files: list[TakeFiles]
) -> list[Take]:
    mover, keys, takes = Mover(bundle, binding), keys_of(bundle.template, binding, head), []
    with ExitStack() as stack:
        for index, one in enumerate(files):
            places = stack.enter_context(replacing_both(one))
            take = _write_npz(mover, performance, index, head, bundle.unit_names, keys, places.npz)
            write_live_link_csv(places.csv, take)
            takes.append(take)
    return takes


def _told(take: Take) -> str:
    """What is to be said of the correctives that were asked for."""
    if take.corrective_names is None:
        return "no correctives: this model has none"
    return f"{len(take.corrective_names)} correctives leave {take.corrective_error_mm:.2f} mm at the lips"


def _write_npz(
    mover: Mover,
    performance: Performance,
    index: int,
    head: Head,
    unit_names: tuple[str, ...],
    keys: HeadKeys | None,
    path: Path,
) -> Take:
    """Write a take's vertices as they come, so that an hour of speech needs no more memory than a second."""
    weights: list[NDArray[np.float32]] = []
    shape = (performance.count, len(head.vertices), 3)
    with NpzWriter(path) as writer:
        with writer.rows("vertices", shape, np.float32) as rows:
            for block in move(mover, performance, index):
                weights.append(block.weights)
                if block.vertices is not None:
                    rows.add(block.vertices)
        cleaned = mover.clean(np.concatenate(weights), performance.fps)
        correction = correct(mover, performance, index, cleaned)
        take = performance.take(index, cleaned, unit_names, correction=correction)
        shapes = None if take.correctives is None else mover.on_head(take.correctives)
        writer.arrays(describe(take, head.polygons, shapes))
        writer.arrays({} if keys is None else keys.arrays(take))
    return take
