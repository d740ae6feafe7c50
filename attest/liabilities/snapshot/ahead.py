"""Work that goes on in other threads while this one works: the parts of a build that wait for disk or hash."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_DEPTH = 2
_ITEMS = 8


def results_ahead(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`work` of each item in order, with the next two under way. Raises what `work` raises."""
    with ThreadPoolExecutor(_DEPTH) as pool:
        waiting = iter(items)
        running = [pool.submit(work, item) for item in islice(waiting, _DEPTH + 1)]
        while running:
            yield running.pop(0).result()
            running += [pool.submit(work, item) for item in islice(waiting, 1)]


def items_ahead(items: Generator[Item, None, None]) -> Iterator[Item]:
    """`items`, the next few of which another thread is already taking. Raises what `items` raises.

    All of the generator runs in that thread, its end too: a database connection belongs to one thread.
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
