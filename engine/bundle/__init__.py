# SPDX-License-Identifier: GPL-3.0-or-later
"""Model bundles: a folder with a card, ONNX graphs and a template."""

from typing import TYPE_CHECKING

from ..late import late_names

if TYPE_CHECKING:
    from .card import CARD_NAME, FORMAT, GRAPHS, Card, parse_card, read_card
    from .load import Bundle, default_bundle_path, file_checksum, load_bundle

__all__ = [
    "CARD_NAME",
    "FORMAT",
    "GRAPHS",
    "Bundle",
    "Card",
    "default_bundle_path",
    "file_checksum",
    "load_bundle",
    "parse_card",
    "read_card",
]

__getattr__ = late_names(
    __name__,
    {
        "card": ("CARD_NAME", "FORMAT", "GRAPHS", "Card", "parse_card", "read_card"),
        "load": ("Bundle", "default_bundle_path", "file_checksum", "load_bundle"),
    },
)
