"""An opened liability snapshot: the tree of every asset, mapped from files, and inclusion proofs from it.

A snapshot is a folder for the exchange alone:

- `manifest.json`: what was built from what, and the SHA-256 of the other files but for the secret; written last.
- `secret`: 32 bytes in hex, from which every salt follows.
- `<ASSET>.leaves`: the leaves in the order of the tree, 48 bytes each: the hash, then the amount as a big-endian u128.
- `<ASSET>.nodes`: the nodes of level 8 and above in the form of the leaves, level after level, from below. Lower levels
  are not stored, because they follow from the 256 leaves of a block.
- `<ASSET>.accounts`: 16 bytes a leaf, ascending: the first 8 bytes of the account digest, the part, the leaf's index.
- `names.arrow`: the accounts with a positive balance, an Arrow IPC file; an account once for each asset that it holds.
"""

from __future__ import annotations

import hashlib
import mmap
from contextlib import ExitStack
from math import isqrt
from pathlib import Path
from typing import Self

from attest.errors import MalformedError, UnavailableError, VerificationError
from attest.files import read_bounded
from attest.liabilities.snapshot.format import (
    ENTRY,
    MANIFEST_FILE,
    MAX_MANIFEST_BYTES,
    SECRET_FILE,
    STORED_LEVEL,
    Manifest,
    level_sizes,
)
from attest.liabilities.tree import (
    HASH,
    NODE,
    PREFIX,
    SECRET_BYTES,
    OwnedLeaf,
    StatedTree,
    SumNode,
    account_digest,
    asset_key,
    join,
    leaf,
    leaf_salt,
)
from attest.merkle import audit_path, fold, levels


class AssetTree:
    """The tree of one asset, read from its mapped files as needed.

    `asset`: its name.
    `stated`: the tree as the manifest gives it.
    `key`: the key of its salts, 32 bytes.
    """

    def __init__(self, folder: Path, stated: StatedTree, secret: bytes, stack: ExitStack) -> None:
        self.asset = stated.asset
        self.stated = stated
        self.key = asset_key(secret, stated.asset)
        self._sizes = level_sizes(stated.size)
        stored = sum(self._sizes[STORED_LEVEL:])
        self._leaves = _map(folder / f"{stated.asset}.leaves", stated.size * NODE, stack)
        self._nodes = _map(folder / f"{stated.asset}.nodes", stored * NODE, stack)
        self._accounts = _map(folder / f"{stated.asset}.accounts", stated.size * ENTRY, stack)

    def owned(self, account: str) -> list[OwnedLeaf]:
        """The leaves of `account` in the order of their parts; empty when the account is owed nothing.

        Raises `MalformedError` for a malformed account; `VerificationError` when a leaf is not the account's, because
        no two accounts of a tree share the 8 bytes by which they are looked up.
        """
        digest = account_digest(account)
        prefix = digest[:PREFIX]
        position = self._first_entry(prefix)
        owned = []
        while self._prefix(position) == prefix:
            entry = self._accounts[position * ENTRY : (position + 1) * ENTRY]
            part, index = int.from_bytes(entry[8:12]), int.from_bytes(entry[12:16])
            node = self._leaf(index)
            if leaf(leaf_salt(self.key, digest, part), digest, node.sum) != node:
                raise VerificationError("snapshot/leaf", f"leaf {index} of {self.asset} is not what its index says")
            owned.append(OwnedLeaf(index, part, node.sum))
            position += 1
        return owned

    def audit_path(self, index: int) -> list[SumNode]:
        """The siblings of the leaf at `index`, from the leaf up.

        Raises `VerificationError` when leaf and siblings do not lead to the root and total in the manifest.
        """
        block = index >> STORED_LEVEL
        first = block << STORED_LEVEL
        leaves = [self._leaf(i) for i in range(first, min(first + (1 << STORED_LEVEL), self.stated.size))]
        built = levels(leaves, join)
        path = audit_path(built, index - first)
        offset = 0
        for level, size in enumerate(self._sizes[STORED_LEVEL:-1], start=STORED_LEVEL):
            if (sibling := (index >> level) ^ 1) < size:
                path.append(_node(self._nodes, offset + sibling))
            offset += size
        root = fold(leaves[index - first], index, self.stated.size, path, join)
        if root != (self.stated.root, self.stated.total):
            raise VerificationError("snapshot/root", f"the snapshot's files do not lead to the root of {self.asset}")
        return path

    def _leaf(self, index: int) -> SumNode:
        if index >= self.stated.size:
            raise VerificationError("snapshot/index", f"the account index of {self.asset} names leaf {index}")
        return _node(self._leaves, index)

    def _prefix(self, position: int) -> bytes:
        return self._accounts[position * ENTRY : position * ENTRY + PREFIX]

    def _first_entry(self, prefix: bytes) -> int:
        """The position of the first entry that is not before `prefix`.

        The search begins at the position where a uniform distribution has it, because digests are uniform.
        """
        size = self.stated.size
        guess = int.from_bytes(prefix) * size >> (8 * PREFIX)
        step = isqrt(size) + 1
        low, high = max(guess - step, 0), min(guess + step, size)
        while low > 0 and self._prefix(low - 1) >= prefix:
            low, step = max(low - step, 0), 2 * step
        while high < size and self._prefix(high) < prefix:
            high, step = min(high + step, size), 2 * step
        while low < high:
            middle = (low + high) // 2
            if self._prefix(middle) < prefix:
                low = middle + 1
            else:
                high = middle
        return low


