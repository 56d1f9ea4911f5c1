"""Indices, and what a hub answers."""

import hashlib
import random

from safetensors import text


def make_index():
    rng = random.Random(20)
    cases = {"valid_as_it_was": bytes([0, 255, 255])}
    for file in range(8):
        cases[f"file_{file}_empty"] = bytes([file, 0, 0])
        cases[f"file_{file}_cut"] = bytes([file, rng.randrange(1, 60), 0])
        for number in range(6):
            at = rng.randrange(0, 250 if number else 40)
            length = rng.choice([1, 1, 2, 4, 8])
            damage = rng.choice([bytes(length), b"\xff" * length, rng.randbytes(length)])
            cases[f"file_{file}_damaged_{number}"] = bytes([file, at & 255, at >> 8]) + damage
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
