# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing takes to files."""

from typing import TYPE_CHECKING

from ..late import late_names

if TYPE_CHECKING:
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

__getattr__ = late_names(
    __name__,
    {
        "live_link": ("COLUMNS", "live_link_lines", "timecode", "write_live_link_csv"),
        "npz": ("NpzWriter", "describe", "write_npz"),
    },
)