class Snapshot:
    """An opened snapshot, a context manager that closes its files at the end.

    `folder`: where it lies.
    `manifest`: what it holds.
    `secret`: 32 bytes, from which every salt follows.
    `trees`: one for each asset, by its name.
    """

    def __init__(self, folder: Path) -> None:
        """Open the snapshot in `folder`.

        Raises `UnavailableError` when a file cannot be read, `MalformedError` when manifest or secret are malformed or
        a file of a tree has another size than the manifest leads to. Contents are not hashed; `check_files` does that.
        """
        self.folder = folder
        data = read_bounded(folder / MANIFEST_FILE, MAX_MANIFEST_BYTES)
        self.manifest = Manifest.from_canonical(data, what=str(folder / MANIFEST_FILE), max_bytes=MAX_MANIFEST_BYTES)
        self.secret = read_secret(folder / SECRET_FILE)
        self._stack = ExitStack()
        try:
            self.trees = {
                stated.asset: AssetTree(folder, stated, self.secret, self._stack) for stated in self.manifest.trees
            }
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files; nothing can be read from the snapshot afterwards."""
        self._stack.close()


def check_files(snapshot: Snapshot) -> None:
    """Compare each file that the manifest lists with its SHA-256.

    Raises `VerificationError` for another digest, `UnavailableError` for a file that cannot be read.
    """
    for stated in snapshot.manifest.files:
        try:
            with (snapshot.folder / stated.name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            raise UnavailableError("snapshot/unreadable", f"cannot read {stated.name}: {error.strerror}") from None
        if digest != stated.sha256:
            raise VerificationError("snapshot/file", f"{stated.name} is not the file that was built")


def read_secret(path: Path) -> bytes:
    """The secret in the file at `path`: 32 bytes.

    Raises `UnavailableError` when the file cannot be read, `MalformedError` when it is not that many bytes of hex.
    """
    text = read_bounded(path, 1024).decode("ascii", "replace").strip()
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise MalformedError("snapshot/secret", f"{path} does not hold {SECRET_BYTES} bytes of hex")
    return secret


def _node(data: mmap.mmap | bytes, index: int) -> SumNode:
    node = data[index * NODE : (index + 1) * NODE]
    return SumNode(node[:HASH], int.from_bytes(node[HASH:]))


def _map(path: Path, size: int, stack: ExitStack) -> mmap.mmap | bytes:
    try:
        file = stack.enter_context(path.open("rb"))
        found = path.stat().st_size
        if found != size:
            raise MalformedError("snapshot/size", f"{path} has {found:,} bytes; the manifest says {size:,}")
        # An empty file cannot be mapped.
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    except OSError as error:
        raise UnavailableError("snapshot/unreadable", f"cannot read {path}: {error.strerror}") from None
