"""Parquet as its own library writes it: `python fuzz/corpora/tables_of_pyarrow.py` (pyarrow 26.0.1).

Their names have `pyarrow` in them, and `make.py` leaves them as they are."""

import pathlib

import pyarrow
import pyarrow.parquet

EXAMPLES = pathlib.Path(__file__).parent.parent / "corpus" / "example_records"
FOLDER = pathlib.Path(__file__).parent.parent / "corpus" / "parquet"
TEXTS = [f"In the morning {who} walked to the sea." for who in ["Anne", "Emma", "Anne", "– the captain"]] * 4 + [None, ""]


def main():
    plain = dict(compression="none", use_dictionary=False)
    kinds = {
        "valid_pyarrow_plain": plain,
        "valid_pyarrow_dictionary": dict(compression="none"),
        "valid_pyarrow_snappy": dict(compression="snappy"),
        "valid_pyarrow_gzip": dict(compression="gzip"),
        "valid_pyarrow_zstd": dict(compression="zstd"),
        "valid_pyarrow_pages_2": dict(compression="zstd", data_page_version="2.0"),
        "valid_pyarrow_groups": dict(compression="snappy", row_group_size=6),
        "valid_pyarrow_lengths": dict(**plain, column_encoding={"text": "DELTA_LENGTH_BYTE_ARRAY"}),
        "valid_pyarrow_deltas": dict(**plain, column_encoding={"text": "DELTA_BYTE_ARRAY"}),
        "valid_pyarrow_checksums": dict(compression="snappy", write_page_checksum=True),
        "pyarrow_lz4": dict(compression="lz4"),
        "pyarrow_brotli": dict(compression="brotli"),
    }
    for name, options in kinds.items():
        table = pyarrow.table({"text": TEXTS})
        pyarrow.parquet.write_table(table, FOLDER / name, store_schema=False, **options)


def conversations():
    """Lists of structures; the byte before tells the reader that it is Parquet."""
    said = pyarrow.list_(pyarrow.struct([("role", pyarrow.string()), ("content", pyarrow.string())]))
    messages = [[dict(role="user", content="Who?"), dict(role="assistant", content=name)] for name in ["Anne", "Emma", "Anne"]]
    columns = dict(messages=pyarrow.array(messages, said), tools=pyarrow.array([None, [], ["x"]], pyarrow.list_(pyarrow.string())))
    for name, options in {"": dict(compression="snappy"), "_pages_2": dict(compression="zstd", data_page_version="2.0", row_group_size=2)}.items():
        path = EXAMPLES / f"valid_pyarrow{name}"
        pyarrow.parquet.write_table(pyarrow.table(columns), path, store_schema=False, **options)
        path.write_bytes(b"p" + path.read_bytes())


main()
conversations()
