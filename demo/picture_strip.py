# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets pictures side by side, each with its caption."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

CAPTION_HEIGHT = 44
PAPER, INK = (24, 27, 32), (235, 235, 230)


def write_strip(pictures: Sequence[tuple[Path, str]], out: Path) -> None:
    """Write one PNG to `out` with every (picture, caption) in a row; all have the first one's size."""
    images = [(Image.open(path).convert("RGB"), caption) for path, caption in pictures]
    width, height = images[0][0].size
    sheet = Image.new("RGB", (width * len(images), height + CAPTION_HEIGHT), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=24)
    for column, (image, caption) in enumerate(images):
        sheet.paste(image, (column * width, 0))
        middle = (column * width + width // 2, height + CAPTION_HEIGHT // 2)
        draw.text(middle, caption, fill=INK, font=font, anchor="mm")
    sheet.save(out)
