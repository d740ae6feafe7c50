"""Ethereum: every balance of a register at one pinned block, believed only with its proof."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from attest.documents import parse_hex
from attest.errors import AttestError, MalformedError, VerificationError
from attest.reserves.ethereum_proof import (
    Header,
    Token,
    balance_slot,
    checksum_address,
    decode_header,
    proven_balance,
    proven_token_balance,
)
from attest.reserves.evidence import EthereumBalance, EthereumHeader, EthereumTokenBalance, Reading, Record, new_salt
from attest.reserves.rpc import Call, Node
from attest.reserves.wallets import Pin, Wallet

_QUANTITY: Final = re.compile(r"0x(?:0|[1-9a-f][0-9a-f]{0,63})", re.ASCII)
# In the order of the header's RLP; what a fork appended later is absent from older blocks. The hash tells
# whether this list was right, so a fork that adds a field makes reading fail, never lie.
_HEADER: Final = (
    "parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom difficulty number gasLimit "
    "gasUsed timestamp extraData mixHash nonce baseFeePerGas withdrawalsRoot blobGasUsed excessBlobGas "
    "parentBeaconBlockRoot requestsHash"
).split()
_WORD_BYTES: Final = 32
_HASHES_ONLY: Final = False  # eth_getBlockByNumber's second parameter: no whole transactions
_INTEGERS: Final = frozenset(
    ("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas")
)
_ERC20: Final = [
    {"type": "function", "name": name, "inputs": inputs, "outputs": [{"type": output}], "stateMutability": "view"}
    for name, inputs, output in (
        ("balanceOf", [{"name": "account", "type": "address"}], "uint256"),
        ("decimals", [], "uint8"),
    )
]


@dataclass(frozen=True, slots=True)
class EthereumReader:
    """Reads one chain from one node. `native` is the asset of the chain's coin, `tokens` those of contracts."""

    node: Node
    chain: str
    native: str
    tokens: Mapping[str, Token]
    decimals: Mapping[str, int]

    def read(self, wallets: Sequence[Wallet], pin: str | int) -> tuple[Pin, list[Record]]:
        """Pin a block (`finalized`, `latest` or a height), then read every asset of every wallet there.

        Returns the pin, and the records: the block's header, then one per wallet and asset.
        Raises `UnavailableError` when the node does not answer everything, `VerificationError` when an
        answer contradicts the block's hash. Every reading that returns is proven against the hash that this
        node gave; that the block is on the chain, only another source can tell.
        """
        expected = int(self.chain.removeprefix("eip155:"))
        if (chain_id := self._quantity(self.node.call("eth_chainId"))) != expected:
            raise self._lie("chain", f"is on chain {chain_id}, not on {expected}")
        encoded, header = self._block(pin)
        self._check_decimals(header)
        places = [
            (wallet, checksum_address(wallet.address or ""), asset) for wallet in wallets for asset in wallet.assets
        ]
        _refuse_double_counting(places)
        answers = self.node.batch(
            [call for _, address, asset in places for call in self._calls(address, asset, header)]
        )
        readings = [
            self._reading(wallet, address, asset, header, balance, proof)
            for (wallet, address, asset), balance, proof in zip(places, answers[::2], answers[1::2], strict=True)
        ]
        if self._block(header.number)[1].block_hash != header.block_hash:
            raise self._lie("reorganised", "has replaced the pinned block; what was read is void")
        pinned = Pin(chain=self.chain, height=header.number, block_hash=header.block_hash, time=header.time)
        record = EthereumHeader(type="ethereum-header", salt=new_salt(), chain=self.chain, header=encoded)
        return pinned, [record, *readings]

    def _block(self, pin: str | int) -> tuple[bytes, Header]:
        import rlp  # type: ignore[import-untyped]

        block = self.node.call("eth_getBlockByNumber", hex(pin) if isinstance(pin, int) else pin, _HASHES_ONLY)
        if not isinstance(block, dict):
            raise self._lie("block", "answered with a block that is not an object")
        fields = [
            self._quantity(block[name]) if name in _INTEGERS else self._bytes(block[name])
            for name in _HEADER
            if block.get(name) is not None
        ]
        encoded = rlp.encode(fields)
        header = decode_header(encoded)
        if header.block_hash != self._bytes(block.get("hash")):
            raise self._lie("block", "answered with a block whose header does not hash to its hash")
        if isinstance(pin, int) and header.number != pin:
            raise self._lie("block", f"answered with block {header.number} instead of {pin}")
        return encoded, header

    def _calls(self, address: str, asset: str, header: Header) -> Iterator[Call]:
        at = _at(header)
        if asset == self.native:
            yield "eth_getBalance", [address, at]
            yield "eth_getProof", [address, [], at]
        else:
            token = self.tokens[asset]
            yield "eth_call", [{"to": token.contract, "data": _encode("balanceOf", address)}, at]
            yield "eth_getProof", [token.contract, ["0x" + balance_slot(token, address).hex()], at]

    def _reading(self, wallet: Wallet, address: str, asset: str, header: Header, answer: Any, proof: Any) -> Reading:
        try:
            account_proof = tuple(self._bytes(node) for node in proof["accountProof"])
            storage = [tuple(self._bytes(node) for node in item["proof"]) for item in proof["storageProof"]]
        except (KeyError, TypeError):
            raise self._lie("proof", "answered with something that is not an eth_getProof result") from None
        common: dict[str, Any] = {
            "salt": new_salt(),
            "chain": self.chain,
            "wallet": wallet.id,
            "purpose": wallet.purpose,
            "storage": wallet.storage,
            "asset": asset,
            "address": address,
            "account_proof": account_proof,
        }
        try:
            if asset == self.native:
                amount = proven_balance(header.state_root, address, account_proof)
                said = self._quantity(answer)
                reading: Reading = EthereumBalance(type="ethereum-balance", amount=amount, **common)
            else:
                token = self.tokens[asset]
                (storage_proof,) = storage
                amount = proven_token_balance(header.state_root, token, address, account_proof, storage_proof)
                said = self._word(answer)
                reading = EthereumTokenBalance(
                    type="ethereum-token-balance",
                    amount=amount,
                    contract=token.contract,
                    slot=token.slot,
                    storage_proof=storage_proof,
                    **common,
                )
        except (AttestError, ValueError) as error:
            raise self._lie("proof", f"gave no valid proof of {asset} at {address}: {error}") from None
        if said != amount:
            raise self._lie("balance", f"says {said} for {asset} at {address}, but its own proof shows {amount}")
        return reading

    def _check_decimals(self, header: Header) -> None:
        for asset, token in self.tokens.items():
            call = {"to": token.contract, "data": _encode("decimals")}
            said = self._word(self.node.call("eth_call", call, _at(header)))
            if said != (configured := self.decimals[asset]):
                raise MalformedError(
                    "config/decimals", f"{asset} has {configured} decimals in the config, its contract says {said}"
                )

    def _quantity(self, value: object) -> int:
        if not isinstance(value, str) or _QUANTITY.fullmatch(value) is None:
            raise self._lie("quantity", f"answered {str(value)[:40]!r} where a 0x quantity belongs")
        return int(value, 16)

    def _word(self, value: object) -> int:
        """A uint256 as a contract's function returns it."""
        data = self._bytes(value)
        if len(data) != _WORD_BYTES:
            raise self._lie("word", f"answered {len(data)} bytes where a contract's 32 belong")
        return int.from_bytes(data)

    def _bytes(self, value: object) -> bytes:
        if not isinstance(value, str) or not value.startswith("0x"):
            raise self._lie("bytes", f"answered {str(value)[:40]!r} where 0x bytes belong")
        try:
            return parse_hex(value[2:].lower())
        except MalformedError as error:
            raise self._lie("bytes", error.message) from None

    def _lie(self, code: str, text: str) -> VerificationError:
        return VerificationError(f"ethereum/{code}", f"node {self.node.name} {text}")


def _refuse_double_counting(places: Sequence[tuple[Wallet, str, str]]) -> None:
    owner: dict[tuple[str, str], Wallet] = {}
    for wallet, address, asset in places:
        if (other := owner.setdefault((address, asset), wallet)) is not wallet:
            raise MalformedError(
                "config/double-count", f"wallets {other.id} and {wallet.id} share {asset} at the address {address}"
            )


def _at(header: Header) -> dict[str, Any]:
    """The block as EIP-1898 has it: by hash, so that a reorganisation is an error instead of another balance."""
    return {"blockHash": "0x" + header.block_hash.hex(), "requireCanonical": True}


@cache
def _contract() -> Any:
    from web3 import Web3

    return Web3().eth.contract(abi=_ERC20)


def _encode(function: str, *arguments: str) -> str:
    """The call data of an ERC-20 function (EIP-20)."""
    return str(_contract().encode_abi(function, args=list(arguments)))
