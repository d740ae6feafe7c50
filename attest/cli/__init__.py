"""The `attest` command: parses, calls, renders. Results go to stdout, talk to stderr."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

import click

from attest import __version__
from attest.cli.control import control
from attest.cli.demo import demo
from attest.cli.evidence import evidence
from attest.cli.history import history
from attest.cli.inspect import inspect
from attest.cli.key import key
from attest.cli.liabilities import liabilities
from attest.cli.policy import policy
from attest.cli.prove import prove
from attest.cli.redaction import credentials, without
from attest.cli.reserves import reserves
from attest.cli.result import Result, error_document, error_text, json_text, printable
from attest.cli.run import run
from attest.cli.sign import auditor_report, countersign, sign, timestamp
from attest.cli.trust import trust
from attest.cli.verify import verify
from attest.errors import EXIT_BUG, EXIT_CODES, EXIT_INTERRUPTED, EXIT_USAGE, AttestError, UnavailableError, exit_code

EPILOG = """\b
Exit codes: 0 done or verified, 1 verification failed, 2 usage, 3 malformed input,
4 could not be checked, 5 verified but adverse, 70 bug, 130 interrupted."""


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="attest")
def group() -> None:
    """Prove that what an exchange's customers own is there, every month and to anyone."""


for command in (
    *(run, verify, prove, liabilities, reserves, evidence, control, policy),
    *(sign, countersign, auditor_report, timestamp, history, inspect, key, trust, demo),
):
    group.add_command(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit. With `--json`, stdout carries exactly one document, also on failure."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    as_json = "--json" in arguments
    try:
        result = group.main(list(arguments), prog_name="attest", standalone_mode=False)
    except click.UsageError as error:
        result = _failed("error", {"code": "usage", "message": error.format_message()}, _usage(error), EXIT_USAGE)
    except AttestError as error:
        result = _failed(error.status, error_document(error), error_text(error), exit_code(error))
    except (click.Abort, KeyboardInterrupt):
        document = {"code": "interrupted", "message": "interrupted"}
        result = _failed("error", document, "attest: interrupted", EXIT_INTERRUPTED)
    except Exception as error:  # noqa: BLE001 (a bug is reported as one, never as a failed verification)
        click.echo(without(traceback.format_exc(), credentials((*arguments, *os.environ.values()))), err=True)
        text = f"attest: error: this is a bug in attest: {type(error).__name__}"
        result = _failed("error", {"code": "bug", "message": str(error)}, text, EXIT_BUG)
    if isinstance(result, Result) and "error" in result.document:
        secrets = credentials((*arguments, *os.environ.values()))
        document, error_said = without(result.document, secrets), without(result.error, secrets)
        result = replace(result, document=document, error=error_said)
    sys.exit(_told(result, as_json=as_json) if isinstance(result, Result) else result)


def _usage(error: click.UsageError) -> str:
    """What click says of an error on the command line."""
    said = io.StringIO()
    error.show(said)
    return said.getvalue().rstrip()


def _failed(status: str, error: dict[str, Any], text: str, exit_code: int) -> Result:
    return Result({"status": status, "error": error}, "", exit_code, text)


def _told(result: Result, *, as_json: bool) -> int:
    """Print the result; its exit code, or another when nobody could read it."""
    try:
        if as_json:
            click.echo(json_text(result.document))
        elif result.text:
            click.echo(printable(result.text))
        if result.error and not as_json:
            click.echo(printable(result.error), err=True)
        sys.stdout.flush()
    except OSError as error:
        # Python would try to flush once more on its way out, and say so.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return result.exit_code
        click.echo(f"attest: error: cannot write the result: {error.strerror}", err=True)
        return EXIT_CODES[UnavailableError]
    return result.exit_code
