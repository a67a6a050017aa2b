# SPDX-License-Identifier: GPL-3.0-or-later
"""NumPy's matrix products on one thread each, while there are threads of our own.

NumPy's wheels bring OpenBLAS, which spreads every product over all cores. Beside other threads that work it
only burns them: its threads wait for each other, spinning (*measured*: 16 takes cost 1.2 s of processor time
instead of 0.8). Where NumPy has another library, or none that is found, nothing is changed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Lock

import numpy as np

PREFIXES, SUFFIXES = ("scipy_openblas", "openblas"), ("64_", "")
"""Of the names that OpenBLAS' functions have in NumPy's wheels."""

_LOCK = Lock()
_HOLDERS: list[int] = []
"""How many threads a product had when each of those who hold it at one came."""


@contextmanager
def one_thread_a_product() -> Iterator[None]:
    """Meanwhile no product of NumPy's uses several threads, in the whole process; when all who asked for it
    are done it is as it was."""
    found = _openblas()
    if found is None:
        yield
        return
    get, put = found
    with _LOCK:
        _HOLDERS.append(get() if not _HOLDERS else _HOLDERS[0])
        put(1)
    try:
        yield
    finally:
        with _LOCK:
            before = _HOLDERS.pop()
            if not _HOLDERS:
                put(before)


def product_threads() -> int | None:
    """On how many threads NumPy's products run now; None where that isn't known."""
    found = _openblas()
    return None if found is None else found[0]()


@lru_cache(maxsize=1)
def _openblas() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """What tells and what sets OpenBLAS' number of threads."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs", package / ".libs"):
        for path in sorted(folder.glob("*openblas*")):
            try:
                library = ctypes.CDLL(str(path))  # NumPy has loaded it already
            except OSError:
                continue
            for name in (f"{prefix}_%s_num_threads{suffix}" for prefix in PREFIXES for suffix in SUFFIXES):
                if hasattr(library, name % "get") and hasattr(library, name % "set"):
                    return getattr(library, name % "get"), getattr(library, name % "set")
    return None
