"""A chain as the config describes it: the table [[chains]], with its nodes, tokens, pin and window."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from attest.chains.namespaces import ChainId
from attest.chains.pins import Before, Confirmations, PinRule
from attest.chains.records import MAX_WINDOW, MAX_WINDOW_DRAWS
from attest.documents import AssetName, Count, Digest, Settings, Text, Time
from attest.errors import UnavailableError

MAX_GRACE: Final = 86_400
_PLACEHOLDER: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def expand(text: str, environment: Mapping[str, str], what: str) -> str:
    """`text` with environment variables for each `${NAME}`, so that no secret has to stand in the config.

    Raises `UnavailableError` naming the missing variable.
    """

    def fill(match: re.Match[str]) -> str:
        if (value := environment.get(match[1])) is None:
            raise UnavailableError(
                "config/environment",
                f"{what}: the environment variable {match[1]} is not set",
                hint=f"set it: ${{{match[1]}}} stands for it there",
            )
        return value

    return _PLACEHOLDER.sub(fill, text)


class NodeSettings(Settings):
    """A node; `${NAME}` in its url stands for an environment variable."""

    name: Text
    url: Text

    def expanded_url(self, environment: Mapping[str, str]) -> str:
        """The url with its placeholders filled in. Raises `UnavailableError`."""
        return expand(self.url, environment, f"node {self.name}")


class TokenSettings(Settings):
    """An ERC-20 contract that counts as `asset`.

    `balance_slot` and `balance_layout` say where its storage has the mapping of balances; without a slot it is looked
    for on the chain. `wrapped` must be said of a token that counts as the coin of another chain.
    """

    asset: AssetName
    contract: Text
    balance_slot: Count | Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{1,64}$")] | None = None
    balance_layout: Literal["solidity", "vyper"] = "solidity"
    wrapped: bool = False

    @property
    def slot(self) -> int | None:
        """The slot as a number below 2^256."""
        return int(self.balance_slot, 16) if isinstance(self.balance_slot, str) else self.balance_slot


class PinAt(Settings):
    """A block by one of: its height, its hash, its number of confirmations, a time that it is the last one before."""

    height: Count | None = None
    hash: Digest | None = None
    confirmations: Annotated[Count, Field(ge=1)] | None = None
    before: Time | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("a pin is one of height, hash, confirmations and before")
        return self

    @property
    def rule(self) -> PinRule:
        """The rule that was given."""
        if self.confirmations is not None:
            return Confirmations(self.confirmations)
        if self.before is not None:
            return Before(self.before)
        return self.hash if self.hash is not None else self.height or 0


class WindowSettings(Settings):
    """How many further blocks an auditor's nonce draws, and out of how many before and after the pin."""

    draws: Annotated[Count, Field(ge=1, le=MAX_WINDOW_DRAWS)]
    before: Annotated[Count, Field(le=MAX_WINDOW)]
    after: Annotated[Count, Field(le=MAX_WINDOW)]

    @model_validator(mode="after")
    def _has_so_many(self) -> Self:
        if self.draws > self.before + self.after:
            raise ValueError(f"a window of {self.before} and {self.after} blocks has no {self.draws} to be drawn")
        return self


class ChainSettings(Settings):
    """A chain to read, and the nodes of which `agree` must say the same (all of them, if it does not say).

    `grace` is for how many seconds in all another node may be late, after so many have said the same, before the
    reading goes on without it.
    `pin` chooses the block: `period-end` is the last one before the period ends. Without it an EVM chain is read at its
    last finalized block, and Bitcoin, which knows no finality, six blocks deep. `tokens_since` is the height of the
    first block whose transfers are looked through for tokens that are not listed. `utxo_set` is a folder into which the
    first Bitcoin node may dump its set of unspent outputs, under the same path as here. With a `window`, customers'
    wallets are also read at blocks around the pin that an auditor's nonce draws. `reason` says to everyone why the
    block lies more than 24 hours from the end of the period; without one such a block is not read.
    """

    id: ChainId
    native: AssetName
    pin: Literal["finalized", "latest", "period-end"] | PinAt | None = None
    tokens: tuple[TokenSettings, ...] = ()
    nodes: Annotated[tuple[NodeSettings, ...], Field(min_length=1, max_length=16)]
    agree: Annotated[Count, Field(ge=1)] | None = None
    grace: Annotated[Count, Field(ge=1, le=MAX_GRACE)] = 30
    tokens_since: Count | None = None
    utxo_set: Text | None = None
    window: WindowSettings | None = None
    reason: Text | None = None

    @property
    def needed(self) -> int:
        """How many nodes must say one thing."""
        return self.agree or len(self.nodes)

    @model_validator(mode="after")
    def _has_nodes_that_agree(self) -> Self:
        each_once(f"node of {self.id}", [node.name for node in self.nodes])
        if not len(self.nodes) < 2 * self.needed <= 2 * len(self.nodes):
            raise ValueError(f"chain {self.id}: agree must be more than half of its {len(self.nodes)} nodes")
        return self


def each_once(what: str, names: Sequence[str]) -> None:
    """Raises `ValueError` for the first of `names` that is there twice; `what` is what bears it."""
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"{what} {name} stands there twice")
