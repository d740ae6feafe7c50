"""SHA-256 (FIPS 180-4) as LLVM vector IR: a vector register holds one 32-bit word of each of many messages.

The code is emitted as IR rather than compiled by numba, because numba promotes 32-bit arithmetic to 64 bits and does
not vectorise the rounds. The width of the vectors alone decides between AVX-512, AVX2 and NEON.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import llvmlite.binding as llvm

BLOCK: Final = 64  # bytes of a message that SHA-256 absorbs at once

_K_HEX: Final = """
    428a2f98 71374491 b5c0fbcf e9b5dba5 3956c25b 59f111f1 923f82a4 ab1c5ed5
    d807aa98 12835b01 243185be 550c7dc3 72be5d74 80deb1fe 9bdc06a7 c19bf174
    e49b69c1 efbe4786 0fc19dc6 240ca1cc 2de92c6f 4a7484aa 5cb0a9dc 76f988da
    983e5152 a831c66d b00327c8 bf597fc7 c6e00bf3 d5a79147 06ca6351 14292967
    27b70a85 2e1b2138 4d2c6dfc 53380d13 650a7354 766a0abb 81c2c92e 92722c85
    a2bfe8a1 a81a664b c24b8b70 c76c51a3 d192e819 d6990624 f40e3585 106aa070
    19a4c116 1e376c08 2748774c 34b0bcb5 391c0cb3 4ed8aa4a 5b9cca4f 682e6ff3
    748f82ee 78a5636f 84c87814 8cc70208 90befffa a4506ceb bef9a3f7 c67178f2
