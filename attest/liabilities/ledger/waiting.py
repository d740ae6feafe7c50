"""Items of an iterator that may stall for ever, each waited for with a limit, in a thread that can be left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from queue import Empty, Full, Queue
from typing import Final, Generic, NamedTuple, TypeVar

Item = TypeVar("Item")

_AHEAD: Final = 4  # items that are made before they are asked for
_POLL: Final = 0.1  # seconds
_FAREWELL: Final = 5.0  # seconds that the thread is given to end


Making = Callable[[Callable[[Callable[[], object]], None]], Generator[Item, None, None]]
"""A maker of items. It gets a function to which it hands whatever ends a stalled call from another thread."""


class SilentError(Exception):
    """No item came within the patience."""


class _End(NamedTuple):
    """The end of the items.

    `error`: why they ended; None when all were made.
    """

    error: BaseException | None


def within(patience: float, make: Making[Item]) -> Iterator[Item]:
    """The items of the generator that `make` returns, each within `patience` seconds of the one before.

    `patience`: seconds.
    `make`: called with a function, to which it hands whatever ends a stalled call from another thread. The generator
    runs wholly in a thread of its own, because a call into a C library cannot be interrupted. A thread that does not
    end is left behind, and ends with the process.
    Raises `SilentError` when no item comes in time, and what the generator raises.
    """
    worker = _Worker(make)
    worker.start()
    try:
        while True:
            try:
                item = worker.ready.get(timeout=patience)
            except Empty:
                raise SilentError from None
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        worker.give_up()


class _Worker(Generic[Item]):
    """The thread that makes the items, and the few that are ready."""

    def __init__(self, make: Making[Item]) -> None:
        self.ready: Queue[Item | _End] = Queue(_AHEAD)
        self._make = make
        self._stopped = threading.Event()
        self._stops: list[Callable[[], object]] = []
        self._thread = threading.Thread(target=self._work, name="ledger-database", daemon=True)

    def start(self) -> None:
        """Begin to make items."""
        self._thread.start()

    def give_up(self) -> None:
        """Ask for no more items, and wait up to `_FAREWELL` seconds for the thread to end."""
        self._stopped.set()
        if self._thread.is_alive():
            for stop in self._stops:
                # In another thread, because it asks the server, which may still be silent.
                threading.Thread(target=_quietly, args=(stop,), daemon=True).start()
            self._thread.join(_FAREWELL)

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            with closing(self._make(self._stops.append)) as items:
                for item in items:
                    self._hand_over(item)
                    if self._stopped.is_set():
                        break
        except BaseException as caught:  # noqa: BLE001  (it is raised where the items are taken)
            error = caught
        self._hand_over(_End(error))

    def _hand_over(self, item: Item | _End) -> None:
        while not self._stopped.is_set():
            with suppress(Full):
                self.ready.put(item, timeout=_POLL)
                return


def _quietly(stop: Callable[[], object]) -> None:
    with suppress(Exception):
        stop()
