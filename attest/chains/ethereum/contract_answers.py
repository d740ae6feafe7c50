"""Control of an Ethereum address that is a contract: what it answers at the pinned block (EIP-1271), and what it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from attest.chains.challenge import ContractKind
from attest.chains.ethereum.answers import at_block, bytes_of, proof_of
from attest.chains.ethereum.messages import eip712_digest, recover_signer
from attest.chains.ethereum.proof import (
    Header,
    by_hash,
    checksum_address,
    decode_header,
    keccak,
    proven_code_hash,
    proven_storage_root,
    proven_word,
)
from attest.chains.ethereum.records import MAX_SAFE_NODES
from attest.chains.ethereum.safe.storage import (
    CORRUPT,
    FIRST_OWNER,
    FIXED_SLOTS,
    Safe,
    find_safe,
    owner_slot,
    safe_signers,
    safe_typed_data,
)
from attest.chains.nodes.answer_sizes import Call
from attest.chains.nodes.rpc import CallRevertedError, Node
from attest.chains.pins import Block
from attest.errors import AttestError, MalformedError, VerificationError

MAX_SIGNATURE_BYTES: Final = 32 * 1024
_DIGEST_BYTES: Final = 32
_WORD: Final = 32
_IS_VALID_SIGNATURE: Final = bytes.fromhex("1626ba7e")  # of isValidSignature(bytes32,bytes)
_VALID: Final = _IS_VALID_SIGNATURE.ljust(_WORD, b"\0")  # by chance or not, the selector is what it returns
_LEGACY: Final = bytes.fromhex("20c13b0b")  # of isValidSignature(bytes,bytes), an early draft of EIP-1271
_DELEGATION: Final = bytes.fromhex("ef0100")  # EIP-7702
_DELEGATION_BYTES: Final = 23


class ContractAnswer(NamedTuple):
    """A contract's word that a signature is valid, and what is known about the contract besides.

    `kind` says whose word it is: of a Safe (with `safe`, its owners and threshold); of a contract that is not known to
    be a Safe, whose answer is all there is; of the key of an address that runs other code by delegation (EIP-7702, of
    `delegate`), so that no contract was asked; or of that other code, which its key did not sign for.

    `signers` are those whose keys were recovered from the signature here: owners of a Safe, or the delegating address
    itself. `unchecked` are owners of a Safe for whom only the contract spoke. `code_hash` and `safe` follow from the
    block's state root by the trie nodes in `proof` (`proven_code_hash`, `proven_safe`).
    """

    kind: ContractKind
    code_hash: bytes
    proof: tuple[bytes, ...]
    signers: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    safe: Safe | None = None
    delegate: str | None = None

    @property
    def proven(self) -> bool:
        """Whether anyone can recheck it without a node: enough keys signed, whatever the contract says."""
        return len(self.signers) >= (self.safe.threshold if self.safe else 1)


def ask_contract(node: Node, block: Block, address: str, digest: bytes, signature: bytes) -> ContractAnswer:
    """What the contract at `address` says, at `block`, of a `signature` over the 32 bytes of `digest`.

    `digest` is `eip191_digest` of the challenge; the owners of a Safe sign `safe_typed_data` of it. That there is a
    contract, its code and a Safe's owners are proven against the block's state root. That the contract says yes is the
    node's word, but for a Safe the owners' signatures are checked here too.
    Raises `VerificationError` when the contract does not return the magic value of EIP-1271 or there is none, when too
    few owners of a Safe signed, and for an answer that is false; `MalformedError` for no signature, digest or address;
    `UnavailableError` when the node does not answer.
    """
    address = checksum_address(address)
    if len(digest) != _DIGEST_BYTES or not 0 < len(signature) <= MAX_SIGNATURE_BYTES:
        raise MalformedError(
            "control/signature",
            f"a contract is asked about {_DIGEST_BYTES} bytes and a signature of 1 to {MAX_SIGNATURE_BYTES:,}",
        )
    contract = _Contract(node, decode_header(block.header), address)
    code = contract.code()
    if not code:
        raise VerificationError(
            "control/plain-address",
            f"there is no contract at {address} in block {block.pin.height}: it is a plain address",
            hint="sign the challenge with its key (EIP-191 or EIP-712)",
        )
    if is_delegation(code):
        delegate = checksum_address("0x" + code[len(_DELEGATION) :].hex())
        own = _is_own(address, digest, signature)
        if not own:
            contract.require_valid(digest, signature)
        return ContractAnswer(
            "delegated-key" if own else "delegated-code",
            keccak(code),
            contract.proof,
            signers=(address,) if own else (),
            delegate=delegate,
        )
    safe = find_safe(contract.code_hash, contract.word, address)
    if safe is None:
        contract.require_valid(digest, signature)
        return ContractAnswer("contract", keccak(code), contract.proof)
    owners_digest = eip712_digest(safe_typed_data(block.pin.chain, address, digest))
    signers = safe_signers(safe.owners, safe.threshold, owners_digest, signature)
    contract.require_valid(digest, signature)
    return ContractAnswer("safe", keccak(code), contract.proof, signers.recovered, signers.unchecked, safe)


def prove_safes(node: Node, block: Block, addresses: Sequence[str]) -> dict[str, tuple[Safe, tuple[bytes, ...]] | None]:
    """The Safe at each of `addresses` in `block` and the trie nodes that show it (`proven_safe`).

    None where none is known to be, also where a list of owners is none. All are asked for together, as lists of owners
    are only known one owner after the other. Raises `VerificationError` for an answer that is false,
    `UnavailableError` when the node does not answer.
    """
    header = decode_header(block.header)
    waiting = {address: _Waiting(node, header, address) for address in addresses}
    wanted = {address: (address, (*FIXED_SLOTS, owner_slot(FIRST_OWNER))) for address in addresses}
    found: dict[str, tuple[Safe, tuple[bytes, ...]] | None] = dict.fromkeys(addresses)
    while wanted:
        answers = node.batch([waiting[address].question(*what) for address, what in wanted.items()])
        for (address, what), answer in zip(list(wanted.items()), answers, strict=True):
            del wanted[address]
            contract = waiting[address]
            contract.take(*what, answer)
            try:
                safe = find_safe(contract.code_hash, contract.word, address)
            except _MissingError as error:
                wanted[address] = error.account, error.slots
            except VerificationError as error:
                if error.code != CORRUPT:
                    raise
            else:
                found[address] = None if safe is None else (safe, contract.proof)
    return found


def is_delegation(code: bytes) -> bool:
    """Whether this is the code of an address with a key that runs the code of another (EIP-7702)."""
    return code.startswith(_DELEGATION) and len(code) == _DELEGATION_BYTES


class _Contract:
    """What a node says of one contract at one block, each word of its storage with the proof."""

    def __init__(self, node: Node, header: Header, address: str) -> None:
        self._node = node
        self._header = header
        self._address = address
        self._at = at_block(header.block_hash)
        self._nodes: dict[bytes, bytes] = {}
        self._asked: set[tuple[str, bytes | None]] = set()

    @property
    def proof(self) -> tuple[bytes, ...]:
        """The trie nodes of everything that was asked."""
        return tuple(self._nodes.values())

    def code(self) -> bytes:
        code = bytes_of(self._node, self._node.call("eth_getCode", self._address, self._at))
        self._fetch(self._address, FIXED_SLOTS)
        if keccak(code) != self.code_hash(self._address):
            raise self._lie("code", f"gave code of {self._address} that is not what its own proof shows")
        return code

    def code_hash(self, address: str) -> bytes:
        if (address, None) not in self._asked:
            self._fetch(address, ())
        with self._proving(address):
            return proven_code_hash(self._header.state_root, address, self._nodes)

    def word(self, slot: bytes) -> int:
        if (self._address, slot) not in self._asked:
            self._fetch(self._address, (slot,))
        with self._proving(self._address):
            root = proven_storage_root(self._header.state_root, self._address, self._nodes)
            return proven_word(root, slot, self._nodes)

    def require_valid(self, digest: bytes, signature: bytes) -> None:
        """Raise `VerificationError` unless isValidSignature returns its magic value and nothing else."""
        padded = signature + bytes(-len(signature) % _WORD)
        data = _IS_VALID_SIGNATURE + digest + (2 * _WORD).to_bytes(_WORD) + len(signature).to_bytes(_WORD) + padded
        try:
            answer = self._node.call("eth_call", {"to": self._address, "data": "0x" + data.hex()}, self._at)
        except CallRevertedError as error:
            raise self._refused(f"reverted ({error.message})") from None
        said = bytes_of(self._node, answer)
        if said == _VALID:
            return
        if not said:
            raise self._refused("answered nothing, as a contract without EIP-1271 does, or a Safe without its handler")
        if said.startswith(_LEGACY):
            raise self._refused("answered with the magic value 20c13b0b of a draft of EIP-1271, which is not accepted")
        raise self._refused(f"answered {said[:_WORD].hex()} ({len(said)} bytes) instead of 1626ba7e and zeros")

    def question(self, address: str, slots: Sequence[bytes]) -> Call:
        """What a node is asked for the proof of an account and its slots."""
        return "eth_getProof", [address, ["0x" + slot.hex() for slot in slots], self._at]

    def take(self, address: str, slots: Sequence[bytes], answer: Any) -> None:
        """Believe what the proofs in an answer show, and nothing else."""
        account, storage = proof_of(self._node, answer, len(slots))
        with self._proving(address):
            self._nodes |= by_hash(item for part in (account, *storage) for item in part)
        if len(self._nodes) > MAX_SAFE_NODES:
            raise self._lie("proof", f"gave more than {MAX_SAFE_NODES:,} trie nodes for the contract at {address}")
        self._asked |= {(address, None), *((address, slot) for slot in slots)}

    def _fetch(self, address: str, slots: Sequence[bytes]) -> None:
        method, arguments = self.question(address, slots)
        self.take(address, slots, self._node.call(method, *arguments))

    @contextmanager
    def _proving(self, address: str) -> Iterator[None]:
        """Name the node in an error about a proof."""
        try:
            yield
        except AttestError as error:
            raise self._lie("proof", f"gave no valid proof of the contract at {address}: {error}") from None

    def _refused(self, text: str) -> VerificationError:
        return VerificationError(
            "control/contract-refused",
            f"the contract at {self._address} does not take the signature: asked by node {self._node.name}, it {text}",
        )

    def _lie(self, code: str, text: str) -> VerificationError:
        return VerificationError(f"ethereum/{code}", f"node {self._node.name} {text}")


class _MissingError(Exception):
    """Something of a contract that is still to be asked for."""

    def __init__(self, account: str, slots: Sequence[bytes]) -> None:
        super().__init__()
        self.account = account
        self.slots = tuple(slots)


class _Waiting(_Contract):
    """A contract of which nothing is asked for by itself, so that many can be asked for together."""

    def _fetch(self, address: str, slots: Sequence[bytes]) -> None:
        raise _MissingError(address, slots)


def _is_own(address: str, digest: bytes, signature: bytes) -> bool:
    try:
        return recover_signer(digest, signature) == address
    except AttestError:
        return False
