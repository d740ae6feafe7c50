"""Keys that sign, Ed25519 or ECDSA P-256, and their signatures (protocol.md, section 7).

A key is named by its fingerprint, the SHA-256 of its SubjectPublicKeyInfo in DER.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final, Literal, Protocol

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.exceptions import VerificationError as LibraryVerificationError
from securesystemslib.signer import CryptoSigner, Signature, SSlibKey

from attest.errors import MalformedError, UnavailableError, VerificationError
from attest.formats import foreign
from attest.signing.private_keys import ENCRYPTED, refuse_costly

Scheme = Literal["ed25519", "ecdsa-p256-sha256"]
_LIBRARY_SCHEME: Final = {"ed25519": "ed25519", "ecdsa-p256-sha256": "ecdsa-sha2-nistp256"}
_COORDINATE_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_ED25519_ORDER: Final = 2**252 + 27742317777372353535851937790883648493  # L of RFC 8032, section 5.1
_COFACTOR: Final = 8
_NEUTRAL: Final = (0, 1)
_MADE_ANEW: Final = "no key that is made as RFC 8032 says is like this: have it exported again, or make a new one"
MAX_KEY_BYTES: Final = 16 * 1024
MAX_PASSPHRASE_BYTES: Final = 1000  # cryptography accepts 1023


def words_of(fingerprint: str) -> tuple[str, ...]:
    """The 24 English words of BIP-39 for a SHA-256 in hex; the last word carries a checksum of 8 bits."""
    import wallycore

    return tuple(wallycore.bip39_mnemonic_from_bytes(None, bytes.fromhex(fingerprint)).split(" "))


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key. The key, never a message, decides which scheme a signature has.

    `fingerprint`: the SHA-256 of its SubjectPublicKeyInfo in DER, 64 hex digits.
    `scheme`: the signature scheme.
    """

    fingerprint: str
    scheme: Scheme
    _key: SSlibKey

    @classmethod
    def from_pem(cls, pem: bytes, *, what: str) -> PublicKey:
        """The key in a PEM SubjectPublicKeyInfo.

        `what`: the name of the key in errors.
        Raises `MalformedError` for other content, for another scheme, and for an Ed25519 key that section 7 refuses.
        """
        try:
            key = serialization.load_pem_public_key(pem[:MAX_KEY_BYTES])
        except (ValueError, UnsupportedAlgorithm):
            form = foreign(pem, wanted="a public key")
            said, hint = ("", "it starts with -----BEGIN PUBLIC KEY-----")
            if form is not None:
                said, hint = f" but {form.said}", form.hint or hint
            raise MalformedError("key/malformed", f"{what} is not a PEM public key{said}", hint=hint) from None
        return cls._of(key, what)

    @classmethod
    def from_der(cls, der: bytes, *, what: str) -> PublicKey:
        """The key in a DER SubjectPublicKeyInfo.

        `what`: the name of the key in errors.
        Raises `MalformedError` as `from_pem` does, and for any bytes that `to_der` would not write.
        """
        try:
            key = cls._of(serialization.load_der_public_key(der[:MAX_KEY_BYTES]), what)
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if key is None or key.to_der() != der:
            raise MalformedError("key/malformed", f"{what} is not a SubjectPublicKeyInfo in DER")
        return key

    @classmethod
    def _of(cls, key: object, what: str) -> PublicKey:
        match key:
            case ed25519.Ed25519PublicKey():
                scheme: Scheme = "ed25519"
                if (flaw := _flaw_of_ed25519(key.public_bytes_raw())) is not None:
                    raise MalformedError("key/weak", f"{what} {flaw}", hint=_MADE_ANEW)
            case ec.EllipticCurvePublicKey(curve=ec.SECP256R1()):
                scheme = "ecdsa-p256-sha256"
            case _:
                raise MalformedError("key/scheme", f"{what} is neither an Ed25519 nor an ECDSA P-256 key")
        spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        fingerprint = sha256(spki).hexdigest()
        return cls(fingerprint, scheme, SSlibKey.from_crypto(key, fingerprint, _LIBRARY_SCHEME[scheme]))

    @classmethod
    def of_library(cls, key: SSlibKey, *, what: str) -> PublicKey:
        """The key that securesystemslib read from a device or service.

        `what`: the name of the key in errors.
        Raises `MalformedError` for another scheme, and for an Ed25519 key that section 7 refuses.
        """
        return cls._of(key._crypto_key(), what)  # noqa: SLF001

    @property
    def words(self) -> tuple[str, ...]:
        """The 24 words of the fingerprint, for two people to compare by voice."""
        return words_of(self.fingerprint)

    def to_pem(self) -> bytes:
        """The PEM SubjectPublicKeyInfo."""
        return self._key._crypto_key().public_bytes(  # noqa: SLF001
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def to_der(self) -> bytes:
        """The DER SubjectPublicKeyInfo, whose SHA-256 is the fingerprint."""
        return self._key._crypto_key().public_bytes(  # noqa: SLF001
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raise `VerificationError` unless `signature` is this key's over `message`.

        `signature`: 64 bytes. ECDSA: r ‖ s, as WebCrypto and PKCS#11 have it. Ed25519: R ‖ S, with S below the order of
        the group; the library compares the bytes of R with those that it computes (RFC 8032, without the cofactor).
        """
        if self.scheme == "ecdsa-p256-sha256":
            signature = _to_der(signature)
        elif not _is_reduced(signature):
            raise self._not_its_own
        try:
            self._key.verify_signature(Signature(self.fingerprint, signature.hex()), message)
        except (UnverifiedSignatureError, LibraryVerificationError):
            raise self._not_its_own from None

    @property
    def _not_its_own(self) -> VerificationError:
        return VerificationError(
            "signature/invalid",
            f"the signature under key {self.fingerprint[:16]}… is not that key's over this payload",
        )


class Signs(Protocol):
    """A private key in memory, on a token or at a service."""

    @property
    def public(self) -> PublicKey:
        """The public key of the pair."""

    def sign(self, message: bytes) -> bytes:
        """The signature over `message`, 64 bytes for either scheme, as `PublicKey.verify` expects it.

        Raises `UnavailableError` when a device or service fails, `VerificationError` when it signs with another key.
        """


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key in memory.

    `public`: the public key of the pair.
    """

    public: PublicKey
    _signer: CryptoSigner

    @classmethod
    def generate(cls, scheme: Scheme) -> Signer:
        """A new random key pair of a scheme."""
        private = (
            ed25519.Ed25519PrivateKey.generate() if scheme == "ed25519" else ec.generate_private_key(ec.SECP256R1())
        )
        return cls._of(private, "the new key")

    @classmethod
    def from_pem(cls, pem: bytes, *, passphrase: Callable[[], str], what: str) -> Signer:
        """The private key in PEM PKCS#8.

        `passphrase`: gives the passphrase; it is called only when the key is encrypted.
        `what`: the name of the key in errors.
        Raises `UnavailableError` for a wrong passphrase; `MalformedError` for other content, for another scheme, for a
        key that takes too much work to open (`refuse_costly`), and for a passphrase that is not 1 to 1,000 bytes long.
        """
        encrypted = ENCRYPTED in pem
        refuse_costly(pem, what)
        try:
            private = serialization.load_pem_private_key(pem, _encoded(passphrase()) if encrypted else None)
        except (ValueError, TypeError, UnsupportedAlgorithm, InternalError):
            if encrypted:
                raise UnavailableError("key/passphrase", f"the passphrase does not open {what}") from None
            hint = None
            if b"BEGIN PUBLIC KEY" in pem:
                hint = f"it is a public key; the private one may be {what.removesuffix('.pub')}"
            raise MalformedError("key/malformed", f"{what} is not a PEM private key (PKCS#8)", hint=hint) from None
        return cls._of(private, what)

    @classmethod
    def _of(cls, private: object, what: str) -> Signer:
        if not isinstance(private, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
            raise MalformedError("key/scheme", f"{what} is neither an Ed25519 nor an ECDSA P-256 key")
        public = PublicKey._of(private.public_key(), what)  # noqa: SLF001
        return cls(public, CryptoSigner(private, public._key))  # noqa: SLF001

    def to_pem(self, passphrase: str | None) -> bytes:
        """The private key in PEM PKCS#8, encrypted unless `passphrase` is None.

        Raises `MalformedError` for a passphrase that is not 1 to 1,000 bytes long.
        """
        pem = self._signer.private_bytes
        if passphrase is None:
            return pem
        private = serialization.load_pem_private_key(pem, None)
        return private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(_encoded(passphrase)),
        )

    def sign(self, message: bytes) -> bytes:
        """The signature over `message`, 64 bytes for either scheme, as `PublicKey.verify` expects it."""
        signature = bytes.fromhex(self._signer.sign(message).signature)
        return ecdsa_from_der(signature) if self.public.scheme == "ecdsa-p256-sha256" else signature


@lru_cache(maxsize=1024)  # a chain of trust roots names most keys many times
def _flaw_of_ed25519(raw: bytes) -> str | None:
    """The fault of an Ed25519 public key of 32 bytes, as the end of a sentence; None for a key made as RFC 8032 says.

    Keys outside the subgroup of prime order are refused because under some of them everybody can sign, and because
    verifiers disagree about the signatures of the others.
    """
    from Crypto.Signature.eddsa import import_public_key

    try:
        point = import_public_key(raw).pointQ
        multiples = (point * _COFACTOR).xy, (point * _ED25519_ORDER).xy
    except ValueError:
        return "is not an Ed25519 key: its 32 bytes are no point of the curve, or not in the one form of RFC 8032"
    if multiples[0] == _NEUTRAL:
        return "is a key under which everybody can sign"
    if multiples[1] != _NEUTRAL:
        return "is an Ed25519 key with a component of small order, under which verifiers disagree about signatures"
    return None


def _is_reduced(signature: bytes) -> bool:
    """Whether S of an Ed25519 signature R ‖ S is below the order of the group, so that the signature has one form."""
    return int.from_bytes(signature[_SIGNATURE_BYTES // 2 :], "little") < _ED25519_ORDER


def _encoded(passphrase: str) -> bytes:
    try:
        data = passphrase.encode()
    except UnicodeEncodeError:
        data = b""
    if not 1 <= len(data) <= MAX_PASSPHRASE_BYTES:
        raise MalformedError("key/passphrase", f"a passphrase is 1 to {MAX_PASSPHRASE_BYTES} bytes of text")
    return data


def _to_der(signature: bytes) -> bytes:
    if len(signature) != 2 * _COORDINATE_BYTES:
        raise VerificationError("signature/length", "an ECDSA P-256 signature has 64 bytes, r and s")
    r, s = signature[:_COORDINATE_BYTES], signature[_COORDINATE_BYTES:]
    return encode_dss_signature(int.from_bytes(r), int.from_bytes(s))


def ecdsa_from_der(signature: bytes) -> bytes:
    """The 64 bytes r ‖ s of an ECDSA P-256 signature in DER.

    Raises `ValueError` for data that is no signature in DER, `OverflowError` for numbers of more than 32 bytes.
    """
    r, s = decode_dss_signature(signature)
    return r.to_bytes(_COORDINATE_BYTES) + s.to_bytes(_COORDINATE_BYTES)
