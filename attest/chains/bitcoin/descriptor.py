"""The text of an output descriptor (BIP-380 to BIP-386), checked and put into the form that libwally reads.

libwally reads more than a register should hold (bare miniscript, Elements' functions, private keys), and it
knows no SLIP-132 keys, so the text is checked here before it gets there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NoReturn

from attest.chains.bitcoin.descriptor_faults import (
    refuse_characters,
    refuse_file,
    refuse_seed,
    two_branches,
    why_unread,
)
from attest.chains.bitcoin.networks import KeyKind, Network
from attest.chains.descriptor_text import checksum_of
from attest.errors import MalformedError

# What may stand outermost. A bare multi() has no address; libwally has no scripts under tr().
_FUNCTIONS: Final = (
    *("pk(", "pkh(", "wpkh(", "wsh(", "tr(", "rawtr("),
    *("sh(pk(", "sh(pkh(", "sh(wpkh(", "sh(wsh(", "sh(multi(", "sh(sortedmulti("),
)
# A key or a hash in base58 or hex, with the path behind it; a shorter word is neither.
_KEY: Final = re.compile(r"(?:^|(?<=[(,\]]))([0-9A-Za-z]{51,})(/[^(),]*)?")
_PATH: Final = re.compile(r"((?:/[0-9]+)*)(/\*)?", re.ASCII)
_OPENED: Final = re.compile(r"[a-z0-9_:]*\(")
_EXTENDED_KEY_BYTES: Final = 78
_VERSION_BYTES: Final = 4
_KEY_START: Final = 45  # BIP-32: here a private key has a zero byte, which no public key has
_WIF_BYTES: Final = (33, 34)
_SHOWN: Final = 8


def plain_descriptor(text: str, network: Network) -> str:
    """A descriptor without its checksum, every extended key an xpub or tpub derived to its last fixed step.

    Raises `MalformedError` for a wrong checksum, a private key, a key of another network, a key whose spelling
    contradicts the function around it (SLIP-132), and a descriptor that stands for several kinds of scripts.
    """
    body, mark, checksum = text.partition("#")
    refuse_seed(text)
    refuse_key(body, network)
    refuse_file(text, network.name)
    refuse_characters(text)
    if mark and checksum != (right := checksum_of(body)):
        raise _malformed(
            f"the descriptor's checksum does not fit its text ({right} would)",
            hint="copy the descriptor again from its source; after a change on purpose, leave # and checksum out",
        )
    if not body.startswith(_FUNCTIONS):
        _refuse_function(body, network)
    return _KEY.sub(lambda match: _plain_key(match, network), body)


def refuse_key(text: str, network: Network) -> None:
    """Raise `MalformedError` when there is a private key in `text`, or an extended key without a function around it."""
    for match in _KEY.finditer(text):
        payload = _payload(match[1])
        extended = len(payload) == _EXTENDED_KEY_BYTES
        if len(payload) in _WIF_BYTES or (extended and payload[_KEY_START] == 0):
            raise MalformedError(
                "bitcoin/private-key",
                "there is a private key in the register",
                hint="take its public form, and treat the key as disclosed",
            )
        if extended and "(" not in text:
            raise _malformed(
                "an extended key alone does not say which scripts it stands for",
                hint=_example(match[1][:_SHOWN] + "…", _kind(match[1], payload, network)),
            )


def extended_keys(body: str) -> Iterator[tuple[str, int, str]]:
    """The beginning, the depth (BIP-32) and the path behind of each extended key in the text of a descriptor."""
    for match in _KEY.finditer(body):
        payload = _payload(match[1])
        if len(payload) == _EXTENDED_KEY_BYTES:
            yield match[1][:_SHOWN], payload[_VERSION_BYTES], match[2] or ""


def not_a_descriptor(network: Network, why: str = "") -> MalformedError:
    """The error for text that is no descriptor of the network, `why` going on with its sentence."""
    return _malformed(
        f"this is not a descriptor of {network.name}{why}",
        hint="`bitcoin-cli getdescriptorinfo` explains a descriptor and adds its checksum",
    )


def _malformed(message: str, hint: str) -> MalformedError:
    return MalformedError("bitcoin/descriptor", message, hint=hint)


def _refuse_function(body: str, network: Network) -> NoReturn:
    if body.startswith("combo("):
        raise _malformed(
            "the descriptor stands for several kinds of scripts (combo())",
            hint="list a wallet for each: pkh(), wpkh() and sh(wpkh()) around the key, whichever addresses are in use",
        )
    if body.startswith(("addr(", "raw(")):
        raise _malformed("addr() and raw() stand for one script", hint="list the wallet by its address = instead")
    if body.lower().startswith(_FUNCTIONS):
        raise _malformed(
            "the functions of a descriptor are written in small letters: it begins with none of "
            + ", ".join(_FUNCTIONS),
            hint="copy the descriptor again from its source: keys have small and capital letters of their own",
        )
    raise not_a_descriptor(network, ": it begins with none of " + ", ".join(_FUNCTIONS))


def _example(key: str, kind: KeyKind) -> str:
    outer = kind.inside[-1] if kind.inside else "wpkh("
    inner = f"2,{key}/0/*,…" if "multi(" in outer else f"{key}/0/*"
    others = "" if kind.inside else ", or pkh(), sh(wpkh()) or tr() around the key, as the wallet's addresses are"
    return f'write descriptor = "{outer}{inner}{")" * outer.count("(")}" and range = [0, 999]{others}'


def _kind(text: str, payload: bytes, network: Network) -> KeyKind:
    if (kind := network.keys.get(payload[:_VERSION_BYTES])) is None:
        raise not_a_descriptor(network, f": {text[:_VERSION_BYTES]} keys are of another network")
    return kind


def _plain_key(match: re.Match[str], network: Network) -> str:
    import wallycore

    text, path = match[1], match[2] or ""
    payload = _payload(text)
    if len(payload) != _EXTENDED_KEY_BYTES:
        return match[0]  # a hex key or a hash
    kind = _kind(text, payload, network)
    # No form of theirs closes a bracket before its keys, so that all opened so far are still open.
    around = "".join(_OPENED.findall(match.string[: match.start()]))
    if kind.inside and around not in kind.inside:
        raise _malformed(
            f"{kind.name} keys stand in {' or '.join(kind.inside)}, not in {around}",
            hint="take the key of the account whose addresses these are, or its xpub spelling if the function is right",
        )
    if "<" in path:
        raise two_branches("<0;1>, of BIP-389")
    if "**" in path:
        raise why_unread(match.string, network.name)
    if re.search(r"[hH']", path):
        raise _malformed(
            "hardened steps after an extended public key need its private key",
            hint="export the extended public key of the account, behind its last hardened step",
        )
    steps = _PATH.fullmatch(path)
    if steps is None:
        raise not_a_descriptor(
            network, f": {path} is not a path, which is numbers behind a / each, and a /* as the last"
        )
    try:
        key = wallycore.bip32_key_unserialize(network.xpub + payload[_VERSION_BYTES:])
        if steps[1]:  # once here instead of once for each index
            flags = wallycore.BIP32_FLAG_KEY_PUBLIC | wallycore.BIP32_FLAG_SKIP_HASH
            key = wallycore.bip32_key_from_parent_path_str(key, steps[1][1:], 0, flags)
        return str(wallycore.bip32_key_to_base58(key, wallycore.BIP32_FLAG_KEY_PUBLIC)) + (steps[2] or "")
    except ValueError:
        raise not_a_descriptor(network, f": the key {text[:_SHOWN]}… cannot be derived along {path or '/'}") from None


def _payload(text: str) -> bytes:
    """What base58check holds, without its checksum; nothing if `text` is not base58check."""
    import wallycore

    try:
        return bytes(wallycore.base58check_to_bytes(text))
    except ValueError:
        return b""
