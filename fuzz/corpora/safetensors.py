"""Weights in safetensors."""

import json
import struct

EMBD, INNER, VOCAB, POSITIONS = 2, 2, 2, 2  # readers/gpt2.json

SHAPES = {"wte.weight": [VOCAB, EMBD], "wpe.weight": [POSITIONS, EMBD]}
for layer, shape in {
    "ln_1": [EMBD],
    "attn.c_attn": [EMBD, 3 * EMBD],
    "attn.c_proj": [EMBD, EMBD],
    "ln_2": [EMBD],
    "mlp.c_fc": [EMBD, INNER],
    "mlp.c_proj": [INNER, EMBD],
}.items():
    SHAPES[f"h.0.{layer}.weight"] = shape
    SHAPES[f"h.0.{layer}.bias"] = shape[-1:]
SHAPES["ln_f.weight"] = SHAPES["ln_f.bias"] = [EMBD]


def count(shape):
    product = 1
    for size in shape:
        product *= size
    return product


def text(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def safetensors(header, data):
    header = header if isinstance(header, bytes) else text(header).encode()
    return struct.pack("<Q", len(header)) + header + data


def tensors(shapes, dtype="F32", fill=0.5):
    """A header and its data."""
    pack = {"F32": "<f", "F64": "<d", "F16": "<e", "I64": "<q"}.get(dtype)
    header, data = {}, b""
    for name, shape in shapes.items():
        if dtype == "BF16":
            values = struct.pack("<f", fill)[2:] * count(shape)
        else:
            values = struct.pack(pack, int(fill) if dtype == "I64" else fill) * count(shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    return header, data


def make_safetensors():
    header, data = tensors(SHAPES)
    whole = safetensors(header, data)

    def changed(tensor="wte.weight", **fields):
        return safetensors({**header, tensor: {**header[tensor], **fields}}, data)

    prefixed = {"transformer." + name: shape for name, shape in SHAPES.items()}
    masks = {**SHAPES, "h.0.attn.bias": [1, 1, 2, 2], "h.0.attn.masked_bias": []}
    cases = {
        "valid": whole,
        "valid_prefixed": safetensors(*tensors({**prefixed, "lm_head.weight": [VOCAB, EMBD]})),
        "valid_masks": safetensors(*tensors(masks)),
        "empty": b"",
        "length_alone": struct.pack("<Q", 2),
        "header_of_nothing": struct.pack("<Q", 0) + data,
        "header_of_4_gib": struct.pack("<Q", 1 << 32) + whole[8:],
        "header_without_end": struct.pack("<Q", (1 << 64) - 1) + whole[8:],
        "header_beyond_the_file": struct.pack("<Q", len(whole)) + whole[8:],
        "header_of_a_list": safetensors([], data),
        "header_of_depth": safetensors(b"[" * 1500 + b"]" * 1500, b""),
        "header_not_utf_8": safetensors(b'{"\xff": 1}', b""),
        "name_twice": safetensors(text(header).replace("wpe.weight", "wte.weight").encode(), data),
        "name_empty": safetensors({**header, "": header["ln_f.bias"]}, data),
        "name_of_control_characters": safetensors({**header, "\x1b[2J\n": header["ln_f.bias"]}, data),
        "name_long": safetensors({"a" * 1500: header["ln_f.bias"]}, data),
        "offsets_overlap": changed(data_offsets=[0, 8]),
        "offsets_reversed": changed(data_offsets=[16, 0]),
        "offsets_gap": changed("ln_f.bias", data_offsets=[len(data), len(data) + 8]),
        "offsets_huge": changed(data_offsets=[0, (1 << 64) - 1]),
        "offsets_negative": changed(data_offsets=[-8, 8]),
        "offsets_fraction": changed(data_offsets=[0.0, 16.0]),
        "shape_negative": changed(shape=[-2, -2]),
        "shape_huge": changed(shape=[(1 << 64) - 1, 2]),
        "shape_overflowing": changed(shape=[1 << 32, 1 << 32, 4]),
        "shape_zero": changed(shape=[0, 2]),
        "shape_long": changed(shape=[1] * 700),
        "shape_transposed": safetensors(*tensors({**SHAPES, "h.0.attn.c_attn.weight": [6, 2]})),
        "dtype_unknown": changed(dtype="F4_X"),
        "tensor_missing": safetensors(*tensors({n: s for n, s in SHAPES.items() if n != "ln_f.bias"})),
        "tensor_unexpected": safetensors(*tensors({**SHAPES, "h.1.ln_1.weight": [EMBD]})),
        "head_untied": safetensors(*tensors({**SHAPES, "lm_head.weight": [VOCAB, EMBD + 1]})),
        "metadata_of_numbers": safetensors({"__metadata__": {"format": 1}, **header}, data),
        "nan": safetensors(*tensors(SHAPES, fill=float("nan"))),
        "infinite": safetensors(*tensors(SHAPES, fill=float("inf"))),
        "cut": whole[:-1],
        "more_behind": whole + b"more",
    }
    for dtype in ["F16", "BF16", "F64"]:
        cases[f"valid_{dtype.lower()}"] = safetensors(*tensors(SHAPES, dtype))
    cases["dtype_i64"] = safetensors(*tensors(SHAPES, "I64"))
    return cases
