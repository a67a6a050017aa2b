# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker processes of the corpus."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.pool import Pool


@contextmanager
def worker_pool(
    workers: int, start: Callable[..., None] | None = None, arguments: tuple = (), tasks: int | None = None
) -> Iterator[Pool]:
    """Worker processes that begin empty (spawned), so that a synthesiser's state never leaks into another's
    sound."""
    pool = multiprocessing.get_context("spawn").Pool(workers, start, arguments, maxtasksperchild=tasks)
    with pool:
        yield pool
