"""Documents that are made to exhaust whoever reads them: each is refused by name, in bounded time and memory."""

from __future__ import annotations

import atexit
import base64
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from attest.attestation.bundle import parse_bundle
from attest.attestation.statement import PAYLOAD_TYPE
from attest.canonical import dumps
from attest.evidence.record import record_leaf
from attest.evidence.tree import EvidenceTree
from attest.signing.envelope import sign
from attest.signing.keys import Signer
from tests.faults.measured import MIB, Attest, attest, attest_forked

FULL: Final = 510 * MIB
SMALL: Final = 20 * MIB
PEAK: Final = 1000  # MiB, of whatever is read
PEAK_SHORT: Final = 350  # MiB; whoever splits or decodes all of so much at once takes more
LARGEST_SHORT: Final = 70 * MIB
SALT: Final = "00" * 16
PUBLIC, AUDITOR = "evidence-public.jsonl", "evidence.jsonl"
MONTH, KEY = Path("publication/2026-10"), Path("keys/exchange.pem")

_VERIFY: Final = ("verify", MONTH / "2026-10.attest.json", "--key", f"{KEY}.pub")
_CHECK: Final = ("evidence", "check", MONTH)
_RUN: Final = ("run", "attest.toml", "--period", "2026-11")
_SIGN: Final = ("sign", MONTH / "2026-10.attest.json", "--key", "hostile.pem")


class Hostile(NamedTuple):
    """A hostile document: what writes so many bytes of it, and how a command ends and what it says of it then.

    At `least` so many bytes show what is refused; it does most at the `largest` size.
    """

    name: str
    make: Callable[[Path, int], object]
    command: tuple[str | Path, ...]
    code: int
    says: str
    largest: int = FULL
    least: int = SMALL


def cases() -> Iterator[tuple[str, Callable[[Path], dict[str, object]]]]:
    """Each hostile document at the size at which it does most."""
    for item in HOSTILE:
        yield item.name, partial(attack, item, size=item.largest)


def short_cases() -> Iterator[tuple[str, Callable[[Path], dict[str, object]]]]:
    """Each hostile document that shows at a small size what is refused, in forks."""
    for item in HOSTILE:
        if item.least <= LARGEST_SHORT:
            yield item.name, partial(attack, item, size=item.least, peak=PEAK_SHORT, run=attest_forked)


def attack(item: Hostile, folder: Path, *, size: int, peak: int = PEAK, run: Attest = attest) -> dict[str, object]:
    """Have attest read a hostile document in `folder`; what it took."""
    shutil.copytree(_demo(run), folder, dirs_exist_ok=True)
    item.make(folder, min(size, item.largest))
    environment = {"ATTEST_PASSPHRASE": "aaaa", "NO_COLOR": "1"}
    took = run(folder, *item.command, environment=environment, memory=4 * PEAK)
    said = f"{item.name}: exit {took.code}, {took.peak} MiB: {took.err or took.out}"
    assert took.code == item.code, said
    assert re.search(item.says, took.err + took.out), said
    assert "bug" not in took.err, said
    assert took.peak <= peak, said
    return {"code": took.code, "seconds": round(took.cpu, 1), "peak": took.peak}


def _demo(run: Attest) -> Path:
    """The demo and a trust root of it, made once for all cases, those of forks of this process as well."""
    demo = _KEPT / "demo"
    if not demo.exists():
        key = str(_KEPT / "made" / KEY)
        root = str(_KEPT / "made" / "root.json")
        public = f"{key}.pub"
        for line in (
            ("demo", "--out", str(_KEPT / "made")),
            ("trust", "new", "--origin", "demo.exchange.example", "--root", public, "--exchange", public, "-o", root),
            ("trust", "sign", root, "--key", key),
        ):
            took = run(_KEPT, *line)
            assert took.code == 0, took.err
        (_KEPT / "made").rename(demo)
    return demo


_KEPT: Final = Path(tempfile.mkdtemp(prefix="hostile-"))
_MAKER: Final = os.getpid()


@atexit.register
def _remove() -> None:
    if os.getpid() == _MAKER:  # not in a fork
        shutil.rmtree(_KEPT, ignore_errors=True)