"""
_K: Final = tuple(int(word, 16) for word in _K_HEX.split())
_H0_HEX: Final = "6a09e667 bb67ae85 3c6ef372 a54ff53a 510e527f 9b05688c 1f83d9ab 5be0cd19"
_H0: Final = tuple(int(word, 16) for word in _H0_HEX.split())


class _Function:
    """The text of an LLVM function while it is written. Each value gets a name of its own.

    `lanes`: the number of messages that are hashed at once.
    `vector`: the LLVM type of one word of each.
    `lines`: the instructions so far.
    `block`: the label of the current basic block.
    `names`: how many names were given.
    """

    def __init__(self, signature: str, lanes: int) -> None:
        self.lanes = lanes
        self.vector = f"<{lanes} x i32>"
        self.lines = [f"define {signature} {{", "entry:"]
        self.block = "entry"
        self.names = 0

    def __str__(self) -> str:
        return "\n".join([*self.lines, "ret void", "}"])

    def do(self, text: str) -> None:
        self.lines.append(text)

    def let(self, text: str) -> str:
        self.names += 1
        self.do(f"%v{self.names} = {text}")
        return f"%v{self.names}"

    @contextmanager
    def loop(self, stop: str | int, step: int = 1, start: str | int = 0) -> Iterator[str]:
        """Emit the body for an i64 index in range(start, stop, step)."""
        self.names += 1
        n = self.names
        self.do(f"br label %head{n}\nhead{n}:")
        self.do(f"%i{n} = phi i64 [{start}, %{self.block}], [%next{n}, %latch{n}]")
        self.do(f"%more{n} = icmp slt i64 %i{n}, {stop}")
        self.do(f"br i1 %more{n}, label %body{n}, label %exit{n}\nbody{n}:")
        self.block = f"body{n}"
        yield f"%i{n}"
        self.do(f"br label %latch{n}\nlatch{n}:")
        self.do(f"%next{n} = add i64 %i{n}, {step}\nbr label %head{n}\nexit{n}:")
        self.block = f"exit{n}"

    def at(self, base: str, index: str | int, size: int = 1) -> str:
        """The address of element `index` in an array of elements of `size` bytes."""
        return self.let(f"getelementptr [{size} x i8], ptr {base}, i64 {index}")

    def load(self, kind: str, base: str, index: str | int, size: int) -> str:
        return self.let(f"load {kind}, ptr {self.at(base, index, size)}, align 1")

    def load_vector(self, base: str, index: str | int) -> str:
        return self.load(self.vector, base, index, 4 * self.lanes)

    def store(self, value: str, base: str, index: str | int, size: int) -> None:
        self.do(f"store {value}, ptr {self.at(base, index, size)}, align 1")

    def store_vector(self, value: str, base: str, index: str | int) -> None:
        self.store(f"{self.vector} {value}", base, index, 4 * self.lanes)

    def alloca(self, size: int) -> str:
        return self.let(f"alloca [{size} x i8], align 64")

    def op(self, name: str, *words: str) -> str:
        """The left fold of a binary operation over vectors."""
        x = words[0]
        for y in words[1:]:
            x = self.let(f"{name} {self.vector} {x}, {y}")
        return x

    def rotr(self, x: str, n: int) -> str:
        v = self.vector
        return self.let(f"call {v} @llvm.fshr.v{self.lanes}i32({v} {x}, {v} {x}, {v} {_splat(n)})")

    def swap(self, x: str) -> str:
        """The vector `x` with the bytes of every word reversed."""
        return self.let(f"call {self.vector} @llvm.bswap.v{self.lanes}i32({self.vector} {x})")

    def pick(self, width: int, x: str, y: str, places: Sequence[int]) -> str:
        """The words at `places` of x || y, two vectors of `width` words."""
        mask = ", ".join(f"i32 {i}" for i in places)
        kind = f"<{width} x i32>"
        return self.let(f"shufflevector {kind} {x}, {kind} {y}, <{len(places)} x i32> <{mask}>")

    def transpose(self, rows: Sequence[str]) -> list[str]:
        """The four vectors with each 4 x 4 tile transposed: word 4g + j of vector i becomes word 4g + i of vector j."""
        a, b, c, d = rows
        tiles, n = range(0, self.lanes, 4), self.lanes
        low, high = ([i + h for t in tiles for i in (t, t + n, t + 1, t + n + 1)] for h in (0, 2))
        for _ in range(2):
            a, c, b, d = (
                self.pick(n, a, c, low),
                self.pick(n, b, d, low),
                self.pick(n, a, c, high),
                self.pick(n, b, d, high),
            )
        return [a, b, c, d]


def _splat(word: int) -> str:
    return f"splat (i32 {word})"


def _compress(lanes: int) -> _Function:
    """The compression function: it leaves at %to the state after the one at %from and the 16 words at %block."""
    fn = _Function("internal void @compress(ptr %from, ptr %block, ptr %to) noinline", lanes)

    def sigma(x: str, i: int, j: int, k: int, *, shift: bool = False) -> str:
        last = fn.op("lshr", x, _splat(k)) if shift else fn.rotr(x, k)
        return fn.op("xor", fn.rotr(x, i), fn.rotr(x, j), last)

    def ch(x: str, y: str, z: str) -> str:
        return fn.op("xor", fn.op("and", x, fn.op("xor", y, z)), z)

    state = [fn.load_vector("%from", i) for i in range(8)]
    w = [fn.load_vector("%block", t) for t in range(16)]
    a, b, c, d, e, f, g, h = state
    for t in range(64):
        if t >= len(w):
            s0 = sigma(w[(t + 1) % 16], 7, 18, 3, shift=True)
            s1 = sigma(w[(t + 14) % 16], 17, 19, 10, shift=True)
            w[t % 16] = fn.op("add", w[t % 16], s0, w[(t + 9) % 16], s1)
        kw = fn.op("add", w[t % 16], _splat(_K[t]))
        t1 = fn.op("add", h, kw, ch(e, f, g), sigma(e, 6, 11, 25))
        # Maj(a, b, c) in the form that shares a ^ b with the next round and is fewest instructions.
        t2 = fn.op("add", sigma(a, 2, 13, 22), ch(fn.op("xor", a, b), c, b))
        a, b, c, d, e, f, g, h = fn.op("add", t1, t2), a, b, c, fn.op("add", d, t1), e, f, g
    for i, (old, new) in enumerate(zip(state, (a, b, c, d, e, f, g, h), strict=True)):
        fn.store_vector(fn.op("add", old, new), "%to", i)
    return fn


def _pack(lanes: int) -> _Function:
    """The gathering of words: word j of each row numbered in %rows, big-endian in memory, goes to the vector %to[j]."""
    signature = "@pack(ptr %to, ptr %from, i64 %stride, i64 %words, ptr %rows)"
    fn = _Function(f"internal void {signature} noinline", lanes)
    numbers = [fn.load("i64", "%rows", r, 8) for r in range(lanes)]
    rows = [fn.at("%from", fn.let(f"mul i64 {number}, %stride")) for number in numbers]
    quads = fn.let("and i64 %words, -4")
    with fn.loop(quads, 4) as j:
        cells = [fn.load("<4 x i32>", row, j, 4) for row in rows]
        while len(cells) > 4:  # noqa: PLR2004 (a tile has 4 x 4 words)
            width, firsts = 4 * lanes // len(cells), (k for k in range(len(cells)) if not k & 4)
            cells = [fn.pick(width, cells[k], cells[k + 4], range(2 * width)) for k in firsts]
        for i, vector in enumerate(fn.transpose(cells)):
            fn.store_vector(fn.swap(vector), "%to", fn.let(f"add i64 {j}, {i}"))
    with fn.loop("%words", start=quads) as j:
        vector = "poison"
        for r, row in enumerate(rows):
            word = fn.load("i32", row, j, 4)
            vector = fn.let(f"insertelement {fn.vector} {vector}, i32 {word}, i64 {r}")
        fn.store_vector(fn.swap(vector), "%to", j)
    return fn


def _unpack(lanes: int) -> _Function:
    """The scattering of digests: the one of each lane in %state goes to the row of %to numbered in %rows."""
    signature = "@unpack(ptr %to, i64 %stride, ptr %rows, ptr %state)"
    fn = _Function(f"internal void {signature} noinline", lanes)
    words = [fn.swap(fn.load_vector("%state", i)) for i in range(8)]
    halves = [fn.transpose(words[:4]), fn.transpose(words[4:])]
    for r in range(lanes):
        row = fn.at("%to", fn.let(f"mul i64 {fn.load('i64', '%rows', r, 8)}, %stride"))
        for i, half in enumerate(halves):
            cell = fn.pick(lanes, half[r % 4], "poison", range(r & ~3, (r & ~3) + 4))
            fn.store(f"<4 x i32> {cell}", row, i, 16)
    return fn


def _hash_columns(lanes: int) -> _Function:
    """The hash of n rows made of `count` columns, each given as address, row stride in bytes and words per row.

    The digest of row i goes to row places[i] of %out. %message has room for a padded message in each lane, and its
    padding is already written.
    """
    signature = (
        "@hash_columns(i64 %n, ptr %prefix, i64 %prefix_blocks, ptr %columns, i64 %count, "
        "ptr %message, i64 %blocks, ptr %out, i64 %stride, ptr %places)"
    )
    fn = _Function(f"void {signature}", lanes)
    rows, initial, state = fn.alloca(8 * lanes), fn.alloca(32 * lanes), fn.alloca(32 * lanes)
    words, places, filled = fn.alloca(BLOCK * lanes), fn.alloca(8 * lanes), fn.alloca(8)
    for r in range(lanes):
        fn.store("i64 0", rows, r, 8)
    for i, word in enumerate(_H0):
        fn.store_vector(_splat(word), initial, i)
    with fn.loop("%prefix_blocks") as b:
        source = fn.at("%prefix", b, BLOCK)
        fn.do(f"call void @pack(ptr {words}, ptr {source}, i64 0, i64 16, ptr {rows})")
        fn.do(f"call void @compress(ptr {initial}, ptr {words}, ptr {initial})")
    final = fn.let("add i64 %n, -1")
    with fn.loop("%n", lanes) as first:
        # Lanes beyond the last row hash that row once more and write its digest again.
        for r in range(lanes):
            row = fn.let(f"add i64 {first}, {r}")
            row = fn.let(f"call i64 @llvm.smin.i64(i64 {row}, i64 {final})")
            fn.store(f"i64 {row}", rows, r, 8)
            fn.store(f"i64 {fn.load('i64', '%places', row, 8)}", places, r, 8)
        fn.store("i64 0", filled, 0, 8)
        with fn.loop("%count") as c:
            column, done = fn.at("%columns", c, 24), fn.load("i64", filled, 0, 8)
            source, stride = fn.load("ptr", column, 0, 8), fn.load("i64", column, 1, 8)
            size = fn.load("i64", column, 2, 8)
            to = fn.at("%message", done, 4 * lanes)
            fn.do(f"call void @pack(ptr {to}, ptr {source}, i64 {stride}, i64 {size}, ptr {rows})")
            fn.store(f"i64 {fn.let(f'add i64 {done}, {size}')}", filled, 0, 8)
        fn.do(f"call void @compress(ptr {initial}, ptr %message, ptr {state})")
        with fn.loop("%blocks", start=1) as b:
            block = fn.at("%message", b, BLOCK * lanes)
            fn.do(f"call void @compress(ptr {state}, ptr {block}, ptr {state})")
        fn.do(f"call void @unpack(ptr %out, i64 %stride, ptr {places}, ptr {state})")
    return fn


def _stage(lanes: int) -> _Function:
    """The padding of messages: data[bounds[i] : bounds[i + 1]], for i in %order, goes padded into the zeros at %to."""
    signature = "@stage(i64 %n, ptr %data, ptr %bounds, ptr %order, i64 %absorbed, ptr %to)"
    fn = _Function(f"void {signature}", lanes)
    used = fn.alloca(8)
    fn.store("i64 0", used, 0, 8)
    with fn.loop("%n") as i:
        bound = fn.at("%bounds", fn.load("i64", "%order", i, 8), 8)
        begin, to = fn.load("i64", bound, 0, 8), fn.at("%to", fn.load("i64", used, 0, 8), BLOCK)
        length = fn.let(f"sub i64 {fn.load('i64', bound, 1, 8)}, {begin}")
        source = fn.at("%data", begin)
        fn.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {source}, i64 {length}, i1 0)")
        fn.store("i8 128", to, length, 1)
        blocks = fn.let(f"ashr i64 {fn.let(f'add i64 {length}, {BLOCK + 8}')}, 6")
        bits = fn.let(f"shl i64 {fn.let(f'add i64 {length}, %absorbed')}, 3")
        bits = fn.let(f"call i64 @llvm.bswap.i64(i64 {bits})")
        fn.store(f"i64 {bits}", fn.at(to, blocks, BLOCK), -1, 8)
        total = fn.let(f"add i64 {fn.load('i64', used, 0, 8)}, {blocks}")
        fn.store(f"i64 {total}", used, 0, 8)
    return fn


class Kernels(NamedTuple):
    """The compiled functions.

    `lanes`: how many messages are hashed at once.
    `hash_columns`: the entry point of `_hash_columns`.
    `stage`: the entry point of `_stage`.
    `engine`: the owner of their machine code, which must be kept as long as they are called.
    """

    lanes: int
    hash_columns: Callable[..., None]
    stage: Callable[..., None]
    engine: Any


def compile_kernels(cpu: str = "", features: str = "", lanes: int = 0) -> Kernels:
    """The kernels for this computer, or for an LLVM `cpu`.

    `cpu`: the LLVM name of a CPU; empty for this computer's.
    `features`: its LLVM features, when `cpu` is given.
    `lanes`: a power of 2, at least 4, when `cpu` is given.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    if not cpu:
        host = llvm.get_host_cpu_features()
        cpu, features = llvm.get_host_cpu_name(), host.flatten()
        lanes = 16 if host.get("avx512f") else 8 if host.get("avx2") else 4
    emitters = (_compress, _pack, _unpack, _hash_columns, _stage)
    module = llvm.parse_assembly("\n".join(str(emit(lanes)) for emit in emitters))
    module.verify()
    target = llvm.Target.from_default_triple()
    machine = target.create_target_machine(cpu=cpu, features=features, opt=2)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()

    def entry(name: str, types: str) -> Callable[..., None]:
        kinds = [{"p": ctypes.c_void_p, "i": ctypes.c_int64}[kind] for kind in types]
        return ctypes.CFUNCTYPE(None, *kinds)(engine.get_function_address(name))

    return Kernels(lanes, entry("hash_columns", "ipipipipip"), entry("stage", "ipppip"), engine)
