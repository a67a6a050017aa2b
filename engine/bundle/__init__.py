# SPDX-License-Identifier: GPL-3.0-or-later
"""Model bundles: a folder with a card, ONNX graphs and a template."""

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
