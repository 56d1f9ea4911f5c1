"""Weights as torch.save writes them: opcodes of pickles, and archives around them."""

import io
import struct
import zipfile

from safetensors import SHAPES, count


def unicode(string):
    return b"X" + struct.pack("<I", len(string.encode())) + string.encode()


def number(value):
    return b"J" + struct.pack("<i", value) if -(1 << 31) <= value < 1 << 31 else b"\x8a\x08" + struct.pack("<q", value)


def tuple_of(*items):
    return b"(" + b"".join(items) + b"t"


def named(name):
    return b"c" + name.encode().replace(b" ", b"\n") + b"\n"


def storage(key="0", elements=64, kind="FloatStorage"):
    parts = unicode("storage"), named(f"torch {kind}"), unicode(key), unicode("cpu"), number(elements)
    return tuple_of(*parts) + b"Q"


def strides(shape):
    return [count(shape[at + 1 :]) for at in range(len(shape))]


def tensor(shape, offset=0, stride=None, **kind):
    sizes = [tuple_of(*map(number, sizes)) for sizes in (shape, strides(shape) if stride is None else stride)]
    parts = storage(**kind), number(offset), *sizes, b"\x89", named("collections OrderedDict") + b")R"
    return named("torch._utils _rebuild_tensor_v2") + tuple_of(*parts) + b"R"


def pickled(entries, protocol=2):
    items = b"".join(unicode(name) + value for name, value in entries.items())
    return b"\x80" + bytes([protocol]) + b"}(" + items + b"u."


def archive(pickle, numbers=struct.pack("<f", 0.5) * 64, compression=zipfile.ZIP_STORED, **more):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        files = {"archive/data.pkl": pickle, "archive/data/0": numbers, "archive/version": b"3\n", **more}
        for name, contents in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = compression
            file.writestr(entry, contents)
    return out.getvalue()


LEGACY = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." + b"\x80\x02M\xe9\x03." + b"\x80\x02}."


