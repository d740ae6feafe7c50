"""The tables of an exchange's config, but for its chains, wallets and assets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, PrivateAttr, field_validator

from attest.amounts import parse_decimal
from attest.attestation.arithmetic import MAX_VALIDITY
from attest.chains.namespaces import ChainId
from attest.control.sample import MAX_DRAWS
from attest.documents import AssetName, Count, Settings, Text, Time
from attest.errors import MalformedError
from attest.liabilities.splitting import MAX_PARTS, Splitting
from attest.periods import period_end
from attest.policy.inputs import CoverForm
from attest.purposes import Purpose


class Money(Settings):
    """Fiat money at a bank or trustee: the amount as its `document` certifies it, in units of the currency."""

    currency: AssetName
    purpose: Literal["customer", "compensation"]
    amount: Text
    institution: Text
    document: Text
    public: bool = True


class HeldCoins(Settings):
    """Coins of which only a custodian or bank says, in its `document`, that it holds them: they count nowhere.

    `amount` is in units of the asset; `chain` is there when the document names one.
    """

    asset: AssetName
    chain: ChainId | None = None
    purpose: Purpose
    custodian: Text
    amount: Text
    document: Text
    public: bool = True


class CoverContract(Settings):
    """A contract of insurance or guarantee, or a deposit on trust that is not in `money`.

    `limit` is in units of `currency`. `conditions` are those of `attest.policy.inputs.Conditions`; what is absent is
    not known, and fulfils nothing.
    """

    form: CoverForm
    currency: AssetName
    limit: Text
    institution: Text
    document: Text
    conditions: dict[str, Any] = Field(default_factory=dict)
    public: bool = True


class Policies(Settings):
    """Which policies are evaluated: rule sets that come with attest, and TOML files. `prices` is a CSV file."""

    evaluate: Annotated[tuple[Text, ...], Field(max_length=100)] = ()
    prices: Text | None = None


class DeclarationForm(Settings):
    """A form in which management declares what nobody else can say, signed by `signatory`.

    `amount` is in units of `unit`; an encumbrance or borrowing without an amount says that there is none.
    """

    kind: Literal["encumbrance", "borrowing", "volume", "financial", "posture", "activity", "licence"]
    name: Text
    unit: AssetName | None = None
    amount: Text | None = None
    since: Time | None = None
    until: Time | None = None
    signatory: Text
    document: Text
    public: bool = True


class Ledger(Settings):
    """Where the ledger is; it holds the balances at the end of the period in `time_zone`.

    `source` is a file, a glob of files, or a database's URL with a `query`. `${NAME}` in it stands for an
    environment variable, `{period}` for the period. With `sum_rows`, several rows of one account and asset
    are added up instead of being an error. `patience` is how many seconds a database may take before its first row,
    and from one to the next.
    """

    source: Text
    query: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None  # of several lines, if need be
    time_zone: Text
    sum_rows: bool = False
    patience: Annotated[int, Field(ge=1, le=86_400)] = 600
    _show_names: bool = PrivateAttr(default=False)

    @property
    def show_names(self) -> bool:
        """Whether errors may show what stands in the ledger, names of customers too; no config says so."""
        return self._show_names

    def showing_names(self) -> Ledger:
        """The ledger with errors that show what stands in it."""
        shown = self.model_copy()
        shown._show_names = True  # noqa: SLF001  (its own)
        return shown

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is not a time zone like Asia/Tokyo") from None
        return name

    def period_end(self, period: str) -> datetime:
        """The first instant after `period` in the ledger's time zone, in UTC."""
        return period_end(period, ZoneInfo(self.time_zone))

    def ended(self, period: str, now: datetime) -> datetime:
        """The end of `period`, when that is not after `now`. Raises `MalformedError` for a month that has not ended."""
        if now < (end := self.period_end(period)):
            raise MalformedError("run/period", f"{period} has not ended yet in {self.time_zone}")
        return end


class Privacy(Settings):
    """What hides balances from neighbours in the tree, and the number of customers.

    A balance is split into `parts` parts, or into parts of at most `max_part` of its asset; `decoys` are leaves of
    nothing, so many an asset.
    """

    parts: Annotated[Count, Field(ge=1, le=MAX_PARTS)] = 1
    max_part: dict[AssetName, Text] = Field(default_factory=dict)
    decoys: dict[AssetName, Annotated[Count, Field(le=2**31)]] = Field(default_factory=dict)

    def splitting(self, decimals: Mapping[str, int]) -> dict[str, Splitting]:
        """How each asset is split. Raises `MalformedError` for a `max_part` that is no positive amount."""
        result = {asset: Splitting(parts=self.parts) for asset in decimals}
        for asset, text in self.max_part.items():
            try:
                bound = parse_decimal(text, decimals[asset])
            except MalformedError as error:
                raise MalformedError("config/max-part", f"privacy.max_part.{asset}: {error.message}") from None
            if bound <= 0:
                raise MalformedError("config/max-part", f"privacy.max_part.{asset} is not above zero")
            result[asset] = Splitting(max_part=bound)
        return result


class Publication(Settings):
    """Where the month's folders go, and for how many days a statement is the latest one."""

    folder: Text = "publication"
    private_folder: Text = "private"
    valid_days: Annotated[Count, Field(ge=1, le=MAX_VALIDITY.days)] = 45


class ControlSettings(Settings):
    """How many days before the snapshot a challenge of control may have been made: cold wallets sign ahead of time.

    With `sample`, a descriptor with more funded addresses than that signs for those that so many draws by the auditor's
    nonce fall on; see `attest control challenge --reserves`.
    """

    max_age_days: Annotated[Count, Field(ge=1, le=366)] = 31
    sample: Annotated[Count, Field(ge=1, le=MAX_DRAWS)] | None = None


class Custodian(Settings):
    """Who holds keys for the exchange, and the file of the public key by which it confirms that it does.

    `tier` is what rules on concentration call a custodian of its kind.
    """

    name: Text
    key: Text
    tier: Text | None = None


class Keys(Settings):
    """The exchange's private key: a PEM file, or the URI of a key on a token or at a service.

    `exchange_public` is the PEM file of its public key, which a service needs. `trust_root` is the file of the newest
    trust root, `2.root.json`; those before it lie beside it, from `1.root.json` on. `record` is the file in which every
    payload is written down before it is signed; without it, one beside the key file, by the name of the origin.
    """

    exchange: Text
    exchange_public: Text | None = None
    trust_root: Text | None = None
    record: Text | None = None
