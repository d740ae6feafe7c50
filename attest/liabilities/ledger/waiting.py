"""Work that may never end, waited for with a limit: it runs in a thread that can be left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from queue import Empty, Full, Queue
from typing import Final, Generic, NamedTuple, TypeVar

Item = TypeVar("Item")

_AHEAD: Final = 4
_POLL: Final = 0.1
_FAREWELL: Final = 5.0


Making = Callable[[Callable[[Callable[[], object]], None]], Generator[Item, None, None]]


class SilentError(Exception):
    """Nothing came for as long as was waited."""


class _End(NamedTuple):
    """That no more items come, and why."""

    error: BaseException | None


def within(patience: float, make: Making[Item]) -> Iterator[Item]:
    """The items of the iterator that `make` returns, each within `patience` seconds of the one before.

    A call into a library of C cannot be interrupted, so the iterator runs in a thread of its own, all of it, its end
    too. `make` is called with a function that takes what can end such a call from another thread. Where nothing does,
    the thread is left to itself, and ends with the process.

    Raises what the iterator raises, and `SilentError`.
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
        """Want no more items; wait a little for the thread to end."""
        self._stopped.set()
        if self._thread.is_alive():
            for stop in self._stops:
                # This asks the server, which may be as silent as before.
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
