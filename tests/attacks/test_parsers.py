"""Whatever bytes a parser is given, it takes them or refuses them with an error of the package, and soon."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from attest.attestation.bundle import parse_bundle
from attest.chains.bitcoin.scripts import descriptor_scripts
from attest.cli.signing.auditor_report import _findings
from attest.documents import MAX_SHOWN, Document
from attest.errors import AttestError, MalformedError
from attest.exchange.config import read_config
from attest.policy.rulesets import MAX_POLICY_BYTES, parse_policy
from tests.conftest import Exchange
from tests.examples import examples
from tests.fuzz.parsers import Parser, table
from tests.world.control import CHAIN

EXAMPLES = 5  # of each parser; tests/fuzz/run.py runs many more


@pytest.fixture(scope="module")
def parsers(exchange: Exchange, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Parser]:
    return table(exchange, tmp_path_factory.mktemp("parsers"))


def test_only_errors_of_the_package_leave_any_parser(parsers: dict[str, Parser]) -> None:
    for name, parser in parsers.items():
        _attack(name, parser)


def _attack(name: str, parser: Parser) -> None:
    @settings(examples(EXAMPLES), database=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 2**64))
    def attack(seed: int) -> None:
        data = parser.mutated(Random(seed), parser.seeds)  # noqa: S311
        note(f"{name}: {data[:2000]!r}")
        with suppress(AttestError):
            parser.parse(data)

    attack()


def test_each_parser_takes_what_it_is_for(parsers: dict[str, Parser]) -> None:
    """Else the test above would only show that everything is refused at once."""
    # What these start from is not finished, or signed for another kind of address.
    refused = {"BIP-137 signature", "PSBT", "two PSBTs", "PSBT in base64"}
    refused |= {f"BIP-322 {kind}" for kind in ("ful of P2WSH", "ful of P2PKH", "smp of P2WPKH")}
    for name, parser in parsers.items():
        taken = 0
        for seed in parser.seeds:
            try:
                parser.parse(seed)
            except AttestError:
                continue
            taken += 1
        assert bool(taken) == (name not in refused), name


_STRINGS = [b'"#\\""', b"'\"'", b'"""]""""', b"'''\n]#'''"]
DEEP = {
    "arrays behind strings": b"a = [" + b", ".join(_STRINGS) + b", #]\n" + b"[" * 300,
    "arrays": b"a = " + b"[" * 20_000,
    "closed arrays": b"a = " + b"[" * 300 + b"]" * 300,
    "tables in a row": b"a = " + b"{a = " * 200 + b"1" + b"}" * 200,
    "dotted key": b"a" + b".a" * 10_000 + b" = 1",
    "dotted key with white space and quotes": b"a" + b" . 'a'" * 10_000 + b" = 1",
    "dotted header": b"[" + b"a." * 10_000 + b"a]",
}


@pytest.mark.parametrize("case", DEEP)
def test_toml_nested_deep_is_refused_before_it_is_parsed(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parser recurses, and takes the square of the length of a dotted key."""
    monkeypatch.setattr("tomllib.loads", lambda _: pytest.fail("it was parsed"))
    path = tmp_path / "x.toml"
    path.write_bytes(DEEP[case])
    readers: list[Callable[[], Any]] = [
        lambda: read_config(path),
        lambda: _findings(path),
        lambda: parse_policy(DEEP[case], "x"),
    ]
    for read, area in zip(readers, ("config", "report", "policy"), strict=True):
        with pytest.raises(MalformedError, match="nested deeper") as caught:
            read()
        assert caught.value.code == f"{area}/toml"


def test_a_config_that_is_too_large_is_not_read_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attest.exchange.config.MAX_CONFIG_BYTES", 100)
    path = tmp_path / "x.toml"
    path.write_bytes(b"#" * 101)
    with pytest.raises(MalformedError) as caught:
        read_config(path)
    assert caught.value.code == "config/too-large"


@pytest.mark.parametrize("filler", [b'[[rules]]\nkind = "x"\n', b"[[rules]]\n", b"\n", b'a = """\n'])
def test_a_policy_wrong_in_every_line_is_refused_with_the_first_of_what_is_wrong(filler: bytes) -> None:
    """Each of its errors once took as many parses of the whole as it has lines."""
    policy = filler * (MAX_POLICY_BYTES // len(filler) - 1) + b"x = 1"
    with pytest.raises(MalformedError) as caught:
        parse_policy(policy, "x")
    assert len(caught.value.details) <= MAX_SHOWN


def test_thousands_of_unknown_fields_are_told_in_a_few_lines() -> None:
    """Every pair of them was compared once: a bundle of 1 MiB took an hour."""
    with pytest.raises(MalformedError) as caught:
        parse_bundle(json.dumps({str(number): 0 for number in range(16_000)}).encode())
    assert len(caught.value.details) == MAX_SHOWN
    assert caught.value.details[-1] == "and 15,985 more"
    with pytest.raises(MalformedError, match="more than 16,384 fields"):
        parse_bundle(json.dumps({str(number): 0 for number in range(17_000)}).encode())


def test_a_long_list_is_refused_at_its_first_wrong_item() -> None:
    """Each wrong item took half a kilobyte of memory: a line of evidence of 16 MiB took ten gigabytes."""
    long = [
        f"{model.__name__}.{name}"
        for model in _documents(Document)
        for name, field in model.model_fields.items()
        if model.__module__.startswith(("attest.reserves.records", "attest.policy.inputs"))
        and re.search(r"tuple\[.*\.\.\.\]", repr(field.annotation) + repr(field.metadata)) is not None
        and not re.search(r"fail_fast=True|max_length=[0-9]{1,4}\b", repr(field.annotation) + repr(field.metadata))
    ]
    assert long == []


def _documents(model: type[Document]) -> list[type[Document]]:
    return [found for part in model.__subclasses__() for found in (part, *_documents(part))]


def test_text_that_utf8_cannot_write_is_no_descriptor() -> None:
    with pytest.raises(MalformedError):
        descriptor_scripts("wpkh(\udcff)", (0, 0), CHAIN)


def test_a_root_certificate_at_which_the_library_panics_is_refused(
    parsers: dict[str, Parser], capfd: pytest.CaptureFixture[str]
) -> None:
    parser = parsers["timestamp authority in PEM"]
    (certificate,) = parser.seeds
    broken = certificate.replace(b"Root", b"\xff\xff\xff\xff")
    assert broken != certificate
    with pytest.raises(AttestError) as caught:
        parser.parse(broken)
    assert caught.value.code == "timestamp/authority"
    capfd.readouterr()  # what the library writes about it
