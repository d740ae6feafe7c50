"""What must hold in the folder of a command that was stopped, at once and after the next run of it."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json
import re
import shutil
import stat
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults.commands import Command
from tests.faults.forked import CLOCK_TIME, PASSPHRASE, Ended, Operation, Place, bundled, plain_key, ran
from tests.faults.operations import plain
from tests.faults.services import NODE_SECRET
from tests.faults.states import CONFIG, CUSTOMERS, PERIOD, ROOT

_CODES = ("file/", "journal/unusable", "prove/unwritable", "ledger/unreadable", "ledger/sum", "snapshot/unreadable")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Seen(NamedTuple):
    """A file or folder: its mode, and a file's SHA-256."""

    mode: int
    digest: bytes | None


def tree(root: Path) -> dict[str, Seen]:
    """All that is below `root`, by its path from there; what was drawn in a name is X."""
    found = {}
    for path in sorted(root.rglob("*")):
        mode = path.lstat().st_mode
        digest = hashlib.sha256(path.read_bytes()).digest() if stat.S_ISREG(mode) else None
        name = plain(path.relative_to(root).as_posix())
        while name in found:
            name += "+"
        found[name] = Seen(mode, digest)
    return found


class Reference(NamedTuple):
    """What a command that nobody disturbs leaves, what was there before, how long it takes, and what it does."""

    before: dict[str, Seen]
    after: dict[str, Seen]
    temporary: dict[str, Seen]
    wall: float
    operations: list[Operation]
    code: int


