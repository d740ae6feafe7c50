"""Why a descriptor is refused that libwally does not read: what is mistyped in it, or valid and not read here.

Sources: BIP-380 to BIP-390 (descriptors), BIP-388 (wallet policies), and what wallets export.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from attest.errors import MalformedError

MAX_KEYS: Final = 15  # libwally reads no more in multi() and sortedmulti()
_BIP_383_KEYS: Final = 20
_ORIGIN: Final = re.compile(r"\[([^\[\](),]*)(.?)")
_FINGERPRINT: Final = re.compile(r"[0-9a-fA-F]{8}")
_FINGERPRINT_DIGITS: Final = 8
_STEPS: Final = re.compile(r"(?:/[0-9]+[hH']?)*")
_MULTI: Final = re.compile(r"(?:sorted)?multi\(([^()]*)")
_PLACEHOLDER: Final = re.compile(r"@[0-9]+")
_SEED_WORDS: Final = re.compile(r"(?:\b[a-z]{3,8}\b[\s,]+){11,23}\b[a-z]{3,8}\b")
_HEX_KEY: Final = re.compile(r"(?:^|(?<=[(,\]]))([0-9a-fA-F]{60,})(/[^(),]*)?(?=[),]|$)")
_BASE58_KEY: Final = re.compile(r"(?:^|(?<=[(,\]]))([a-zA-Z]pub[1-9A-HJ-NP-Za-km-z]{20,})")
_X_ONLY_DIGITS: Final = 64
_UNCOMPRESSED_DIGITS: Final = 130
_SHOWN: Final = 24
_CODE: Final = "bitcoin/descriptor"
_ONE_BY_ONE: Final = "list the wallet's addresses one by one, each with address ="
# Functions of descriptors that are valid and not read here.
_UNREAD: Final = {
    "musig(": "musig() (BIP-390)",
    "sortedmulti_a(": "sortedmulti_a() (BIP-387)",
    "multi_a(": "multi_a() (BIP-387)",
}


def refuse_seed(text: str) -> None:
    """Raise `MalformedError` when words as of a seed stand in `text`, without repeating any of them."""
    if _SEED_WORDS.search(text):
        raise MalformedError(
            "bitcoin/private-key",
            "there are words in the register as those of a seed",
            hint="take the public descriptor of the wallet; if they are a seed, treat its keys as disclosed",
        )


def refuse_file(text: str, name: str) -> None:
    """Raise `MalformedError` for the beginning of a file in which a wallet keeps a descriptor; `name` the network's."""
    if text[:1] in {"{", "[", '"', "'"} or text.startswith("BSMS"):
        raise MalformedError(
            _CODE,
            f"this is not a descriptor of {name}: it begins with {text[:4]!r}, as a wallet's file that has one",
            hint="take the descriptor alone out of the file: it begins with a function, such as wpkh( or wsh(",
        )


def refuse_characters(text: str) -> None:
    """Raise `MalformedError` naming the first character in `text` that no descriptor has, white space first of all."""
    for at, character in enumerate(text, start=1):
        if character.isspace():
            raise MalformedError(
                _CODE,
                f"there is white space in the descriptor, as its character {at}",
                hint="write it without; beside a comma or bracket in attest.toml it does no harm",
            )
        if not character.isascii():
            raise MalformedError(
                _CODE,
                f"no descriptor has the character {character!r}, which is character {at} of this one",
                hint="write it without; a hardened step has h or a plain ': 84h or 84'",
            )


def why_unread(body: str, name: str) -> MalformedError:
    """The error for the text of a descriptor, without its checksum, that libwally does not read; `name` the network's.

    The first thing that is wrong is told. When none of those is found that are known here, nothing is claimed.
    """
    found = next((error for rule in (_policy, _origins, _functions, _keys) for error in rule(body)), None)
    return found or MalformedError(
        _CODE,
        f"this is not a descriptor of {name}, or there is something in it that libwally does not read",
        hint="`bitcoin-cli getdescriptorinfo` explains a descriptor and adds its checksum",
    )


def _policy(body: str) -> Iterator[MalformedError]:
    if match := _PLACEHOLDER.search(body):
        yield MalformedError(
            _CODE,
            f"{match[0]} stands in a wallet policy (BIP-388) for a key of its list",
            hint=f"write that key in the place of {match[0]}, and the path /0/* or /1/* behind it",
        )
    if "/**" in body:
        yield two_branches("/**, of wallet policies (BIP-388)")


def two_branches(what: str) -> MalformedError:
    """The error for a path that stands for several branches of an account, `what` it is called."""
    return MalformedError(
        _CODE,
        f"the descriptor stands for two branches or more at once ({what}), and a wallet in the register is one",
        hint="list two wallets, one with /0/* in that place and one with /1/*, and leave # and the checksum out",
    )


