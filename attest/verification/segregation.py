"""Whether customers' coins are kept apart, cold and under control: a verdict each, and the records behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from attest.amounts import format_amount, ratio_percent
from attest.attestation.document_records import DeclarationRecord
from attest.attestation.statement import Predicate
from attest.chains.records import Reading
from attest.chains.wallets import Wallet
from attest.errors import VerificationError
from attest.evidence.record import Record
from attest.policy.inputs import Declaration
from attest.purposes import Purpose, Storage
from attest.reserves.lines import Control
from attest.reserves.records import OwnWallet
from attest.verification.control.recheck import Controlled

CheckVerdict = Literal["VERIFIED", "NOT CHECKED", "NOT MET"]
WalletControl = Literal[Control, "empty", "own"]
_BURDENS: Final = (
    ("encumbrance", "pledged coins", "pledged"),
    ("borrowing", "borrowed coins", "borrowed"),
)


class Check(NamedTuple):
    """One check of segregation, of an asset or of all.

    VERIFIED: the figure was recomputed from records that are available. NOT CHECKED: it is what the statement says.
    NOT MET: what is stated is short of what it should be.

    `records`: the indices of those that it was made from.
    """

    what: str
    asset: str
    verdict: CheckVerdict
    detail: str
    records: tuple[int, ...]


class WalletRow(NamedTuple):
    """What shows control of one wallet: nothing need be shown of one that is `empty`, or holds `own` coins."""

    wallet: str
    chain: str
    purpose: Purpose | Literal["own"]
    storage: Storage | None
    control: WalletControl
    records: tuple[int, ...]


class Segregation(NamedTuple):
    """One asset that is held on chains: where the customers' coins are kept, in base units, and what is beside them.

    `guarantee` are the exchange's own coins that match hot customer coins in kind and quantity.
    """

    asset: str
    decimals: int
    cold: int
    hot: int
    other: int
    guarantee: int

    @property
    def customer(self) -> int:
        """The customers' coins, wherever they are kept."""
        return self.cold + self.warm

    @property
    def warm(self) -> int:
        """The customers' coins that are not in cold storage."""
        return self.hot + self.other

    @property
    def matched(self) -> bool:
        """Whether guarantee coins match all customer coins that are not in cold storage."""
        return self.guarantee >= self.warm


def segregation(predicate: Predicate) -> tuple[Segregation, ...]:
    """Per asset with a line of reserves, in the order of the statement; money is not in it."""
    result = []
    for asset, decimals in ((item.asset, item.decimals) for item in predicate.assets):
        lines = [line for line in predicate.reserves if line.asset == asset]
        kept = {
            storage: sum(line.amount for line in lines if (line.purpose, line.storage) == ("customer", storage))
            for storage in ("cold", "hot", "other")
        }
        guarantee = sum(line.amount for line in lines if line.purpose == "guarantee")
        if lines:
            result.append(Segregation(asset, decimals, **kept, guarantee=guarantee))
    return tuple(result)


def segregation_checks(
    predicate: Predicate, records: Mapping[int, Record], rechecked: frozenset[tuple[str, ...]], *, complete: bool
) -> tuple[Check, ...]:
    """Every check of segregation, first those over all assets.

    `records` are those of the pins that are available, all of which hold; `rechecked` the statement's lines, without
    their control, that were recomputed from them; `complete` is whether no record of the evidence is withheld.
    """
    of = _Checks(predicate, records, rechecked, complete=complete)
    checks = [of.purposes(), of.own()]
    checks += [of.burden(*burden) for burden in _BURDENS]
    for item in segregation(predicate):
        checks += [of.cold(item), of.matched(item), *of.concentration(item)]
    return tuple(checks)


