"""Bounded look-ahead: the next few items of a sequence are worked on in threads, and results come in order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_DEPTH = 2  # threads, and results that are made before they are asked for
_ITEMS = 8  # items that are taken before they are asked for


def results_ahead(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """The result of `work` for each item, in order, while two threads make the next ones. Raises what `work` raises."""
    with ThreadPoolExecutor(_DEPTH) as pool:
        waiting = iter(items)
        running = [pool.submit(work, item) for item in islice(waiting, _DEPTH + 1)]
        while running:
            yield running.pop(0).result()
            running += [pool.submit(work, item) for item in islice(waiting, 1)]


def items_ahead(items: Generator[Item, None, None]) -> Iterator[Item]:
    """The items of a generator, in order, while a thread takes the next few. Raises what the generator raises.

    The whole generator runs in that one thread, its end too, because a database connection belongs to one thread.
    """
    end = object()
    with ThreadPoolExecutor(1) as pool:
        running: list[Future[Item | object]] = [pool.submit(next, items, end) for _ in range(_ITEMS)]
        try:
            while (item := running.pop(0).result()) is not end:
                running.append(pool.submit(next, items, end))
                yield item  # type: ignore[misc]
        finally:
            for future in running:
                future.cancel()
            pool.submit(items.close).result()
