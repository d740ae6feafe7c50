"""`attest run --control` with folders of challenges into which nothing came back, or not all."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from attest.chains.bitcoin.header import header_hash
from attest.chains.bitcoin.scripts import address_of
from attest.chains.challenge import Challenge
from attest.demo import exchange as demo
from attest.errors import VerificationError
from attest.exchange.config import read_config
from attest.exchange.control.challenges import Challenges, Header, Item
from attest.exchange.control.evidence import read_control
from attest.exchange.surroundings import Surroundings
from tests.cli.conftest import PUBLIC
from tests.conftest import NOW
from tests.world.bitcoin_signing import p2wpkh, public
from tests.world.control import CHAIN, HEADER

HEIGHT = 140


def address(config: Path, wallet: str) -> str:
    """The address of one of the demo's wallets, or of a wallet that its config does not have."""
    value = tomllib.loads(config.read_text(encoding="utf-8"))
    found = {item["id"]: item.get("address") for item in value["wallets"]}
    return found.get(wallet) or address_of(CHAIN, p2wpkh(public(1)))


def header_of(time: int) -> bytes:
    return HEADER[:68] + time.to_bytes(4, "little") + HEADER[72:]


def challenged(
    config: Path, folder: Path, wallets: Sequence[str] = ("btc-hot",), *, header: bytes = HEADER, **fields: Any
) -> Path:
    """A folder as `attest control challenge` makes it, of wallets of a Bitcoin regtest chain."""
    items = [
        Item(
            name=f"{wallet}-0001",
            wallet=wallet,
            challenge=Challenge(
                **{
                    "entity": "exchange.example",
                    "period": demo.PERIOD,
                    "chain": CHAIN,
                    "address": address(config, wallet),
                    "height": HEIGHT,
                    "block_hash": header_hash(header),
                    "nonce": "-",
                    **fields,
                }
            ),
        )
        for wallet in wallets
    ]
    made = Challenges(
        format="attest/challenges/v1",
        blocks=(Header(chain=CHAIN, height=HEIGHT, header=header),),
        items=tuple(items),
    )
    (folder / "signatures").mkdir(parents=True)
    (folder / "challenges.json").write_bytes(made.to_bytes())
    return folder


def run(attest: Any, config: Path, *folders: Path) -> Any:
    options = [word for folder in folders for word in ("--control", folder)]
    return attest("run", config, "--period", demo.PERIOD, *options, "--json")


def refused(attest: Any, folder: Path, tmp_path: Path) -> None:
    """What came back is no signature, and is not kept."""
    (tmp_path / "btc-hot-0001.sig").write_text("not a signature")
    assert attest("control", "add", folder, tmp_path / "btc-hot-0001.sig").code in {1, 3}


@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize(
    ("wallets", "refusing"),
    [((("btc-hot",),), False), ((("btc-hot", "btc-guarantee"),), True), ((("gone",), ("btc-hot",)), False)],
    ids=["nothing was added", "all of it was refused", "two folders, one of a wallet that is gone"],
)
def test_a_month_whose_keys_were_asked_and_did_not_sign_is_adverse_for_everybody(
    wallets: Sequence[Sequence[str]],
    refusing: bool,  # noqa: FBT001
    attest: Any,
    config: Path,
    tmp_path: Path,
) -> None:
    folders = [challenged(config, tmp_path / f"control-{number}", some) for number, some in enumerate(wallets)]
    if refusing:
        refused(attest, folders[0], tmp_path)
    ran = run(attest, config, *folders)
    assert (ran.code, ran.document["status"]) == (5, "adverse")
    step = ran.document["steps"][13]
    assert step["status"] == "NOT MET"
    assert (
        f"keys were asked to sign challenges (block {HEIGHT} of {CHAIN}), and nothing came back: 0 of" in step["detail"]
    )
    assert len(ran.document["unsigned"]) == 7
    published = Path(ran.document["bundle"])
    key = config.parent / demo.PUBLIC_KEY_FILE
    verified = attest("verify", published, "--key", key, "--json")
    found = verified.document["steps"][13]
    assert (verified.code, found["status"]) == (5, "NOT MET")
    assert "keys were asked to sign challenges" in found["detail"]
    # The records that show that keys were asked are public.
    lines = (published.parent / PUBLIC).read_bytes().splitlines()
    assert [json.loads(line)["record"]["type"] for line in lines].count("control-block") == len(folders)
    (published.parent / PUBLIC).unlink()
    bare = attest("verify", published, "--key", key, "--json")
    assert bare.document["steps"][13]["status"] == "NOT CHECKED"


@pytest.mark.usefixtures("nodes")
def test_a_month_whose_keys_were_not_asked_is_not_adverse(attest: Any, config: Path) -> None:
    ran = run(attest, config)
    assert (ran.code, ran.document["steps"][13]["status"], ran.document["unsigned"]) == (0, "NOT CHECKED", [])


def told(config: Path, *folders: Path) -> list[str]:
    """What is told of challenges before anything is read of a chain."""
    said: list[str] = []
    read_control(read_config(config), demo.PERIOD, folders, Surroundings(config.parent, NOW, {}, said.append))
    return said


def test_what_did_not_come_back_is_told_before_the_chains_are_read(config: Path, tmp_path: Path) -> None:
    one = challenged(config, tmp_path / "one")
    two = challenged(config, tmp_path / "two", ("btc-hot", "btc-guarantee", "gone"))
    (said,) = told(config, one)
    assert said == (
        "none of the 1 addresses that were asked signed, of the wallets btc-hot: the statement will say so, and "
        "step 13 will be NOT MET; add what came back first, with attest control add"
    )
    both = told(config, one, two)
    assert both[0] == "the config no longer has the wallets gone, for whose addresses there are challenges"
    assert both[1].startswith("none of the 2 addresses that were asked signed, of the wallets btc-guarantee, btc-hot: ")
    assert told(config, challenged(config, tmp_path / "three", ("gone",))) == both[:1]


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({"period": "2026-09"}, "control/challenge", "has challenges for the period 2026-09, not for 2026-10"),
        ({"entity": "other.example"}, "control/challenge", "has challenges for the entity other.example, not for"),
        ({"height": HEIGHT + 1}, "control/block", "btc-hot-0001 names the block 141 of"),
    ],
    ids=["another month", "another exchange", "a block that nothing shows"],
)
def test_a_folder_that_could_not_serve_is_refused_though_nothing_came_back(
    fields: dict[str, Any], code: str, said: str, config: Path, tmp_path: Path
) -> None:
    folders = challenged(config, tmp_path / "good"), challenged(config, tmp_path / "bad", **fields)
    with pytest.raises(VerificationError, match=said) as caught:
        told(config, *folders)
    assert caught.value.code == code
    assert str(folders[1]) in caught.value.message


def test_challenges_of_a_block_that_is_too_old_are_refused_though_nothing_came_back(
    config: Path, tmp_path: Path
) -> None:
    folder = challenged(config, tmp_path / "old", header=header_of(1_788_000_000))
    with pytest.raises(VerificationError, match="over 31 days before the snapshot"):
        told(config, folder)
