"""Tokenizers, in one file and in two."""

from safetensors import text

END = "<|endoftext|>"


def bytes_as_characters():
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) if byte in printable else chr(0x100 + others.index(byte)) for byte in range(256)]


VOCABULARY = {character: id for id, character in enumerate(bytes_as_characters())}
MERGED = VOCABULARY | {"It": 256, "Ġw": 257, "Ġwa": 258}
MERGES = [["I", "t"], ["Ġ", "w"], ["Ġw", "a"]]


def special(id, content=END, **fields):
    flags = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    return dict(id=id, content=content, **{**flags, **fields})


def tokenizer(model=(), **fields):
    byte_level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True)
    bpe = dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None)
    bpe |= dict(fuse_unk=False, byte_fallback=False, ignore_merges=False, vocab=MERGED, merges=MERGES)
    file = dict(version="1.0", truncation=None, padding=None, added_tokens=[special(259)], normalizer=None)
    file |= dict(pre_tokenizer=byte_level, post_processor=None, decoder=byte_level, model=bpe | dict(model))
    return text({**file, **fields}).encode()


def make_tokenizer():
    byte_level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True)
    template = dict(type="TemplateProcessing", pair=[{"Sequence": {"id": "A", "type_id": 0}}])
    template |= dict(single=[{"SpecialToken": {"id": END, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}])
    template |= dict(special_tokens={END: dict(id=END, ids=[259], tokens=[END])})
    characters = dict(type="WordLevel", vocab={"a": 0, "b": 1}, unk_token="<unk>")
    split = dict(type="Split", pattern={"Regex": "[\\s\\S]"}, behavior="Isolated", invert=False)
    of_characters = dict(version="1.0", truncation=None, padding=None, added_tokens=[special(2)], normalizer=None)
    of_characters |= dict(pre_tokenizer=split, post_processor=None, decoder=dict(type="Fuse"), model=characters)
    digits = dict(type="Digits", individual_digits=True)
    pattern = dict(type="Split", pattern={"Regex": r"\p{N}{1,3}| ?\p{L}+|\s+"}, behavior="Isolated", invert=False)
    words = dict(type="Sequence", pretokenizers=[digits, pattern, byte_level | dict(use_regex=False)])
    pieces = {"<unk>": 0, END: 1, "a": 258, "▁": 259, "▁a": 260, **{f"<0x{byte:02X}>": byte + 2 for byte in range(256)}}
    spaces = dict(type="Replace", pattern={"String": " "}, content="▁")
    normalizer = dict(type="Sequence", normalizers=[dict(type="Prepend", prepend="▁"), spaces])
    strip = dict(type="Strip", content=" ", start=1, stop=0)
    back = dict(type="Replace", pattern={"String": "▁"}, content=" ")
    decoder = dict(type="Sequence", decoders=[back, dict(type="ByteFallback"), dict(type="Fuse"), strip])
    metaspace = dict(type="Metaspace", replacement="▁", prepend_scheme="first", split=False)

    def fallback(model=(), **fields):
        model = dict(vocab=pieces, merges=[["▁", "a"]], unk_token="<unk>", fuse_unk=True, byte_fallback=True) | dict(model)
        steps = dict(normalizer=normalizer, pre_tokenizer=None, decoder=decoder, added_tokens=[special(1)])
        return tokenizer(model, **(steps | fields))

    whole = tokenizer()
    cases = {
        "valid": whole,
        "valid_patterns": tokenizer(pre_tokenizer=words, normalizer=dict(type="NFC"), post_processor=template),
        "valid_ends": tokenizer(decoder=byte_level | dict(end_of_text=[3, 4])),
        "valid_found_tokens": tokenizer(added_tokens=[special(259), special(260, "<think>", special=False, rstrip=True)]),
        "valid_fallback": fallback(),
        "valid_fallback_of_metaspace": fallback(normalizer=None, pre_tokenizer=metaspace),
        "fallback_without_a_byte": fallback(dict(vocab={k: v for k, v in pieces.items() if k != "<0x41>"})),
        "fallback_without_unknown": fallback(dict(unk_token=None)),
        "fallback_without_spaces": fallback(normalizer=None),
        "fallback_strips_all": fallback(decoder=dict(type="Sequence", decoders=[strip | dict(start=1 << 60)])),
        "ends_far": tokenizer(decoder=byte_level | dict(end_of_text=[1 << 40])),
        "pattern_damaged": tokenizer(pre_tokenizer=dict(words, pretokenizers=[dict(pattern, pattern={"Regex": "("}), byte_level])),
        "pattern_large": tokenizer(
            pre_tokenizer=dict(words, pretokenizers=[dict(pattern, pattern={"Regex": "(a{999}){999}"}), byte_level])
        ),
        "valid_bytes": tokenizer(dict(vocab=VOCABULARY, merges=[]), added_tokens=[special(256)]),
        "valid_merges_as_lines": tokenizer(dict(merges=["I t", "Ġ w", "Ġw a"])),
        "valid_characters": text(of_characters).encode(),
        "empty": b"",
        "cut": whole[:-1],
        "null": b"null",
        "list_of_depth": b"[" * 1500,
        "subword_prefix": tokenizer(dict(continuing_subword_prefix="##")),
        "subword_prefix_of_part_of_a_character": tokenizer(dict(continuing_subword_prefix="é")),
        "word_suffix": tokenizer(dict(end_of_word_suffix="</w>")),
        "unknown_token": tokenizer(dict(unk_token="It", fuse_unk=True)),
        "byte_fallback": tokenizer(dict(byte_fallback=True)),
        "ignore_merges": tokenizer(dict(ignore_merges=True)),
        "dropout": tokenizer(dict(dropout=0.5)),
        "dropout_huge": tokenizer(dict(dropout=1e30)),
        "merge_of_unknown": tokenizer(dict(merges=[["I", "zz"]])),
        "merge_of_one": tokenizer(dict(merges=[["I"]])),
        "merge_of_nothing": tokenizer(dict(merges=[["", ""]])),
        "merge_twice": tokenizer(dict(merges=MERGES + MERGES)),
        "ids_gap": tokenizer(dict(vocab=MERGED | {"It": 900})),
        "ids_twice": tokenizer(dict(vocab=MERGED | {"It": 257})),
        "id_of_32_bits": tokenizer(dict(vocab=MERGED | {"It": (1 << 32) - 1})),
        "id_negative": tokenizer(dict(vocab=MERGED | {"It": -1})),
        "byte_missing": tokenizer(dict(vocab={k: v for k, v in MERGED.items() if k != "A"})),
        "model_of_words": tokenizer(dict(type="WordLevel")),
        "model_of_unigrams": tokenizer(dict(type="Unigram", vocab=[["a", 0.0]], unk_id=9)),
        "model_missing": whole.replace(b'"model":', b'"other":'),
        "prefix_space": tokenizer(pre_tokenizer=byte_level | dict(add_prefix_space=True)),
        "no_regex": tokenizer(pre_tokenizer=byte_level | dict(use_regex=False)),
        "pre_tokenizer_of_regex": tokenizer(
            pre_tokenizer=dict(type="Split", pattern={"Regex": "(a*)*b"}, behavior="Isolated", invert=False)
        ),
        "pre_tokenizer_missing": tokenizer(pre_tokenizer=None),
        "normalizer": tokenizer(normalizer=dict(type="Lowercase")),
        "normalizer_of_nothing": tokenizer(normalizer=dict(type="Sequence", normalizers=[])),
        "normalizer_unknown": tokenizer(normalizer=dict(type="Nothing")),
        "post_processor": tokenizer(post_processor=template),
        "post_processor_damaged": tokenizer(post_processor=template | dict(special_tokens={})),
        "decoder_missing": tokenizer(decoder=None),
        "decoder_other": tokenizer(decoder=dict(type="WordPiece", prefix="##", cleanup=True)),
        "decoder_strip": tokenizer(decoder=dict(type="Strip", content="I", start=9, stop=9)),
        "decoder_damaged": tokenizer(decoder=dict(type="Replace", pattern={"Regex": "("}, content="")),
        "truncation": tokenizer(truncation=dict(direction="Right", max_length=1, strategy="LongestFirst", stride=5)),
        "padding": tokenizer(
            padding=dict(
                strategy={"Fixed": 1 << 40},
                direction="Right",
                pad_to_multiple_of=0,
                pad_id=0,
                pad_type_id=0,
                pad_token="I",
            )
        ),
        "added_token_not_special": tokenizer(added_tokens=[special(259, special=False)]),
        "added_token_of_a_word": tokenizer(added_tokens=[special(259), special(260, "It")]),
        "added_token_empty": tokenizer(added_tokens=[special(259), special(260, "")]),
        "added_token_far": tokenizer(added_tokens=[special((1 << 32) - 1)]),
        "added_token_twice": tokenizer(added_tokens=[special(259), special(259)]),
        "added_tokens_missing": tokenizer(added_tokens=[]),
        "added_token_strips": tokenizer(added_tokens=[special(259, lstrip=True, rstrip=True)]),
        "unknown_field": tokenizer(surprise=1),
        "characters_gap": text(of_characters | dict(model=characters | dict(vocab={"a": 0, "b": 2}))).encode(),
        "characters_of_words": text(of_characters | dict(model=characters | dict(vocab={"ab": 0, "b": 1}))).encode(),
        "characters_none": text(of_characters | dict(model=characters | dict(vocab={}))).encode(),
    }
    return cases


def make_vocabulary():
    def both(vocabulary=MERGED, merges="#version: 0.2\nI t\nĠ w\nĠw a\n"):
        vocabulary = vocabulary if isinstance(vocabulary, bytes) else text(vocabulary).encode()
        return vocabulary + b"\0" + (merges if isinstance(merges, bytes) else merges.encode())

    return {
        "valid": both(),
        "valid_without_version": both(merges="I t\nĠ w\nĠw a"),
        "valid_with_carriage_returns": both(merges="#version: 0.2\r\nI t\r\nĠ w\r\nĠw a\r\n"),
        "valid_with_the_special_token": both(MERGED | {END: 259}),
        "empty": b"",
        "merges_missing": both(merges=""),
        "merges_of_three": both(merges="I t x\n"),
        "merges_of_one": both(merges="It\n"),
        "merges_of_blanks": both(merges=" \n  \n"),
        "merges_unknown": both(merges="I zz\n"),
        "merges_not_utf_8": both(merges=b"I \xff\n"),
        "merges_without_end": both(merges="I " * 700),
        "vocabulary_of_a_list": both([1, 2]),
        "vocabulary_of_text": both({**MERGED, "It": "256"}),
        "vocabulary_of_gaps": both({**MERGED, "It": 300}),
        "vocabulary_twice": both({**MERGED, "It": 257}),
        "vocabulary_of_32_bits": both({**MERGED, "It": (1 << 32) - 1}),
        "vocabulary_negative": both({**MERGED, "It": -1}),
        "vocabulary_without_a_byte": both({k: v for k, v in MERGED.items() if k != "A"}),
        "vocabulary_cut": text(MERGED).encode()[:-1] + b"\0I t\n",
        "vocabulary_not_utf_8": both(b'{"\xff": 1}'),
    }
