"""Indices, and what a hub answers."""

import hashlib
import struct

from safetensors import text


def make_index():
    """An index of two passages, and what might be in its place. All but the cases of `as_it_is` get a checksum."""

    def u64(*numbers):
        return struct.pack(f"<{len(numbers)}Q", *numbers)

    texts = [b"Anne walked to the sea.", b"The sea was grey."]
    terms = {b"ann": [0], b"grey": [1], b"sea": [0, 1], b"the": [0, 1], b"to": [0], b"walk": [0], b"was": [1]}
    # How many passages after the one before it, and how often.
    lists = [b"".join(bytes([at - (places[n - 1] + 1 if n else 0), 1]) for n, at in enumerate(places)) for places in terms.values()]
    ends = [(sum(map(len, list(terms)[: n + 1])), sum(map(len, lists[: n + 1]))) for n in range(len(terms))]
    whole = {
        "text": b"".join(texts),
        "passages": u64(len(texts[0]), 1, 1, 5, len(texts[0]) + len(texts[1]), 3, 3, 4),
        "terms": b"".join(terms),
        "ends": u64(*[end for pair in ends for end in pair]),
        "postings": b"".join(lists),
    }
    text_of_contents = {"sha256": "0" * 64, "passages": 2}
    contents = {"analyzer": "stems_and_pairs_2", "words": 20, "texts": {"sea.txt": text_of_contents}}

    def file(beginning=b"minigpt index 3\n", header=None, lengths=None, **others):
        sections = whole | others
        if header is None:
            of = {name: len(section) for name, section in sections.items()} | (lengths or {})
            header = text({"contents": contents, "bytes": of}).encode()
        return b"\x01" + beginning + header + b"\n" + b"".join(sections.values())

    def about(**changes):
        lengths = {name: len(section) for name, section in whole.items()}
        return file(header=text({"contents": contents | changes, "bytes": lengths}).encode())

    valid, huge = file(), (1 << 64) - 1
    checked = valid[1:] + hashlib.sha256(valid[1:]).hexdigest().encode()
    rows = whole["passages"]
    cases = {
        "valid": valid,
        "valid_as_it_is": b"\0" + checked,
        "valid_without_a_term": file(terms=b"", ends=b"", postings=b""),
        "valid_unsorted": file(terms=whole["terms"][::-1]),
        "valid_of_no_length": file(passages=rows[:24] + u64(0) + rows[32:56] + u64(0)),
        "valid_of_any_length": file(passages=rows[:24] + u64(huge) + rows[32:]),
        "valid_of_any_count": file(terms=b"sea", ends=u64(3, 10), postings=b"\0" + b"\xff" * 8 + b"\x7f"),
        "as_it_is_empty": b"\0",
        "as_it_is_cut": b"\0" + checked[:-1],
        "as_it_is_more": b"\0" + checked + b"\n",
        "as_it_is_changed": b"\0" + checked.replace(b"grey", b"gray"),
        "as_it_is_without_a_checksum": b"\0" + valid[1:],
        "nothing": b"\x01",
        "magic_alone": b"\x01minigpt index 3",
        "magic_and_line": b"\x01minigpt index 3\n",
        "format_of_tomorrow": file(beginning=b"minigpt index 4\n"),
        "format_of_many_digits": file(beginning=b"minigpt index " + b"3" * 500 + b"\n"),
        "format_of_control_characters": file(beginning=b"minigpt index \x1b[2J\n"),
        "another_program": file(beginning=b"SQLite format 3\0"),
        "header_without_end": b"\x01minigpt index 3\n" + b"{" * 1500,
        "header_of_depth": file(header=b"[" * 1500),
        "header_empty": file(header=b""),
        "header_null": file(header=b"null"),
        "header_not_utf_8": file(header=b'{"contents":"\xff"}'),
        "words_none": about(words=0),
        "words_negative": about(words=-1),
        "words_huge": about(words=huge),
        "analyzer_of_another": about(analyzer="words\x1b[31m" * 20),
        "texts_none": about(texts={}),
        "texts_too_few": about(texts={"sea.txt": text_of_contents | {"passages": 1}}),
        "texts_too_many": about(texts={"sea.txt": text_of_contents | {"passages": huge}}),
        "texts_of_overflow": about(texts={name: text_of_contents | {"passages": huge} for name in "ab"}),
        "texts_unknown": about(more=1),
        "valid_empty_text_first": about(texts={"a": text_of_contents | {"passages": 0}, "b": text_of_contents}),
    }
    for name, section in whole.items():
        cases |= {
            f"{name}_missing": file(**{name: b""}),
            f"{name}_cut": file(**{name: section[:-1]}),
            f"{name}_of_ones": file(**{name: b"\xff" * len(section)}),
            f"{name}_of_zeros": file(**{name: bytes(len(section))}),
            f"{name}_length_huge": file(lengths={name: huge}),
            f"{name}_length_short": file(lengths={name: len(section) - 1}),
            f"{name}_length_negative": file(lengths={name: -1}),
        }
    for name, at in {"end": 0, "first_line": 1, "last_line": 2}.items():
        for value in (0, huge, 1 << 63):
            damaged = rows[: 8 * at] + u64(value) + rows[8 * at + 8 :]
            cases[f"passage_{name}_{value:x}"] = file(passages=damaged)
    for name, gap in {"beyond": b"\x02", "without_end": b"\x80" * 20, "huge": b"\xff" * 8 + b"\x7f"}.items():
        postings = gap + b"\x01"
        cases[f"posting_{name}"] = file(terms=b"sea", ends=u64(3, len(postings)), postings=postings)
    cases["posting_without_a_count"] = file(terms=b"sea", ends=u64(3, 1), postings=b"\0")
    return cases


