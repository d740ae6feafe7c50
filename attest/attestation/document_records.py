"""The records of documents: what banks, custodians, insurers and management say (protocol.md, section 4)."""

from __future__ import annotations

from typing import Literal

from attest.chains.namespaces import ChainId
from attest.documents import Amount, AssetName, Count, Digest, Text, Time
from attest.evidence.record import Record
from attest.purposes import Purpose


class MoneyDocument(Record):
    """What a bank or trustee certified, with the SHA-256 of its document."""

    type: Literal["money"]
    currency: AssetName
    purpose: Literal["customer", "compensation"]
    amount: Amount
    institution: Text
    document: Text
    sha256: Digest

    @property
    def counts(self) -> tuple[bytes, str]:
        """What the document counts: two records that count the same are one, whatever their salts and purposes."""
        return (self.sha256, self.currency)

    @property
    def rests_on(self) -> str:
        """The document, and whose it is."""
        return f"{self.document} of {self.institution}"


class DeclaredBalance(Record):
    """What a custodian or bank certified that it holds of a coin, with the SHA-256 of its document: no reading."""

    type: Literal["declared-balance"]
    asset: AssetName
    chain: ChainId | None
    purpose: Purpose
    custodian: Text
    amount: Amount
    document: Text
    sha256: Digest

    @property
    def counts(self) -> tuple[bytes, str]:
        """What the document counts, by which `MoneyDocument.counts` is compared with it too."""
        return (self.sha256, self.asset)

    @property
    def rests_on(self) -> str:
        """The document, and whose it is."""
        return f"{self.document} of {self.custodian}, counted nowhere"


class CoverDocument(Record):
    """A contract of insurance or guarantee, with the SHA-256 of its document; its conditions are in the statement."""

    type: Literal["cover"]
    form: Text
    currency: AssetName
    limit: Amount
    institution: Text
    document: Text
    sha256: Digest

    @property
    def counts(self) -> tuple[bytes, str]:
        """What the contract counts, as of `MoneyDocument`: it is of one form, and no money."""
        return (self.sha256, self.currency)


class PriceList(Record):
    """Where the statement's prices, `count` of them, were taken from: a file, with its SHA-256."""

    type: Literal["prices"]
    document: Text
    sha256: Digest
    count: Count


class DeclarationRecord(Record):
    """What management declares, with the SHA-256 of the form that `signatory` signed; or what the readings add up to.

    The fields are those of the statement's declaration, which names this record's leaf.
    """

    type: Literal["declaration"]
    kind: Text
    name: Text
    unit: AssetName | None = None
    amount: Amount | None = None
    tier: Text | None = None
    since: Time | None = None
    until: Time | None = None
    signatory: Text | None = None
    document: Text | None = None
    sha256: Digest | None = None
