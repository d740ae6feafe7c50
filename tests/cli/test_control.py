"""`attest control add`, on challenges made by hand for a key that is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from attest.canonical import dumps
from attest.chains.challenge import Challenge
from attest.chains.ethereum.messages import typed_challenge
from attest.chains.ethereum.safe.challenge import safe_challenge
from attest.exchange.control.returned import Challenges, Item

KEYS = {"hot": "11" * 32, "cold": "22" * 32}


def item(wallet: str) -> Item:
    challenge = Challenge(
        entity="exchange.example",
        period="2026-10",
        chain="eip155:1",
        address=Account.from_key(KEYS[wallet]).address,
        height=23_000_000,
        block_hash=bytes(32),
        nonce="-",
    )
    return Item(name=f"{wallet}-0001", wallet=wallet, challenge=challenge)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "challenges"
    (made / "signatures").mkdir(parents=True)
    challenges = Challenges(format="attest/challenges/v1", blocks=(), items=(item("hot"), item("cold")))
    (made / "challenges.json").write_bytes(challenges.to_bytes())
    return made


def text_signature(path: Path, wallet: str, text: str | None = None) -> Path:
    signable = encode_defunct(text=item(wallet).challenge.text if text is None else text)
    signature = Account.sign_message(signable, KEYS[wallet]).signature.hex()
    path.write_text("0x" + signature.removeprefix("0x") + "\n")
    return path


def typed_signature(path: Path, wallet: str) -> Path:
    signable = encode_typed_data(full_message=typed_challenge(item(wallet).challenge))
    signature = Account.sign_message(signable, KEYS[wallet]).signature.hex()
    path.write_text("0x" + signature.removeprefix("0x"))
    return path


def test_what_comes_back_is_checked_kept_and_what_is_missing_is_named(
    attest: Any, folder: Path, tmp_path: Path
) -> None:
    ran = attest("control", "add", folder, text_signature(tmp_path / "hot-0001.sig", "hot"))
    assert ran.code == 0
    assert "VERIFIED, eip191" in ran.out
    assert ran.out.rstrip().endswith("1 of 2 signatures are there")
    assert attest("control", "add", folder, "--json").document["status"] == "incomplete"
    (line,) = [line for line in ran.out.splitlines() if line.startswith("cold-0001")]
    assert line.endswith("missing")
    document = attest("control", "add", folder, typed_signature(tmp_path / "cold-0001.sig", "cold"), "--json").document
    assert [(entry["wallet"], entry["method"]) for entry in document["returned"]] == [
        ("hot", "eip191"),
        ("cold", "eip712"),
    ]
    assert (document["status"], document["missing"]) == ("verified", [])
    assert attest("control", "add", folder).code == 0


def test_what_was_added_already_is_said_and_not_written_again(attest: Any, folder: Path, tmp_path: Path) -> None:
    hot = text_signature(tmp_path / "hot-0001.sig", "hot")
    first = attest("control", "add", folder, hot, "--json").document
    assert (first["added"], first["already"]) == (1, 0)
    kept = folder / "signatures" / "hot-0001.sig"
    before = (kept.stat().st_ino, kept.stat().st_mtime_ns)
    ran = attest("control", "add", folder, hot)
    assert (ran.code, "\n0 added, 1 were there already\n1 of 2 signatures are there\n" in ran.out) == (0, True)
    both = attest("control", "add", folder, hot, text_signature(tmp_path / "cold-0001.sig", "cold"), "--json").document
    assert (both["added"], both["already"], both["missing"]) == (1, 1, [])
    assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == before
    # Another signature of the same address takes the place of the one that is there.
    assert attest("control", "add", folder, typed_signature(hot, "hot"), "--json").document["added"] == 1


def changed(value: str) -> str:
    return value.replace("2026-10", "2026-09")


REFUSED = {
    "the text of last month": (lambda p: text_signature(p, "hot", changed(item("hot").challenge.text)), 1),
    "a line break more": (lambda p: text_signature(p, "hot", item("hot").challenge.text + "\n"), 1),
    "another key": (lambda p: p.write_text(text_signature(p, "cold").read_text()), 1),
    "nothing": (lambda p: p.write_text(""), 3),
    "half a byte": (lambda p: p.write_text("0x123"), 3),
    "64 bytes of no key": (lambda p: p.write_text("0x" + "11" * 64), 1),
    "base64": (lambda p: p.write_text("AAAA"), 3),
    "63 bytes": (lambda p: p.write_text("0x" + "11" * 63), 3),
    "no ASCII": (lambda p: p.write_bytes(b"\xff\xfe"), 3),
    "too much": (lambda p: p.write_text("0x" + "11" * 300_000), 3),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_signature_of_the_challenge_is_refused_by_file(
    case: str, attest: Any, folder: Path, tmp_path: Path
) -> None:
    make, code = REFUSED[case]
    path = tmp_path / "hot-0001.sig"
    make(path)
    ran = attest("control", "add", folder, text_signature(tmp_path / "cold-0001.sig", "cold"), path)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("attest: error: hot-0001.sig: ")
    assert f"(this file is not kept; kept in {folder}: 1 of 2)" in ran.err
    assert [path.name for path in (folder / "signatures").iterdir()] == ["cold-0001.sig"]
    (folder / "signatures" / "cold-0001.sig").unlink()
    ran = attest("control", "add", folder, path)
    assert (ran.code, "files" in ran.err, list((folder / "signatures").iterdir())) == (code, False, [])


def test_all_files_that_are_refused_are_named_and_the_worst_of_them_is_the_exit_code(
    attest: Any, folder: Path, tmp_path: Path
) -> None:
    gone, stranger, other, confirmed = (
        tmp_path / name for name in ("hot-0001.gone.sig", "warm.sig", "hot-0001.sig", "a.confirmation.json")
    )
    stranger.write_text("0x00")
    confirmed.write_text("{}")
    good = text_signature(tmp_path / "cold-0001.sig", "cold")
    ran = attest("control", "add", folder, gone, good)
    assert (ran.code, "hot-0001.gone.sig: cannot read" in ran.err) == (4, True)
    ran = attest("control", "add", folder, gone, stranger, good, confirmed)
    first, *others = ran.err.splitlines()
    assert (
        ran.code,
        "warm.sig is not named after a challenge (this is one of 3 files that are not kept; kept in" in first,
    ) == (3, True)
    assert [line.partition(": ")[0] for line in others[:2]] == ["  hot-0001.gone.sig", "  a.confirmation.json"]
    other.write_text(good.read_text())
    ran = attest("control", "add", folder, stranger, other, good, confirmed)
    assert (ran.code, ran.err.startswith("attest: error: hot-0001.sig: ")) == (1, True)
    assert [path.name for path in (folder / "signatures").iterdir()] == ["cold-0001.sig"]


@pytest.mark.parametrize("name", ["hot.sig", "hot-0002.sig", "..sig", "hot-0001", "hot-0001.txt"])
def test_a_file_of_another_name_is_refused(name: str, attest: Any, folder: Path, tmp_path: Path) -> None:
    ran = attest("control", "add", folder, text_signature(tmp_path / name, "hot"))
    assert (ran.code, name in ran.err) == (3, True)


def test_a_kept_signature_that_was_changed_is_found_again(attest: Any, folder: Path, tmp_path: Path) -> None:
    attest("control", "add", folder, text_signature(tmp_path / "hot-0001.sig", "hot"))
    kept = folder / "signatures" / "hot-0001.sig"
    kept.write_text(kept.read_text().replace("0x", "0x00", 1)[:-2])
    ran = attest("control", "add", folder, "--json")
    assert (ran.code != 0, "hot-0001.sig" in ran.document["error"]["message"]) == (True, True)


def test_a_folder_without_challenges_is_told(attest: Any, tmp_path: Path) -> None:
    ran = attest("control", "add", tmp_path)
    assert (ran.code, "challenges.json" in ran.err) == (4, True)


@pytest.mark.parametrize("change", [{"name": "../evil-0001"}, {"wallet": "x/y"}, {"note": ""}])
def test_hostile_challenges_are_refused(change: dict[str, str], attest: Any, folder: Path) -> None:
    value = json.loads((folder / "challenges.json").read_bytes())
    value["items"][0].update(change)
    (folder / "challenges.json").write_text(json.dumps(value))
    assert attest("control", "add", folder).code == 3


@pytest.mark.parametrize("nonce", ["", "00", "XY" * 16, "ab" * 65])
def test_a_nonce_that_is_none_is_refused(nonce: str, attest: Any, tmp_path: Path) -> None:
    config = Path(__file__).parents[2] / "fixtures" / "demo" / "attest.toml"
    ran = attest("control", "challenge", config, "--period", "2026-10", "-o", tmp_path / "c", "--nonce", nonce)
    assert (ran.code, "nonce" in ran.err) == (3, True)
    assert not (tmp_path / "c").exists()


OWNERS = {name: Account.from_key(key * 32) for name, key in (("a", b"\x0a"), ("b", b"\x0b"), ("c", b"\x0c"))}


def contract_item(wallet: str, **contract: Any) -> dict[str, Any]:
    value = item("hot").to_value()
    value["challenge"]["address"] = "0x" + "5a" * 20
    return {**value, "name": f"{wallet}-0001", "wallet": wallet, "contract": contract}


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    """Challenges for a Safe of three owners, two of whom must sign, and for a contract of another kind."""
    made = tmp_path / "contracts"
    (made / "signatures").mkdir(parents=True)
    safe = contract_item("safe", owners=[owner.address for owner in OWNERS.values()], threshold=2)
    value = {"format": "attest/challenges/v1", "blocks": [], "items": [safe, contract_item("other")]}
    (made / "challenges.json").write_bytes(dumps(value))
    return made


def owner_signature(folder: Path, owner: str) -> Path:
    challenge = Challenge.from_value(contract_item("safe")["challenge"], what="it")
    signable = encode_typed_data(full_message=safe_challenge(challenge))
    path = folder / f"safe-0001.{owner}.sig"
    path.write_text(f"0x{OWNERS[owner].sign_message(signable).signature.hex().removeprefix('0x')}\n")
    return path


@pytest.mark.parametrize("owners", ["ab", "ca", "cba"])
def test_owners_of_a_safe_sign_in_files_of_their_own(owners: str, attest: Any, contracts: Path, tmp_path: Path) -> None:
    ran = attest("control", "add", contracts, *(owner_signature(tmp_path, owner) for owner in owners))
    assert (ran.code, "VERIFIED, eip1271-safe" in ran.out) == (0, True)
    kept = (contracts / "signatures" / "safe-0001.sig").read_text()
    assert len(kept) == 2 + 2 * 65 * len(owners)
    assert attest("control", "add", contracts, contracts / "signatures" / "safe-0001.sig").code == 0


def test_too_few_owners_of_a_safe_are_refused(attest: Any, contracts: Path, tmp_path: Path) -> None:
    ran = attest("control", "add", contracts, owner_signature(tmp_path, "a"))
    assert (ran.code, "safe-0001.a.sig: 1 owners of the Safe signed, 2 must" in ran.err) == (1, True)
    owner_signature(tmp_path, "b").write_text("0x1234")
    ran = attest("control", "add", contracts, tmp_path / "safe-0001.a.sig", tmp_path / "safe-0001.b.sig")
    assert (ran.code, "safe-0001.b.sig: a signature of 2 bytes" in ran.err) == (3, True)


def test_what_only_a_contract_can_say_is_kept_and_not_called_verified(
    attest: Any, contracts: Path, tmp_path: Path
) -> None:
    path = tmp_path / "other-0001.sig"
    path.write_text("0x" + "00" * 300)
    ran = attest("control", "add", contracts, path, *(owner_signature(tmp_path, owner) for owner in "ab"))
    assert ran.code == 0
    (line,) = [line for line in ran.out.splitlines() if line.startswith("other-0001")]
    assert line.endswith("NOT CHECKED: only the contract can say")
    document = attest("control", "add", contracts, "--json").document
    assert (document["status"], [entry["wallet"] for entry in document["returned"]]) == ("unchecked", ["safe"])
    for text in ("", "0x", "AAAA", "0x" + "00" * (32 * 1024 + 1)):
        path.write_text(text)
        assert attest("control", "add", contracts, path).code == 3
    path.write_text("0x00")
    again = tmp_path / "other-0001.again.sig"
    again.write_text("0x00")
    assert attest("control", "add", contracts, path, again).code == 3


@pytest.mark.parametrize(
    "contract",
    [
        {"owners": [], "threshold": 1},
        {"owners": ["0x" + "11" * 20], "threshold": 0},
        {"owners": ["0x" + "11" * 20]},
        {"threshold": 1},
        {"owners": ["nobody"], "threshold": 1},
        {"kind": "safe"},
    ],
)
def test_a_safe_without_owners_or_threshold_is_refused(contract: dict[str, Any], attest: Any, contracts: Path) -> None:
    value = json.loads((contracts / "challenges.json").read_bytes())
    value["items"][0]["contract"] = contract
    (contracts / "challenges.json").write_bytes(dumps(value))
    assert attest("control", "add", contracts).code == 3


def written(wallet: str) -> bytes:
    signable = encode_defunct(text=item(wallet).challenge.text)
    return bytes(Account.sign_message(signable, KEYS[wallet]).signature)


def armoured(text: str, address: str, signature: str) -> str:
    return (
        f"-----BEGIN ETHEREUM SIGNED MESSAGE-----\n{text}\n-----BEGIN SIGNATURE-----\n{address}\n{signature}\n"
        "-----END ETHEREUM SIGNED MESSAGE-----\n"
    )


AS_WRITTEN = {
    "v 0 or 1, without 0x": lambda s, _: (s[:64] + bytes([s[64] - 27])).hex(),
    "in capitals, of Windows": lambda s, _: f"0x{s.hex().upper()}\r\n",
    "JSON": lambda s, c: json.dumps({"address": c.address.lower(), "msg": c.text, "sig": s.hex(), "version": "2"}),
    "armour": lambda s, c: armoured(c.text, c.address, s.hex()),
    "wrapped": lambda s, _: s.hex()[:64] + "\n" + s.hex()[64:],
}


@pytest.mark.parametrize("case", AS_WRITTEN)
def test_what_wallets_write_is_kept_in_the_form_that_is_published(
    case: str, attest: Any, folder: Path, tmp_path: Path
) -> None:
    text = AS_WRITTEN[case](written("hot"), item("hot").challenge)
    (tmp_path / "hot-0001.sig").write_bytes(text.encode())
    ran = attest("control", "add", folder, tmp_path / "hot-0001.sig")
    assert (ran.code, "VERIFIED, eip191" in ran.out) == (0, True)
    assert (folder / "signatures" / "hot-0001.sig").read_text() == "0x" + written("hot").hex()
    # In the folder nothing but that form holds: what is there is published as it is.
    (folder / "signatures" / "hot-0001.sig").write_text(text)
    assert attest("control", "add", folder).code != 0 or case == "in capitals, of Windows"


def test_a_file_that_names_another_text_or_address_says_which(attest: Any, folder: Path, tmp_path: Path) -> None:
    hot, cold = item("hot").challenge, item("cold").challenge
    for text, address, said in (
        (
            changed(hot.text),
            hot.address,
            "its line 3 is 'period: 2026-09', and that of the challenge is 'period: 2026-10'",
        ),
        (hot.text, cold.address, f"the file says that {cold.address} signed, and the challenge is for {hot.address}"),
    ):
        (tmp_path / "hot-0001.sig").write_text(armoured(text, address, written("hot").hex()))
        ran = attest("control", "add", folder, tmp_path / "hot-0001.sig")
        assert (ran.code, said in ran.err, "hint" in ran.err) == (1, True, True)


def test_owners_of_a_safe_may_write_zero_or_one_for_v(attest: Any, contracts: Path, tmp_path: Path) -> None:
    kept = []
    for change in (lambda v: v, lambda v: v - 27):
        paths = [owner_signature(tmp_path, owner) for owner in "ab"]
        for path in paths:
            data = bytes.fromhex(path.read_text().strip()[2:])
            path.write_text(json.dumps({"signature": (data[:64] + bytes([change(data[64])])).hex()}))
        assert attest("control", "add", contracts, *paths).code == 0
        kept.append((contracts / "signatures" / "safe-0001.sig").read_text())
    assert kept[0] == kept[1]


def test_the_signature_for_another_contract_keeps_its_bytes(attest: Any, contracts: Path, tmp_path: Path) -> None:
    path = tmp_path / "other-0001.sig"
    for data in (bytes(65), bytes(64) + b"\1", bytes(range(64))):
        path.write_text("0X" + data.hex().upper())
        assert attest("control", "add", contracts, path).code == 0
        assert (contracts / "signatures" / "other-0001.sig").read_text() == "0x" + data.hex()
