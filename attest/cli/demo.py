"""`attest demo`: the whole chain on a sample exchange."""

from __future__ import annotations

from pathlib import Path

import click

from attest.cli.result import Result, json_option, program, tell
from attest.errors import EXIT_ADVERSE


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("attest-demo"), show_default=True,
    help="The folder to make.",
)  # fmt: skip
@click.option("--live", is_flag=True, help="Start and fund real nodes (anvil, bitcoind) instead of replaying them.")
@click.option("--serve", is_flag=True, help="Keep the nodes up afterwards, to try `attest run` on the folder.")
@json_option
def demo(*, out: Path, live: bool, serve: bool, as_json: bool) -> Result:
    """Make a sample exchange, attest its October 2026, verify that, prove a customer's balance, and make the site.

    The ledger has 1,000 invented customers. The chain data are recorded answers of a real Ethereum and a
    real Bitcoin node, read over HTTP by the same code that reads yours.
    """
    import secrets
    from datetime import UTC, datetime

    from attest.attestation.anchors import Anchors, Known, Sources
    from attest.attestation.config import read_config
    from attest.attestation.monthly import MonthInputs, run
    from attest.attestation.proving import open_snapshot
    from attest.attestation.surroundings import Surroundings
    from attest.attestation.verify import verify
    from attest.cli.known import beside
    from attest.cli.render import rules_text, verified_document
    from attest.cli.render_coverage import coverage_table
    from attest.demo import exchange
    from attest.files import SECRET_MODE, write_file
    from attest.liabilities.tree import SECRET_BYTES
    from attest.signing.trust import parse_root_file

    say = tell(as_json)
    with exchange.live_nodes() if live else exchange.recorded_nodes() as environment:
        say(f"making the demo exchange in {out}")
        exchange.write_exchange(out)
        outcome = run(
            read_config(out / exchange.CONFIG_FILE),
            exchange.PERIOD,
            Surroundings(out, datetime.now(UTC), environment, say),
            MonthInputs(secrets.token_bytes(SECRET_BYTES), passphrase=lambda _: ""),
        )
        proof_path = out / "hanako.proof.json"
        say(f"proving the balances of {exchange.ACCOUNT}")
        with open_snapshot(outcome.private) as snapshot:
            write_file(proof_path, snapshot.prove(exchange.ACCOUNT).to_bytes(), mode=SECRET_MODE)
        trust_root = out / exchange.TRUST_ROOT_FILE
        verified = verify(
            outcome.bundle.read_bytes(),
            Anchors.pinned(parse_root_file(trust_root.read_bytes())),
            now=datetime.now(UTC),
            sources=Sources(beside(outcome.bundle)),
            known=Known(proof=proof_path.read_bytes()),
        )
        owed = ", ".join(asset for asset, _ in verified.holdings)
        say("making the site of what was published")
        site = out / "site"
        without_pdf = _write_site(site, outcome.bundle, trust_root)
        text = f"""\
{coverage_table(verified)}

{rules_text(verified)}
The statement is signed and verified, and {exchange.ACCOUNT} is in the totals of {owed}.

  {site / "en" / "index.html"}   what the exchange shows to everyone: open it in a browser
  {site / "index.html"}   the same in Japanese, as everyone comes to it{without_pdf}
  {outcome.bundle}   the attestation, for everyone
  {outcome.publication / "evidence-public.jsonl"}   block headers, proofs and outputs behind each balance
  {outcome.private}   the liability snapshot and all evidence, for exchange and auditor
  {proof_path}   one customer's proof
  {trust_root}   whose signatures count, for everyone who verifies
  {out / exchange.CONFIG_FILE}   the config to start your own from

Go on with
  {program()} verify {outcome.bundle} --trust-root {trust_root} --proof {proof_path}
  {program()} prove {outcome.private} --account holder-of-one-satoshi@example.jp"""
        if serve:
            click.echo(text)
            _serve(environment)
            text = ""
    document = {
        "command": "demo",
        "status": "adverse" if verified.adverse else "done",
        "bundle": str(outcome.bundle),
        "private": str(outcome.private),
        "key": str(out / exchange.PUBLIC_KEY_FILE),
        "trustRoot": str(trust_root),
        "site": str(site),
        "proof": str(proof_path),
        **verified_document(verified),
    }
    return Result(document, text, EXIT_ADVERSE if verified.adverse else 0)


def _write_site(folder: Path, bundle: Path, trust_root: Path) -> str:
    """Write the site of the one month to `folder`; a line that says so where it has no reports as PDF."""
    from datetime import UTC, datetime

    from attest.attestation.anchors import Anchors
    from attest.report.pdf import INSTALL, can_draw
    from attest.report.site.files import read_site, site_files
    from attest.report.site.folder import fill_site
    from attest.signing.trust import parse_root_file

    pdf = can_draw()
    publication = bundle.parent.parent
    made = read_site(
        publication,
        {bundle.relative_to(publication).as_posix(): bundle.read_bytes()},
        Anchors.pinned(parse_root_file(trust_root.read_bytes())),
        now=datetime.now(UTC),
        url=None,
        pdf=pdf,
    )
    fill_site(folder, site_files(made))
    return "" if pdf else f"\n  (reports as PDF were left out, for they need {INSTALL})"


def _serve(environment: dict[str, str]) -> None:
    import threading

    for name, url in environment.items():
        click.echo(f"export {name}={url}", err=True)
    click.echo("attest: the nodes stay up until Ctrl-C", err=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        click.echo("", err=True)