def _fill(path: Path, size: int, unit: bytes, before: bytes = b"", after: bytes = b"") -> str:
    """Write `unit` again and again, a megabyte at a time, since what is measured begins with this process's memory."""
    left = max((size - len(before) - len(after)) // len(unit), 1)
    some = max(MIB // len(unit), 1)
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for piece in (before, *[unit * some] * (left // some), unit * (left % some), after):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _public(unit: bytes, before: bytes = b"", after: bytes = b"") -> Callable[[Path, int], None]:
    """Public evidence that the exchange itself signed for."""

    def make(folder: Path, size: int) -> None:
        digest = _fill(folder / MONTH / PUBLIC, size, unit, before, after)
        _signed(folder, lambda statement: _subject(statement, digest))

    return make


def _written(path: str | Path, unit: bytes, before: bytes = b"", after: bytes = b"") -> Callable[[Path, int], None]:
    return lambda folder, size: _fill(folder / path, size, unit, before, after) and None


def _auditor(unit: bytes, before: bytes = b"", after: bytes = b"") -> Callable[[Path, int], None]:
    """A file of the auditor's name beside the bundle: nobody signs it, anyone may have put it there."""
    return _written(MONTH / AUDITOR, unit, before, after)


def _sparse(name: str) -> Callable[[Path, int], None]:
    def make(folder: Path, size: int) -> None:
        with (folder / MONTH / name).open("wb") as file:
            file.truncate(size)

    return make


def _bound(record: Callable[[int], dict[str, Any]]) -> Callable[[Path, int], None]:
    """Records by their number that really lead to the root that the exchange signed for."""

    def make(folder: Path, size: int) -> None:
        leaves, written = [], 0
        with (folder / MONTH / AUDITOR).open("wb") as file:
            while written < size:
                line = json.dumps(
                    {"salt": f"{len(leaves):032x}", **record(len(leaves))},
                    sort_keys=True, separators=(",", ":"), ensure_ascii=False,
                ).encode()  # fmt: skip
                leaves.append(record_leaf(line))
                written += file.write(line + b"\n")
        (folder / MONTH / PUBLIC).write_bytes(b"")
        root = EvidenceTree.build(leaves).root.hex()

        def change(statement: Any) -> None:
            _subject(statement, hashlib.sha256().hexdigest())
            statement["predicate"]["evidence"] = {"root": root, "count": len(leaves)}

        _signed(folder, change)

    return make


def _subject(statement: Any, digest: str) -> None:
    for item in statement["subject"]:
        if item["name"] == PUBLIC:
            item["digest"]["sha256"] = digest


def _signed(folder: Path, change: Callable[[Any], object]) -> None:
    path = folder / MONTH / "2026-10.attest.json"
    bundle = parse_bundle(path.read_bytes())
    statement = json.loads(bundle.envelope.payload)
    change(statement)
    signer = Signer.from_pem((folder / KEY).read_bytes(), passphrase=lambda: "", what="the key")
    envelope = sign(dumps(statement), PAYLOAD_TYPE, [signer])
    path.write_bytes(bundle.model_copy(update={"envelope": envelope}).to_bytes())


def _count(folder: Path, _: int) -> None:
    _signed(folder, lambda statement: statement["predicate"]["evidence"].update(count=10**9))


def _many_assets(folder: Path, size: int) -> None:
    def change(statement: Any) -> None:
        assets = statement["predicate"]["assets"]
        assets += [{"asset": f"A{number}", "decimals": 0} for number in range(min(size // 34, 9_500))]
        assets.sort(key=lambda item: item["asset"])

    _signed(folder, change)


def _reserves(unit: bytes, before: bytes, after: bytes = b"]}") -> Callable[[Path, int], None]:
    return _written(MONTH / "reserves.json", unit, before, after)


def _whole_reserves(folder: Path, size: int) -> None:
    """A `reserves.json` in which nothing is wrong but that its leaves are another exchange's, and very many."""
    value = json.loads((folder / "private/2026-10/reserves.json").read_bytes())
    before, after = dumps(value | {"leaves": ["@"]}).split(b'"@"')
    _fill(folder / MONTH / "reserves.json", size, b'"' + b"00" * 32 + b'",', before, b'"' + b"00" * 32 + b'"' + after)


def _copies(suffix: str, data: Callable[[Path], bytes], *, of: int) -> Callable[[Path, int], None]:
    def make(folder: Path, size: int) -> None:
        content = data(folder)
        for number in range(max(size // of, 2)):
            (folder / MONTH / f"{number}{suffix}").write_bytes(content)

    return make


def _disclosures(folder: Path, size: int) -> None:
    _copies(".disclosed.jsonl", lambda folder: (folder / MONTH / PUBLIC).read_bytes(), of=30_000)(folder, size)


def _months(content: bytes, *, of: int) -> Callable[[Path, int], None]:
    """A publication folder of as many months as files of `of` bytes go into the size."""

    def make(folder: Path, size: int) -> None:
        for number in range(size // of):
            month = folder / "publication" / f"month-{number}"
            month.mkdir()
            (month / "x.attest.json").write_bytes(content)

    return make


def _numbered(name: str, unit: str, before: bytes = b"", after: bytes = b"") -> Callable[[Path, int], None]:
    def make(folder: Path, size: int) -> None:
        text = "".join(unit.format(number) for number in range(size // len(unit.format(0))))
        (folder / name).write_bytes(before + text.encode() + after)

    return make


def tlv(tag: int, *parts: bytes) -> bytes:
    data = b"".join(parts)
    length = bytes([len(data)]) if len(data) < 128 else b"\x82" + len(data).to_bytes(2)
    return bytes([tag]) + length + data


def _number(value: int) -> bytes:
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1))


def derived(oid: str, *numbers: int) -> bytes:
    return tlv(0x30, tlv(6, bytes.fromhex(oid)), tlv(0x30, tlv(4, b"saltsalt"), *map(_number, numbers)))


def _key(algorithm: bytes) -> Callable[[Path, int], None]:
    der = tlv(0x30, algorithm, tlv(4, bytes(64)))
    body = base64.encodebytes(der)
    pem = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + body + b"-----END ENCRYPTED PRIVATE KEY-----\n"
    return lambda folder, _: (folder / "hostile.pem").write_bytes(pem)


def pbes2(derivation: bytes) -> bytes:
    cipher = tlv(0x30, tlv(6, bytes.fromhex("60864801650304012a")), tlv(4, bytes(16)))
    return tlv(0x30, tlv(6, bytes.fromhex("2a864886f70d01050d")), tlv(0x30, derivation, cipher))


def _large_rsa(folder: Path, size: int) -> None:
    """A public key of as many bits as go into a file."""
    modulus = tlv(2, b"\x00" + b"\xff" * min(size, 12_000))
    numbers = tlv(0x30, modulus, _number(65537))
    algorithm = tlv(0x30, tlv(6, bytes.fromhex("2a864886f70d010101")), b"\x05\x00")
    body = base64.encodebytes(tlv(0x30, algorithm, tlv(3, b"\x00" + numbers)))
    (folder / "hostile.pub").write_bytes(b"-----BEGIN PUBLIC KEY-----\n" + body + b"-----END PUBLIC KEY-----\n")


def _price(_: int) -> dict[str, Any]:
    return {"type": "prices", "document": "a", "sha256": "00" * 32, "count": 0}


def _outputs(number: int) -> dict[str, Any]:
    outputs = [
        {"txid": f"{number:032x}{i:032x}", "vout": 0, "script": "00", "amount": "1", "height": 1} for i in range(1000)
    ]
    return {
        "type": "bitcoin-utxos", "chain": "bip122:0f9188f13cb7b2c71f2a335e3a4fc328", "wallet": "w",
        "purpose": "customer", "storage": "cold", "asset": "BTC", "level": "single", "amount": "1000",
        "utxos": outputs,
    }  # fmt: skip


def _nodes(number: int) -> dict[str, Any]:
    nodes = [f"{number:032x}{i:032x}" for i in range(10_000)]
    return {"type": "ethereum-trie-nodes", "chain": "eip155:31337", "nodes": nodes}


def _wide(_: int) -> dict[str, Any]:
    names = [f"{i}" + "a" * 990 + "\U0001f600" for i in range(64)]
    return {"type": "nodes", "chain": "eip155:31337", "needed": 1, "agreed": names, "dropped": []}


_LINE: Final = 15 * MIB
_RECORD: Final = b'{"index":0,"path":[],"record":{"type":"ethereum-balance","x":['
_NOT_JSON: Final = r"row 1 is not strict JSON"
_RESERVES: Final = 120 * MIB
_TOML: Final = 23 * MIB
_DENSE: Final = r"in so few bytes"

HOSTILE: Final = (
    Hostile("public: line breaks", _public(b"\n"), _VERIFY, 3, r"evidence-public.jsonl row 1 .*empty"),
    Hostile("public: empty objects", _public(b"{}\n"), _VERIFY, 3, r"evidence-public.jsonl row 1"),
    Hostile("public: numbers", _public(b"0\n"), _VERIFY, 3, r"evidence-public.jsonl row 1"),
    Hostile("public: one line without an end", _public(b"a"), _VERIFY, 3, r"does not end with a line break"),
    Hostile("public: one line", _public(b"a", b"", b"\n"), _VERIFY, 3, r"row 1 has more than 16,777,216 bytes"),
    Hostile("public: zero bytes", _public(b"\0", b"", b"\n"), _VERIFY, 3, r"row 1 has more than 16,777,216 bytes"),
    Hostile("public: long lines", _public(b"a" * _LINE + b"\n"), _VERIFY, 3, _NOT_JSON),
    Hostile("public: brackets", _public(b"[" * _LINE + b"\n"), _VERIFY, 3, r"nested deeper than 32 levels"),
    Hostile("public: empty arrays", _public(b"[],", b"[", b"[]]\n"), _VERIFY, 3, _DENSE, _LINE),
    Hostile("public: small numbers", _public(b"0,", b"[", b"0]\n"), _VERIFY, 3, _DENSE, _LINE),
    Hostile("public: long number", _public(b"9", b'{"index":', b"}\n"), _VERIFY, 3, r"outside the range", _LINE),
    Hostile("public: fields twice", _public(b'"a":0,', b"{", b'"a":0}\n'), _VERIFY, 3, _DENSE, _LINE),
    Hostile("public: escapes", _public(b"\\u0041", b'{"a":"', b'"}\n'), _VERIFY, 3, r"index: missing", _LINE),
    Hostile("public: quotes", _public(b'\\"', b'{"a":"', b'"}\n'), _VERIFY, 3, r"index: missing", _LINE),
    Hostile("public: wide text", _public(b"a", b'{"a":"\xf0\x9f\x98\x80', b'"}\n'), _VERIFY, 3, r"missing", _LINE),
    Hostile("public: unknown values", _public(b'"aaaaaaaaaaaaa",', _RECORD, b'""]}}\n'), _VERIFY, 3, "missing", _LINE),
    Hostile("public: unknown objects", _public(b'{"a":"' + b"a" * 56 + b'"},', _RECORD, b"{}]}}\n"), _VERIFY, 3,
            r"missing", _LINE),
    Hostile("public: too large", _sparse(PUBLIC), _VERIFY, 3, r"more than 536,870,912 bytes", 600 * MIB,
            600 * MIB),
    Hostile("auditor's: empty objects", _auditor(b"{}\n"), _CHECK, 1, r"evidence.jsonl row \d+: \d+ records were"),
    Hostile("auditor's: line breaks", _auditor(b"\n"), _VERIFY, 1, r"evidence.jsonl row \d+: \d+ records were bound"),
    Hostile("auditor's: one line", _auditor(b"a", b"", b"\n"), _CHECK, 3, r"row 1 has more than 16,777,216 bytes"),
    Hostile("auditor's: too large", _sparse(AUDITOR), _CHECK, 3, r"more than 536,870,912 bytes", 600 * MIB,
            600 * MIB),
    Hostile("bound: price lists", _bound(_price), _VERIFY, 1, r"0 readings add up to 0", 100 * MIB,
            100 * MIB),
    Hostile("bound: too many records", _bound(_price), _CHECK, 3, r"more than 1,048,576 records", 190 * MIB,
            190 * MIB),
    Hostile("bound: outputs", _bound(_outputs), _CHECK, 4, r"take more than 640 MiB of memory", 300 * MIB, 300 * MIB),
    Hostile("bound: trie nodes", _bound(_nodes), _CHECK, 4, r"take more than 640 MiB of memory", FULL, FULL),
    Hostile("bound: wide text", _bound(_wide), _CHECK, 4, r"take more than 640 MiB of memory", FULL, FULL),
    Hostile("stated: a thousand million records", _count, _VERIFY, 1, r"does not lead|path is too short"),
    Hostile("stated: many assets", _many_assets, _VERIFY, 1, r"has no tree"),
    Hostile("reserves.json: small numbers", _reserves(b"0,", b'{"private":[', b"0]}"), _CHECK, 3, _DENSE, _RESERVES),
    Hostile("reserves.json: leaves", _reserves(b'"' + b"00" * 32 + b'",', b'{"leaves":[', b'""]}'), _CHECK, 3,
            r"reserves.json: format: missing", _RESERVES),
    Hostile("reserves.json: whole", _whole_reserves, _CHECK, 1, r"the leaves in reserves.json do not lead", 66 * MIB),
    Hostile("reserves.json: too many leaves", _whole_reserves, _CHECK, 3, r"leaves: Tuple should have at most 1048576",
            _RESERVES, 75 * MIB),
    Hostile("reserves.json: too large", _reserves(b" ", b"{", b"}"), _CHECK, 3, r"the limit is 134,217,728",
            129 * MIB, 129 * MIB),
    Hostile("folder: many disclosures", _disclosures, _CHECK, 0, r"balances recomputed", 60 * MIB,
            6 * MIB),
    Hostile("folder: many bundles", _copies(".attest.json", lambda _: b"{}", of=10_000), _CHECK, 3,
            r"0\.attest\.json: format: missing", 100 * MIB),
    Hostile("history: many folders", _months(b"{}", of=50), ("history", "check", "publication", "--trust-root",
            "root.json"), 4, r"bundles; the limit is 1,200", 5 * MIB, 70_000),
    Hostile("history: large bundles", _months(b'{"format":"' + b"a" * (MIB - 20) + b'"}', of=MIB), ("history", "check",
            "publication", "--trust-root", "root.json"), 4, r"more than 67,108,864 bytes together", 100 * MIB,
            70 * MIB),
    Hostile("inspect: zero bytes", _written("x", b"\0"), ("inspect", "x"), 3, r"more than 16,777,216 bytes"),
    Hostile("inspect: empty arrays", _written("x", b"[],", b"[", b"[]]"), ("inspect", "x"), 3, _DENSE, _LINE),
    Hostile("inspect: lines", _written("x", b"{}\n"), ("inspect", "x"), 3, r"more than 100,000 rows", _LINE),
    Hostile("proof: empty arrays", _written("x", b"[],", b"[", b"[]]"), (*_VERIFY, "--proof", "x"), 3, _DENSE, _LINE),
    Hostile("bundle: brackets", _written(MONTH / "2026-10.attest.json", b"["), _VERIFY, 3, r"limit|nested"),
    Hostile("config: too large", _written("attest.toml", b"a", b'a = "', b'"'), _RUN, 3, r"more than 25,165,824 bytes",
            60 * MIB, 25 * MIB),
    Hostile("config: one string", _written("attest.toml", b"a", b'a = "', b'"'), _RUN, 3, r"unknown field|missing",
            _TOML, 5 * MIB),
    Hostile("config: small numbers", _written("attest.toml", b"0,", b"a = [", b"0]"), _RUN, 3, _DENSE, _TOML),
    Hostile("config: tables", _written("attest.toml", b"[[a]]\n"), _RUN, 3, _DENSE, _TOML),
    Hostile("config: keys", _numbered("attest.toml", "a{:08} = 0\n"), _RUN, 3, _DENSE + "|fields", _TOML,
            100 * MIB),
    Hostile("config: dotted keys", _numbered("attest.toml", "a{:08}.b.c.d.e.f = 0\n"), _RUN, 3, _DENSE, _TOML),
    Hostile("config: digits", _written("attest.toml", b"9", b"a = "), _RUN, 3, r"thousands of digits", _TOML),
    Hostile("config: brackets", _written("attest.toml", b"[", b"a = "), _RUN, 3, r"nested deeper|" + _DENSE, _TOML),
    Hostile("policy: dotted keys", _numbered("x.toml", "a{:08}.b.c.d.e.f = 0\n"), ("policy", "show", "./x.toml"), 3,
            r"missing|unknown field", 45 * 1024),
    Hostile("findings: dotted keys", _numbered("x.toml", "a{:08}.b.c.d.e.f = 0\n"), ("auditor-report",
            MONTH / "2026-10.attest.json", "x.toml", "--key", KEY, "--trust-root", "root.json"), 3, r"x.toml",
            180 * 1024),
    Hostile("key: PBKDF2", _key(pbes2(derived("2a864886f70d01050c", 2**31 - 1))), _SIGN, 3,
            r"the number of iterations in it is 2,147,483,647; the limit is 10,000,000"),
    Hostile("key: PBKDF2 of many bits", _key(pbes2(derived("2a864886f70d01050c", 2**400))), _SIGN, 3,
            r"more than 64 bits; the limit is"),
    Hostile("key: scrypt memory", _key(pbes2(derived("2b06010401da47040b", 2**30, 8, 1))), _SIGN, 3, r"of scrypt in"),
    Hostile("key: scrypt time", _key(pbes2(derived("2b06010401da47040b", 2, 1, 2**30))), _SIGN, 3, r"of scrypt in"),
    Hostile("key: PKCS #12", _key(derived("2a864886f70d010c0103", 2**31 - 1)), _SIGN, 3, r"the number of iterations"),
    Hostile("key: RSA", _large_rsa, (*_VERIFY[:3], "hostile.pub"), 3, r"neither an Ed25519 nor"),
    Hostile("control: challenges", _written("challenges.json", b"[],", b'{"items":[', b"[]]}"), ("control", "add",
            ".", "x.sig"), 3, _DENSE, 125 * MIB),
)  # fmt: skip
