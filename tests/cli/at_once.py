"""Commands that run at once, each in a process of its own, and wait for each other before they sign or ask.

The processes are forked from one that has imported the command line.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.synchronize import Barrier
from typing import Any

_SECONDS = 60  # to wait for the others, who may be slow and are never absent
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "attest.verification.verify",
        "attest.cli.exchange.run",
        *(f"attest.cli.signing.{name}" for name in ("auditor_report", "sign", "timestamp", "trust")),
        "attest.cli.verification.verify",
        "rfc3161_client",
        "rich.table",
        "securesystemslib.signer",
        "web3",
    ]
)


def at_once(*commands: Sequence[object]) -> None:
    """Run commands that all succeed."""
    barrier = _CONTEXT.Barrier(len(commands))
    processes = [
        _CONTEXT.Process(target=_act, args=(barrier, [str(argument) for argument in command])) for command in commands
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(commands)


def _act(barrier: Barrier, arguments: Sequence[str]) -> None:
    """Run a command that waits for all others once it has read what it will change, and is about to sign or to ask."""
    from attest.cli import main
    from attest.signing import authority
    from attest.signing.keys import Signer

    def together(method: Callable[..., bytes]) -> Callable[..., bytes]:
        waited = False

        def called(*given: Any) -> bytes:
            nonlocal waited
            if not waited:
                waited = True
                barrier.wait(_SECONDS)
            return method(*given)

        return called

    Signer.sign = together(Signer.sign)  # type: ignore[method-assign]
    authority.ask = together(authority.ask)
    main(arguments)
