# SPDX-License-Identifier: GPL-3.0-or-later
"""Signs that a sound file was cut off, which libsndfile passes over in silence.

libsndfile shortens a cut WAV to what is there, and plays a cut Ogg up to its last page. An animator would get
a take that stops early and not know why, so the containers' own promises are looked at here.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0xFFFFFFFF - 36)
"""Sizes that programs write when they stream and don't know the length yet."""

OGG_TAIL = 65_536 + 512
"""An Ogg page has at most 65,307 bytes, so the last one begins within these."""

OGG_PAGE = struct.Struct("<4sBBqIIIB")
OGG_END_OF_STREAM = 4


SOUND_MAGIC = (b"RIFF", b"RF64", b"FORM", b"OggS", b"fLaC", b"ID3", b"caff", b".snd")

MP3_LENGTHS = (b"Xing", b"Info", b"VBRI")
"""Tags in an mp3's first frame that hold its number of frames."""


def looks_like_sound(path: Path) -> bool:
    """Whether a file begins as sound files do, so that it is rather damaged than something else."""
    with path.open("rb") as file:
        head = file.read(4)
    return head.startswith(SOUND_MAGIC) or (head[:1] == b"\xff" and head[1:2] >= b"\xe0")


def promises_length(path: Path) -> bool:
    """Whether the number of samples in the header is a promise. An mp3 without a length tag only has a guess
    from its size, which is far off for variable bit rates."""
    with path.open("rb") as file:
        head = file.read(1 << 17)
    is_mp3 = head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe0")
    return not is_mp3 or any(tag in head for tag in MP3_LENGTHS)


def missing_end(path: Path) -> str | None:
    """Why the file is cut off, or None when nothing says so (WAV, AIFF and Ogg are looked at)."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
            return _missing_chunk(file, size, b"data", "<")
        if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
            return _missing_chunk(file, size, b"SSND", ">")
        if head[:4] == b"OggS":
            file.seek(max(0, size - OGG_TAIL))
            return _missing_page(file.read())
    return None


def _missing_chunk(file: BinaryIO, size: int, wanted: bytes, order: str) -> str | None:
    """Walk the chunks of a RIFF or IFF file after its 12 bytes of header."""
    at = 12
    while at + 8 <= size:
        file.seek(at)
        name, length = struct.unpack(order + "4sI", file.read(8))
        if name == wanted:
            promised = at + 8 + length
            if length in UNKNOWN_SIZES or promised <= size:
                return None
            return f"its header promises {promised} bytes, and it has {size}"
        at += 8 + length + length % 2
    return None


def _missing_page(tail: bytes) -> str | None:
    """The last page of an Ogg stream must be whole and carry the end-of-stream flag."""
    at = tail.rfind(b"OggS")
    if at < 0 or at + OGG_PAGE.size > len(tail):
        return "its last page is incomplete"
    *_, segments = OGG_PAGE.unpack_from(tail, at)
    flags = tail[at + 5]
    table = tail[at + OGG_PAGE.size : at + OGG_PAGE.size + segments]
    if len(table) < segments or at + OGG_PAGE.size + segments + sum(table) > len(tail):
        return "its last page is incomplete"
    return None if flags & OGG_END_OF_STREAM else "its end-of-stream page is missing"
