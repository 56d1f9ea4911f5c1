"""Parquet, written by hand: what is wrong in a file has a name."""

import random
import struct


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def thrift(fields):
    """A struct in Thrift's compact protocol: numbers of fields to values; a number of 32 bits is an int, one of
    64 bits a tuple of one."""
    out, last = b"", 0
    for number, value in fields.items():
        kind, data = thrift_value(value)
        out += bytes([number - last << 4 | kind]) + data
        last = number
    return out + b"\0"


def thrift_value(value):
    if isinstance(value, int):
        return 5, varint((value << 1 ^ value >> 63) & (1 << 64) - 1)
    if isinstance(value, tuple):
        return 6, varint((value[0] << 1 ^ value[0] >> 63) & (1 << 64) - 1)
    if isinstance(value, str):
        return 8, varint(len(value.encode())) + value.encode()
    if isinstance(value, list):
        kind = thrift_value(value[0])[0] if value else 12
        head = bytes([len(value) << 4 | kind]) if len(value) < 15 else bytes([0xF0 | kind]) + varint(len(value))
        return 9, head + b"".join(thrift_value(item)[1] for item in value)
    return 12, thrift(value)


def parquet(texts=("one", "two"), page=(), header=(), chunk=(), group=(), column=(), file=(), data=None, ends=b"PAR1"):
    """A file of one column `text` in one page; the rest replaces fields of its structs."""
    plain = b"".join(struct.pack("<I", len(t.encode())) + t.encode() for t in texts)
    data = plain if data is None else data
    rows = len(texts)
    page = {1: rows, 2: 0, 3: 3, 4: 3} | dict(page)
    header = thrift({1: 0, 2: len(data), 3: len(data), 5: page} | dict(header))
    size = len(header) + len(data)
    meta = {1: 6, 2: [0], 3: ["text"], 4: 0, 5: (rows,), 6: (size,), 7: (size,), 9: (4,)} | dict(chunk)
    chunks = [{2: (4,), 3: dict(sorted(meta.items()))}]
    groups = [{1: chunks, 2: (size,), 3: (rows,)} | dict(group)]
    root, leaf = {4: "schema", 5: 1}, {1: 6, 3: 0, 4: "text", 6: 0} | dict(column)
    footer = thrift({1: 1, 2: [root, dict(sorted(leaf.items()))], 3: (rows,), 4: groups} | dict(file))
    return b"PAR1" + header + data + footer + struct.pack("<I", len(footer)) + ends


def make_parquet():
    whole = parquet()
    huge, most = (1 << 31) - 1, ((1 << 63) - 1,)
    rng = random.Random(20)
    cases = {
        "valid": whole,
        "empty": b"",
        "magic_alone": b"PAR1",
        "magic_twice": b"PAR1PAR1",
        "encrypted": parquet(ends=b"PARE"),
        "cut": whole[:-1],
        "footer_of_nothing": whole[:-8] + b"\0\0\0\0PAR1",
        "footer_of_4_gib": whole[:-8] + b"\xff\xff\xff\xffPAR1",
        "footer_too_short": whole[:-8] + b"\x05\0\0\0PAR1",
        "rows_huge": parquet(file={3: most}),
        "rows_negative": parquet(file={3: (-1,)}),
        "rows_of_a_group_huge": parquet(group={3: most}),
        "no_groups": parquet(file={4: []}),
        "groups_many": parquet(file={4: [{1: [], 2: (0,), 3: (0,)}] * 200}),
        "values_huge": parquet(chunk={5: most}),
        "values_negative": parquet(chunk={5: (-1,)}),
        "chunk_huge": parquet(chunk={6: most, 7: most}),
        "chunk_negative": parquet(chunk={7: (-1,)}),
        "chunk_far": parquet(chunk={9: most}),
        "chunk_before_the_file": parquet(chunk={9: (-4,)}),
        "dictionary_far": parquet(chunk={11: most}),
        "dictionary_behind_the_data": parquet(chunk={11: (5,)}),
        "codec_unknown": parquet(chunk={4: 99}),
        "codec_snappy": parquet(chunk={4: 1}),
        "codec_gzip": parquet(chunk={4: 2}),
        "codec_brotli": parquet(chunk={4: 4}),
        "codec_lz4": parquet(chunk={4: 7}),
        "codec_zstd": parquet(chunk={4: 6}),
        "type_of_numbers": parquet(chunk={1: 2}, column={1: 2}),
        "types_apart": parquet(chunk={1: 2}),
        "type_unknown": parquet(chunk={1: 77}),
        "path_of_another_column": parquet(chunk={3: ["body"]}),
        "column_optional": parquet(column={3: 1}),
        "column_repeated": parquet(column={3: 2}),
        "column_of_another_name": parquet(column={4: "body"}),
        "column_of_a_long_name": parquet(column={4: "b" * 1500}),
        "column_of_control_characters": parquet(column={4: "\x1b[2J"}),
        "column_with_children": parquet(column={5: 5}),
        "column_with_2_to_31_children": parquet(column={5: huge}),
        "column_with_minus_1_children": parquet(column={5: -1}),
        "column_converted_unknown": parquet(column={6: 99}),
        "no_schema": parquet(file={2: []}),
        "schema_of_a_leaf": parquet(file={2: [{1: 6, 3: 0, 4: "text"}]}),
        "page_huge": parquet(header={2: huge, 3: huge}),
        "page_negative": parquet(header={2: -1, 3: -1}),
        "page_unpacked_huge": parquet(header={2: huge}),
        "page_of_another_type": parquet(header={1: 2}),
        "page_of_an_index": parquet(header={1: 1}),
        "page_of_version_2": parquet(header={1: 3}),
        "page_type_unknown": parquet(header={1: 99}),
        "page_of_no_values": parquet(page={1: 0}),
        "page_of_2_to_31_values": parquet(page={1: huge}),
        "page_of_minus_1_values": parquet(page={1: -1}),
        "encoding_unknown": parquet(page={2: 99}),
        "encoding_of_lengths": parquet(page={2: 6}),
        "encoding_of_deltas": parquet(page={2: 7}),
        "encoding_of_a_dictionary": parquet(page={2: 8}),
        "deltas_of_huge_blocks": parquet(page={2: 6}, data=varint(1 << 31) + varint(1 << 31) + varint(1 << 31) + b"\0"),
        "deltas_of_no_blocks": parquet(page={2: 7}, data=b"\0\0\x02\0"),
        "text_of_4_gib": parquet(data=b"\xff\xff\xff\xffone"),
        "text_not_utf_8": parquet(data=struct.pack("<I", 1) + b"\xff" + struct.pack("<I", 1) + b"b"),
        "texts_missing": parquet(data=b""),
        "levels_of_4_gib": parquet(column={3: 1}, data=b"\xff\xff\xff\xff" + b"\x03\x03one"),
    }
    # Within the footer, whose length stays right: what a damaged disk makes of it.
    start = len(whole) - 8 - struct.unpack("<I", whole[-8:-4])[0]
    for number in range(24):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(4 if number % 3 == 0 else start, len(whole) - 8)] = rng.randrange(256)
        cases[f"damaged_{number:02}"] = bytes(damaged)
    return cases
