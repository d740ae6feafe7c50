"""The unspent outputs of a whole chain, from the file that a node's `dumptxoutset` writes.

What the file holds is hashed again as the node hashes its own set, so that a file can be held against another
node: `hash_serialized_3` is one SHA-256 over all outputs, MuHash3072 what `coinstatsindex` keeps for every height
(Bitcoin Core, src/kernel/coinstats.cpp).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from attest.chains.bitcoin.utxo_set.dump import Dump, Output
from attest.errors import UnavailableError
from attest.files import reason


class UtxoSet(NamedTuple):
    """What a dump holds. The hashes are in the byte order in which the node prints them.

    `hash_serialized` is the `txoutset_hash` of `dumptxoutset` and the `hash_serialized_3` of `gettxoutsetinfo`.
    """

    block_hash: bytes
    outputs: int
    hash_serialized: bytes
    muhash: bytes | None
    found: tuple[Output, ...]


def read_utxo_set(
    path: Path,
    *,
    magic: bytes,
    scripts: Collection[bytes],
    with_muhash: bool,
    progress: Callable[[int], None] = lambda _: None,
) -> UtxoSet:
    """Read and hash the dump at `path`, and collect the outputs that pay to one of `scripts` (scriptPubKeys).

    `magic` is the four bytes that begin every message of the network, fabfb5da on regtest. MuHash takes several
    times as long as all the rest, on several cores; `progress` hears the number of outputs read so far.
    Raises `MalformedError` naming the byte when this is not one whole dump of that network, and `UnavailableError`
    when the file cannot be read.
    """
    try:
        with path.open("rb") as file, ExitStack() as stack:
            dump = Dump(path, file, magic=magic, scripts=scripts)
            muhash = None
            if with_muhash:
                from attest.chains.bitcoin.utxo_set.muhash import MuHash

                muhash = stack.enter_context(MuHash(dump.stated))
            digest = sha256()
            for outputs in dump.pieces():
                digest.update(b"".join(outputs))
                if muhash is not None:
                    muhash.add(outputs)
                progress(dump.outputs)
            return UtxoSet(
                block_hash=dump.block_hash,
                outputs=dump.outputs,
                hash_serialized=sha256(digest.digest()).digest()[::-1],
                muhash=None if muhash is None else muhash.digest(),
                found=dump.found(),
            )
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        raise UnavailableError("file/unreadable", f"cannot read {path}: {reason(error)}") from None
