"""Whether compressed pixels have losses, by the bytes of the compressed data."""

from __future__ import annotations

import struct

LOSSLESS_IN_TIFF = frozenset(
    (
        1,  # none
        2, 3, 4, 32771,  # CCITT
        5,  # LZW
        8, 32946,  # deflate
        32773,  # PackBits
        34925,  # LZMA
        34933,  # PNG
        50000, 34926,  # Zstandard
    )
)  # fmt: skip
"""Values of TIFF's tag Compression that never change a pixel."""


def has_losses(data: bytes) -> bool | None:
    """Whether compressed pixels have losses; None if they are not JPEG, JPEG 2000, WebP or AVIF."""
    if data[:2] == b"\xff\xd8" or data[4:12] == b"ftypavif":
        return True
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp_has_losses(data)
    if (start := data.find(b"\xff\x4f\xff\x51")) >= 0:  # start and size of a JPEG 2000 codestream
        return _jpeg2000_has_losses(data, start)
    return None


def _webp_has_losses(data: bytes) -> bool:
    """Whether the pixels of a WebP file are a chunk ``VP8``, not ``VP8L``."""
    position = 12
    while position + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        if name == b"VP8L":
            return False
        position += 8 + size + size % 2
    return True


def _jpeg2000_has_losses(data: bytes, start: int) -> bool:
    """Whether the wavelet of a codestream is the irreversible one (ISO/IEC 15444-1, table A.20)."""
    position = start + 2
    while position + 14 <= len(data):
        marker, length = struct.unpack_from(">HH", data, position)
        if marker == 0xFF52:  # coding style
            return data[position + 13] == 0
        position += 2 + length
    return True
