"""A real timestamp authority on loopback: `openssl ts` behind a small HTTP server."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from attest.demo.recording import on_loopback

_CONFIG = """\
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:{accuracy}
ess_cert_id_alg = {certificate_id}
"""
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """A folder with the keys of an authority; `root` is the PEM that verifiers trust."""

    folder: Path
    root: bytes

    def send(self, *certificates: bytes) -> None:
        """Send these certificates, as PEM, with every answer from now on, in this order, after its own."""
        (self.folder / "certs").write_bytes(b"".join(certificates))
        text = (self.folder / "config").read_text().partition("certs = ")[0]
        (self.folder / "config").write_text(f"{text}certs = {self.folder / 'certs'}\n")

    def answer(self, body: bytes) -> bytes:
        """The response to a request, as `openssl ts` makes it."""
        with tempfile.TemporaryDirectory() as folder:
            question, reply = Path(folder, "query"), Path(folder, "reply")
            question.write_bytes(body)
            files = ["-config", self.folder / "config", "-inkey", self.folder / "key", "-signer", self.folder / "cert"]
            arguments = ["-reply", *files, "-queryfile", question, "-out", reply]
            subprocess.run(["openssl", "ts", *arguments], check=True, capture_output=True)
            return reply.read_bytes()


def make_authority(
    folder: Path,
    *,
    valid_from: timedelta = -_DAY,
    valid_for: timedelta = 30 * _DAY,
    accuracy: int = 1,
    between: bool = False,
    certificate_id: str = "sha256",
) -> Authority:
    """An authority whose certificate is valid from `valid_from` after now.

    With `between`, another certificate, in the file `between`, leads from it to the root. `certificate_id` is the hash
    by which a response names its certificate: sha1 in an ESSCertID (RFC 2634), others in an ESSCertIDv2 (RFC 5035).
    """
    assert shutil.which("openssl") is not None, "openssl is missing"
    folder.mkdir(parents=True)
    start = datetime.now(UTC) + valid_from
    root_key, middle_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    root_name, middle_name, name = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("Root", "Between", "Clock")
    )

    def builder(
        subject: x509.Name, public: ec.EllipticCurvePublicKey, issuer: x509.Name = root_name, *, ca: bool = True
    ) -> x509.CertificateBuilder:
        base = x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number())
        valid = base.not_valid_before(start).not_valid_after(start + valid_for)
        return valid.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)

    root = builder(root_name, root_key.public_key()).sign(root_key, hashes.SHA256())
    middle = builder(middle_name, middle_key.public_key()).sign(root_key, hashes.SHA256())
    certificate = (
        builder(name, key.public_key(), middle_name if between else root_name, ca=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .sign(middle_key if between else root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "between").write_bytes(middle.public_bytes(pem))
    (folder / "cert").write_bytes(certificate.public_bytes(pem))
    (folder / "key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "config").write_text(_CONFIG.format(folder=folder, accuracy=accuracy, certificate_id=certificate_id))
    (folder / "serial").write_text("01\n")
    return Authority(folder, root.public_bytes(pem))


@dataclass(frozen=True)
class Party:
    """A certificate with its key; `pem` is the certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def certify(
    name: str,
    by: Party | None = None,
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    days: tuple[float, float] = (-10, 10),
    ca: bool = True,
    length: int | None = None,
    purpose: x509.ObjectIdentifier | None = None,
    serial: int | None = None,
    identified: bool = False,
) -> Party:
    """A certificate of `name`, valid from and to so many days from now, issued by `by` or else by its own key.

    One that is `identified` names its key and that of its issuer, by which OpenSSL tells issuers of one name apart.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, now = subject if by is None else by.certificate.subject, datetime.now(UTC)
    builder = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), serial or x509.random_serial_number())
        .not_valid_before(now + days[0] * _DAY)
        .not_valid_after(now + days[1] * _DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=length), critical=True)
    )
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
    if identified:
        issuing = (key if by is None else by.key).public_key()
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        named = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing)
        builder = builder.add_extension(named, critical=False)
    return Party(key, builder.sign(key if by is None else by.key, hashes.SHA256()))


def clock(folder: Path, by: Party | None, *, sends: tuple[Party, ...] = (), identified: bool = False) -> Authority:
    """An authority whose own certificate, for timestamps alone, is issued by `by`, or by itself."""
    stamping = ExtendedKeyUsageOID.TIME_STAMPING
    own = certify("Clock", by, ca=by is None, purpose=stamping, identified=identified)
    folder.mkdir(parents=True)
    (folder / "cert").write_bytes(own.pem)
    (folder / "key").write_bytes(own.key_pem)
    (folder / "config").write_text(_CONFIG.format(folder=folder, accuracy=1, certificate_id="sha256"))
    (folder / "serial").write_text("01\n")
    authority = Authority(folder, own.pem)
    if sends:
        authority.send(*(party.pem for party in sends))
    return authority


@contextmanager
def serving(authority: Authority) -> Iterator[str]:
    """The URL at which the authority answers, one question after another: openssl keeps its serial number in a file."""
    alone = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            question = self.rfile.read(int(self.headers["Content-Length"]))
            with alone:
                body = authority.answer(question)
            with suppress(ConnectionError):  # whoever asked may have been killed
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with on_loopback(Handler) as url:
        yield f"{url}/tsr"
