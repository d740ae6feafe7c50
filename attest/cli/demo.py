"""`attest demo`: the whole chain on a sample exchange."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from attest.cli.result import Result, json_option, program, tell
from attest.errors import EXIT_ADVERSE

if TYPE_CHECKING:
    from attest.exchange.publishing.finishing import Outcome
    from attest.verification.verified import Verified


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
    from attest.cli.render.verified import verified_document
    from attest.demo import exchange

    with exchange.live_nodes() if live else exchange.recorded_nodes() as environment:
        made = _make(out, environment, tell(as_json))
        if serve:
            click.echo(made.text)
            _serve(environment)
    verified = made.verified
    document = {
        "command": "demo",
        "status": "adverse" if verified.adverse else "done",
        "bundle": str(made.outcome.bundle),
        "private": str(made.outcome.private),
        "key": str(out / exchange.PUBLIC_KEY_FILE),
        "trustRoot": str(made.trust_root),
        "site": str(made.site),
        "proof": str(made.proof),
        **verified_document(verified),
    }
    return Result(document, "" if serve else made.text, EXIT_ADVERSE if verified.adverse else 0)


class _Made(NamedTuple):
    """A demo exchange whose month was attested and verified, where its files are, and what is said of it."""

    out: Path
    outcome: Outcome
    verified: Verified
    proof: Path
    trust_root: Path
    site: Path
    without_pdf: str

    @property
    def text(self) -> str:
        from attest.cli.render.coverage import coverage_table
        from attest.cli.render.verified import rules_text
        from attest.demo import exchange

        outcome, verified = self.outcome, self.verified
        owed = ", ".join(asset for asset, _ in verified.holdings)
        return f"""\
{coverage_table(verified)}

{rules_text(verified)}
The statement is signed and verified, and {exchange.ACCOUNT} is in the totals of {owed}.

  {self.site / "en" / "index.html"}   what the exchange shows to everyone: open it in a browser
  {self.site / "index.html"}   the same in Japanese, as everyone comes to it{self.without_pdf}
  {outcome.bundle}   the attestation, for everyone
  {outcome.publication / "evidence-public.jsonl"}   block headers, proofs and outputs behind each balance
  {outcome.private}   the liability snapshot and all evidence, for exchange and auditor
  {self.proof}   one customer's proof
  {self.trust_root}   whose signatures count, for everyone who verifies
  {self.out / exchange.CONFIG_FILE}   the config to start your own from

Go on with
  {program()} verify {outcome.bundle} --trust-root {self.trust_root} --proof {self.proof}
  {program()} prove {outcome.private} --account holder-of-one-satoshi@example.jp"""


def _make(out: Path, environment: Mapping[str, str], say: Callable[[str], None]) -> _Made:
    """Make the exchange in `out`, attest its month from the nodes in `environment`, verify that, and write the site."""
    import secrets
    from datetime import UTC, datetime

    from attest.attestation.proving import open_snapshot
    from attest.demo import exchange
    from attest.exchange.config import read_config
    from attest.exchange.month import run
    from attest.exchange.stages import MonthInputs
    from attest.exchange.surroundings import Surroundings
    from attest.files import SECRET_MODE, write_file
    from attest.liabilities.tree import SECRET_BYTES
    from attest.signing.trust import parse_root_file
    from attest.verification.anchors import Anchors, Known, Sources
    from attest.verification.verify import verify

    say(f"making the demo exchange in {out}")
    exchange.write_exchange(out)
    outcome = run(
        read_config(out / exchange.CONFIG_FILE),
        exchange.PERIOD,
        Surroundings(out, datetime.now(UTC), environment, say),
        MonthInputs(secrets.token_bytes(SECRET_BYTES), passphrase=lambda _: ""),
    )
    proof = out / "hanako.proof.json"
    say(f"proving the balances of {exchange.ACCOUNT}")
    with open_snapshot(outcome.private) as snapshot:
        write_file(proof, snapshot.prove(exchange.ACCOUNT).to_bytes(), mode=SECRET_MODE)
    trust_root = out / exchange.TRUST_ROOT_FILE
    verified = verify(
        outcome.bundle.read_bytes(),
        Anchors.pinned(parse_root_file(trust_root.read_bytes())),
        now=datetime.now(UTC),
        sources=Sources.beside(outcome.bundle),
        known=Known(proof=proof.read_bytes()),
    )
    say("making the site of what was published")
    site = out / "site"
    return _Made(out, outcome, verified, proof, trust_root, site, _write_site(site, outcome.bundle, trust_root))


def _write_site(folder: Path, bundle: Path, trust_root: Path) -> str:
    """Write the site of the one month to `folder`; a line that says so where it has no reports as PDF."""
    from datetime import UTC, datetime

    from attest.report.pdf import INSTALL, can_draw
    from attest.report.site.files import read_site, site_files
    from attest.report.site.folder import fill_site
    from attest.signing.trust import parse_root_file
    from attest.verification.anchors import Anchors

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


def _serve(environment: Mapping[str, str]) -> None:
    import threading

    for name, url in environment.items():
        click.echo(f"export {name}={url}", err=True)
    click.echo("attest: the nodes stay up until Ctrl-C", err=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        click.echo("", err=True)