class Judge:
    """Tells faults of one command in sentences, comparing with what it does undisturbed."""

    def __init__(self, command: Command, place: Place, state: Path, environment: Mapping[str, str]) -> None:
        self.command = command
        self.place = place
        self.environment = {**environment, **({} if command.now is None else {CLOCK_TIME: command.now})}
        self._state = state
        self.always: set[str] = set()
        """The faults of the command when nobody disturbs it."""
        self._looked: dict[Path, tuple[dict[str, Seen], str]] = {}
        self.reference = Reference({}, {}, {}, 0, [], 0)
        self.reference = self._undisturbed()

    def begin(self) -> None:
        """Put the state there that the command starts from."""
        self.place.begin(self._state)

    def _undisturbed(self) -> Reference:
        self.begin()
        self._before = tree(self.place.work)
        ended = ran(self.place, self.command.arguments(self.environment), self.environment)
        assert ended.code in {0, 5}, f"undisturbed, it ends with {ended.code}: {ended.err}"
        after, temporary = tree(self.place.work), tree(self.place.temporary)
        self.always = {*self._names(after), *self._finals(after), *self._exposed(), *self._told(ended)}
        return Reference(self._before, after, temporary, ended.wall, ended.operations, ended.code)

    def again(self) -> Ended:
        """The next run of the command."""
        return ran(self.place, [*self.command.arguments(self.environment), "--json"], self.environment)

    def after(self, ended: Ended, *, left: bool = False) -> list[str]:
        """The faults after a command was stopped, at once and when the next run has ended.

        Where nothing changed and nothing was signed, the next run is one that nobody disturbed. With `left`, something
        unfinished may still be there at last.
        """
        found = self.at_once(ended)
        places = (self.place.work, self.place.temporary, self.place.home)
        if [tree(place) for place in places] == [self.reference.before, {}, {}] and not self.place.signatures():
            return found
        return list(dict.fromkeys([*found, *self.at_last(self.again(), left=left)]))

    def as_error(self, ended: Ended) -> Iterator[str]:
        """Faults in how an error of the file system is told: as one, with its exit code."""
        if ended.code != self.reference.code and (ended.code != 4 or not ended.error.startswith(_CODES)):
            message = str(ended.document.get("error", {}).get("message", ended.err))
            yield f"it ended with {ended.code} {ended.error}: {message[:160]!r}"

    def at_once(self, ended: Ended) -> list[str]:
        """The faults that are there as soon as the command was stopped."""
        return [fault for fault in dict.fromkeys(self._at_once(ended)) if fault not in self.always]

    def at_last(self, ended: Ended, *, left: bool = False) -> list[str]:
        """The faults that are there after the next run; of unfinished work nothing may be left, but where `left`."""
        return [fault for fault in dict.fromkeys(self._at_last(ended, left=left)) if fault not in self.always]

    def _at_once(self, ended: Ended) -> Iterator[str]:
        now = tree(self.place.work)
        yield from self._names(now)
        yield from self._inputs(now)
        yield from self._finals(now)
        yield from self._exposed()
        yield from self._told(ended)
        yield from self._forks()
        if not self.command.finals:
            yield from self._names_in_temporary()

    def _at_last(self, ended: Ended, *, left: bool) -> Iterator[str]:
        known = ended.code == self.reference.code or (ended.code == 4 and ended.error in self.command.again)
        if not known:
            yield f"the next run ended with {ended.code} {ended.error}: {_first(ended)}"
        now = tree(self.place.work)
        missing = self.reference.after.keys() - now.keys()
        if missing:
            yield f"missing after the next run: {', '.join(sorted(missing)[:4])}"
        more = now.keys() - self.reference.after.keys()
        if more and not left:
            yield f"left behind: {', '.join(sorted(more)[:4])}"
        temporary = tree(self.place.temporary).keys() - self.reference.temporary.keys()
        if temporary and not left:
            yield f"left behind in TMPDIR: {', '.join(sorted(temporary)[:4])}"
        yield from self._names(now)
        yield from self._inputs(now)
        yield from self._finals(now)
        yield from self._exposed()
        yield from self._told(ended)
        yield from self._forks()

    def _names(self, now: Mapping[str, Seen]) -> Iterator[str]:
        """The publication folder has final names only, at all times."""
        for name in now:
            if name.startswith("publication/") and any(part.startswith(".") for part in name.split("/")):
                yield f"unfinished in the publication folder: {name}"
                return

    def _inputs(self, now: Mapping[str, Seen]) -> Iterator[str]:
        """What was there before is there as it was, but for what the command adds to."""
        for name, seen in self.reference.before.items():
            if any(name == final or name.startswith(f"{final}/") for final in self.command.finals):
                continue
            if seen.digest != now.get(name, Seen(0, b"gone")).digest:
                kept = self.reference.after.get(name)
                if kept is not None and kept.digest == seen.digest:
                    yield f"changed: {name}"

    def _finals(self, now: Mapping[str, Seen]) -> Iterator[str]:
        """What has a final name is whole."""
        for name, kind in self.command.finals.items():
            path = self.place.work / name
            if name not in now:
                continue
            if _below(name, now) == _below(name, self._before):
                continue
            if self.command.alike and self.reference.after:
                yield from self._alike(name, now)
            if kind is not None and (why := self._known_broken(kind, path, _below(name, now))):
                yield f"{name} is not whole: {why}"

    def _alike(self, final: str, now: Mapping[str, Seen]) -> Iterator[str]:
        """Every file is one that an undisturbed run leaves, or one from before."""
        for name, seen in _below(final, now).items():
            known = [place[name].digest for place in (self.reference.before, self.reference.after) if name in place]
            if seen.digest not in known:
                yield f"{name} is half, or not what it is otherwise"
                return

    def _known_broken(self, kind: str, path: Path, seen: dict[str, Seen]) -> str:
        """Why a final name is not whole; what was looked at before the next run is not looked at again."""
        before, why = self._looked.get(path, ({}, ""))
        if before != seen:
            why = self._broken(kind, path)
            self._looked[path] = seen, why
        return why

    def _broken(self, kind: str, path: Path) -> str:
        """Why what has this name is not a whole one of its kind; empty when it is."""
        where = str(path.relative_to(self.place.work))
        looks: Mapping[str, Callable[[], str]] = {
            "bundle": lambda: self._bundle(path),
            "snapshot": lambda: self._snapshot(path),
            "reading": lambda: self._checked("evidence", "check", where),
            "root": lambda: self._checked("trust", "show", where),
            "challenges": lambda: self._on_a_copy(path),
            "key": lambda: _key(path),
            "shards": lambda: "",  # they are what an undisturbed run writes
        }
        return looks[kind]()

    def _bundle(self, path: Path) -> str:
        bundles = list(path.glob("*.attest.json"))
        if not bundles:
            return "no bundle in it"
        pinned = (self.place.work / ROOT).exists() and path.name == "signing"
        who = ["--trust-root", ROOT, "--tsa-root", "clock.pem"] if pinned else ["--key", "keys/exchange.pem.pub"]
        return _twice(bundles[0].read_bytes()) or self._checked(
            "verify", str(bundles[0].relative_to(self.place.work)), *who
        )

    def _snapshot(self, path: Path) -> str:
        snapshot = path / "liabilities" if (path / "liabilities").exists() else path
        period = path.name if re.fullmatch(r"\d{4}-\d\d", path.name) else PERIOD
        where = str(snapshot.relative_to(self.place.work))
        return self._checked("liabilities", "check", where, CONFIG, "--period", period)

    def _on_a_copy(self, path: Path) -> str:
        copy = self.place.home / path.name
        shutil.copytree(path, copy)
        try:
            return self._checked("control", "add", str(copy))
        finally:
            shutil.rmtree(copy)

    def _checked(self, *arguments: str) -> str:
        """Why a command that checks does not say yes; it leaves nothing itself."""
        ended = ran(self.place, [*arguments, "--json"], self.environment)
        return "" if ended.code in {0, 5} else f"{' '.join(arguments[:2])} ends with {ended.code}: {_first(ended)}"

    def _exposed(self) -> Iterator[str]:
        """What is not for everyone cannot be read by others."""
        state = {path.relative_to(self._state) for path in self._state.rglob("*")}
        for path in self.place.work.rglob("*"):
            name = path.relative_to(self.place.work)
            if name in state or not path.is_file() or not path.stat().st_mode & _OTHERS:
                continue
            final = re.sub(r"^\.|(\.[0-9a-f]{8})?\.partial$", "", name.name)
            shown = name.with_name(final).as_posix()
            if any(fnmatch.fnmatch(shown, pattern) for pattern in self.command.public):
                continue
            folders = [folder for folder in path.parents if self.place.work in folder.parents]
            if all(folder.stat().st_mode & stat.S_IXOTH for folder in folders):
                yield f"others may read {plain(name.as_posix())}: {path.stat().st_mode & 0o777:o}"
                return

    def _told(self, ended: Ended) -> Iterator[str]:
        """Nothing secret is said, and no error is a bug."""
        said = ended.out + ended.err
        secrets = {"the passphrase": PASSPHRASE, "a node's password": NODE_SECRET}
        for path in self.place.work.rglob("secret"):
            if path.is_file():
                secrets["a snapshot's secret"] = path.read_bytes().hex() or PASSPHRASE
        yield from (f"{what} is in the output" for what, secret in secrets.items() if secret in said)
        if "Traceback" in ended.err:
            yield f"a traceback: {ended.err.strip().splitlines()[-1]}"
        if ended.code == 70:
            yield f"exit 70: {_first(ended)}"
        for path in self.place.work.glob("publication/**/*"):
            if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets.values()):
                yield f"a secret is in {path.name}"

    def _forks(self) -> Iterator[str]:
        """No two statements of one sequence, or of one period, were ever signed or lie anywhere.

        What is tried with a key that is nowhere on the disk is no signature of anybody.
        """
        keys = {plain_key(path.read_text()) for path in self.place.work.rglob("*.pub")}
        statements = [item for item in self.place.signatures() if item["key"] in keys]
        small = [path for path in self.place.work.rglob("*") if path.is_file() and path.stat().st_size < 1 << 20]
        statements += [found for path in small if (found := bundled(path.read_bytes()))]
        of: dict[tuple[Any, ...], set[str]] = defaultdict(set)
        for item in statements:
            if "period" in item:
                of[item["origin"], "sequence", item["sequence"]].add(item["digest"])
                of[item["origin"], "period", item["period"]].add(item["digest"])
        for (_, what, value), digests in of.items():
            if len(digests) > 1:
                yield f"{len(digests)} statements of {what} {value} were signed"
                return

    def _names_in_temporary(self) -> Iterator[str]:
        """A command that only looks leaves neither names nor a secret on the disk when it is killed."""
        secrets = [path.read_bytes() for path in self.place.work.rglob("secret") if path.is_file()]
        looked = [*secrets, *(name.encode() for name in CUSTOMERS[:3])]
        for path in self.place.temporary.rglob("*"):
            if path.is_file() and any(item in path.read_bytes() for item in looked):
                yield f"names or a secret in TMPDIR: {plain(path.name)}"
                return


