"""Keys named by URI: a PEM file, a PKCS#11 token, or a key management service (through securesystemslib).

Forms: `file:PATH` or a bare path; `hsm:2?label=TOKEN` and `pkcs11:` (RFC 7512) for tokens; `awskms:`, `azurekms:`,
`gcpkms:` and `hv:` for services. Secrets come by callback; nothing here prompts.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlencode

from securesystemslib.exceptions import UnsupportedLibraryError
from securesystemslib.signer import AWSSigner, HSMSigner
from securesystemslib.signer import Signer as LibrarySigner

from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
from attest.files import read_bounded
from attest.signing.keys import MAX_KEY_BYTES, PublicKey, Signer, Signs, ecdsa_from_der
from attest.signing.private_keys import tell_readers
from attest.signing.tokens import TokenKey

Secrets = Callable[[str], str]
"""Gives a secret by its kind, `"passphrase"` of a file or `"pin"` of a token; called only when the key needs it."""
_TOKEN_SCHEMES: Final = ("hsm", "pkcs11")
_SERVICE_SCHEMES: Final = ("awskms", "azurekms", "gcpkms", "hv")
_MAX_KEYID_BYTES: Final = 32
_MAX_SAID: Final = 1000
_AWS_KEY: Final = re.compile(r"awskms:([A-Za-z0-9][A-Za-z0-9:/_-]*)")
_OTHER_SCHEME: Final = re.compile(r"(?!file:)([A-Za-z][A-Za-z0-9+.-]+):")  # of one letter, it is a drive of Windows
_HINTS: Final = {
    "PYKCS11LIB": "set it to the token's library, such as libsofthsm2.so",
    "Unable to locate credentials": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "specify a region": "set AWS_DEFAULT_REGION, such as eu-central-1",
}
# securesystemslib logs to stderr the errors that it raises, and the message of our own error has them already.
logging.getLogger("securesystemslib").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class DeviceSigner:
    """A private key that stays on a token or at a service.

    `public`: the public key of the pair.
    """

    public: PublicKey
    _uri: str
    _sign: Callable[[bytes], bytes]

    def sign(self, message: bytes) -> bytes:
        """The signature over `message`, 64 bytes for either scheme; it is verified before it is returned.

        Raises `UnavailableError` when the device or service fails, `VerificationError` when it signed with another key.
        """
        with _spoken(self._uri):
            signature = self._sign(message)
        try:
            self.public.verify(signature, message)
        except VerificationError:
            raise VerificationError(
                "signer/other-key", f"the key at {_shown(self._uri)} is not the one with this public key"
            ) from None
        return signature


def open_signer(uri: str, *, public: PublicKey | None, secrets: Secrets) -> Signs:
    """The private key that a URI names.

    `uri`: one of the forms at the top of this module.
    `public`: the public key that it must have; None to take the one of the file or token. A service needs it.
    `secrets`: gives the passphrase or PIN.
    Raises `UnavailableError` when the file, device, service or its library is missing or fails, and when a service's
    `public` is None; `MalformedError` for a false URI or key file; `VerificationError` when a file has another key.
    """
    scheme = _scheme(uri)
    if scheme == "file":
        path = _path(uri)
        pem = _read(uri)
        tell_readers(path, pem)
        signer = Signer.from_pem(pem, passphrase=lambda: secrets("passphrase"), what=str(path))
        if public is not None and signer.public != public:
            raise VerificationError("signer/other-key", f"{path} is not the key with this public key")
        return signer
    if public is None:
        if scheme not in _TOKEN_SCHEMES:
            raise UnavailableError(
                "signer/public", f"the public key of {_shown(uri)} is not known", hint="name its PEM file: --public PUB"
            )
        public = token_key(uri, secrets=secrets)
    if scheme == "awskms" and public.scheme != "ecdsa-p256-sha256":
        raise MalformedError("key/scheme", f"a key at awskms: is an ECDSA P-256 key, and this one is {public.scheme}")
    if scheme == "pkcs11":
        token = TokenKey.parse(uri)
        return DeviceSigner(public, uri, lambda message: token.sign(message, secrets))
    library_uri = _library_uri(uri)
    with _spoken(uri):
        device = LibrarySigner.from_priv_key_uri(library_uri, public._key, secrets)  # noqa: SLF001

    def sign(message: bytes) -> bytes:
        signature = bytes.fromhex(device.sign(message).signature)
        return ecdsa_from_der(signature) if public.scheme == "ecdsa-p256-sha256" else signature

    return DeviceSigner(public, uri, sign)


def key_file(uri: str, folder: Path) -> Path | None:
    """The path of the key file that `uri` names, relative to `folder`; None for a key on a token or at a service."""
    return folder / _path(uri) if _scheme(uri) == "file" else None


def public_key(uri: str, *, secrets: Secrets) -> PublicKey:
    """The public key that a URI names: in a PEM file, on a token, or at AWS.

    `secrets`: gives the PIN, where a token shows its public keys only with it.
    Raises `UnavailableError` when the file, token or service fails, and for any other service; `MalformedError` for a
    false URI or key.
    """
    scheme = _scheme(uri)
    if scheme in _TOKEN_SCHEMES:
        return token_key(uri, secrets=secrets)
    if scheme == "awskms":
        return _aws_public_key(uri)
    if scheme in _SERVICE_SCHEMES:
        raise UnavailableError("signer/public", f"download the public key of {_shown(uri)} as PEM and name its file")
    return PublicKey.from_pem(_read(uri), what=str(_path(uri)))


def token_key(uri: str, *, secrets: Secrets) -> PublicKey:
    """The public key of the pair that an `hsm:` or `pkcs11:` URI names on a token.

    `secrets`: gives the PIN, where the token shows its public keys only with it.
    Raises `UnavailableError` when the token fails or has no key of that name, `MalformedError` for a false URI or key.
    """
    if _scheme(uri) == "pkcs11":
        with _spoken(uri):
            return TokenKey.parse(uri).public_key(secrets, what=f"the key at {_shown(uri)}")
    keyid, label = _hsm_place(uri)
    with _spoken(uri):
        _, key = HSMSigner.import_(keyid, label, secrets)
        return PublicKey.of_library(key, what=f"the key at {_shown(uri)}")


def _aws_public_key(uri: str) -> PublicKey:
    name = _aws_name(uri)
    with _spoken(uri):
        _, key = AWSSigner.import_(name)
        return PublicKey.of_library(key, what=f"the key at {_shown(uri)}")


@contextmanager
def _spoken(uri: str) -> Iterator[None]:
    """A context where errors of a driver or service become an `UnavailableError` that names `uri`.

    `AttestError` and `MemoryError` pass through.
    """
    try:
        yield
    except (AttestError, MemoryError):
        raise
    except (UnsupportedLibraryError, ModuleNotFoundError):
        raise UnavailableError(
            "signer/library",
            f"what speaks {_scheme(uri)} is not installed",
            hint=f"pip install 'attest-por[{'hsm' if _scheme(uri) in _TOKEN_SCHEMES else _scheme(uri)}]'",
        ) from None
    except Exception as error:  # noqa: BLE001 (drivers and services have errors of their own, which share no class)
        # The text of a KeyError is only the name that was not found.
        said = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:_MAX_SAID]
        hint = next((hint for part, hint in _HINTS.items() if part in said), None)
        raise UnavailableError(
            "signer/failed", f"{_shown(uri)} does not answer as it should: {said or type(error).__name__}", hint=hint
        ) from None


def _scheme(uri: str) -> str:
    scheme, colon, _ = uri.partition(":")
    return scheme if colon and scheme in (*_TOKEN_SCHEMES, *_SERVICE_SCHEMES) else "file"


def _read(uri: str) -> bytes:
    """The bytes of the key file that `uri` names.

    Raises `UnavailableError` when it cannot be read, `MalformedError` when there is no file and `uri` begins with the
    scheme of something else.
    """
    scheme = _OTHER_SCHEME.match(uri)
    if scheme is not None and not os.path.lexists(_path(uri)):
        raise MalformedError(
            "signer/scheme",
            f"there is no file {_shown(uri)}, and keys have no scheme {scheme[1]}:",
            hint=f"a key is a file or {', '.join(f'{name}:' for name in (*_TOKEN_SCHEMES, *_SERVICE_SCHEMES))}",
        )
    return read_bounded(_path(uri), MAX_KEY_BYTES)


def _path(uri: str) -> Path:
    return Path(uri.removeprefix("file:"))


def _shown(uri: str) -> str:
    """The URI for messages: without parameters, and only its scheme when it has a user, because both may be secret."""
    if "@" in uri and "://" in uri:
        return f"{uri.partition(':')[0]}:…"
    return re.split("[?;#]", uri, maxsplit=1)[0]


def _hsm_place(uri: str) -> tuple[int | None, str | None]:
    """The key id and token label of `hsm:2?label=LABEL`, each None where it is left out. Raises `MalformedError`."""
    number, _, query = uri.removeprefix("hsm:").partition("?")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    label = parameters.pop("label", None)
    if parameters or not (number == "" or (number.isascii() and number.isdecimal() and len(number) < _MAX_KEYID_BYTES)):
        raise _malformed(uri, "hsm:2?label=TOKEN")
    return int(number) if number else None, label


def _aws_name(uri: str) -> str:
    """The identifier, alias or ARN of a key at AWS.

    Raises `MalformedError` for a URI with parameters, because the library would drop them or take them for the name.
    """
    found = _AWS_KEY.fullmatch(uri)
    if found is None:
        raise _malformed(uri, "awskms:alias/NAME", hint="the environment names the region and the credentials")
    return found[1]


def _library_uri(uri: str) -> str:
    """The URI in the form that securesystemslib reads. Raises `MalformedError`."""
    if _scheme(uri) == "awskms":
        return f"awskms:{_aws_name(uri)}"
    if _scheme(uri) != "hsm":
        return uri
    keyid, label = _hsm_place(uri)
    number = "" if keyid is None else str(keyid)
    return f"hsm:{number}" + ("" if label is None else "?" + urlencode({"label": label}))


def _malformed(uri: str, form: str, hint: str = "PYKCS11LIB names the library, a PIN is asked for") -> MalformedError:
    return MalformedError("signer/uri", f"{_shown(uri)} does not have the form {form}", hint=hint)
