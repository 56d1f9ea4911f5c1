"""Makes the corpora of the fuzz targets whose cases have names: `python fuzz/corpora/make.py` (Python alone).

A case whose name begins with `valid` is read, and the tests hold that; every other is read or refused. Left
as they are: the corpora of `config` and `checkpoint`, cases that begin with `found`, which somebody met, and
those of `tables_of_pyarrow.py`.
"""

import pathlib

import examples
import gguf_files
import model
import places
import pytorch
import safetensors
import tables
import texts
import tokenizers

CORPUS = pathlib.Path(__file__).parent.parent / "corpus"


def main():
    for module in (safetensors, pytorch, model, tokenizers, texts, tables, examples, places, gguf_files):
        for function in [name for name in vars(module) if name.startswith("make_")]:
            write(function.removeprefix("make_"), vars(module)[function]())


def write(target, cases):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if not (old.name.startswith("found") or "pyarrow" in old.name):
            old.unlink()
    for case, contents in cases.items():
        (folder / case).write_bytes(contents)
    largest = max(map(len, cases.values()))
    print(f"{target}: {len(cases)} cases, the largest of {largest:,} bytes")


main()
