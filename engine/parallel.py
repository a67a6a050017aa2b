# SPDX-License-Identifier: GPL-3.0-or-later
"""Work on several threads: the same for several things, and what is wanted next ahead of time. NumPy and
onnxruntime let each other go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Event, Thread
from types import TracebackType
from typing import Generic, NoReturn, TypeVar, cast

from .blas import one_thread_a_product

Thing = TypeVar("Thing")
Part = TypeVar("Part")
Result = TypeVar("Result")


def in_threads(work: Callable[[Thing], Result], things: Sequence[Thing], threads: int) -> list[Result]:
    """``work`` of each thing, in their order, on at most so many threads at once; the first error is
    raised once all that had begun have ended."""
    if threads < 2 or len(things) < 2:
        return [work(thing) for thing in things]
    with one_thread_a_product(), ThreadPoolExecutor(min(threads, len(things)), "meshtalk") as pool:
        futures = [pool.submit(work, thing) for thing in things]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()


def in_threads_then(
    work: Callable[[Thing], Sequence[Part]],
    then: Callable[[Part], Result],
    things: Sequence[Thing],
    threads: int,
) -> list[Result]:
    """``then`` of every part that ``work`` of each thing gives, in their order: a thread that has done with
    its own things helps with the others' parts. Errors as with `in_threads`."""
    if threads < 2 or len(things) < 2:
        return [then(part) for thing in things for part in work(thing)]
    with one_thread_a_product(), ThreadPoolExecutor(threads, "meshtalk") as pool:

        def begin(thing: Thing) -> list[Future[Result]]:
            return [pool.submit(then, part) for part in work(thing)]

        begun = [pool.submit(begin, thing) for thing in things]
        try:
            return [part.result() for parts in begun for part in parts.result()]
        finally:
            pool.shutdown(cancel_futures=True)


def one_ahead(things: Iterable[Thing]) -> Iterator[Thing]:
    """Things in their order, each worked out on another thread while the one before it is used; no more than
    one waits."""
    iterator, end = iter(things), object()
    with ThreadPoolExecutor(1, "meshtalk ahead") as pool:
        coming = pool.submit(next, iterator, end)
        while (thing := coming.result()) is not end:
            coming = pool.submit(next, iterator, end)
            yield cast(Thing, thing)


class Ahead(Generic[Thing]):
    """Things that are worked out on a thread of their own while those before them are used, in their order.

    In a ``with`` statement, whose end waits for the thing that is being worked out. An error of theirs is
    raised where the thing would have come.
    """

    def __init__(self, things: Iterable[Thing]) -> None:
        self._things = things
        self._done: SimpleQueue[Callable[[], Thing]] = SimpleQueue()
        self._left, self._held = Event(), one_thread_a_product()
        self._thread = Thread(target=self._work, name="meshtalk ahead", daemon=True)

    def __enter__(self) -> Iterator[Thing]:
        self._held.__enter__()
        self._thread.start()
        return self._taken()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self._thread.join()
        self._held.__exit__(kind, error, trace)

    def _work(self) -> None:
        try:
            for thing in self._things:
                self._done.put(lambda thing=thing: thing)
                if self._left.is_set():
                    return
        except BaseException as error:  # whoever waits for the next thing gets it
            self._done.put(_raising(error))
        else:
            self._done.put(_raising(_End()))

    def _taken(self) -> Iterator[Thing]:
        while True:
            try:
                thing = self._done.get()()
            except _End:
                return
            yield thing


class _End(Exception):
    """There is no further thing."""


def _raising(error: BaseException) -> Callable[[], NoReturn]:
    def work() -> NoReturn:
        raise error

    return work
