"""Sets of offsets in a few bytes: a bit for each offset of a stretch of a partition. A million letters are 125 kB."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class Offsets:
    """Offsets from `first` up to, not including, `last`; others are ignored."""

    __slots__ = ("_bits", "first", "last")

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, max(first, last)
        self._bits = bytearray((self.last - first + 7) // 8)

    def add(self, offset: int, end: int | None = None) -> None:
        """Add one offset, or all from it up to, not including, `end`; whole bytes at once, however many they are."""
        at = max(offset, self.first) - self.first
        behind = min(offset + 1 if end is None else end, self.last) - self.first
        whole, last = (at + 7) // 8, behind // 8
        if whole < last:
            self._bits[whole:last] = b"\xff" * (last - whole)
            edges = (*range(at, whole * 8), *range(last * 8, behind))
        else:
            edges = (*range(at, behind),)
        for one in edges:
            self._bits[one >> 3] |= 1 << (one & 7)

    def __contains__(self, offset: int) -> bool:
        at = offset - self.first
        return self.first <= offset < self.last and bool(self._bits[at >> 3] >> (at & 7) & 1)

    def __len__(self) -> int:
        return int.from_bytes(self._bits, "little").bit_count()

    def __iter__(self) -> Iterator[int]:
        return (self.first + 8 * at + bit for at, byte in enumerate(self._bits) if byte for bit in _BITS[byte])

    def without(self, other: Offsets) -> Offsets:
        """Those that `other`, of the same stretch, does not have."""
        return self._of(int.from_bytes(self._bits, "little") & ~int.from_bytes(other._bits, "little"))

    def within(self, other: Offsets) -> Offsets:
        """Those that `other`, of the same stretch, has, too."""
        return self._of(int.from_bytes(self._bits, "little") & int.from_bytes(other._bits, "little"))

    def united(self, others: Iterable[Offsets]) -> Offsets:
        """Those that it or one of the others, of the same stretch, has."""
        bits = int.from_bytes(self._bits, "little")
        for other in others:
            bits |= int.from_bytes(other._bits, "little")
        return self._of(bits)

    def lowest(self) -> int | None:
        """The first offset, or None when there is none."""
        return next(iter(self), None)

    def _of(self, bits: int) -> Offsets:
        found = Offsets(self.first, self.last)
        found._bits = bytearray(bits.to_bytes(len(self._bits), "little"))
        return found


_BITS = [tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256)]


def ranges_of(offsets: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending offsets as ranges: (first, last), both included."""
    first = before = -2
    for offset in offsets:
        if offset != before + 1:
            if first >= 0:
                yield first, before
            first = offset
        before = offset
    if first >= 0:
        yield first, before