def _origins(body: str) -> Iterator[MalformedError]:
    for match in _ORIGIN.finditer(body):
        origin = match[1]
        fingerprint = origin.partition("/")[0]
        steps = origin[len(fingerprint) :]
        if match[2] != "]":
            yield MalformedError(
                _CODE,
                f"the origin of a key, [{fingerprint[:_FINGERPRINT_DIGITS]}…, is not closed",
                hint="it is [, the fingerprint, the path, ] and then the key: [d34db33f/84h/0h/0h]xpub…",
            )
        elif not _FINGERPRINT.fullmatch(fingerprint):
            yield MalformedError(
                _CODE,
                f"the origin of a key, [{_told(origin)}], begins with {_told(fingerprint)!r}, "
                f"which is no fingerprint: that has {_FINGERPRINT_DIGITS} hex digits",
                hint=_fingerprint_hint(fingerprint) + ", and leave # and the checksum out",
            )
        elif not _STEPS.fullmatch(steps):
            yield MalformedError(
                _CODE,
                f"the origin of a key, [{_told(origin)}], has a path that is none",
                hint="behind the fingerprint, each step is a / and a number, and h or ' where it is hardened: /84h/0h",
            )


def _fingerprint_hint(fingerprint: str) -> str:
    if fingerprint and not fingerprint.strip("0"):
        return "for an unknown fingerprint write eight zeros (some wallets write nine), or no origin at all"
    if re.fullmatch(r"[0-9a-fA-F]{1,7}", fingerprint):
        return f"its first zeros may be lost: {fingerprint.rjust(_FINGERPRINT_DIGITS, '0')}"
    return "write the fingerprint of the master key as the device shows it, or no origin at all"


def _functions(body: str) -> Iterator[MalformedError]:
    if (opened := body.count("(")) != (closed := body.count(")")):
        yield MalformedError(
            _CODE,
            f"the descriptor has {opened} times ( and {closed} times )",
            hint="copy the whole descriptor again from its source",
        )
    for function, called in _UNREAD.items():
        if function in body:
            yield MalformedError(_CODE, f"{called} is valid in a descriptor and not read here", hint=_ONE_BY_ONE)
    if body.startswith("tr(") and re.match(r"tr\([^,]*,", body):
        yield MalformedError(
            _CODE, "scripts under tr() are valid in a descriptor and not read here: only tr(KEY)", hint=_ONE_BY_ONE
        )
    for match in _MULTI.finditer(body):
        yield from _multi(match[1].split(","), hashed=body.startswith("sh(") and not body.startswith("sh(wsh("))


def _multi(arguments: list[str], *, hashed: bool) -> Iterator[MalformedError]:
    """What is wrong with how many keys a multi() has, and how many of them it asks for; `hashed` when it is in sh()."""
    needed, keys = arguments[0], len(arguments) - 1
    if not (needed.isascii() and needed.isdecimal()):
        yield MalformedError(
            _CODE,
            f"multi() and sortedmulti() begin with how many keys must sign, and this with {_told(needed)!r}",
            hint="write wsh(sortedmulti(2,KEY,KEY,KEY))",
        )
    elif not 1 <= int(needed[:9]) <= keys:
        yield MalformedError(
            _CODE,
            f"{_told(needed)} of {keys} keys cannot sign",
            hint="copy the whole descriptor again from its source",
        )
    elif keys > _BIP_383_KEYS:
        yield MalformedError(
            _CODE,
            f"a script of multi() has at most {_BIP_383_KEYS} keys (BIP-383), and this has {keys}",
            hint=_ONE_BY_ONE,
        )
    elif keys > MAX_KEYS and hashed:
        yield MalformedError(
            _CODE, f"the script of sh() has room for {MAX_KEYS} keys, and this has {keys}", hint="it may be sh(wsh())"
        )
    elif keys > MAX_KEYS:
        yield MalformedError(
            _CODE,
            f"a script of {keys} keys is valid in wsh(), and is not read here: at most {MAX_KEYS}",
            hint=_ONE_BY_ONE,
        )


def _keys(body: str) -> Iterator[MalformedError]:
    """What is wrong with a key. Plain ones are not repeated, because they may be private."""
    for match in _HEX_KEY.finditer(body):
        digits = len(match[1])
        if digits == _X_ONLY_DIGITS and not body.startswith(("tr(", "rawtr(")):
            yield MalformedError(
                _CODE,
                "a key of 64 hex digits stands in tr() alone; in all others a public key has 66",
                hint="take the public key: 02 or 03 and 64 digits; if the 64 are a private key, treat it as disclosed",
            )
        elif digits == _UNCOMPRESSED_DIGITS and not body.startswith(("pkh(", "pk(", "sh(pk", "sh(multi", "sh(sorted")):
            yield MalformedError(
                _CODE,
                "an uncompressed key of 130 hex digits stands in pkh() and sh() alone",
                hint="take the compressed public key, which has 66 digits",
            )
        elif match[2]:
            yield MalformedError(
                _CODE,
                f"the path {_told(match[2])} stands behind a plain public key, below which there are no others",
                hint="leave the path and the range out, or take the extended key of the account",
            )
    for match in _BASE58_KEY.finditer(body):
        if not _is_base58check(match[1]):
            yield MalformedError(
                _CODE,
                f"the key {match[1][:8]}… is mistyped or cut off: its own checksum does not fit",
                hint="copy the whole descriptor again from its source",
            )


def _is_base58check(text: str) -> bool:
    import wallycore

    try:
        return bool(wallycore.base58check_to_bytes(text))
    except ValueError:
        return False


def _told(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