def make_hub():
    commit, file = "0123456789abcdef0123456789abcdef01234567", b"{}"
    sha256 = hashlib.sha256(file).hexdigest()
    names = ["config.json", "tokenizer.json", "model.safetensors"]

    def answers(sha=commit, files=names, headers=None, file=file, repository=None):
        about = {"sha": sha, "siblings": [{"rfilename": name} for name in files]}
        about = text(about).encode() if repository is None else repository
        given = {"ETag": f'"{sha256}"', "X-Repo-Commit": commit} | (headers or {})
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value is not None)
        return about + b"\0" + lines.encode() + b"\0" + file

    return {
        "valid": answers(),
        "empty": b"",
        "etag_of_a_path": answers(headers={"ETag": '"ROOT/escaped"'}),
        "etag_of_a_parent": answers(headers={"ETag": '"../../../escaped"'}),
        "etag_of_dots": answers(headers={"ETag": '".."'}),
        "etag_empty": answers(headers={"ETag": '""'}),
        "etag_missing": answers(headers={"ETag": None}),
        "etag_weak": answers(headers={"ETag": f'W/"{sha256}"'}),
        "etag_long": answers(headers={"ETag": '"' + "a" * 1200 + '"'}),
        "etag_of_another_file": answers(headers={"ETag": '"' + "0" * 64 + '"'}),
        "etag_linked": answers(headers={"X-Linked-Etag": '"../../escaped"'}),
        "commit_of_a_path": answers(headers={"X-Repo-Commit": "ROOT/escaped"}),
        "commit_of_a_parent": answers(headers={"X-Repo-Commit": "../../../../escaped"}),
        "commit_missing": answers(headers={"X-Repo-Commit": None}),
        "commit_of_another": answers(headers={"X-Repo-Commit": "f" * 40}),
        "sha_of_a_path": answers(sha="ROOT/escaped"),
        "sha_of_a_parent": answers(sha="../../../escaped"),
        "sha_empty": answers(sha=""),
        "sha_null": answers(sha=None),
        "sha_long": answers(sha="a" * 1200),
        "files_of_a_path": answers(files=names + ["/ROOT/escaped.safetensors"]),
        "files_of_a_parent": answers(files=["config.json", "tokenizer.json", "../../../model.safetensors"]),
        "files_none": answers(files=[]),
        "files_without_weights": answers(files=names[:2]),
        "files_of_control_characters": answers(files=["\x1b[2J\n"]),
        "files_of_an_index": answers(files=["config.json", "tokenizer.json", "model.safetensors.index.json"]),
        "index_of_a_parent": answers(
            files=["config.json", "tokenizer.json", "model.safetensors.index.json"],
            headers={"ETag": '"' + hashlib.sha256(b'{"weight_map":{"a":"../../escaped"}}').hexdigest() + '"'},
            file=b'{"weight_map":{"a":"../../escaped"}}',
        ),
        "repository_not_json": answers(repository=b"<html>"),
        "repository_of_depth": answers(repository=b"[" * 1500),
        "repository_of_null": answers(repository=b"null"),
        "redirect": answers(headers={"Location": "/elsewhere"}),
        "length_twice": answers(headers={"Content-Length": "999999999999"}),
        "encoding": answers(headers={"Content-Encoding": "gzip"}),
        "headers_without_end": text({"sha": commit, "siblings": []}).encode() + b"\0" + b"X" * 1500,
        "file_of_nothing": answers(headers={"ETag": '"' + hashlib.sha256(b"").hexdigest() + '"'}, file=b""),
    }
