"""What is given of control to `attest run` and `attest control challenge`, and is of no use there, is told as such."""

from __future__ import annotations

from dataclasses import replace as replace_fields
from pathlib import Path
from typing import Any

import pytest

from attest.cli.exchange.run import _unsigned_text
from tests.cli.conftest import replace
from tests.cli.test_control import folder, text_signature  # noqa: F401 (folder is a fixture)
from tests.conftest import Exchange

NONCE = "5a" * 16


def test_a_folder_of_control_that_is_not_there_is_told(attest: Any, config: Path, tmp_path: Path) -> None:
    run = ("run", config, "--period", "2026-10", "--control")
    ran = attest(*run, tmp_path / "kontrol")
    assert (ran.code, "there is no folder" in ran.err, "`attest control challenge`" in ran.err) == (4, True, True)
    ran = attest(*run, tmp_path)
    assert (ran.code, f"{tmp_path} has no challenges.json" in ran.err) == (4, True)
    # To be told that they are not there is as much as can be told of names that no file can have.
    assert attest("control", "add", tmp_path / ("x" * 300), config).code == 4
    assert attest("prove", tmp_path / ("x" * 300), "--account", "x").code == 4


def test_signatures_for_another_month_are_told_by_their_folder(
    attest: Any,
    config: Path,
    folder: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    attest("control", "add", folder, text_signature(tmp_path / "hot-0001.sig", "hot"))
    ran = attest("run", config, "--period", "2026-09", "--control", folder)
    assert (ran.code, f"{folder} has challenges for the period 2026-10, not for 2026-09" in ran.err) == (1, True)


def test_a_nonce_that_drew_no_window_of_a_reading_is_told_to_be_left_out(
    attest: Any, exchange: Exchange, config: Path
) -> None:
    reading = exchange.outcome.private
    ran = attest("run", config, "--period", "2026-10", "--reserves", reading, "--nonce", NONCE)
    assert (ran.code, "it has no window" in ran.err, "leave --nonce out" in ran.err) == (3, True, True)


@pytest.mark.parametrize(
    ("options", "lacking"),
    [((), "--reserves and --nonce"), (("--nonce", NONCE), "--reserves"), (("--reserves",), "--nonce")],
)
def test_a_sample_that_is_not_drawn_is_told(
    options: tuple[str, ...], lacking: str, attest: Any, exchange: Exchange, config: Path, tmp_path: Path
) -> None:
    challenge = ["control", "challenge", config, "--period", "2026-10", "-o", tmp_path / "c", *options]
    if options == ("--reserves",):
        challenge.append(exchange.outcome.private)
    said = "every address is asked: the sample in [control] is not drawn without"
    assert said not in attest(*challenge).err
    replace(config, "[publication]", "[control]\nsample = 2\n\n[publication]")
    assert f"{said} {lacking}\n" in attest(*challenge).err


def test_a_run_names_the_first_wallets_that_did_not_sign_where_others_did(exchange: Exchange) -> None:
    verified = exchange.outcome.verified
    assert _unsigned_text(verified) == ""  # nobody was asked to sign
    steps = tuple(replace_fields(step, status="NOT MET") if step.name == "control" else step for step in verified.steps)
    unmet = replace_fields(verified, steps=steps)
    names = [row.wallet for row in verified.wallets if row.control == "none"]
    assert len(names) > 4
    assert _unsigned_text(unmet) == f"unsigned   {', '.join(names[:3])} and {len(names) - 3} more\n"
    signed = tuple(row._replace(control="signature") for row in verified.wallets[1:])
    one = replace_fields(unmet, wallets=(verified.wallets[0], *signed))
    assert _unsigned_text(one) == f"unsigned   {verified.wallets[0].wallet}\n"
