"""Every type of record of the evidence, and those that a journal keeps (protocol.md, section 4).

These are the types of the families that come with attest. A family of another package has its own, each of which names
its chain, and by that its family.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from attest.attestation.document_records import (
    CoverDocument,
    DeclarationRecord,
    DeclaredBalance,
    MoneyDocument,
    PriceList,
)
from attest.chains.bitcoin.records import BitcoinDescriptor, BitcoinHeader, BitcoinUtxos, BitcoinUtxoSet
from attest.chains.ethereum.records import (
    EthereumBalance,
    EthereumHeader,
    EthereumSafe,
    EthereumTokenAnswer,
    EthereumTokenBalance,
    TrieNodes,
)
from attest.chains.records import NodeAgreement, Window
from attest.control.records import ChallengeBlock, ContractControl, ControlProof, ControlSample, CustodyConfirmation
from attest.reserves.records import OwnWallet

AnyRecord = Annotated[
    EthereumHeader
    | BitcoinHeader
    | NodeAgreement
    | TrieNodes
    | EthereumBalance
    | EthereumTokenBalance
    | EthereumTokenAnswer
    | EthereumSafe
    | BitcoinUtxos
    | BitcoinUtxoSet
    | Window
    | BitcoinDescriptor
    | OwnWallet
    | ChallengeBlock
    | ControlProof
    | ContractControl
    | CustodyConfirmation
    | ControlSample
    | MoneyDocument
    | DeclaredBalance
    | CoverDocument
    | PriceList
    | DeclarationRecord,
    Field(discriminator="type"),
]
