# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that several commands share, and what they stand for."""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

from ..bundle import Bundle, default_bundle_path, load_bundle
from ..generate.options import as_rate


def add_model(parser: argparse.ArgumentParser) -> None:
    """``--model``: see ``bundle_of``."""
    text = "folder of the model (default: the bundled one)"
    parser.add_argument("--model", type=Path, metavar="DIR", help=text)


def add_head(parser: argparse.ArgumentParser, what: str) -> None:
    """``--head``, with `what` it is, and ``--landmarks``: see ``heads.bound_head``."""
    places = "places on the head, by the names that info lists"
    parser.add_argument("--head", type=Path, help=what)
    parser.add_argument("--landmarks", type=Path, metavar="L.json", help=places)


def add_fps(parser: argparse.ArgumentParser, default: str) -> None:
    """``--fps``, with whose rate is the `default`: see ``rate_of``."""
    text = f"frames a second, as 24, 23.976 or 24000/1001 (default: {default})"
    parser.add_argument("--fps", help=text)


def add_correctives(parser: argparse.ArgumentParser) -> None:
    """``--correctives``: the tolerance in mm at the lips, None for no correctives."""
    text = "shapes for what the units leave open, to within MM at the lips (0.2 is fine)"
    parser.add_argument("--correctives", type=float, metavar="MM", help=text)


def bundle_of(arguments: argparse.Namespace) -> Bundle:
    """The checked model that was chosen, or the bundled one. Raises BundleError."""
    return load_bundle(arguments.model or default_bundle_path())


def rate_of(arguments: argparse.Namespace) -> Fraction | None:
    """Frames a second, None where none was named. Raises OptionError."""
    return None if arguments.fps is None else as_rate(arguments.fps)
