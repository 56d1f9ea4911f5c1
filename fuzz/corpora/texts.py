"""Corpora: packed texts and JSON lines."""

import gzip
import lzma
import struct
import zlib

from tables import parquet

PROSE = "In the morning Anne walked to the sea — and back.\n".encode() * 12


def frame(*blocks, header=b"\xa0" + struct.pack("<I", 0)):
    """A frame of Zstandard (RFC 8878); blocks are raw bytes, or a byte and how often it comes."""
    out = b"\x28\xb5\x2f\xfd" + header
    for number, block in enumerate(blocks):
        last = number == len(blocks) - 1
        kind, size, data = (0, len(block), block) if isinstance(block, bytes) else (1, block[1], block[0])
        out += struct.pack("<I", last | kind << 1 | size << 3)[:3] + data
    return out


def make_packed():
    def sized(length):
        return b"\xa0" + struct.pack("<I", length)

    gz = gzip.compress(PROSE, mtime=0)
    # Preset 0 and CRC-32, as small as it gets.
    xz = lzma.compress(PROSE, check=lzma.CHECK_CRC32, preset=0)
    zst = frame(PROSE, header=sized(len(PROSE)))

    def dictionary(value):
        """The claim of a dictionary's size, with the header's checksum put right."""
        length = (xz[12] + 1) * 4
        header = bytearray(xz[12 : 12 + length])
        header[4] = value
        header[-4:] = struct.pack("<I", zlib.crc32(header[:-4]))
        return xz[:12] + bytes(header) + xz[12 + length :]

    texts = {
        "gz": {
            "valid": gz,
            "valid_streams": gz + gzip.compress(b"And again.\n", mtime=0),
            "empty": b"",
            "cut": gz[:-9],
            "checksum": gz[:-8] + b"\0\0\0\0" + gz[-4:],
            "length": gz[:-4] + b"\xff\xff\xff\xff",
            "more_behind": gz + b"more",
            "name_without_end": gz[:3] + b"\x08" + gz[4:10] + b"n" * 1500,
            "extra_of_64_kib": gz[:3] + b"\x04" + gz[4:10] + b"\xff\xff" + gz[10:],
            "method": gz[:2] + b"\x09" + gz[3:],
            "letters": gzip.compress(b"a" * 1_500_000, mtime=0),
            "newlines": gzip.compress(b"\n" * 1_500_000, mtime=0),
            "nothing": gzip.compress(b"", mtime=0),
            "nul": gzip.compress(b"a\0b", mtime=0),
            "not_utf_8": gzip.compress(b"a\xff", mtime=0),
        },
        "xz": {
            "valid": xz,
            "valid_streams": xz + lzma.compress(b"And again.\n", preset=0),
            "valid_padded": xz + b"\0" * 4,
            "empty": b"",
            "cut": xz[:-5],
            "magic_alone": xz[:6],
            "check_unknown": xz[:7] + b"\x0f" + struct.pack("<I", zlib.crc32(b"\0\x0f")) + xz[12:],
            "dictionary_of_4_gib": dictionary(40),
            "dictionary_of_3_gib": dictionary(39),
            "dictionary_unknown": dictionary(41),
            "letters": lzma.compress(b"a" * 8_000_000, check=lzma.CHECK_CRC32, preset=0),
            "delta": lzma.compress(
                PROSE, filters=[{"id": lzma.FILTER_DELTA, "dist": 1}, {"id": lzma.FILTER_LZMA2, "preset": 0}]
            ),
            "alone": lzma.compress(PROSE, format=lzma.FORMAT_ALONE, preset=0),
            "index": xz[:-20] + b"\xff" * 8 + xz[-12:],
        },
        "zst": {
            "valid": zst,
            "valid_frames": zst + frame(b"And again.\n", header=sized(11)),
            "valid_repeated": frame((b"a", 100), b"\n", header=sized(101)),
            "valid_skippable": b"\x50\x2a\x4d\x18" + struct.pack("<I", 4) + b"skip" + zst,
            "empty": b"",
            "cut": zst[:-1],
            "magic_alone": zst[:4],
            "skippable_of_4_gib": b"\x50\x2a\x4d\x18\xff\xff\xff\xff",
            "window_of_terabytes": frame(PROSE, header=b"\x00\xff"),
            "window_of_2_gib": frame(PROSE, header=b"\x00\xa8"),
            "length_of_4_gib": frame(PROSE, header=sized((1 << 32) - 1)),
            "length_of_2_to_64": frame(PROSE, header=b"\xe0" + b"\xff" * 8),
            "length_too_small": frame(PROSE, header=sized(1)),
            "dictionary": frame(PROSE, header=b"\xa1\x07" + struct.pack("<I", len(PROSE))),
            "reserved": frame(PROSE, header=b"\xa8" + struct.pack("<I", len(PROSE))),
            "block_reserved": zst[:9] + b"\x07\x00\x00",
            "block_too_large": frame((b"a", (1 << 21) - 1), header=sized((1 << 21) - 1)),
            "letters": frame(*[(b"a", 1 << 17)] * 60, header=b"\x00\x38"),
            "newlines": frame(*[(b"\n", 1 << 17)] * 60, header=b"\x00\x38"),
        },
        "parquet_gz": {
            "valid": gzip.compress(parquet(), mtime=0),
            "zeros": gzip.compress(bytes(1_500_000), mtime=0),
            "not_parquet": gz,
        },
    }
    kinds = {"gz": 0, "xz": 1, "zst": 2, "parquet_gz": 3}

    def named(kind, name):
        # What must be read begins with `valid`.
        return f"valid_{kind}{name[5:]}" if name.startswith("valid") else f"{kind}_{name}"

    return {named(k, n): bytes([kinds[k]]) + c for k, all in texts.items() for n, c in all.items()}