def _below(final: str, seen: Mapping[str, Seen]) -> dict[str, Seen]:
    """What is below a final name and has a final name itself."""
    below = {name: item for name, item in seen.items() if name == final or name.startswith(f"{final}/")}
    return {name: item for name, item in below.items() if not any(part.startswith(".") for part in name.split("/"))}


def _twice(bundle: bytes) -> str:
    """What a bundle has twice: a signature or timestamp by its key, a report by all but its time."""
    value = json.loads(bundle)
    reports = [json.loads(base64.b64decode(report["payload"])) for report in value.get("auditorReports", ())]
    for report in reports:
        report["predicate"].pop("issuedAt", None)
    parts = {
        "signature": [item["keyid"] for item in value["envelope"]["signatures"]],
        "timestamp": [(item["payload"], item["keyid"]) for item in value.get("timestamps", ())],
        "auditor's report": [json.dumps(report, sort_keys=True) for report in reports],
    }
    return next((f"the same {what} twice" for what, items in parts.items() if len(set(items)) < len(items)), "")


def _key(path: Path) -> str:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

    try:
        if path.suffix == ".pub":
            load_pem_public_key(path.read_bytes())
        else:
            load_pem_private_key(path.read_bytes(), PASSPHRASE.encode())
    except ValueError as error:
        return str(error)
    return ""


def _first(ended: Ended) -> str:
    told = ended.document.get("error", {}).get("message") or ended.err.strip() or ended.out.strip()
    return json.dumps(str(told).splitlines()[-1][:200] if told else "", ensure_ascii=False)
