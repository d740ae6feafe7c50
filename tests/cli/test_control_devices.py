"""`attest control add` on what wallets and devices bring back for Bitcoin addresses."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from btclib_wallet.psbt import Psbt

from attest.chains.bitcoin.messages.psbt import psbt_to_sign
from attest.chains.bitcoin.scripts import descriptor_scripts
from attest.chains.challenge import Challenge
from attest.exchange.control.returned import Challenges, Item
from tests.world.bip137 import bip137
from tests.world.bitcoin_signing import address_of, p2pkh, p2wpkh, public
from tests.world.psbt import described, signed
from tests.world.signing_device import Device

BITCOIN = "bip122:000000000019d6689c085ae165831e93"
KEY = 0x1111
DEVICE = Device(seed=9)
PATH = "84h/0h/0h/0/5"
TOLD = f"wpkh([{DEVICE.fingerprint}/{PATH}]{DEVICE.public(PATH)})"
PAIR = described("wsh(sortedmulti(2,{0}/0/*,{1}/0/*,{2}/0/*))").replace("*", "7")


def item(name: str, address: str) -> Item:
    challenge = Challenge(
        entity="exchange.example",
        period="2026-10",
        chain=BITCOIN,
        address=address,
        height=900_000,
        block_hash=bytes(32),
        nonce="-",
    )
    return Item(name=f"{name}-0001", wallet=name, challenge=challenge)


def of_descriptor(descriptor: str) -> str:
    return address_of(descriptor_scripts(descriptor, (0, 0), BITCOIN)[0], BITCOIN)


ITEMS = {
    "old": item("old", address_of(p2pkh(public(KEY)), BITCOIN)),
    "segwit": item("segwit", address_of(p2wpkh(public(KEY)), BITCOIN)),
    "device": item("device", of_descriptor(TOLD)),
    "pair": item("pair", of_descriptor(PAIR)),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "challenges"
    (made / "signatures").mkdir(parents=True)
    challenges = Challenges(format="attest/challenges/v1", blocks=(), items=tuple(ITEMS.values()))
    (made / "challenges.json").write_bytes(challenges.to_bytes())
    (made / "device-0001.psbt").write_text(asked("device", TOLD))
    (made / "pair-0001.psbt").write_text(asked("pair", PAIR))
    return made


def asked(name: str, descriptor: str | None = None) -> str:
    challenge = ITEMS[name].challenge
    return psbt_to_sign(BITCOIN, challenge.address, challenge.text, descriptor=descriptor)


def armoured(name: str, signature: str, **other: str) -> str:
    """The file of a Coldcard."""
    challenge = ITEMS[name].challenge
    text, address = other.get("text", challenge.text), other.get("address", challenge.address)
    return (
        f"-----BEGIN BITCOIN SIGNED MESSAGE-----\n{text}\n-----BEGIN BITCOIN SIGNATURE-----\n{address}\n{signature}\n"
        "-----END BITCOIN SIGNATURE-----\n"
    )


def test_the_file_of_a_coldcard_is_taken_for_an_old_address(attest: Any, folder: Path, tmp_path: Path) -> None:
    signature = bip137(KEY, ITEMS["old"].challenge.text)
    (tmp_path / "old-0001.sig").write_text(armoured("old", signature))
    ran = attest("control", "add", folder, tmp_path / "old-0001.sig")
    assert (ran.code, "VERIFIED, bip137" in ran.out) == (0, True)
    assert (folder / "signatures" / "old-0001.sig").read_text() == signature


def test_that_of_a_segwit_address_is_refused_with_what_the_device_can_sign(
    attest: Any, folder: Path, tmp_path: Path
) -> None:
    for header in (31, 35, 39):
        signature = bip137(KEY, ITEMS["segwit"].challenge.text, header=header)
        (tmp_path / "segwit-0001.sig").write_text(armoured("segwit", signature))
        ran = attest("control", "add", folder, tmp_path / "segwit-0001.sig")
        assert (ran.code, "have the device sign the .psbt file" in ran.err) == (1, True)


def test_a_file_of_last_month_or_of_another_address_says_so(attest: Any, folder: Path, tmp_path: Path) -> None:
    last = ITEMS["old"].challenge.text.replace("2026-10", "2026-09")
    for other, said in (
        ({"text": last}, "its line 3 is 'period: 2026-09', and that of the challenge is 'period: 2026-10'"),
        ({"address": ITEMS["segwit"].challenge.address}, "and the challenge is for 1"),
    ):
        (tmp_path / "old-0001.sig").write_text(armoured("old", bip137(KEY, last), **other))
        ran = attest("control", "add", folder, tmp_path / "old-0001.sig")
        assert (ran.code, said in ran.err) == (1, True)


def dropped(psbt: str) -> str:
    parsed = Psbt.b64decode(psbt)
    (given,) = parsed.inputs
    given.non_witness_utxo = given.witness_utxo = parsed.signed_message = None
    given.hd_key_paths = {}
    return parsed.b64encode()


FILES: dict[str, Callable[[str], tuple[str, bytes]]] = {
    "base64": lambda psbt: ("device-0001.psbt", psbt.encode()),
    "base64 in lines, of Windows": lambda psbt: (
        "device-0001.signed.psbt",
        base64.encodebytes(base64.b64decode(psbt)).replace(b"\n", b"\r\n"),
    ),
    "binary": lambda psbt: ("device-0001-part.psbt".replace("-part", ".part"), base64.b64decode(psbt)),
    "hex": lambda psbt: ("device-0001.psbt", base64.b64decode(psbt).hex().encode()),
    "hex in capitals": lambda psbt: ("device-0001.psbt", base64.b64decode(psbt).hex().upper().encode()),
    "under the name of a signature": lambda psbt: ("device-0001.sig", psbt.encode()),
    "of version 2": lambda psbt: ("device-0001.psbt", Psbt.b64decode(psbt).to_v2().b64encode().encode()),
    "without what it was told": lambda psbt: ("device-0001.psbt", dropped(psbt).encode()),
}


@pytest.mark.parametrize("case", FILES)
def test_what_a_device_makes_of_the_psbt_is_taken(case: str, attest: Any, folder: Path, tmp_path: Path) -> None:
    name, data = FILES[case](DEVICE.sign((folder / "device-0001.psbt").read_text()))
    (tmp_path / name).write_bytes(data)
    ran = attest("control", "add", folder, tmp_path / name)
    assert (ran.code, "VERIFIED, bip322-simple" in ran.out) == (0, True)
    assert (folder / "signatures" / "device-0001.sig").read_text().startswith("smp")


def test_the_psbt_is_taken_where_the_folder_does_not_have_it(attest: Any, folder: Path, tmp_path: Path) -> None:
    returned = DEVICE.sign((folder / "device-0001.psbt").read_text())
    (folder / "device-0001.psbt").unlink()
    (tmp_path / "device-0001.psbt").write_text(dropped(returned))
    assert attest("control", "add", folder, tmp_path / "device-0001.psbt").code == 0


def test_signers_of_one_wallet_may_each_leave_out_what_they_were_told(
    attest: Any, folder: Path, tmp_path: Path
) -> None:
    paths = [tmp_path / f"pair-0001.{seed}.psbt" for seed in (1, 2)]
    for seed, path in enumerate(paths, start=1):
        path.write_text(dropped(signed((folder / "pair-0001.psbt").read_text(), seed)))
    ran = attest("control", "add", folder, paths[0])
    assert (ran.code, "1 of 2 signatures are there" in ran.err) == (1, True)
    assert attest("control", "add", folder, *paths).code == 0


NOT_OF_IT = {
    "unsigned": (lambda: asked("device", TOLD), "signatures are missing or wrong"),
    "of another challenge": (lambda: asked("segwit"), "of another text or address than the challenge"),
    "no PSBT": (lambda: base64.b64encode(b"psbt\xff" + bytes(9)).decode(), "this is not a PSBT"),
}


@pytest.mark.parametrize("case", NOT_OF_IT)
def test_a_psbt_that_is_none_of_the_challenge_says_why(case: str, attest: Any, folder: Path, tmp_path: Path) -> None:
    make, said = NOT_OF_IT[case]
    for name in ("device-0001.psbt", "device-0001.sig"):
        (tmp_path / name).write_text(make())
        ran = attest("control", "add", folder, tmp_path / name)
        assert (ran.code in {1, 3}, said in ran.err, "hint" in ran.err) == (True, True, True)
    assert list((folder / "signatures").iterdir()) == []
