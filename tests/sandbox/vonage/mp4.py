# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create a small recording without a codec: one second of H.264 video in an MP4 file.

Every macroblock is uncompressed (I_PCM of ITU-T H.264, 7.3.5), so the encoder is a bit writer. The layout is defined in
ISO/IEC 14496-12 and -15. Players and ``ffprobe`` can read it.
"""

from __future__ import annotations

import struct

WIDTH, HEIGHT, FRAMES, TIMESCALE = 64, 48, 10, 1000
FRAME_DURATION = TIMESCALE // FRAMES
DURATION = FRAME_DURATION * FRAMES


class BitWriter:
    """Writes the bit strings of H.264 headers."""

    def __init__(self) -> None:
        self._bits: list[int] = []

    def fixed(self, value: int, width: int) -> BitWriter:
        """Append ``value`` in ``width`` bits: u(n)."""
        self._bits.extend((value >> shift) & 1 for shift in range(width - 1, -1, -1))
        return self

    def golomb(self, *values: int) -> BitWriter:
        """Append unsigned Exp-Golomb codes: ue(v)."""
        for value in values:
            width = (value + 1).bit_length()
            self.fixed(0, width - 1).fixed(value + 1, width)
        return self

    def to_bytes(self) -> bytes:
        """Return the bits, padded with zeros to whole bytes."""
        padded = self._bits + [0] * (-len(self._bits) % 8)
        return bytes(int("".join(map(str, padded[at : at + 8])), 2) for at in range(0, len(padded), 8))

    def with_stop_bit(self) -> bytes:
        """Return the bits with the stop bit, which ends every H.264 unit."""
        return self.fixed(1, 1).to_bytes()


def sequence_parameters() -> bytes:
    """Return the sequence parameter set: baseline profile, level 1, no picture order count."""
    bits = BitWriter().fixed(0x67, 8).fixed(66, 8).fixed(0xC0, 8).fixed(10, 8)
    bits.golomb(0, 0, 2, 1).fixed(0, 1).golomb(WIDTH // 16 - 1, HEIGHT // 16 - 1)
    return bits.fixed(0b1100, 4).with_stop_bit()


def picture_parameters() -> bytes:
    """Return the picture parameter set: CAVLC, one slice group, nothing optional."""
    bits = BitWriter().fixed(0x68, 8).golomb(0, 0).fixed(0, 2).golomb(0, 0, 0)
    return bits.fixed(0, 3).golomb(0, 0, 0).fixed(0, 3).with_stop_bit()


def frame(number: int) -> bytes:
    """Return a key frame of one shade of grey, which is brighter for a higher number."""
    first = BitWriter().fixed(0x65, 8).golomb(0, 7, 0).fixed(0, 4).golomb(number % 2).fixed(0, 2).golomb(0)
    macroblock_type = 25  # I_PCM
    pixels = bytes([32 + 20 * number % 200]) * 256 + bytes([128]) * 128
    following = BitWriter().golomb(macroblock_type).to_bytes() + pixels
    count = (WIDTH // 16) * (HEIGHT // 16)
    unit = first.golomb(macroblock_type).to_bytes() + pixels + following * (count - 1) + b"\x80"
    return struct.pack(">I", len(unit)) + unit


def box(kind: bytes, *parts: bytes) -> bytes:
    """Return one box of the file format."""
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def full_box(kind: bytes, flags: int, *parts: bytes) -> bytes:
    """Return one box with version 0 and flags."""
    return box(kind, struct.pack(">I", flags), *parts)


_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def sample_description() -> bytes:
    """Return the description of the video samples with both parameter sets."""
    sps, pps = sequence_parameters(), picture_parameters()
    config = struct.pack(">BBBBBBH", 1, sps[1], sps[2], sps[3], 0xFF, 0xE1, len(sps)) + sps
    config += struct.pack(">BH", 1, len(pps)) + pps
    entry = bytes(6) + struct.pack(">H", 1) + bytes(16) + struct.pack(">HH", WIDTH, HEIGHT)
    entry += struct.pack(">IIIH", 0x480000, 0x480000, 0, 1) + bytes(32) + struct.pack(">Hh", 24, -1)
    return full_box(b"stsd", 0, struct.pack(">I", 1), box(b"avc1", entry, box(b"avcC", config)))


def sample_table(sample_size: int, data_offset: int) -> bytes:
    """Return the positions and durations of the samples."""
    return box(
        b"stbl",
        sample_description(),
        full_box(b"stts", 0, struct.pack(">III", 1, FRAMES, FRAME_DURATION)),
        full_box(b"stsc", 0, struct.pack(">IIII", 1, 1, FRAMES, 1)),
        full_box(b"stsz", 0, struct.pack(">II", sample_size, FRAMES)),
        full_box(b"stco", 0, struct.pack(">II", 1, data_offset)),
    )


def movie(sample_size: int, data_offset: int) -> bytes:
    """Return the ``moov`` box of one video track."""
    header = full_box(
        b"mvhd",
        0,
        struct.pack(">IIIIIH", 0, 0, TIMESCALE, DURATION, 0x10000, 0x100),
        bytes(10),
        _MATRIX,
        bytes(24),
        struct.pack(">I", 2),
    )
    track_header = full_box(
        b"tkhd",
        7,
        struct.pack(">IIIII", 0, 0, 1, 0, DURATION),
        bytes(16),
        _MATRIX,
        struct.pack(">II", WIDTH << 16, HEIGHT << 16),
    )
    media = box(
        b"mdia",
        full_box(b"mdhd", 0, struct.pack(">IIIIHH", 0, 0, TIMESCALE, DURATION, 0x55C4, 0)),
        full_box(b"hdlr", 0, struct.pack(">I4s", 0, b"vide"), bytes(12), b"video\0"),
        box(
            b"minf",
            full_box(b"vmhd", 1, bytes(8)),
            box(b"dinf", full_box(b"dref", 0, struct.pack(">I", 1), full_box(b"url ", 1))),
            sample_table(sample_size, data_offset),
        ),
    )
    return box(b"moov", header, box(b"trak", track_header, media))


def create_mp4(minimum_size: int = 0) -> bytes:
    """Create the file, padded with a ``free`` box to at least ``minimum_size`` bytes."""
    file_type = box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2avc1mp41")
    samples = [frame(number) for number in range(FRAMES)]
    size = len(samples[0])
    # The offset of the data depends only on the length of the previous boxes.
    offset = len(file_type) + len(movie(size, 0)) + 8
    content = file_type + movie(size, offset) + box(b"mdat", *samples)
    missing = minimum_size - len(content)
    return content if missing <= 0 else content + box(b"free", bytes(max(0, missing - 8)))
