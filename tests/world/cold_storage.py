"""A signing device: sees the challenges in a folder and its own keys, and nothing else.

python cold_storage.py FOLDER KEYS OUT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from btclib.b58 import prv_key_data_from_wif
from btclib_wallet import bip322
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from attest.chains.nodes.rpc import Node
from attest.demo.nodes import bitcoind


def main(folder: Path, keys: Path, out: Path) -> None:
    """Sign every challenge in `folder` for which `keys` has something.

    That is a key by address, descriptors for PSBTs, or the key of an owner of a Safe by the owner's address.
    """
    known = json.loads(keys.read_text(encoding="utf-8"))
    for path in sorted(folder.glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        address = next(line.removeprefix("address: ") for line in text.split("\n") if line.startswith("address: "))
        if address not in known["keys"]:
            continue
        key = known["keys"][address]
        if address.startswith("0x"):
            signature = "0x" + Account.sign_message(encode_defunct(text=text), key).signature.hex().removeprefix("0x")
        else:
            signature = bip322.sign(text.encode(), prv_key_data_from_wif(key), address).b64encode()
        (out / f"{path.stem}.sig").write_text(signature + "\n", encoding="ascii")
    sign_for_safes(folder, known.get("owners", {}), out)
    if known["signers"]:
        with bitcoind() as url:
            sign_psbts(Node("device", url), folder, known["signers"], out)


def sign_for_safes(folder: Path, owners: dict[str, str], out: Path) -> None:
    """Sign for each Safe of which the file beside its document lists an owner whose key is here."""
    for path in sorted(folder.glob("*.signers.md")):
        name = path.name.removesuffix(".signers.md")
        lines = path.read_text(encoding="utf-8").split("\n")
        for owner, key in owners.items():
            if f"- {owner}" in lines:
                document = json.loads((folder / f"{name}.typed.json").read_text(encoding="utf-8"))
                signature = Account.sign_message(encode_typed_data(full_message=document), key).signature.hex()
                (out / f"{name}.{owner}.sig").write_text(f"0x{signature.removeprefix('0x')}\n", encoding="ascii")


def sign_psbts(node: Node, folder: Path, signers: list[str], out: Path) -> None:
    """Sign the PSBTs of descriptors of several keys, each signer by itself; each `signers` holds one private key."""
    for path in sorted(folder.glob("*.psbt")):
        if path.with_suffix(".sig").name in {done.name for done in out.iterdir()}:
            continue
        for number, descriptor in enumerate(signers, start=1):
            checked = f"{descriptor}#{node.call('getdescriptorinfo', descriptor)['checksum']}"
            wanted = [{"desc": checked, "range": 20}]
            answer = node.call("descriptorprocesspsbt", path.read_text(encoding="ascii"), wanted)
            (out / f"{path.stem}.signer{number}.psbt").write_text(answer["psbt"], encoding="ascii")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
