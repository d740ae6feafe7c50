"""What a balance's control is, and how much of its value is shown in which way."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from operator import add
from types import MappingProxyType
from typing import Final, NamedTuple

from attest.chains.records import Place, Reading, places_of
from attest.control.sample import Sample, drawn_scripts
from attest.errors import VerificationError
from attest.evidence.record import Record
from attest.reserves.lines import Control


class Value(NamedTuple):
    """Amounts in base units.

    What lies at places whose keys signed, at others that a custodian confirmed, and what a sample of them stands for;
    `held` is all of them and the rest.
    """

    held: int = 0
    signed: int = 0
    confirmed: int = 0
    sampled: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """The places whose keys signed, those that a custodian confirmed, by its name, and the sample that was drawn."""

    signed: Collection[Place] = frozenset()
    confirmed: Mapping[Place, str] = field(default_factory=dict)
    sample: Sample | None = None

    def control_of(self, reading: Reading) -> Control:
        """`signature` when every place that must sign did, `custodian` when the wallet's custodian confirmed the rest.

        Every place that holds some of the balance must, or every one that the sample draws.
        """
        places = self.asked(reading)
        if places and all(place in self.signed for place in places):
            return "signature"
        if places and all(place in self.signed or self._is_confirmed(place, reading) for place in places):
            return "custodian"
        return "none"

    def asked(self, reading: Reading) -> set[Place]:
        """The places of a balance that must sign or be confirmed."""
        places = places_of(reading)
        if self.sample is None:
            return places
        amounts = {script: amount for (_, script), amount in reading.amounts().items() if isinstance(script, bytes)}
        if not amounts:
            return places
        return {(reading.chain, script) for script in drawn_scripts(amounts, reading.wallet, self.sample)}

    def value_of(self, reading: Reading) -> Value:
        """How much of the balance is shown in which way, each unit in one."""
        signed = confirmed = 0
        for place, amount in reading.amounts().items():
            if place in self.signed:
                signed += amount
            elif self._is_confirmed(place, reading):
                confirmed += amount
        whole = self.control_of(reading) != "none"
        return Value(reading.amount, signed, confirmed, reading.amount - signed - confirmed if whole else 0)

    def _is_confirmed(self, place: Place, reading: Reading) -> bool:
        return reading.custodian is not None and self.confirmed.get(place) == reading.custodian


NOBODY: Final = Shown()


def customers_values(records: Mapping[int, Record], shown: Shown) -> Mapping[str, Value]:
    """How much of the customers' coins is shown in which way, by asset."""
    values: dict[str, Value] = {}
    for record in records.values():
        if isinstance(record, Reading) and record.at_pin and record.purpose == "customer":
            before, value = values.get(record.asset, Value()), shown.value_of(record)
            values[record.asset] = Value(*map(add, before, value))
    return MappingProxyType(values)


def refuse_other_custodians(records: Mapping[int, Record], confirmed: Mapping[Place, str]) -> None:
    """Raises `VerificationError` when a custodian confirmed an address whose wallet names another, or none."""
    for record in records.values():
        if isinstance(record, Reading) and record.at_pin:
            for place in places_of(record) & confirmed.keys():
                if confirmed[place] != record.custodian:
                    raise VerificationError(
                        "control/custodian",
                        f"{confirmed[place]} confirmed an address of wallet {record.wallet}, whose custodian is "
                        f"{record.custodian or 'nobody'}",
                    )
