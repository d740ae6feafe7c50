"""The `attest` command: parses, calls, renders. Results go to stdout, talk to stderr."""

from __future__ import annotations

import io
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, NoReturn

import click

from attest import __version__
from attest.cli.demo import demo
from attest.cli.exchange.control import control
from attest.cli.exchange.liabilities import liabilities
from attest.cli.exchange.prove import prove
from attest.cli.exchange.reserves import reserves
from attest.cli.exchange.run import run
from attest.cli.redaction import credentials, without
from attest.cli.report.report import report
from attest.cli.report.site import site
from attest.cli.report.web import web
from attest.cli.result import Result, error_document, error_text, json_text, printable
from attest.cli.signing.auditor_report import auditor_report
from attest.cli.signing.key import key
from attest.cli.signing.sign import countersign, sign
from attest.cli.signing.timestamp import timestamp
from attest.cli.signing.trust import trust
from attest.cli.verification.evidence import evidence
from attest.cli.verification.history import history
from attest.cli.verification.inspect import inspect
from attest.cli.verification.policy import policy
from attest.cli.verification.verify import verify
from attest.errors import EXIT_BUG, EXIT_CODES, EXIT_INTERRUPTED, EXIT_USAGE, AttestError, UnavailableError, exit_code

EPILOG = """\b
Exit codes: 0 done or verified, 1 verification failed, 2 usage, 3 malformed input,
4 could not be checked, 5 verified but adverse, 70 bug, 130 interrupted."""


_SHOWN: Final = 200
_NO_MEMORY: Final = UnavailableError(
    "memory/exhausted",
    "there is not enough memory for this, and nothing was found wrong",
    hint="close other programs, or take a machine with more; ulimit -v and containers limit it too",
)


def _show_version(context: click.Context, _: click.Parameter, asked: bool) -> None:  # noqa: FBT001 (as click calls it)
    """Say which attest this is, and by what a page that somebody hosts is told to be its."""
    if asked and not context.resilient_parsing:
        from attest.web import page_digest

        click.echo(f"attest, version {__version__}\npage without a trust root: SHA-256 {page_digest()}")
        context.exit()


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version,
    help="Show the version, and the SHA-256 of the page, and exit.",
)  # fmt: skip
def group() -> None:
    """Prove that what an exchange's customers own is there, every month and to anyone."""


for command in (
    *(run, verify, prove, report, liabilities, reserves, evidence, control, policy),
    *(sign, countersign, auditor_report, timestamp, history, site, inspect, key, trust, web, demo),
):
    group.add_command(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit. With `--json`, stdout carries exactly one document, also on failure."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    as_json = "--json" in arguments
    with _warnings(as_json=as_json) as warnings:
        result = _run(arguments)
    if not isinstance(result, Result):
        sys.exit(result)
    if warnings:
        result.document["warnings"] = warnings
    sys.exit(_told(result, as_json=as_json))


def _run(arguments: list[str]) -> Any:
    """The result of a command; an exit code where click ended it, as --help does."""
    try:
        result = group.main(list(arguments), prog_name="attest", standalone_mode=False)
    except click.UsageError as error:
        result = _failed("error", {"code": "usage", "message": error.format_message()}, _usage(error), EXIT_USAGE)
    except AttestError as error:
        result = _failed(error.status, error_document(error), error_text(error), exit_code(error))
    except (click.Abort, KeyboardInterrupt):
        document = {"code": "interrupted", "message": "interrupted"}
        result = _failed("error", document, "attest: interrupted", EXIT_INTERRUPTED)
    except MemoryError:
        result = _failed(_NO_MEMORY.status, error_document(_NO_MEMORY), error_text(_NO_MEMORY), exit_code(_NO_MEMORY))
    except UnicodeEncodeError as error:
        result = _not_utf8(error, arguments)
    except Exception as error:  # noqa: BLE001 (a bug is reported as one, never as a failed verification)
        result = _bug(error, arguments)
    if isinstance(result, Result) and "error" in result.document:
        secrets = credentials((*arguments, *os.environ.values()))
        document, error_said = without(result.document, secrets), without(result.error, secrets)
        result = replace(result, document=document, error=error_said)
    return result


@contextmanager
def _warnings(*, as_json: bool) -> Iterator[list[str]]:
    """What attest warns of while a command runs, each once: on stderr, or for the one document of `--json`."""
    said: list[str] = []

    class Once(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if (text := record.getMessage()) not in said:
                said.append(text)
                if not as_json:
                    click.echo(printable(f"attest: warning: {text}"), err=True)

    logger = logging.getLogger("attest")
    handler = Once(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)


def _not_utf8(error: UnicodeEncodeError, arguments: Sequence[str]) -> Result:
    """What to say where a library takes paths in UTF-8 alone, and a name on the way is in another encoding."""
    if not any("\udc80" <= character <= "\udcff" for character in error.object):
        return _bug(error, arguments)
    refused = UnavailableError(
        "file/encoding",
        f"{error.object[:_SHOWN]} is not named in UTF-8, which a library needs to open it",
        hint="rename the folder or file, or name it by a path without other bytes, such as a relative one",
    )
    return _failed(refused.status, error_document(refused), error_text(refused), exit_code(refused))


def _bug(error: Exception, arguments: Sequence[str]) -> Result:
    click.echo(without(traceback.format_exc(), credentials((*arguments, *os.environ.values()))), err=True)
    text = f"attest: error: this is a bug in attest: {type(error).__name__}"
    return _failed("error", {"code": "bug", "message": str(error)}, text, EXIT_BUG)


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
