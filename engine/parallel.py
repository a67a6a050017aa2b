# SPDX-License-Identifier: GPL-3.0-or-later
"""The same work for several things on several threads; NumPy and onnxruntime let each other go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def in_threads(work: Callable[[Thing], Result], things: Sequence[Thing], threads: int) -> list[Result]:
    """``work`` of each thing, in their order, on at most so many threads at once; the first error is
    raised once all that had begun have ended."""
    if threads < 2 or len(things) < 2:
        return [work(thing) for thing in things]
    with ThreadPoolExecutor(min(threads, len(things)), "meshtalk") as pool:
        futures = [pool.submit(work, thing) for thing in things]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()
