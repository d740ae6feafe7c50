"""What a node means by a JSON-RPC error: the codes and words of EVM clients and of the providers in front of them.

Neither is standardised (EIP-1474 is a draft that few follow), so both are compared with what real ones send.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

QUOTED_CHARS: Final = 300

Kind = Literal["too-large", "reverted", "out-of-gas", "busy", "timeout", "behind", "no-state", "starting", "refused"]
"""Why there is no result.

`too-large`: fewer calls at once may go through. `reverted`: the contract itself ended the call, which alone is the
contract's word. `out-of-gas`: the call took more gas than the node gives to it. `busy`: a limit of the node, which asks
to come back. `timeout`: the call took longer than the node gives to it. `behind`: the node, or one of several behind a
load balancer, does not have the block yet. `no-state`: it has the block and not, or no longer, its state. `starting`:
bitcoind loads or verifies its blocks. `refused`: anything else.
"""

HINTS: Final[Mapping[str, str]] = {
    "starting": "run again when the node has started",
    "busy": "run again later, or name a node in the config that gives more calls at once",
    "timeout": "run again later, or name another node in the config",
    "behind": "run again when the node has caught up with its chain, or name another node in the config",
    "null": "run again when the node has caught up with its chain, or name another node in the config",
    "no-state": "name a node in the config that keeps the state of that block (an archive node), "
    "or read sooner after the block",
}

PASSING: Final[Mapping[Kind, int]] = {"busy": 6, "behind": 6, "timeout": 3, "no-state": 3, "starting": 60}
"""What another try may better, and how many tries in a row it is worth."""


class Refusal(NamedTuple):
    """An error of a call: what it means, and how many seconds the node asks to wait."""

    kind: Kind
    wait: float = 0.0


# How nodes say that a batch, or the answer to it, is too large. Only the words tell: code -32005 is that to Besu and
# Nethermind and a rate limit to Infura, -32003 is that to geth and a rejected transaction elsewhere.
_TOO_LARGE: Final = re.compile(
    r"(?!.*\b(?:rate|revert)).*(?:"
    # geth: batch too large. reth: The batch request was too large. Erigon: batch limit 100 exceeded. Nethermind: Batch
    # size limit exceeded; MaxBatchResponseBodySize of 32768KB exceeded. dRPC: Batch of more than 3 requests are not
    # allowed on free plan. Hedera: Batch request amount 101 exceeds max 100.
    r"batch.*(?:too large|too big|limit|exceed|more than)"
    # Besu: Number of requests exceeds max batch size. Gnosis: Too many ["eth_getLogs"] methods in the batch.
    r"|(?:exceed|too many).*batch"
    # geth: response too large. reth: Response is too big. Alchemy: Response size is larger than 150MB limit.
    # Rootstock: Response size limit exceeded.
    r"|re(?:quest|sponse)\b.*(?:too large|too big|larger than|size.*exceed)"
    r")",
    re.IGNORECASE | re.DOTALL,
)
# At the beginning, or behind what a gateway puts before it: what follows may be the contract's own text, which can be
# anything.
_REVERTED: Final = re.compile(
    r"(?:[^:=]{0,60}[:=]\s*){0,4}(?:"
    # geth, Erigon, reth, anvil, zkSync: execution reverted. Besu: Execution reverted. Klaytn: evm: execution reverted.
    # Nethermind: execution reverted: revert. Hardhat: Transaction reverted without a reason string. Rootstock:
    # transaction reverted. Harmony, Hedera: execution reverted.
    r"(?:execution|transaction|call|contract call|contract)(?: was| has been)? ?revert"
    # Ganache, Hardhat, Moonbeam: VM Exception while processing transaction: revert.
    r"|vm exception while (?:processing|executing)[^:]*:\s*(?:revert|invalid opcode)"
    # Tron: REVERT opcode executed. Parity's data: Reverted 0x08c379a0…
    r"|revert(?:ed)?\b"
    # Parity, OpenEthereum and Nethermind tell the rest in `data`. Rootstock: VM execution error: transaction reverted.
    r"|vm execution error\.?(?:: *(?:transaction |execution )?revert.*)?$"
    # The EVM's other ends of a call (geth: core/vm/errors.go; Parity's data): old Solidity asserts by one of them.
    r"|invalid opcode|invalid ?jump ?destination|bad ?instruction|bad ?jump|stack ?underflow|out of stack|stack limit"
    # Hedera: CONTRACT_REVERT_EXECUTED. Lotus: message execution failed (… vm error=[contract reverted …
    r"|contract_revert_executed|execution failed.{0,200}contract reverted"
    r")",
    re.IGNORECASE | re.DOTALL,
)
_OUT_OF_GAS: Final = re.compile(r"out of ?gas|gas uint64 overflow|gas required exceeds|intrinsic gas", re.IGNORECASE)
# Infura: daily request count exceeded, request rate limited; project ID request rate exceeded. Alchemy: Your app has
# exceeded its compute units per second capacity; exceeded its monthly capacity limit; exceeded its throughput limit.
# QuickNode: 15/second request limit reached; credits limited to 6000/sec; rps limit reached. Ankr, Chainstack: RPS
# limit; Too many requests. dRPC: You reached Free tier limit; Request timeout on the free tier. PublicNode: quota.
_BUSY: Final = re.compile(
    r"\brate.{0,12}(?:limit|exceed)|too many (?:requests|connections|concurrent)|request (?:limit|count)|per[- ]second"
    r"|\d ?/ ?s(?:ec(?:ond)?)?\b|\brps\b|capacity|throttl|credits? limit|compute units|throughput|quota"
    r"|(?:free tier|usage|daily|monthly) limit|overload|(?:server|node|upstream|rpc) (?:is )?busy|temporar(?:y|ily)"
    r"|service unavailable|bad gateway|gateway time|no (?:available|healthy) (?:upstream|server|node)",
    re.IGNORECASE,
)
_PERHAPS_BUSY: Final = re.compile(r"limit (?:reached|exceeded)|try again|retry (?:later|after|in)", re.IGNORECASE)
_BUSY_CODES: Final = frozenset((429, -32005, -32016, -32029, -32090, -32097, -32429, -33000, -33200, -33300, -33400))
# What providers refuse under the same codes, and refuse again: too wide a search for logs, batches at all, a method of
# a dearer plan.
_FOR_GOOD: Final = re.compile(
    r"range|returned more than|\bresults?\b|\blogs?\b|batch(?:ed)? .*(?:not|un)"
    r"|not (?:supported|allowed|available|found)|unauthori[sz]ed|authenticat|forbidden|api key|your plan",
    re.IGNORECASE,
)
# The name of a method may have a block or a header in it, and is no word about one.
_NO_METHOD: Final = re.compile(
    r"\bmethod\b.{0,100}\b(?:not (?:exist|found|available|supported|allowed|enabled|whitelisted)|unsupported|disabled)"
    r"|(?:unknown|unsupported|no such) method",
    re.IGNORECASE,
)
# geth: request timed out. Erigon: execution aborted (timeout = 5s). Besu: Timeout expired. Nethermind: timeout.
_TIMEOUT: Final = re.compile(r"time(?:d)? ?-?out|context deadline exceeded|context canceled", re.IGNORECASE)
# geth: missing trie node 1f… (path ); required historical state unavailable (reexec=128); historical state … is not
# available. Nethermind: No state available for block …. Besu: World state unavailable. reth: state at block #1 is
# pruned; distance to target block exceeds maximum proof window. Erigon: old data not available due to pruning;
# requested block is too old; proofs are available only for the 'latest' block. Parity: your node is running with state
# pruning. execution-apis: Pruned history unavailable. Monad: querying historical state that is not available.
_NO_STATE: Final = re.compile(
    r"missing trie node|(?:historical|world|old|requested)\b.{0,60}(?:unavailable|not available)"
    r"|no state available|state\b.{0,120}(?:is )?(?:not available|unavailable|missing|not found)|missing state"
    r"|\bprun(?:ed|ing)\b|exceeds maximum proof window|proofs? (?:are|is) (?:available )?only|block is too old"
    r"|archiv(?:e|al)\b|first available state|snapshot .{0,60}not (?:found|available)",
    re.IGNORECASE,
)
# geth: header not found; header for hash not found; hash is not currently canonical; finalized block not found. reth:
# block not found: …. Erigon: block … not found. Nethermind: … could not be found; head block not found. Besu: Block not
# found; Unknown block. Avalanche: cannot query unfinalized data; … after last accepted block. anvil:
# BlockOutOfRangeError: block height is 8 but requested was 9. Parity: Latest block could not be determined.
_BEHIND: Final = re.compile(
    r"header.{0,80}not found|unknown (?:block|header|ancestor)"
    r"|block.{0,120}(?:not found|unknown|not exist|not available)"
    r"|could not (?:be found|find block|be determined)|(?:not|non)[- ]?(?:currently )?canonical|resource not found"
    r"|unfinali[sz]ed|after last accepted|(?:block|height)\b.{0,40}out ?of ?range|BlockOutOfRange"
    r"|(?:not|isn't) (?:yet )?(?:fully )?sync(?:ed|hronized)|\bsyncing\b|sync(?:ing)? (?:is )?in progress"
    r"|beyond current head|block number is in the future|node is behind|still (?:starting|loading|initiali[sz]ing)",
    re.IGNORECASE,
)
_IN_WARMUP_CODE: Final = -28  # bitcoind
_REVERT_CODE: Final = 3  # geth
_VM_ERROR_CODE: Final = -32015  # Parity
_UNKNOWN_BLOCK_CODE: Final = -39001  # execution-apis
_PRUNED_CODE: Final = 4444  # execution-apis


def refusal(method: str, error: Any) -> Refusal:
    """What the JSON-RPC `error` of a call of `method` means; of an EVM method also blocks, states and contracts."""
    code, message, data = _parts(error)
    if _TOO_LARGE.match(message):
        return Refusal("too-large")
    evm = method.startswith("eth_")
    # The contract's own words come first: they may be those of any other kind.
    if evm and _is_revert(code, message, data):
        return Refusal("reverted")
    text = f"{message} {data}" if code == _VM_ERROR_CODE else message
    return Refusal(_kind(code, text, evm=evm), _wait(error))


def _kind(code: object, text: str, *, evm: bool) -> Kind:
    if code == _IN_WARMUP_CODE or _NO_METHOD.search(text):
        return "starting" if code == _IN_WARMUP_CODE else "refused"
    if evm and (kind := _evm_kind(code, text)) is not None:
        return kind
    if _BUSY.search(text):
        return "busy"
    if _FOR_GOOD.search(text):
        return "refused"
    if code in _BUSY_CODES or _PERHAPS_BUSY.search(text):
        return "busy"
    return "timeout" if evm and _TIMEOUT.search(text) else "refused"


def _evm_kind(code: object, text: str) -> Kind | None:
    if _OUT_OF_GAS.search(text):
        return "out-of-gas"
    if code == _PRUNED_CODE or _NO_STATE.search(text):
        return "no-state"
    return "behind" if code == _UNKNOWN_BLOCK_CODE or _BEHIND.search(text) else None


def _is_revert(code: object, message: str, data: str) -> bool:
    if _REVERTED.match(message.strip()):
        # Parity and Nethermind say "VM execution error." of whatever ended a call, and in `data` what it was.
        vague = not data or not message.lower().startswith("vm execution error")
        return vague or _REVERTED.match(data) is not None
    if code == _VM_ERROR_CODE:
        return _REVERTED.match(data) is not None
    return code == _REVERT_CODE and (data.startswith("0x") or "revert" in message.lower())


def _parts(error: Any) -> tuple[object, str, str]:
    if not isinstance(error, dict):
        return None, str(error)[:QUOTED_CHARS], ""
    code = error.get("code")
    data = error.get("data")
    return (
        code if type(code) is int else None,
        str(error.get("message"))[:QUOTED_CHARS],
        data[:QUOTED_CHARS] if isinstance(data, str) else "",
    )


def _wait(error: Any) -> float:
    """The seconds in `data.rate.backoff_seconds`, as Infura has it; 0 when there are none."""
    found: Any = error
    for name in ("data", "rate", "backoff_seconds"):
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, bool) or not isinstance(found, int | Decimal | float):
        return 0.0
    return float(max(0, min(found, 10**9)))