def make_pytorch():
    entries = {name: tensor(shape) for name, shape in SHAPES.items()}
    whole = archive(pickled(entries))
    end = whole.rindex(b"PK\x05\x06")
    directory = whole.index(b"PK\x01\x02")
    parameter = named("torch._utils _rebuild_parameter")

    def patched(at, value):
        return whole[:at] + value + whole[at + len(value) :]

    def of_pickle(opcodes):
        return archive(b"\x80\x02" + opcodes + b".")

    def with_wte(value):
        return archive(pickled({**entries, "wte.weight": value}))

    keys = b"\x80\x02](" + unicode("0") + b"e."
    numbers = struct.pack("<f", 0.5) * 64
    bomb = parameter + b"q\x00](" + b"N" * 400 + b"e\x85q\x01" + b"h\x00h\x01R" * 200
    return {
        "valid": whole,
        "valid_parameters": archive(
            pickled(
                {
                    n: parameter + tuple_of(v, b"\x88", named("collections OrderedDict") + b")R") + b"R"
                    for n, v in entries.items()
                }
            )
        ),
        "valid_legacy": LEGACY + pickled(entries) + keys + struct.pack("<Q", 64) + numbers,
        "empty": b"",
        "code": archive(pickled({**entries, "more": named("posix system") + tuple_of(unicode("touch here")) + b"R"})),
        "code_of_long_name": of_pickle(named("m" * 700 + " " + "n" * 700)),
        "parameter_of_a_list": of_pickle(bomb),
        "parameter_of_itself": of_pickle(parameter + b"q\x00h\x00\x85R"),
        "list_in_itself": of_pickle(b"]q\x00h\x00a"),
        "dictionary_in_itself": of_pickle(b"}q\x00" + unicode("a") + b"h\x00s"),
        "tuples_of_depth": of_pickle(b")" + b"\x85" * 1200),
        "marks": of_pickle(b"(" * 1200),
        "mark_above_the_stack": of_pickle(b"N(0t"),
        "memo_missing": of_pickle(b"h\x07"),
        "memo_of_4_gib": of_pickle(b"Nr\xff\xff\xff\xff"),
        "opcode_unknown": of_pickle(b"\x95"),
        "protocol_4": archive(pickled(entries, 4)),
        "pickle_without_end": archive(pickled(entries)[:-1]),
        "pickle_of_nothing": archive(b""),
        "text_longer_than_the_pickle": of_pickle(b"X\xff\xff\xff\xff"),
        "text_not_utf_8": of_pickle(b"}X\x01\x00\x00\x00\xffNs"),
        "number_of_255_bytes": of_pickle(b"\x8a\xff" + b"\xff" * 255),
        "call_of_nothing": of_pickle(b"NNR"),
        "storage_of_nothing": of_pickle(b"NQ"),
        "storage_of_negative_size": with_wte(tensor([2, 2], elements=-1)),
        "storage_missing": with_wte(tensor([2, 2], key="9")),
        "storage_of_unknown_kind": with_wte(tensor([2, 2], kind="QInt8Storage")),
        "storage_of_halves": with_wte(tensor([2, 2], kind="HalfStorage")),
        "storage_of_longs": with_wte(tensor([2, 2], kind="LongStorage")),
        "offset_huge": with_wte(tensor([2, 2], offset=(1 << 63) - 1)),
        "offset_at_the_end": with_wte(tensor([2, 2], offset=61)),
        "offset_negative": with_wte(tensor([2, 2], offset=-1)),
        "shape_huge": with_wte(tensor([1 << 62, 2], stride=[2, 1])),
        "shape_overflowing": with_wte(tensor([1 << 33, 1 << 33], stride=[1 << 33, 1])),
        "shape_zero": with_wte(tensor([0, 2])),
        "shape_and_strides_apart": with_wte(tensor([2, 2], stride=[1])),
        "strides_turned": with_wte(tensor([2, 2], stride=[1, 2])),
        "strides_zero": with_wte(tensor([2, 2], stride=[0, 0])),
        "tensor_without_name": of_pickle(b"}N" + tensor([2]) + b"s"),
        "tensor_of_text": archive(pickled({**entries, "more": unicode("text")})),
        "tensor_twice": archive(pickled(entries).replace(b"u.", unicode("wte.weight") + entries["wte.weight"] + b"u.")),
        "zip_packed": archive(pickled(entries), compression=zipfile.ZIP_DEFLATED),
        "zip_of_big_endian": archive(pickled(entries), **{"archive/byteorder": b"big"}),
        "zip_of_two_pickles": archive(pickled(entries), **{"other/data.pkl": b"\x80\x02}."}),
        "zip_without_a_pickle": archive(b"").replace(b"data.pkl", b"data.pkg"),
        "zip_cut": whole[: end + 10],
        "zip_with_a_comment": patched(end + 20, b"\xff\xff") + b"c" * 300,
        "zip_directory_at_the_end": patched(end + 16, b"\xff\xff\xff\xff"),
        "zip_directory_of_4_gib": patched(end + 12, b"\xff\xff\xff\xff"),
        "zip_name_of_64_kib": patched(directory + 28, b"\xff\xff"),
        "zip_extra_of_64_kib": patched(directory + 30, b"\xff\xff"),
        "zip_file_elsewhere": patched(directory + 42, b"\xfe\xff\xff\x7f"),
        "zip_file_of_2_gib": patched(directory + 24, b"\xfe\xff\xff\x7f"),
        "zip_64_locator": whole[:end] + b"PK\x06\x07" + b"\xff" * 16 + whole[end:],
        "legacy_cut": LEGACY + pickled(entries) + keys,
        "legacy_of_2_to_64": LEGACY + pickled(entries) + keys + b"\xff" * 8 + numbers,
        "legacy_of_2_to_62": LEGACY + pickled(entries) + keys + struct.pack("<Q", 1 << 62) + numbers,
        "legacy_key_twice": LEGACY
        + pickled(entries)
        + keys.replace(b"e.", unicode("0") + b"e.")
        + struct.pack("<Q", 64)
        + numbers,
        "legacy_keys_of_numbers": LEGACY + pickled(entries) + b"\x80\x02]K\x01a.",
        "legacy_magic_alone": LEGACY[:15],
    }
