"""Every type of record of the evidence, and those that a journal keeps (protocol.md, section 4)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from attest.chains.bitcoin.records import BitcoinDescriptor, BitcoinHeader, BitcoinUtxos, BitcoinUtxoSet
from attest.chains.ethereum.records import (
    EthereumBalance,
    EthereumHeader,
    EthereumSafe,
    EthereumTokenAnswer,
    EthereumTokenBalance,
    TrieNodes,
)
from attest.reserves.records import (
    ChallengeBlock,
    ContractControl,
    ControlProof,
    ControlSample,
    CoverDocument,
    CustodyConfirmation,
    DeclarationRecord,
    DeclaredBalance,
    MoneyDocument,
    NodeAgreement,
    OwnWallet,
    PriceList,
    Window,
)

AnyRead = Annotated[
    EthereumBalance | EthereumTokenBalance | EthereumTokenAnswer | EthereumSafe | BitcoinUtxos | BitcoinUtxoSet,
    Field(discriminator="type"),
]
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
