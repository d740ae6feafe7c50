"""The format of the file that `dumptxoutset` writes, version 2 (Bitcoin Core 28 and later), read a piece at a time.

A header, then the outputs of one transaction after the other (src/node/utxo_snapshot.h, WriteUTXOSnapshot in
src/rpc/blockchain.cpp), each stored in few bytes (src/coins.h, src/compressor.cpp). Mainnet has 175 million
outputs in 9 GB.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final, NamedTuple

from attest.chains.bitcoin.utxo_set.encoding import (
    KEY_HASH,
    KINDS,
    MORE,
    SCRIPT_HASH,
    WIDE,
    BrokenError,
    compact_size,
    sized,
    stored_script,
    varint,
    varint_bytes,
)
from attest.errors import MalformedError

MAX_SATOSHIS: Final = 21_000_000 * 10**8
MAX_BLOCK_BYTES: Final = 4_000_000
MAX_OUTPUTS: Final = MAX_BLOCK_BYTES // 36  # of one transaction: the smallest output has 9 bytes of weight 4

_HEADER: Final = Struct("<5sH4s32sQ")  # magic, version, the network's magic, block hash, number of outputs
_MAGIC: Final = b"utxo\xff"
_VERSION: Final = 2
_MAGIC_AT, _VERSION_AT, _NETWORK_AT, _COUNT_AT = 0, 5, 7, 43

_PIECE: Final = 1 << 16
_MARGIN: Final = 1 << 14  # more bytes than one output and what stands before it can take

# What can be read at once: the head of a transaction or of an output, and the amount.
_TRANSACTION: Final = Struct("<32s5B").unpack_from
_OUTPUT: Final = Struct("<4B").unpack_from
_AMOUNT: Final = Struct("<5B").unpack_from

# One output as it is hashed (TxOutSer in src/kernel/coinstats.cpp): txid, vout, code, amount, and the sized script.
_HEAD: Final = Struct("<32sIIQ")
_P2PKH: Final = Struct("<32sIIQ4s20s2s").pack
_P2SH: Final = Struct("<32sIIQ3s20s1s").pack
_SCRIPTS: Final = tuple(Struct(f"<32sIIQB{max(kind - KINDS, 0)}s").pack for kind in range(128))

_TWO, _THREE, _FOUR, _FIVE = (sum(127 << 7 * i for i in range(1, size)) for size in (2, 3, 4, 5))
_MAX_CODE: Final = 2**32 - 1
_MAX_AMOUNT: Final = 2**64 - 1
_MOST_ZEROS: Final = 9
_TENS: Final = tuple(10**zeros for zeros in range(_MOST_ZEROS + 1))
# The first vout whose varint, the key that the node's database sorts by, does not sort as the number does.
_UNSORTED: Final = 128 + 128**2


class Output(NamedTuple):
    """An unspent output: the txid as explorers show it, the scriptPubKey, the height that confirmed it."""

    txid: bytes
    vout: int
    script: bytes
    amount: int  # satoshis
    height: int
    coinbase: bool


class Dump:
    """A dump while it is read from `file`; `path` names it in errors.

    `block_hash` is the block that the set is of, as explorers show it; `stated` the number of outputs by the header,
    `outputs` those that were read. Raises `MalformedError` when the header is not of a dump, or not of the network
    with `magic`.
    """

    def __init__(self, path: Path, file: BinaryIO, *, magic: bytes, scripts: Collection[bytes]) -> None:
        self._path = path
        self._file = file
        self._wanted = frozenset(scripts)
        self._wanted_keys = frozenset(s[3:23] for s in scripts if s[:3] + s[23:] == b"\x76\xa9\x14\x88\xac")
        self._wanted_hashes = frozenset(s[2:22] for s in scripts if s[:2] + s[22:] == b"\xa9\x14\x87")
        self._found: list[bytes] = []
        self.outputs = 0

        self._buffer = b""
        self._offset = 0  # of the buffer in the file
        self._place = 0  # in the buffer, of what is read next
        self._end = 0  # of the file's bytes in the buffer
        # The outputs as they are hashed, and how many of them are of whole transactions.
        self._records: list[bytes] = []
        self._whole = 0
        # The transaction that is being read: its id, where in the buffer it begins, how many of its outputs are
        # still to come, the last one's vout, whether they are to be sorted.
        self._txid = b""
        self._begin = 0
        self._left = 0
        self._vout = -1
        self._sort = False

        head = file.read(_HEADER.size)
        if len(head) < _HEADER.size:
            raise self._malformed("header", len(head), "it ends before its header does")
        kind, version, network, block_hash, self.stated = _HEADER.unpack(head)
        if kind != _MAGIC:
            raise self._malformed("header", _MAGIC_AT, "it does not begin as such a file does")
        if version != _VERSION:
            raise self._malformed("header", _VERSION_AT, f"its format is version {version}, not {_VERSION}")
        if network != magic:
            raise self._malformed("network", _NETWORK_AT, f"it is of network {network.hex()}, not {magic.hex()}")
        self.block_hash: bytes = block_hash[::-1]
        self._offset = _HEADER.size

    def pieces(self) -> Iterator[list[bytes]]:
        """All outputs as the node hashes them and in that order, some thousands at a time.

        Raises `MalformedError` for what no node writes, in the end also for too few or too many outputs.
        """
        more = True
        while more:
            more = self._fill()
            try:
                self._read_until(self._end - _MARGIN if more else self._end)
            except BrokenError as broken:
                raise self._broken(broken) from None
            # A transaction that goes on is held back: its outputs may have to be sorted.
            whole, self._records = self._records[: self._whole], self._records[self._whole :]
            self.outputs += len(whole)
            yield whole
        # What is held back now belongs to a transaction that is not whole.
        if self.outputs + len(self._records) > self.stated:
            raise self._too_long()
        if self._left or self._place > self._end:
            raise self._truncated()
        if self.outputs < self.stated:
            text = f"its header announces {self.stated} outputs, and there are {self.outputs}"
            raise self._malformed("count", _COUNT_AT, text)

    def found(self) -> tuple[Output, ...]:
        """The outputs read so far that pay to one of the scripts, in the order of the file."""
        return tuple(_output(record) for record in self._found)

    def _fill(self) -> bool:
        """Put the next piece of the file behind what is left of the last; False when there is none."""
        piece = self._file.read(_PIECE)
        self._buffer = self._buffer[self._place :] + piece
        self._offset += self._place
        self._begin -= self._place
        self._place = 0
        self._end = len(self._buffer)
        if not piece:
            # Outputs are read without looking for the end each time; what would be read beyond it are zeros.
            self._buffer += bytes(_MARGIN)
        return bool(piece)

    def _read_until(self, limit: int) -> None:  # noqa: C901, PLR0912, PLR0915
        """Read the outputs that begin before `limit`.

        Long because it is one loop: calls for each of a hundred million outputs would take half as long again.
        """
        data, place = self._buffer, self._place
        txid, begin, left, last = self._txid, self._begin, self._left, self._vout
        records, first, sort = self._records, 0, self._sort
        add, keep = records.append, self._found.append
        wanted, wanted_keys, wanted_hashes = self._wanted, self._wanted_keys, self._wanted_hashes
        while place < limit:
            if left:
                vout, code, byte2, byte3 = _OUTPUT(data, place)
            else:
                before, begin, first, last = txid, place, len(records), -1
                txid, left, vout, code, byte2, byte3 = _TRANSACTION(data, place)
                if txid <= before:
                    raise BrokenError(place, "the transactions are not in the order of their ids")
                place += 33
                if not 0 < left < WIDE:
                    left, place = compact_size(data, begin + 32)
                    if not 0 < left <= MAX_OUTPUTS:
                        raise BrokenError(begin + 32, f"a transaction has {left} outputs")
                    vout, code, byte2, byte3 = _OUTPUT(data, place)
            left -= 1

            if vout >= WIDE:
                if vout == WIDE and byte2:
                    vout = byte2 << 8 | code
                    place += 2
                else:
                    vout, place = compact_size(data, place)
                    place -= 1
                _, code, byte2, byte3 = _OUTPUT(data, place)
            if not last < vout < _UNSORTED:
                if vout >= MAX_OUTPUTS or varint_bytes(vout) <= varint_bytes(last):
                    raise BrokenError(place, "the outputs of a transaction are not in their order")
                sort = True
            last = vout

            if code < MORE:
                place += 2
            elif byte2 < MORE:
                code = (code << 7) + byte2 - _TWO
                place += 3
            elif byte3 < MORE:
                code = (code << 14) + (byte2 << 7) + byte3 - _THREE
                place += 4
            else:
                code, place = varint(data, place + 1, _MAX_CODE)

            amount, byte2, byte3, byte4, byte5 = _AMOUNT(data, place)
            if amount < MORE:
                place += 1
            elif byte2 < MORE:
                amount = (amount << 7) + byte2 - _TWO
                place += 2
            elif byte3 < MORE:
                amount = (amount << 14) + (byte2 << 7) + byte3 - _THREE
                place += 3
            elif byte4 < MORE:
                amount = (amount << 21) + (byte2 << 14) + (byte3 << 7) + byte4 - _FOUR
                place += 4
            elif byte5 < MORE:
                amount = (amount << 28) + (byte2 << 21) + (byte3 << 14) + (byte4 << 7) + byte5 - _FIVE
                place += 5
            else:
                amount, place = varint(data, place, _MAX_AMOUNT)
            if amount:
                # DecompressAmount: how many zeros the number ends in, up to nine, and the digits before them.
                amount -= 1
                zeros = amount % 10
                amount //= 10
                amount = (amount + (0 if zeros == _MOST_ZEROS else amount // 9) + 1) * _TENS[zeros]
                if amount > MAX_SATOSHIS:
                    raise BrokenError(place, f"an output has {amount} satoshis, more than there can be")

            kind = data[place]
            if KINDS <= kind < MORE:
                end = place + 1 + kind - KINDS
                script = data[place + 1 : end]
                place = end
                record = _SCRIPTS[kind](txid, vout, code, amount, kind - KINDS, script)
                if script in wanted:
                    keep(record)
            elif kind == KEY_HASH:
                script = data[place + 1 : place + 21]
                place += 21
                record = _P2PKH(txid, vout, code, amount, b"\x19\x76\xa9\x14", script, b"\x88\xac")
                if script in wanted_keys:
                    keep(record)
            elif kind == SCRIPT_HASH:
                script = data[place + 1 : place + 21]
                place += 21
                record = _P2SH(txid, vout, code, amount, b"\x17\xa9\x14", script, b"\x87")
                if script in wanted_hashes:
                    keep(record)
            else:
                script, place = stored_script(data, place)
                record = _HEAD.pack(txid, vout, code, amount) + sized(script)
                if script in wanted:
                    keep(record)
            add(record)
            if sort and not left:
                records[first:] = sorted(records[first:], key=_vout)
                sort = False
        if left and place - begin > MAX_BLOCK_BYTES:
            raise BrokenError(place, "a transaction is larger than a block")
        self._place, self._txid, self._begin, self._left, self._vout = place, txid, begin, left, last
        self._whole, self._sort = first if left else len(records), sort

    def _broken(self, broken: BrokenError) -> MalformedError:
        if self.outputs + len(self._records) >= self.stated:
            return self._too_long()
        if broken.place > self._end:
            return self._truncated()
        return self._malformed("output", self._offset + broken.place, str(broken))

    def _too_long(self) -> MalformedError:
        return self._malformed("count", _COUNT_AT, f"it goes on after the {self.stated} outputs its header announces")

    def _truncated(self) -> MalformedError:
        return self._malformed("truncated", self._offset + self._end, "it ends in the middle of a transaction")

    def _malformed(self, code: str, offset: int, text: str) -> MalformedError:
        return MalformedError(
            f"utxo-set/{code}",
            f"{self._path} is not a whole dump of unspent outputs: {text} (byte {offset})",
            hint="have a node write it again with `bitcoin-cli -rpcclienttimeout=0 dumptxoutset`",
        )


def _output(record: bytes) -> Output:
    txid, vout, code, amount = _HEAD.unpack_from(record)
    script = record[_HEAD.size + (1 if record[_HEAD.size] < WIDE else 3) :]
    return Output(txid[::-1], vout, script, amount, code >> 1, bool(code & 1))


def _vout(record: bytes) -> int:
    return _output(record).vout
