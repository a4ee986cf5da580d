"""Content encodings, decoded piece by piece: whatever the bytes say of themselves, a step gives at most PIECE bytes.

Each is one stream: what follows its end is refused, since others would read a second one, or not, as they like.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import brotli
from backports import zstd

PIECE = 64 * 1024
"""How many bytes are decoded in a step; brotli may give twice as many."""
MAX_WINDOW = 23
"""What a stream of zstd may make us hold: a window of 8 MiB, the largest that HTTP allows (RFC 9659)."""

_GZIP, _ZLIB, _RAW = 31, 15, -15


class BrokenEncoding(Exception):
    """The bytes are no whole stream of the encoding."""


class Decoder(Protocol):
    """Decodes one body."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes decode to, in pieces: whoever stops asking is spared the rest. Raises BrokenEncoding."""
        ...

    def end(self) -> None:
        """There is no more. Raises BrokenEncoding when there should be."""
        ...


class _Identity:
    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def end(self) -> None:
        return None


class _Zlib:
    """gzip, and deflate as HTTP has it."""

    def __init__(self, window: int) -> None:
        self._inflate = zlib.decompressobj(window)

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._inflate.eof and data:
            raise BrokenEncoding
        more = bool(data)
        while more:
            try:
                decoded = self._inflate.decompress(data, PIECE)
            except zlib.error:
                raise BrokenEncoding from None
            yield decoded
            data = self._inflate.unconsumed_tail
            # all bytes may be taken in while some of what they stand for is not told yet
            more = bool(data) or (len(decoded) == PIECE and not self._inflate.eof)
        if self._inflate.unused_data:
            raise BrokenEncoding

    def end(self) -> None:
        if not self._inflate.eof:
            raise BrokenEncoding


class _Deflate:
    """deflate: what is in the format of zlib, or, as some send it, without that frame. The first two bytes say."""

    def __init__(self) -> None:
        self._head = b""
        self._inner: _Zlib | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._inner is None:
            data = self._head + data
            self._head = data[:2]
            if len(data) < 2:
                return
            framed = data[0] & 15 == 8 and int.from_bytes(data[:2]) % 31 == 0
            self._inner = _Zlib(_ZLIB if framed else _RAW)
        yield from self._inner.feed(data)

    def end(self) -> None:
        if self._inner is None:
            raise BrokenEncoding
        self._inner.end()


class _Brotli:
    def __init__(self) -> None:
        self._inflate = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._inflate.is_finished() and data:
            raise BrokenEncoding
        try:
            decoded = self._inflate.process(data, output_buffer_limit=PIECE)
            while decoded:
                yield decoded
                decoded = b"" if self._inflate.is_finished() else self._inflate.process(b"", output_buffer_limit=PIECE)
        except brotli.error:  # that of bytes behind the end as well
            raise BrokenEncoding from None

    def end(self) -> None:
        if not self._inflate.is_finished():
            raise BrokenEncoding


class _Zstd:
    def __init__(self) -> None:
        self._inflate = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: MAX_WINDOW})

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data or not (self._inflate.needs_input or self._inflate.eof):
            if self._inflate.eof:
                raise BrokenEncoding
            try:
                yield self._inflate.decompress(data, PIECE)
            except zstd.ZstdError:
                raise BrokenEncoding from None
            data = b""
        if self._inflate.unused_data:
            raise BrokenEncoding

    def end(self) -> None:
        if not self._inflate.eof:
            raise BrokenEncoding


DECODERS: dict[str, Callable[[], Decoder]] = {
    "identity": _Identity,
    "gzip": lambda: _Zlib(_GZIP),
    "x-gzip": lambda: _Zlib(_GZIP),
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
"""Every encoding by its name in Content-Encoding, small letters."""
SUPPORTED = [name for name in DECODERS if name != "x-gzip"]
"""Those that are named to whoever sends another one."""


def decoder_of(encoding: str) -> Decoder | None:
    """The decoder for what Content-Encoding says; None for what is not known, and for several at once: one inside the
    other would multiply what few bytes may become."""
    make = DECODERS.get(encoding.strip().lower() or "identity")
    return None if make is None else make()