class _Checks:
    def __init__(
        self,
        predicate: Predicate,
        records: Mapping[int, Record],
        rechecked: frozenset[tuple[str, ...]],
        *,
        complete: bool,
    ) -> None:
        self._complete = complete
        self._predicate = predicate
        self._records = records
        self._rechecked = rechecked
        self._leaves = {
            record.leaf: index for index, record in records.items() if isinstance(record, DeclarationRecord)
        }
        self._readings = {index: record for index, record in records.items() if isinstance(record, Reading)}
        self._of_asset: dict[str, list[int]] = {}
        for index, reading in self._readings.items():
            self._of_asset.setdefault(reading.asset, []).append(index)

    def purposes(self) -> Check:
        """Whether no address serves two purposes, as far as readings are available; step 11 refuses any that do."""
        found = tuple(self._readings)
        stated = sum(line.wallets for line in self._predicate.reserves)
        customer = sum(reading.purpose == "customer" for reading in self._readings.values())
        detail = (
            f"no address holds both: {customer} balances of customers, {len(found) - customer} of guarantee and "
            f"compensation coins at hand, of {stated} in all"
            if found
            else f"none of the {stated} balances is available here"
        )
        return Check(
            "customers' wallets apart", "", "VERIFIED" if len(found) == stated else "NOT CHECKED", detail, found
        )

    def own(self) -> Check:
        """Whether no own wallet is among the readings, as far as own wallets are available; an auditor has all."""
        found = tuple(index for index, record in self._records.items() if isinstance(record, OwnWallet))
        detail = f"{len(found)} own wallets at hand, none of which is counted"
        if not self._complete:
            detail += "; who has all records sees whether there are others"
        return Check("own wallets apart", "", "VERIFIED" if self._complete else "NOT CHECKED", detail, found)

    def burden(self, kind: str, what: str, past: str) -> Check:
        """What nobody can see on a chain, as management declares it."""
        declared = [item for item in self._predicate.declarations if (item.kind, item.name) == (kind, "customer")]
        burdens = [item for item in declared if item.amount]
        if burdens:
            detail = "management declares: " + ", ".join(f"{self._amount(item)} {past}" for item in burdens)
        elif declared:
            detail = "management declares that there are none; no chain shows it"
        else:
            detail = "management declares nothing"
        return Check(what, "", "NOT MET" if burdens else "NOT CHECKED", detail, self._behind(declared))

    def cold(self, item: Segregation) -> Check:
        share = ratio_percent(item.cold, item.customer)
        detail = "nothing is held" if share is None else f"{share} of {format_amount(item.customer, item.decimals)}"
        return self._figure("in cold storage", item.asset, ("customer",), detail)

    def matched(self, item: Segregation) -> Check:
        guarantee = format_amount(item.guarantee, item.decimals)
        detail = f"{guarantee} for {format_amount(item.warm, item.decimals)} outside cold storage"
        check = self._figure("matched by guarantee coins", item.asset, ("customer", "guarantee"), detail)
        return check if item.matched else check._replace(verdict="NOT MET")

    def concentration(self, item: Segregation) -> Iterable[Check]:
        for declared in self._predicate.declarations:
            if declared.kind in {"largest-wallet", "custodian"} and declared.unit == item.asset:
                share = ratio_percent(declared.amount or 0, item.customer)
                what = "largest wallet" if declared.kind == "largest-wallet" else "kept by a custodian"
                check = self._figure(what, item.asset, ("customer",), f"{declared.name}: {share}")
                yield check._replace(records=(*self._behind([declared]), *check.records))

    def _figure(self, what: str, asset: str, purposes: Sequence[str], detail: str) -> Check:
        """A figure over the lines of an asset, which is verified when all of them were recomputed."""
        lines = [line for line in self._predicate.reserves if line.asset == asset and line.purpose in purposes]
        whole = all(line.without_control in self._rechecked for line in lines)
        found = tuple(index for index in self._of_asset.get(asset, ()) if self._readings[index].purpose in purposes)
        return Check(what, asset, "VERIFIED" if whole else "NOT CHECKED", detail, found)

    def _behind(self, declared: Iterable[Declaration]) -> tuple[int, ...]:
        return tuple(self._leaves[item.evidence_leaf] for item in declared if item.evidence_leaf in self._leaves)

    def _amount(self, item: Declaration) -> str:
        decimals = {asset.asset: asset.decimals for asset in self._predicate.assets}
        return f"{format_amount(item.amount or 0, decimals[item.unit or ''])} {item.unit}"


def controls_of(records: Mapping[int, Record], found: Controlled | None) -> Mapping[int, Control]:
    """The control of each reading among `records`, by its index; none where no proof of control was `found`."""
    if found is not None:
        return found.controls
    return {index: "none" for index, record in records.items() if isinstance(record, Reading)}


def wallet_rows(records: Mapping[int, Record], controls: Mapping[int, Control]) -> tuple[WalletRow, ...]:
    """One row a wallet that has a record; `controls` has the control of each reading, by its index.

    Raises `VerificationError` for a reading without one, and for a wallet that is described in two ways.
    """
    rows: dict[str, WalletRow] = {}
    for index, record in records.items():
        if isinstance(record, OwnWallet):
            row = WalletRow(record.wallet, record.chain, "own", None, "own", (index,))
        elif isinstance(record, Reading):
            if index not in controls:
                raise VerificationError("segregation/skipped", f"nothing says who controls record {index}")
            control: WalletControl = controls[index] if record.amount else "empty"
            row = WalletRow(record.wallet, record.chain, record.purpose, record.storage, control, (index,))
        else:
            continue
        other = rows.get(row.wallet)
        rows[row.wallet] = row if other is None else _merged(other, row)
    return tuple(rows[wallet] for wallet in sorted(rows))


def require_every_wallet(wallets: Iterable[Wallet], records: Mapping[int, Record], rows: Sequence[WalletRow]) -> None:
    """See that each wallet of the register has its row, and a reading of each asset that it lists.

    Raises `VerificationError` naming the wallet that was skipped, or that the register does not have.
    """
    listed = {(wallet.id, asset) for wallet in wallets if wallet.purpose != "own" for asset in wallet.assets}
    own = {wallet.id for wallet in wallets if wallet.purpose == "own"}
    read = {(record.wallet, record.asset) for record in records.values() if isinstance(record, Reading)}
    for wallet, asset in sorted(listed ^ read):
        said = "was not read" if (wallet, asset) in listed else "is not in the register"
        raise VerificationError("segregation/skipped", f"{asset} of wallet {wallet} {said}")
    for wallet in sorted(own ^ {row.wallet for row in rows if row.control == "own"}):
        said = "has no record" if wallet in own else "is not in the register"
        raise VerificationError("segregation/skipped", f"the own wallet {wallet} {said}")


def _merged(one: WalletRow, other: WalletRow) -> WalletRow:
    """The row of a wallet with several readings: an empty one says nothing, and the weakest control counts."""
    if one[1:4] != other[1:4]:
        raise VerificationError("segregation/wallet", f"wallet {one.wallet} is described in two ways")
    weakest = next(control for control in _WEAKEST_FIRST if control in {one.control, other.control})
    return one._replace(control=weakest, records=one.records + other.records)


_WEAKEST_FIRST: Final[tuple[WalletControl, ...]] = ("none", "custodian", "signature", "empty", "own")
