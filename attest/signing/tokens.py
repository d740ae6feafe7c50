"""Keys on PKCS#11 tokens, named by URIs of RFC 7512: by the bytes of the id, the label, and attributes of the token.

securesystemslib's own form, `hsm:2`, is not enough, because it cannot name an id that begins with a zero byte, as those
of YubiHSM 2 do. Secrets come by callback; nothing here prompts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, unquote, unquote_to_bytes

from attest.errors import MalformedError, UnavailableError
from attest.signing.keys import PublicKey

FORM: Final = "pkcs11:token=LABEL;id=%02 or pkcs11:token=LABEL;object=NAME"
_MAX_ID_BYTES: Final = 255
_ENCODED: Final = re.compile(r"(?:[^%]|%[0-9a-fA-F]{2})*")
_OF_TOKEN: Final = ("token", "manufacturer", "serial", "model", "slot-id", "slot-description", "slot-manufacturer")
_OF_KEY: Final = ("id", "object", "type")
_KEY_TYPES: Final = ("private", "public")  # either names the pair
_LIBRARY: Final = "the library of the token is named by the environment variable PYKCS11LIB"
_PIN: Final = "a PIN does not stand in a URI, which shells and lists of processes keep: it is asked for"
_REFUSED: Final = {
    "pin-value": _PIN,
    "pin-source": _PIN,
    "module-name": _LIBRARY,
    "module-path": _LIBRARY,
    "library-manufacturer": _LIBRARY,
    "library-description": _LIBRARY,
    "library-version": _LIBRARY,
}
_LISTED: Final = 5


@dataclass(frozen=True, slots=True)
class TokenKey:
    """The name of a key pair on a token.

    `token`: attributes that the token and its slot must have, by their names in RFC 7512, such as `token` or `serial`.
    `keyid`: the id of the key (CKA_ID), 1 to 255 bytes; None for any.
    `label`: the label of the key (CKA_LABEL); None for any.
    """

    token: Mapping[str, str]
    keyid: bytes | None
    label: str | None

    @classmethod
    def parse(cls, uri: str) -> TokenKey:
        """The name in a `pkcs11:` URI (RFC 7512).

        Raises `MalformedError`, also for attributes that carry a PIN or name a library. Its message repeats no value of
        the URI, because one may be a secret.
        """
        path, _, query = uri.removeprefix("pkcs11:").partition("?")
        values: dict[str, str] = {}
        for part in [*path.split(";"), *query.split("&")]:
            name, equals, value = part.partition("=")
            if part:
                values[_attribute(name if equals else "", value, values)] = value
        if "type" in values and values.pop("type") not in _KEY_TYPES:
            raise _malformed("type= names no key that signs", hint="write type=private, or leave it out")
        keyid = None if "id" not in values else unquote_to_bytes(values.pop("id"))
        label = None if "object" not in values else unquote(values.pop("object"))
        if keyid is not None and not 1 <= len(keyid) <= _MAX_ID_BYTES:
            raise _malformed(
                f"id= is of {len(keyid)} bytes", hint="write each byte of the key's id as % and two digits"
            )
        return cls({name: unquote(value) for name, value in values.items()}, keyid, label)

    def public_key(self, secrets: Callable[[str], str], *, what: str) -> PublicKey:
        """The public key of the pair.

        `secrets`: gives the `"pin"`; it is called only when the token does not show the key without it.
        `what`: the name of the key in errors.
        Raises `UnavailableError` unless just one token and one key fit, `MalformedError` for a curve other than P-256,
        and the driver's own errors.
        """
        import pkcs11
        from pkcs11.util.ec import encode_ec_public_key

        token = self._find_token()
        with token.open() as session:
            found = self._find(session, pkcs11.ObjectClass.PUBLIC_KEY)
            if found:
                return PublicKey.from_der(encode_ec_public_key(self._one(found, token)), what=what)
        with token.open(user_pin=secrets("pin")) as session:
            found = self._find(session, pkcs11.ObjectClass.PUBLIC_KEY)
            key = self._one(found, token, list(self._all(session, pkcs11.ObjectClass.PUBLIC_KEY)))
            return PublicKey.from_der(encode_ec_public_key(key), what=what)

    def sign(self, message: bytes, secrets: Callable[[str], str]) -> bytes:
        """The ECDSA signature over the SHA-256 of `message` by the private key of the pair: r ‖ s, 64 bytes for P-256.

        `secrets`: gives the `"pin"`.
        Raises `UnavailableError` unless just one token and one key fit, and the driver's own errors.
        """
        import pkcs11

        token = self._find_token()
        with token.open(user_pin=secrets("pin")) as session:
            found = self._find(session, pkcs11.ObjectClass.PRIVATE_KEY)
            key = self._one(found, token, list(self._all(session, pkcs11.ObjectClass.PRIVATE_KEY)))
            return bytes(key.sign(sha256(message).digest(), mechanism=pkcs11.Mechanism.ECDSA))

    def _find_token(self) -> Any:
        import pkcs11

        if not (path := os.environ.get("PYKCS11LIB")):
            raise UnavailableError(
                "signer/failed",
                "the environment variable PYKCS11LIB is not set",
                hint="set it to the token's library, such as libsofthsm2.so",
            )
        tokens = [token for token in pkcs11.lib(path).get_tokens() if pkcs11.TokenFlag.TOKEN_INITIALIZED in token.flags]
        fitting = [token for token in tokens if self.token.items() <= _said(token).items()]
        if len(fitting) == 1:
            return fitting[0]
        there = _listed([f"token={quote(token.label)};serial={_said(token)['serial']}" for token in fitting or tokens])
        if not fitting:
            raise UnavailableError("signer/failed", "no token is as the URI says", hint=f"there is {there}")
        raise UnavailableError(
            "signer/failed", f"{len(fitting)} tokens are as the URI says", hint=f"name one of {there}"
        )

    def _all(self, session: Any, kind: Any) -> Iterator[Any]:
        import pkcs11

        yield from session.get_objects({pkcs11.Attribute.CLASS: kind, pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.EC})

    def _find(self, session: Any, kind: Any) -> list[Any]:
        return [
            key
            for key in self._all(session, kind)
            if self.keyid in {None, bytes(key.id or b"")} and self.label in {None, key.label or ""}
        ]

    def _one(self, found: list[Any], token: Any, others: list[Any] | None = None) -> Any:
        if len(found) == 1:
            return found[0]
        there = _listed(
            [f"id={_percent(bytes(key.id or b''))};object={quote(key.label or '')}" for key in found or others or []]
        )
        if not found:
            raise UnavailableError(
                "signer/failed",
                f"the token {token.label} has no key of elliptic curves with that id and label",
                hint=f"there is {there}",
            )
        raise UnavailableError(
            "signer/failed", f"{len(found)} keys of the token {token.label} fit", hint=f"name one of {there}"
        )


def _attribute(name: str, value: str, before: Mapping[str, str]) -> str:
    """The `name` of an attribute of a `pkcs11:` URI, once it was checked.

    `before`: the attributes that were read before, because each may stand there once.
    Raises `MalformedError`.
    """
    if reason := _REFUSED.get(name):
        raise _malformed(f"{name}= is not taken", hint=reason)
    if name not in (*_OF_TOKEN, *_OF_KEY):
        shown = f"{name}=" if re.fullmatch(r"[a-z-]{1,30}", name) else "what it has"
        raise _malformed(f"{shown} is no attribute that names a key", hint=f"write {FORM}")
    if name in before:
        raise _malformed(f"{name}= stands there twice", hint=f"write {FORM}")
    if _ENCODED.fullmatch(value) is None:
        raise _malformed(f"{name}= has a % without two hex digits", hint="write % itself as %25")
    return name


def _malformed(why: str, hint: str) -> MalformedError:
    return MalformedError("signer/uri", f"in the pkcs11: URI, {why}", hint=hint)


def _said(token: Any) -> dict[str, str]:
    """The attributes of a token and its slot, by their names in RFC 7512."""
    slot = token.slot
    return {
        "token": token.label,
        "manufacturer": token.manufacturer_id,
        "serial": bytes(token.serial).decode("utf-8", "replace").rstrip(),
        "model": token.model,
        "slot-id": str(slot.slot_id),
        "slot-description": slot.slot_description,
        "slot-manufacturer": slot.manufacturer_id,
    }


def _percent(data: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in data)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more if names else "none"
