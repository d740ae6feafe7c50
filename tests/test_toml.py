"""TOML is bounded by its size, and by how much more memory it takes than it has bytes."""

from __future__ import annotations

import pytest

from attest.canonical import MAX_FIELDS
from attest.errors import MalformedError
from attest.exchange.config import MAX_CONFIG_BYTES
from attest.toml import loads_toml

MANY = 40_000
WALLET = """[[wallets]]
id = "cold-{0}"
chain = "eip155:1"
address = "0x{0:040x}"
purpose = "customer"
storage = "cold"
assets = ["ETH", "USDC"]

"""


@pytest.mark.parametrize(
    "text",
    [
        "a = [" + "0," * MANY + "]",
        "a = [" + '"",' * MANY + "]",
        "a = [" + "[]," * MANY + "]",
        "a = [" + "{}," * MANY + "]",
        "[[a]]\n" * MANY,
        "".join(f"[a{i}]\n" for i in range(MANY)),
        "".join(f"a{i}.b.c = 0\n" for i in range(MANY)),
        "#\n" * 2 * MANY,
        "a = " + "9" * MANY,
        "a = 0." + "9" * MANY,
        "a = 0x" + "9_" * MANY + "9",
    ],
    ids=lambda text: text[:12],
)
def test_what_takes_far_more_memory_than_bytes_is_not_parsed(text: str) -> None:
    with pytest.raises(MalformedError, match=r"in so few bytes|thousands of digits") as caught:
        loads_toml(text.encode(), what="it", max_bytes=1 << 30, area="config")
    assert caught.value.code == "config/toml"


def test_a_table_has_as_many_fields_as_an_object_of_json() -> None:
    text = "".join(f"field{number:08} = 0\n" for number in range(MAX_FIELDS + 1))
    with pytest.raises(MalformedError, match=r"a table has more than 16,384 fields"):
        loads_toml(text.encode(), what="it", max_bytes=1 << 30, area="config")


def test_a_register_of_many_wallets_is_read() -> None:
    count = 5_000
    text = "".join(WALLET.format(number) for number in range(count))
    assert len(loads_toml(text.encode(), what="it", max_bytes=1 << 30, area="config")["wallets"]) == count
    assert len(text) / count * 100_000 < MAX_CONFIG_BYTES


def test_a_config_beyond_its_limit_is_not_parsed() -> None:
    with pytest.raises(MalformedError, match=r"it has more than 25,165,824 bytes"):
        loads_toml(b" " * (MAX_CONFIG_BYTES + 1), what="it", max_bytes=MAX_CONFIG_BYTES, area="config")
