# SPDX-License-Identifier: GPL-3.0-or-later
"""``dub``: a performance and new speech in, take files with new words and the old upper face out."""

from __future__ import annotations

import argparse
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..audio.sound import load_sound
from ..errors import TakeError
from ..generate.dub import DubOptions, dub
from ..generate.options import as_rate
from ..generate.past import Original
from ..generate.retime import Stretch
from .files import take_files, write_take
from .heads import bound_head
from .line import ProgressLine
from .options import add_fps, add_head, add_model, bundle_of, rate_of


def add_parser(commands: Any) -> None:
    """Add ``dub`` to the commands of the parser."""
    parser = commands.add_parser(
        "dub",
        help="put new speech into the mouth of a take",
        description="Put new speech into the mouth of a performance; its upper face stays.",
    )
    add = parser.add_argument
    add("speech", type=Path, metavar="SPEECH", help="the new words: wav, flac, ogg or mp3")
    add("--performance", type=Path, required=True, metavar="TAKE.npz", help="vertices and weights, and fps")
    add("--out", type=Path, required=True, metavar="NEW", help="where to write, with or without suffix")
    add_head(parser, "the head at rest that the performance moves (default: the template)")
    add_model(parser)
    add("--upper", type=float, default=1.0, help="how much of the old upper face stays, 0 to 1 (default: 1)")
    add("--mouth", type=float, default=0.0, help="how much of the old mouth stays, 0 to 1 (default: 0)")
    add("--keep-silence", action="store_true", help="keep the old mouth in pauses of the new speech")
    add(
        "--stretch",
        choices=[one.value for one in Stretch],
        default=Stretch.LIVE.value,
        help="under longer speech the old take goes on by SEED (live), stops (hold) or runs back and forth "
        "(loop); stretch fits it to any length (default: live)",
    )
    add("--seed", type=int, default=0, help="for what the old take doesn't tell (default: 0)")
    add_fps(parser, "the performance's")
    add("--temperature", type=float, help="of what is sampled (default: the model's)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Check everything, dub, write: both files appear at the end or none does."""
    options = DubOptions(
        upper=arguments.upper,
        mouth=arguments.mouth,
        keep_silence=arguments.keep_silence,
        stretch=Stretch(arguments.stretch),
        seed=arguments.seed,
        temperature=arguments.temperature,
        fps=rate_of(arguments),
    )
    (files,) = take_files(arguments)
    bundle = bundle_of(arguments)
    original = read_performance(arguments.performance)
    head, binding = bound_head(bundle.template, arguments.head, arguments.landmarks)
    sound = load_sound(arguments.speech)
    with ProgressLine() as line:
        take = dub(bundle, sound, binding, original, options, line.show)
        write_take(files, take, head.polygons)
    length = f"{len(take.weights)} frames at {float(take.fps):g} fps"
    sys.stdout.write(f"{files.npz}: {length}, upper {options.upper:g}, mouth {options.mouth:g}\n")


def read_performance(path: Path) -> Original:
    """A performance from a take file: ``fps``, and ``vertices`` (T, V', 3) or ``weights`` (T, U) with
    ``unit_names``, or all of them. TakeError says what is wrong with it."""
    if not path.is_file():
        raise TakeError(f"The performance {path} doesn't exist; check the path.")
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise TakeError(f"{path.name} is no .npz archive; give a take that MeshTalk wrote.")
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise TakeError(f"{path.name} is no readable .npz; give a take that MeshTalk wrote.") from error
    if "fps" not in arrays or not ("vertices" in arrays or "weights" in arrays):
        raise TakeError(f"{path.name} lacks 'fps', or both of 'vertices' and 'weights'; give a whole take.")
    names = tuple(str(name) for name in arrays.get("unit_names", np.zeros(0, np.str_)).ravel())
    weights = _numbers(path, arrays, "weights") if names else None
    rate = arrays["fps"]
    if rate.size != 1 or rate.dtype.kind not in "fiu":
        raise TakeError(f"The fps of {path.name} must be one number; write the take again.")
    return Original(as_rate(float(rate.ravel()[0])), _numbers(path, arrays, "vertices"), weights, names)


def _numbers(path: Path, arrays: dict[str, NDArray[Any]], name: str) -> NDArray[np.float32] | None:
    if name not in arrays:
        return None
    if arrays[name].dtype.kind not in "fiu":
        raise TakeError(f"The {name} of {path.name} are no numbers; write the take again.")
    return arrays[name].astype(np.float32, copy=False)