def make_json_lines():
    return {
        "valid": b'{"text": "one"}\n{"text": "two"}\n',
        "valid_blank_lines": b'\n{"text": "one"}\n\n  \n{"text": "two"}',
        "valid_more_fields": b'{"id": 1e40, "text": "one", "meta": {"a": [null]}}\n',
        "valid_byte_order_mark": b'\xef\xbb\xbf{"text": "one"}\n',
        "valid_escapes": rb'{"text": "\ud83c\udfad \u0000 \n \/"}' + b"\n",
        "valid_carriage_returns": b'{"text": "one"}\r\n{"text": "two"}\r\n',
        "empty": b"",
        "blank": b" \n\n\t\n",
        "no_field": b'{"body": "one"}\n',
        "null": b'{"text": null}\n{"text": "two"}\n',
        "number": b'{"text": 1}\n',
        "list": b'["text"]\n',
        "text_alone": b'"text"\n',
        "whole_list": b'[{"text": "one"}, {"text": "two"}]\n',
        "over_lines": b'{\n"text": "one"\n}\n',
        "field_twice": b'{"text": "one", "text": "two"}\n',
        "surrogate": rb'{"text": "a\ud800b"}' + b"\n",
        "surrogates_turned": rb'{"text": "\udfad\ud83c"}' + b"\n",
        "nan": b'{"score": NaN, "text": "one"}\n',
        "infinite": b'{"score": -Infinity, "text": "one"}\n',
        "beyond_floats": b'{"score": 1e999, "text": "one"}\n',
        "depth": b'{"a": ' + b"[" * 800 + b"]" * 800 + b', "text": "one"}\n',
        "depth_without_end": b"[" * 1500,
        "many_fields": b"{" + b",".join(b'"%d":0' % n for n in range(200)) + b"}\n",
        "long_name": b'{"' + b"n" * 1500 + b'": 1}\n',
        "control_characters": b'{"\\u001b[2J": 1}\n',
        "raw_control_character": b'{"text": "a\x01b"}\n',
        "nul": b'{"text": "a\0b"}\n',
        "not_utf_8": b'{"text": "a\xff"}\n',
        "cut": b'{"text": "one',
        "more_behind": b'{"text": "one"} more\n',
        "two_in_a_line": b'{"text": "one"}{"text": "two"}\n',
        "utf_16": '{"text": "one"}\n'.encode("utf-16"),
    }
