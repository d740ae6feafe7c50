"""The figures that policies are evaluated over, from whatever file names them, and what no record shows of them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from attest.attestation.arithmetic import check_arithmetic
from attest.attestation.bundle import parse_bundle
from attest.attestation.statement import parse_statement
from attest.canonical import loads
from attest.files import read_bounded
from attest.lines import open_beside
from attest.policy.inputs import MAX_INPUTS_BYTES, Inputs
from attest.verification.evidence.step import basis_of, check_against_records, read_beside_bundle
from attest.verification.policies import inputs_of
from attest.verification.unchecked import Unchecked


class Figures(NamedTuple):
    """The inputs of policies; `unchecked` is what no record beside a statement shows, and None where there is none."""

    inputs: Inputs
    unchecked: Unchecked | None


def read_figures(path: Path) -> Figures:
    """The figures in a bundle or statement, whoever signed it, or in a file of `Inputs`.

    Those of a statement are held against the evidence beside it. Raises `AttestError`.
    """
    data = read_bounded(path, MAX_INPUTS_BYTES)
    value = loads(data, what=path.name, max_bytes=MAX_INPUTS_BYTES)
    fields = value.keys() if isinstance(value, dict) else ()
    if "envelope" in fields:
        return _stated(parse_bundle(data).envelope.payload, path.parent)
    if "predicate" in fields:
        return _stated(data, path.parent)
    return Figures(Inputs.from_value(value, what=path.name), None)


def _stated(payload: bytes, folder: Path) -> Figures:
    statement = parse_statement(payload)
    check_arithmetic(statement)
    beside = read_beside_bundle(statement, lambda name: open_beside(folder, name))
    step = check_against_records(beside.records, basis_of(statement.predicate, "the statement"))
    return Figures(inputs_of(statement.predicate), step.unchecked)
