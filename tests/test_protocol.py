"""The specification says what the code does, and the package keeps what it promises."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import attest
from attest.attestation.pack import MAX_PACK_BYTES
from attest.attestation.records import AnyRecord
from attest.chains.pins import PinLostError
from attest.errors import EXIT_CODES, AttestError, VerificationError, exit_code
from attest.liabilities.tree import SCHEME, SECRET_BYTES
from attest.lines import MAX_FILE_BYTES
from attest.verification.steps import TITLES

TEXT = (Path(attest.__file__).parent / "protocol.md").read_text(encoding="utf-8")


def test_the_steps_have_the_specifications_numbers_and_names() -> None:
    section = TEXT[TEXT.index("## 9.") :]
    steps = re.findall(r"^(\d+)\. (.+)$", section, re.MULTILINE)
    assert [int(number) for number, _ in steps] == list(range(len(TITLES)))
    for (_, specified), title in zip(steps, TITLES.values(), strict=True):
        assert specified.startswith(title)


def test_a_file_beside_the_bundle_is_bounded_as_specified() -> None:
    (mebibytes,) = re.findall(r"A file beside the bundle is at most (\d+) MiB", TEXT)
    assert int(mebibytes) * 1024 * 1024 == MAX_FILE_BYTES


def test_a_pack_is_bounded_as_specified() -> None:
    (mebibytes,) = re.findall(r"in RFC 8785 form when written, at most (\d+) MiB, with these three fields", TEXT)
    assert int(mebibytes) * 1024 * 1024 == MAX_PACK_BYTES


def test_the_tree_has_the_name_and_the_secret_that_are_specified() -> None:
    assert f"## 2. Liability tree, one per asset (`{SCHEME}`)" in TEXT
    assert f"secret: {SECRET_BYTES} random bytes per snapshot" in TEXT


def test_every_record_type_is_specified() -> None:
    union, _ = get_args(AnyRecord)
    types = {get_args(model.model_fields["type"].annotation)[0] for model in get_args(union)}
    section = TEXT[TEXT.index("## 4.") : TEXT.index("## 5.")]
    assert types == set(re.findall(r"^\| `([a-z-]+)` \| ", section, re.MULTILINE)) - {"type"}


def test_every_error_has_an_exit_code() -> None:
    assert set(AttestError.__subclasses__()) == set(EXIT_CODES)
    assert len(set(EXIT_CODES.values())) == len(EXIT_CODES)
    for kind, code in EXIT_CODES.items():
        for error in (kind, *kind.__subclasses__()):
            assert exit_code(error("x/y", "z")) == code
    assert PinLostError in VerificationError.__subclasses__()
