# SPDX-License-Identifier: GPL-3.0-or-later
"""The corpus' files: arrays that grow clip by clip without ever being held in memory."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from training.corpus.errors import CorpusError

_HEADER = 128
"""Bytes of a .npy header, whatever number of rows it will tell."""


@dataclass(frozen=True)
class Clip:
    """One finished clip: ``mel (3T, 80)`` f16, ``weights (T, U)`` f16, ``phones (3T,)`` u8, ``audio (N,)``
    i16.

    ``speaker`` and ``sentence`` are ids, ``source`` a place in SOURCES, ``copied`` tells an augmented copy.
    """

    mel: NDArray[np.float16]
    weights: NDArray[np.float16]
    phones: NDArray[np.uint8]
    audio: NDArray[np.int16]
    identity: int
    speaker: int
    sentence: int
    source: int
    copied: bool


class GrowingArray:
    """A .npy file of unknown length: rows are appended, the header is written last."""

    def __init__(self, path: Path, dtype: str, row: tuple[int, ...] = ()) -> None:
        self.rows = 0
        self._dtype, self._row = np.dtype(dtype), row
        self._file: BinaryIO = path.open("wb")
        self._file.write(b" " * _HEADER)

    def append(self, rows: NDArray) -> None:
        self._file.write(np.ascontiguousarray(rows, self._dtype).tobytes())
        self.rows += len(rows)

    def close(self) -> None:
        shape = (self.rows, *self._row)
        text = str({"descr": self._dtype.str, "fortran_order": False, "shape": shape})
        body = text.encode("latin1").ljust(_HEADER - 11) + b"\n"
        self._file.seek(0)
        self._file.write(b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body)
        self._file.close()


class SplitWriter:
    """Writes the clips of one split: ``<split>_mel.npy`` and its companions."""

    def __init__(self, folder: Path, split: str, bands: int, units: int) -> None:
        self._clips_path = folder / f"{split}_clips.npz"
        self._mel = GrowingArray(folder / f"{split}_mel.npy", "<f2", (bands,))
        self._weights = GrowingArray(folder / f"{split}_weights.npy", "<f2", (units,))
        self._phones = GrowingArray(folder / f"{split}_phones.npy", "|u1")
        self._audio = GrowingArray(folder / f"{split}_audio.npy", "<i2")
        self._rows: list[tuple[int, ...]] = []

    def append(self, clip: Clip) -> None:
        where = (self._weights.rows, len(clip.weights), self._audio.rows, len(clip.audio))
        self._rows.append((*where, clip.identity, clip.speaker, clip.sentence, clip.source, clip.copied))
        self._mel.append(clip.mel)
        self._weights.append(clip.weights)
        self._phones.append(clip.phones)
        self._audio.append(clip.audio)

    def close(self) -> dict[str, NDArray[np.int64]]:
        """Finish the files; the clips' table comes back."""
        for array in (self._mel, self._weights, self._phones, self._audio):
            array.close()
        names = (
            "first_frame",
            "frames",
            "first_sample",
            "samples",
            "identity",
            "speaker",
            "sentence",
            "source",
        )
        columns = np.array(self._rows, np.int64).reshape(-1, len(names) + 1).T
        table: dict[str, Any] = dict(zip((*names, "copied"), columns, strict=True))
        np.savez(self._clips_path, **table)
        return table


def write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def full_disk_is_told(folder: Path) -> Iterator[None]:
    """Turn the system's "no space left" and "not permitted" into a CorpusError."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise CorpusError(
                f"The disk of {folder} is full; free some space (a corpus needs about 5 GB)."
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise CorpusError(
                f"{folder} cannot be written to ({error}); choose another folder for --out."
            ) from error
        raise
