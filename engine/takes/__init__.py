# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing takes to files."""

from .live_link import COLUMNS, live_link_lines, timecode, write_live_link_csv
from .npz import NpzWriter, describe, write_npz

__all__ = [
    "COLUMNS",
    "NpzWriter",
    "describe",
    "live_link_lines",
    "timecode",
    "write_live_link_csv",
    "write_npz",
]
