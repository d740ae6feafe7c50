"""Block filters made as BIP-158 says."""

from __future__ import annotations

P, M, MASK = 19, 784931, 2**64 - 1


def slow_siphash(key: bytes, message: bytes) -> int:
    """SipHash-2-4 with whole numbers, one message at a time (https://www.aumasson.jp/siphash/siphash.pdf)."""
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:16], "little")
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def turned(value: int, bits: int) -> int:
        return (value << bits | value >> (64 - bits)) & MASK

    def rounds(count: int) -> None:
        for _ in range(count):
            v[0] = v[0] + v[1] & MASK
            v[1] = turned(v[1], 13) ^ v[0]
            v[0] = turned(v[0], 32)
            v[2] = v[2] + v[3] & MASK
            v[3] = turned(v[3], 16) ^ v[2]
            v[0] = v[0] + v[3] & MASK
            v[3] = turned(v[3], 21) ^ v[0]
            v[2] = v[2] + v[1] & MASK
            v[1] = turned(v[1], 17) ^ v[2]
            v[2] = turned(v[2], 32)

    padded = message + bytes(-(len(message) + 1) % 8) + bytes([len(message) & 0xFF])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def compact_size(count: int) -> bytes:
    if count < 0xFD:
        return bytes([count])
    return b"\xfd" + count.to_bytes(2, "little") if count < 2**16 else b"\xfe" + count.to_bytes(4, "little")


def made_filter(scripts: set[bytes], block_hash: bytes) -> bytes:
    """The filter of a block, as section "Construction" of BIP-158 has it."""
    key = block_hash[::-1][:16]
    values = sorted(slow_siphash(key, script) * len(scripts) * M >> 64 for script in scripts)
    bits = ""
    for before, value in zip([0, *values], values, strict=False):
        quotient, rest = divmod(value - before, 2**P)
        bits += "1" * quotient + "0" + f"{rest:019b}"
    bits += "0" * (-len(bits) % 8)
    return compact_size(len(scripts)) + (int(bits, 2).to_bytes(len(bits) // 8) if bits else b"")
