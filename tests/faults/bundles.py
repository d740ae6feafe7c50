"""One bundle to which several add at once, in processes of their own of which some are killed.

After each round every command is run once more, as a script does; then nothing is lost, nothing is there twice that
counts once, nothing is left unfinished, and the bundle is verified with its timestamps.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attest.attestation.bundle import Bundle, parse_bundle
from attest.attestation.statement import PAYLOAD_TYPE
from attest.cli import main
from attest.documents import format_time
from attest.errors import EXIT_ADVERSE
from attest.signing.envelope import sign
from tests.world.authority import make_authority, serving
from tests.world.ceremony import root, signer

CORPUS = Path(__file__).parents[2] / "fixtures" / "corpus" / "v3" / "a-report-twice.attest.json"
ROLES = {"root": ("ab", 2), "exchange": ("xyz", 2), "auditor": ("up", 1)}
FINDINGS = """\
auditor = "Example Audit LLC"
standard = "ISRS 4400 (Revised)"
[[procedures]]
procedure = "Recomputed the liability trees"
finding = "{}"
exception = false
"""
BUNDLE = "2026-10.attest.json"
SIGNED = "xyzu"
REPORTS = 3  # of one key two, of the other one
ROUNDS, CASES = 10, 30


def cases() -> Iterator[tuple[str, Callable[[Path], dict[str, object]]]]:
    """Rounds in a process of their own, which has read all modules and can be forked at little cost."""
    for seed in range(CASES):
        yield (
            f"{ROUNDS} rounds of adding to a bundle at once, {seed}",
            lambda folder, seed=seed: run(folder, seed, ROUNDS),
        )


def run(folder: Path, seed: int, rounds: int) -> dict[str, object]:
    command = [sys.executable, "-m", __name__, str(folder), str(seed), str(rounds)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    figures: dict[str, object] = json.loads(ran.stdout.splitlines()[-1])
    return figures


def prepare(folder: Path) -> None:
    """A bundle with two signatures of the exchange, the keys of all, a trust root and two reports to be signed."""
    for name in "xyzup":
        (folder / name).write_bytes(signer(name).to_pem(None))
    later = format_time(datetime.now(UTC) + timedelta(days=400))
    (folder / "1.json").write_bytes(root(1, ROLES, "ab", expiresAt=later).to_bytes())
    payload = parse_bundle(CORPUS.read_bytes()).envelope.payload
    envelope = sign(payload, PAYLOAD_TYPE, [signer("x"), signer("y")])
    bundle = Bundle(format="attest/bundle/v1", envelope=envelope, timestamps=(), trust_roots=(), auditor_reports=())
    (folder / BUNDLE).write_bytes(bundle.to_bytes())
    for number in range(2):
        (folder / f"{number}.toml").write_text(FINDINGS.format(f"They agree, {number}"))


def commands(url: str) -> list[tuple[str, ...]]:
    """What several people do; two of them the same, as when a script is started twice."""
    auditor = ("--trust-root", "1.json", "--tsa-root", "clock.pem", "--key")
    report = ("auditor-report", BUNDLE)
    return [
        ("sign", BUNDLE, "--key", "z", "--trust-root", "1.json"),
        ("countersign", BUNDLE, *auditor, "u"),
        (*report, "0.toml", *auditor, "u"),
        (*report, "0.toml", *auditor, "u"),
        (*report, "1.toml", *auditor, "u"),
        (*report, "0.toml", *auditor, "p"),
        ("timestamp", BUNDLE, "--tsa", url, "--tsa-root", "clock.pem"),
        ("timestamp", BUNDLE, "--tsa", url, "--tsa-root", "clock.pem"),
    ]


def forked(arguments: Sequence[str], out: str = os.devnull, gate: tuple[int, int] | None = None) -> int:
    """The id of a process that runs a command, once nobody has the second end of `gate` open any more."""
    child = os.fork()
    if child:
        return child
    try:
        if gate is not None:
            os.close(gate[1])
            os.read(gate[0], 1)
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        main(arguments)
    except SystemExit as error:
        os._exit(int(error.code or 0))
    finally:
        os._exit(99)


def ended(child: int) -> int:
    """The exit code of a process, or the number of the signal that killed it, as a negative one."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def one_round(dice: random.Random, url: str) -> dict[str, int]:
    """Everything at once with some kills, then everything once more, then a look at the whole."""
    todo = commands(url)
    started = dice.sample(todo, len(todo))
    # Nobody asks the authority before all are there: its own processes would be waited for by who is forked meanwhile.
    gate = os.pipe()
    children = [forked(command, f"said-{number}", gate) for number, command in enumerate(started)]
    for end in reversed(gate):
        os.close(end)
    victims = dice.sample(children, dice.choice((0, 0, 1, 2, 4)))
    for child in victims:
        time.sleep(dice.uniform(0, 0.3))
        os.kill(child, signal.SIGKILL)
    codes = [ended(child) for child in children]
    for number, code in enumerate(codes):
        assert code in {0, EXIT_ADVERSE, -signal.SIGKILL}, (started[number], code, Path(f"said-{number}").read_text())
    parse_bundle(Path(BUNDLE).read_bytes())
    for command in todo:
        code = ended(forked(command, "said"))
        assert code in {0, EXIT_ADVERSE}, (command, code, Path("said").read_text())
    bundle = parse_bundle(Path(BUNDLE).read_bytes())
    assert sorted(item.keyid for item in bundle.envelope.signatures) == sorted(
        signer(name).public.fingerprint for name in SIGNED
    )
    # Two keys that signed the same words in the same second have signed one report, in an envelope each.
    reported = {(item.payload, item.signatures[0].keyid) for item in bundle.auditor_reports}
    assert len(bundle.auditor_reports) == len(reported) == REPORTS
    stamped = {(item.payload, item.keyid) for item in bundle.timestamps}
    assert len(stamped) == len(bundle.timestamps) == len(SIGNED) + REPORTS
    verify = ("verify", BUNDLE, "--trust-root", "1.json", "--tsa-root", "clock.pem", "--json")
    code = ended(forked(verify, "said"))
    steps = json.loads(Path("said").read_text())["steps"]
    assert (code in {0, EXIT_ADVERSE}, steps[6]["status"]) == (True, "VERIFIED"), steps[6]
    assert [path.name for path in Path().iterdir() if path.name.endswith(".partial")] == []
    return {"kills": codes.count(-signal.SIGKILL), "started": len(children)}


def rounds(folder: Path, seed: int, count: int) -> dict[str, int]:
    """So many rounds, each with a bundle of its own; the figures of all."""
    os.chdir(folder)
    clock = make_authority(folder / "clock")
    (folder / "clock.pem").write_bytes(clock.root)
    dice = random.Random(seed)
    figures = {"rounds": 0, "kills": 0, "started": 0}
    # The modules that commands read when they need them.
    assert ended(forked(("--version",))) == 0

    with serving(clock) as url:
        for _ in range(count):
            prepare(folder)
            found = one_round(dice, url)
            figures = {name: figures[name] + found.get(name, 1) for name in figures}
    return figures


if __name__ == "__main__":
    sys.stdout.write(json.dumps(rounds(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))) + "\n")
