"""Where a mapping's value lies, by an encoder of another library and by a value others published."""

from __future__ import annotations

from typing import get_args

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.ethereum import token_slot
from attest.chains.ethereum.proof import Layout, Token, balance_slot

HOLDER = "0x5B38Da6a701c568545dCfcB03FcB875f56beddC4"  # the first account of Remix, which tutorials use
CONTRACT = "0x" + "cc" * 20


def test_a_published_place_of_a_solidity_mapping_is_found() -> None:
    place = "58f8e73c330daffe64653449eb9a999c1162911d5129dd8193c7233d46ade2d5"
    assert balance_slot(Token(CONTRACT, 0), HOLDER).hex() == place


@pytest.mark.parametrize("layout", get_args(Layout))
@given(holder=st.binary(min_size=20, max_size=20), slot=st.integers(0, 2**256 - 1))
def test_the_hash_is_of_the_two_words_in_the_order_of_the_layout(layout: Layout, holder: bytes, slot: int) -> None:
    types, words = ("address", "uint256"), (holder, slot)
    order = {"solidity": slice(None), "vyper": slice(None, None, -1)}[layout]
    expected = keccak(encode(types[order], words[order]))
    assert balance_slot(Token(CONTRACT, slot, layout), "0x" + holder.hex()) == expected


def test_the_namespace_of_openzeppelin_is_what_erc_7201_makes_of_its_name() -> None:
    inner = int.from_bytes(keccak(text="openzeppelin.storage.ERC20")) - 1
    assert int.from_bytes(keccak(encode(["uint256"], [inner]))) & ~0xFF == token_slot._OPENZEPPELIN_5


def test_the_number_put_into_a_slot_cannot_be_foreseen_and_uses_all_of_96_bits() -> None:
    numbers = {int.from_bytes(token_slot._large()) for _ in range(50)}
    assert len(numbers) == 50
    assert all(number.bit_length() == 96 and number % 2 for number in numbers)
