"""Files of llama.cpp's."""

import struct

U8, U32, I32, F32, BOOL, STRING, ARRAY, U64 = 0, 4, 5, 6, 7, 8, 9, 10


def string(text):
    text = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(text)) + text


def array(kind, count, values=b""):
    return struct.pack("<IQ", kind, count) + values


def pair(key, kind, value):
    return string(key) + struct.pack("<I", kind) + value


def tensor(name, shape, number=0, offset=0, dimensions=None):
    dimensions = len(shape) if dimensions is None else dimensions
    sizes = struct.pack(f"<{len(shape)}Q", *shape)
    return string(name) + struct.pack("<I", dimensions) + sizes + struct.pack("<IQ", number, offset)


def gguf(pairs=(), tensors=(), data=b"", version=3, counts=None, alignment=32):
    tensor_count, pair_count = counts or (len(tensors), len(pairs))
    head = b"GGUF" + struct.pack("<IQQ", version, tensor_count, pair_count) + b"".join(pairs) + b"".join(tensors)
    return head + bytes(-len(head) % alignment) + data


ARCHITECTURE = pair("general.architecture", STRING, string("llama"))
PAIRS = [
    ARCHITECTURE,
    pair("llama.block_count", U32, struct.pack("<I", 1)),
    pair("llama.rope.freq_base", F32, struct.pack("<f", 10000.0)),
    pair("tokenizer.ggml.add_bos_token", BOOL, b"\1"),
    pair("tokenizer.ggml.tokens", ARRAY, array(STRING, 2, string("a") + string("b"))),
    pair("tokenizer.ggml.token_type", ARRAY, array(I32, 2, struct.pack("<2i", 1, 3))),
]
# Number, values and bytes of a block.
TYPES = {
    "f32": (0, 1, 4), "f16": (1, 1, 2), "q4_0": (2, 32, 18), "q4_1": (3, 32, 20), "q5_0": (6, 32, 22), "q5_1": (7, 32, 24),
    "q8_0": (8, 32, 34), "q2_k": (10, 256, 84), "q3_k": (11, 256, 110), "q4_k": (12, 256, 144), "q5_k": (13, 256, 176),
    "q6_k": (14, 256, 210), "bf16": (30, 1, 2),
}  # fmt: skip


def make_gguf():
    one = [tensor("output_norm.weight", [8])]
    data = struct.pack("<8f", *range(8))
    whole = gguf(PAIRS, one, data)

    def alignment(value, kind=U32):
        return pair("general.alignment", kind, struct.pack("<I" if kind == U32 else "<Q", value))

    nested = array(U8, 1, b"\7")
    deep = b"".join(struct.pack("<IQ", ARRAY, 1) for _ in range(100)) + nested
    cases = {
        "valid": whole,
        "valid_version_2": gguf(PAIRS, one, data, version=2),
        "valid_nothing": gguf(),
        "valid_aligned_to_64": gguf([alignment(64)], one, data, alignment=64),
        "valid_scalar": gguf([], [tensor("x", [])], data),
        "valid_no_rows": gguf([], [tensor("x", [8, 0])]),
        "valid_overlapping": gguf([], [tensor("x", [8]), tensor("y", [8])], data),
        "valid_nested": gguf([pair("x", ARRAY, array(ARRAY, 2, nested + nested))]),
        "valid_more_behind": whole + b"more",
        "nested_too_deep": gguf([pair("x", ARRAY, deep)]),
        "empty": b"",
        "magic_alone": b"GGUF",
        "magic_of_ggml": b"ggjt" + whole[4:],
        "version_1": gguf(PAIRS, one, data, version=1),
        "version_4": gguf(PAIRS, one, data, version=4),
        "big_endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
        "tensors_claimed": gguf(PAIRS, one, data, counts=((1 << 64) - 1, len(PAIRS))),
        "pairs_claimed": gguf(PAIRS, one, data, counts=(1, 1 << 40)),
        "pairs_fewer": gguf(PAIRS, one, data, counts=(1, 2)),
        "key_empty": gguf([pair("", U8, b"\0")], one, data),
        "key_twice": gguf([ARCHITECTURE, ARCHITECTURE], one, data),
        "key_not_utf_8": gguf([pair(b"\xff", U8, b"\0")]),
        "key_beyond_the_file": gguf([struct.pack("<Q", 1 << 63)]),
        "key_of_control_characters": gguf([pair("\x1b[2J\n", 13, b"")]),
        "kind_unknown": gguf([pair("x", 13, b"\0" * 16)]),
        "bool_of_two": gguf([pair("x", BOOL, b"\2")]),
        "string_beyond_the_file": gguf([pair("x", STRING, struct.pack("<Q", (1 << 64) - 1))]),
        "array_claimed": gguf([pair("x", ARRAY, array(U8, (1 << 64) - 1))]),
        "array_of_strings_claimed": gguf([pair("x", ARRAY, array(STRING, 1 << 32))]),
        "array_of_arrays_claimed": gguf([pair("x", ARRAY, array(ARRAY, 1 << 60))]),
        "array_of_unknown": gguf([pair("x", ARRAY, array(99, 0))]),
        "alignment_zero": gguf([alignment(0)], one, data),
        "alignment_of_24": gguf([alignment(24)], one, data),
        "alignment_huge": gguf([alignment(1 << 31)], one, data),
        "alignment_u64": gguf([alignment(32, U64)], one, data),
        "name_twice": gguf(PAIRS, one + one, data),
        "name_empty": gguf(PAIRS, [tensor("", [8])], data),
        "dimensions_5": gguf([], [tensor("x", [1] * 5)], data),
        "dimensions_claimed": gguf([], [tensor("x", [], dimensions=(1 << 32) - 1)], data),
        "shape_huge": gguf([], [tensor("x", [(1 << 64) - 1])], data),
        "shape_overflowing": gguf([], [tensor("x", [1 << 32, 1 << 32, 4])], data),
        "shape_overflowing_by_zero": gguf([], [tensor("x", [0, 1 << 63, 1 << 63])], data),
        "row_of_part_of_a_block": gguf([], [tensor("x", [33], 8)], bytes(68)),
        "offset_unaligned": gguf([], [tensor("x", [8], offset=4)], data + data),
        "offset_huge": gguf([], [tensor("x", [8], offset=(1 << 64) - 32)], data),
        "offset_at_the_end": gguf([], [tensor("x", [8], offset=32)], data),
        "type_removed": gguf([], [tensor("x", [32], 4)], bytes(64)),
        "type_iq4_xs": gguf([], [tensor("x", [256], 23)], bytes(136)),
        "type_unknown": gguf([], [tensor("x", [8], (1 << 32) - 1)], data),
        "cut": whole[:-1],
        "cut_in_the_header": whole[:100],
    }
    for name, (number, values, size) in TYPES.items():
        cases[f"valid_{name}"] = gguf([], [tensor("x", [values, 2], number)], bytes(range(256))[:size] * 2)
    return cases
