//! Every kind of source, and what each says when it is damaged.

mod parquet;

use std::io::Write;
use std::path::Path;

use minigpt_data::{
    Corpus, DataError, END_OF_TEXT, Portion, ReadOptions, Source, TokenStore, TokenizerSpec,
};
use proptest::prelude::*;

use self::parquet::write_parquet;

/// Reads what a command line would name; gives (train, valid).
fn read(source: &str) -> Result<Corpus, DataError> {
    source.parse::<Source>()?.read(&ReadOptions::default())
}

/// All documents of a source, in order.
fn all(source: Source, options: &ReadOptions) -> Result<Vec<String>, DataError> {
    source.open(options)?.read_portion(Portion::All)
}

fn string(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn sources_are_strings() {
    for (text, source) in [
        ("embedded", Source::Embedded),
        ("-", Source::Stdin),
        ("books/*.txt", Source::Pattern("books/*.txt".to_owned())),
        ("./-", Source::Path("./-".into())),
    ] {
        assert_eq!(text.parse::<Source>().unwrap(), source);
        assert_eq!(source.to_string(), text);
        let json = serde_json::to_string(&source).unwrap();
        assert_eq!(json, format!("{text:?}"));
        assert_eq!(serde_json::from_str::<Source>(&json).unwrap(), source);
    }
    assert_eq!(read("embedded").unwrap(), Corpus::embedded().unwrap());
}

#[test]
fn a_file_that_looks_like_a_pattern_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a[1].txt");
    fs_err::write(&path, "0123456789").unwrap();
    assert_eq!(read(&string(&path)).unwrap().valid, ["9"]);
}

#[test]
fn a_pattern_reads_all_that_match_in_order() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("b.txt", "bbb"), ("a.md", "aaa"), ("c.txt", "c"), ("d.rs", "d")] {
        fs_err::write(folder.path().join(name), text).unwrap();
    }
    let pattern = |end: &str| string(&folder.path().join(end));
    let corpus = read(&pattern("*.txt")).unwrap();
    assert_eq!((corpus.train, corpus.valid), (vec!["bbb".to_owned()], vec!["c".to_owned()]));
    for (end, reason) in [("*.csv", "it matches no file"), ("[", "Pattern syntax error")] {
        let error = read(&pattern(end)).unwrap_err().to_string();
        assert!(error.starts_with("pattern ") && error.contains(reason), "{error}");
    }
}

#[test]
fn packed_files_are_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let text = "one <|endoftext|>\n two\n".repeat(50_000);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).unwrap();
    let gz = gz.finish().unwrap();
    let zst = zstd::encode_all(text.as_bytes(), 1).unwrap();
    fs_err::write(folder.path().join("plain.txt"), &text).unwrap();
    let plain = read(&string(&folder.path().join("plain.txt"))).unwrap();
    assert_eq!(plain.train.concat() + &plain.valid.concat(), "one  two\n".repeat(50_000));
    for (name, bytes, tool) in [("a.txt.gz", gz, "gzip"), ("a.md.zst", zst, "zstd")] {
        let path = folder.path().join(name);
        // Two streams in one file, as parallel compressors write them.
        fs_err::write(&path, [bytes.as_slice(), &bytes].concat()).unwrap();
        let twice = read(&string(&path)).unwrap();
        assert_eq!((twice.name.as_str(), twice.train.len() + twice.valid.len()), ("a", 100_001));
        fs_err::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = read(&string(&path)).unwrap_err().to_string();
        assert!(error.contains(" cannot be unpacked: "), "{error}");
        assert!(error.ends_with(&format!("check it with `{tool} -t`")), "{error}");
    }
}

#[test]
fn jsonl_gives_a_document_per_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let line = r#"{"id": 1, "text": "a \u00e9\n<|endoftext|>", "story": "s"}"#;
    fs_err::write(&path, format!("{line}\n\n{line}\r\n{line}")).unwrap();
    let corpus = read(&string(&path)).unwrap();
    assert_eq!(corpus.train[0], "a é\n<|endoftext|>");
    let options = ReadOptions { text_field: "story".to_owned(), ..ReadOptions::default() };
    let stories = Source::Path(path).read(&options).unwrap();
    assert_eq!((stories.train.concat(), stories.valid.concat()), ("ss".to_owned(), "s".to_owned()));
}

#[test]
fn a_bad_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let expected =
        "expected a JSON object with the text in \"text\": correct the line or name another field";
    for (line, reason) in [
        (r#"{"text": "#, "EOF while parsing a value at column 9"),
        (r#"{"story": "", "id": 1}"#, r#"no field "text" among ["id", "story"]"#),
        (r#"{"text": 5}"#, r#""text" is a number"#),
        ("[1]", "a list instead of an object"),
        ("Once upon a time", "no JSON object: it begins with 'O' instead of '{'"),
        ("not JSON", "no JSON object: it begins with 'n' instead of '{'"),
    ] {
        let text = "{\"text\": \"good\"}\n".repeat(56) + line;
        fs_err::write(&path, text).unwrap();
        let error = read(&string(&path)).unwrap_err().to_string();
        assert_eq!(error, format!("{}, line 57: {reason}; {expected}", path.display()));
    }
    fs_err::write(&path, b"{\"text\": \"caf\xe9\"}").unwrap();
    let error = read(&string(&path)).unwrap_err().to_string();
    assert!(error.contains(", line 1: invalid UTF-8 at byte 13; "), "{error}");
}

#[test]
fn records_without_a_text_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "{\"text\": \"one\", \"score\": NaN, \"min\": -Infinity}\n{\"text\": null}\n\
                 {\"text\": NaN}\n{\"text\": \"NaN \\\" NaN\", \"x\": [NaN, {\"y\": Infinity}]}\n\
                 {\"id\": \"\\ud800\", \"text\": \"three\"}\n";
    let path = folder.path().join("a.jsonl");
    fs_err::write(&path, lines.repeat(10)).unwrap();
    let parquet = folder.path().join("a.parquet");
    let rows = [Some("one"), None, None, Some("NaN \" NaN"), Some("three")];
    write_parquet(&parquet, ::parquet::basic::Compression::SNAPPY, &rows.repeat(10));
    for path in [path, parquet] {
        let documents = Source::Path(path).open(&ReadOptions::default()).unwrap();
        let store =
            TokenStore::prepare(folder.path(), &documents, &TokenizerSpec::Byte, &mut |_| {});
        let store = store.unwrap();
        let splits = &store.manifest().splits;
        assert_eq!(splits.iter().map(|split| split.documents).sum::<u64>(), 30);
        assert_eq!(splits.iter().map(|split| split.missing).sum::<u64>(), 20);
        let corpus = documents.read().unwrap();
        assert_eq!(corpus.train[..3], ["one", "NaN \" NaN", "three"]);
    }
}

#[test]
fn half_a_pair_of_surrogates_is_an_error_or_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let line = r#"{"text": "a\ud83d\ude00 \ud83d \\ud83d \ude00"}"#;
    fs_err::write(&path, format!("{line}\n{line}")).unwrap();
    let error = read(&string(&path)).unwrap_err().to_string();
    assert!(error.contains("a.jsonl, line 1: unexpected end of hex escape"), "{error}");
    let options = ReadOptions { lossy: true, ..ReadOptions::default() };
    let documents = all(Source::Path(path), &options).unwrap();
    assert_eq!(documents, ["a😀 \u{fffd} \\ud83d \u{fffd}"; 2]);
}

#[test]
fn tables_and_lists_are_read_where_they_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["a.json", "b.json", "c.csv", "d.tsv", "e.CSV"];
    let texts = [
        "[{\"text\": \"one\", \"x\": NaN},\n {\"text\": null}, {\"text\": \"two\\n\"}]",
        "{\"text\": \"one\"}\n{\"text\": \"two\\n\"}\n",
        "id, text\n1,one\n2,\"two\n\"\n3,\n",
        "text\tid\none\t1\n\"two\t2\n",
        "text\none\n\"two\n\"\n",
    ];
    for (name, text) in names.into_iter().zip(texts) {
        let path = folder.path().join(name);
        fs_err::write(&path, text).unwrap();
        let documents = all(Source::Path(path.clone()), &ReadOptions::default()).unwrap();
        let second = if name == "d.tsv" { "\"two" } else { "two\n" };
        assert_eq!(documents, ["one", second], "{name}");
        let options = ReadOptions { text_field: "story".to_owned(), ..ReadOptions::default() };
        let error = Source::Path(path).read(&options).unwrap_err().to_string();
        let expected = [format!("{name}, line 1: no "), " \"story\" among [".to_owned()];
        assert!(expected.iter().all(|part| error.contains(part)), "{error}");
    }
    let error = read(&string(folder.path())).unwrap_err();
    assert!(matches!(error, DataError::NoTextFiles { .. }), "{error}");
    for (name, text, message) in [
        ("a.csv", "text\n\"open\n", "a.csv, line 2: the quote that opens a value here is never"),
        ("a.csv", "text,text\n", "a.csv, line 1: two columns are named \"text\""),
        ("a.json", "[\n{\"text\": \"a\"},\n{]", "a.json, line 3: key must be a string"),
        ("a.json", "[\n{\"text\": 1}]", "a.json, line 2: \"text\" is a number"),
    ] {
        let path = folder.path().join(name);
        fs_err::write(&path, text).unwrap();
        let error = read(&string(&path)).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

/// The file with another dictionary size in its first block, and the checksum of the block's header.
fn with_dictionary(xz: &[u8], size: u8) -> Vec<u8> {
    let mut xz = xz.to_vec();
    let end = 12 + (usize::from(xz[12]) + 1) * 4 - 4;
    let filter = xz[12..end].windows(2).position(|pair| pair == [0x21, 1]).unwrap();
    xz[12 + filter + 2] = size;
    let mut sum = flate2::Crc::new();
    sum.update(&xz[12..end]);
    xz[end..end + 4].copy_from_slice(&sum.sum().to_le_bytes());
    xz
}

#[test]
fn a_dictionary_that_no_such_file_needs_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let xz = include_bytes!("../../assets/austen-valid.txt.xz");
    let path = folder.path().join("a.txt.xz");
    // 64 MiB, as `xz -9` writes them, and 4 GiB.
    fs_err::write(&path, with_dictionary(xz, 28)).unwrap();
    read(&string(&path)).unwrap();
    fs_err::write(&path, with_dictionary(xz, 40)).unwrap();
    let error = read(&string(&path)).unwrap_err().to_string();
    let reason = "its dictionary takes more memory than a file of this size can need";
    assert!(error.contains(reason), "{error}");
}

fn gzip(parts: &[(&[u8], usize)]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for (bytes, times) in parts {
        for _ in 0..*times {
            gz.write_all(bytes).unwrap();
        }
    }
    gz.finish().unwrap()
}

#[test]
fn what_unpacks_to_nothing_but_white_space_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt.gz");
    let (lines, spaces) = ([b'\n'; 1 << 16], [b' '; 1 << 16]);
    fs_err::write(&path, gzip(&[(&lines, 100), (&spaces, 100)])).unwrap();
    let error = read(&string(&path)).unwrap_err();
    assert!(matches!(error, DataError::Empty { .. }), "{error}");
    fs_err::write(&path, gzip(&[(&lines, 100), (b"word", 1)])).unwrap();
    let error = read(&string(&path)).unwrap_err().to_string();
    assert!(error.contains("a.txt.gz: more than 1048576 bytes"), "{error}");
    let path = folder.path().join("a.jsonl.gz");
    fs_err::write(&path, gzip(&[(b"{\"text\": \"a\"}\n", 1), (&spaces, 1025)])).unwrap();
    let error = read(&string(&path)).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "a.jsonl.gz, line 2: more than 67108864 bytes, which is too much for a record"
        )
    );
}

#[test]
fn a_packed_table_that_is_none_is_not_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet.gz");
    fs_err::write(&path, gzip(&[(&[0; 1 << 16], 100)])).unwrap();
    let error = read(&string(&path)).unwrap_err().to_string();
    assert!(error.contains("its unpacked bytes do not begin with \"PAR1\""), "{error}");
    fs_err::write(&path, gzip(&[(b"PAR1", 1), (&[0; 1 << 16], 5000)])).unwrap();
    let error = read(&string(&path)).unwrap_err().to_string();
    assert!(error.contains("a.parquet.gz: more than 268435456 bytes"), "{error}");
}

#[test]
fn a_text_of_one_letter_is_tokenized_in_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt.gz");
    fs_err::write(&path, gzip(&[(&[b'x'; 1 << 16], 64)])).unwrap();
    let documents = Source::Path(path).open(&ReadOptions::default()).unwrap();
    for spec in [TokenizerSpec::Gpt2, TokenizerSpec::Bpe { vocab_size: 300 }] {
        let store = TokenStore::prepare(folder.path(), &documents, &spec, &mut |_| {}).unwrap();
        let bytes: u64 = store.manifest().splits.iter().map(|split| split.bytes).sum();
        assert_eq!(bytes, 4 << 20);
        let ids = store.valid().ids(1..store.valid().len() - 1);
        let text = store.tokenizer().decode(&ids).unwrap();
        assert!(text.len() as u64 == store.valid().bytes && text.bytes().all(|byte| byte == b'x'));
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_copied_like_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.jsonl");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writes = |text: &'static str| {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs_err::write(pipe, text).unwrap())
    };
    let writer = writes("{\"text\": \"one\"}\n{\"text\": \"two\"}\n");
    let documents = Source::Path(pipe.clone()).open(&ReadOptions::default()).unwrap();
    writer.join().unwrap();
    assert_eq!(documents.name(), "pipe");
    assert_eq!(documents.read_portion(Portion::All).unwrap(), ["one", "two"]);
    let writer = writes("{\"text\": 1}\n");
    let error = read(&string(&pipe)).unwrap_err().to_string();
    writer.join().unwrap();
    assert!(error.starts_with(&format!("{}, line 1: \"text\" is a number", pipe.display())));
    // Not endless ones.
    let error = read("/dev/zero").unwrap_err().to_string();
    assert!(error.ends_with("/dev/zero: a device, a pipe or a socket; expected a file"), "{error}");
}

#[test]
fn an_empty_file_is_blamed_itself() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs_err::write(at("train.txt"), "some text to learn").unwrap();
    fs_err::write(at("empty.txt"), "").unwrap();
    let open = |name: &str| Source::Path(at(name)).open(&ReadOptions::default()).unwrap();
    let error = open("train.txt").held_out_by(open("empty.txt")).read().unwrap_err().to_string();
    assert!(error.starts_with(&format!("{} is empty", at("empty.txt").display())), "{error}");
    fs_err::rename(at("empty.txt"), at("valid.txt")).unwrap();
    let error = read(&string(folder.path())).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{} is empty", at("valid.txt").display())), "{error}");
}
#[test]
fn missing_parts_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    for part in [0, 2] {
        let name = format!("train-0000{part}-of-00003.jsonl");
        fs_err::write(folder.path().join(name), "{\"text\": \"a\"}\n").unwrap();
    }
    let error = read(&string(folder.path())).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "train-00000-of-00003.jsonl is one of 3 parts, but only 2 exist: \
             expected all of them; get the missing parts or rename this one"
        ),
        "{error}"
    );
}

#[test]
fn lossy_accepts_bad_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    fs_err::write(&path, b"caf\xe9 0123456789 \xf0\x9f").unwrap();
    let options = ReadOptions { lossy: true, ..ReadOptions::default() };
    let corpus = Source::Path(path.clone()).read(&options).unwrap();
    assert_eq!(corpus.train.concat() + &corpus.valid.concat(), "caf\u{fffd} 0123456789 \u{fffd}");
    fs_err::write(&path, format!("{}\u{e9}", "x".repeat((1 << 20) - 1)).into_bytes()).unwrap();
    assert!(read(&string(&path)).is_ok(), "a character across two blocks is none that is bad");
    let late = [&b"x".repeat(1 << 20)[..], b"abc\xff"].concat();
    fs_err::write(&path, late).unwrap();
    let error = read(&string(&path)).unwrap_err();
    assert!(matches!(error, DataError::NotText { offset: 1_048_579, .. }), "{error}");
}

#[test]
fn documents_of_another_source_can_be_held_out() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("a.txt"), "held out").unwrap();
    let options = ReadOptions::default();
    let held_out = Source::Path(folder.path().join("a.txt")).open(&options).unwrap();
    let embedded = Source::Embedded.open(&options).unwrap();
    let fingerprint = embedded.fingerprint().unwrap().to_owned();
    let both = embedded.held_out_by(held_out);
    assert_ne!(both.fingerprint().unwrap(), fingerprint);
    let corpus = both.read().unwrap();
    assert_eq!((corpus.train.len(), corpus.valid), (5, vec!["held out".to_owned()]));
}

/// As the documentation has it, on a whole text in memory.
fn split(text: &str) -> Vec<String> {
    let mut parts = text.split(END_OF_TEXT);
    let first = parts.next().into_iter();
    let others = parts
        .map(|part| part.strip_prefix("\r\n").or_else(|| part.strip_prefix('\n')).unwrap_or(part));
    first.chain(others).filter(|part| !part.trim().is_empty()).map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Blocks of the reader end anywhere in markers, line ends and characters.
    #[test]
    fn blocks_do_not_show(
        pieces in prop::collection::vec(
            prop_oneof!["<\\|endoftext\\|>", "\r\n", "[ \n]{1,3}", "<\\|end", "[a-cé🎭]{1,5}"], 1..40,
        ),
        shift in 0_usize..60,
    ) {
        let filler = "x".repeat((1 << 20) - shift);
        let text = format!("{filler}{}", pieces.concat());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs_err::write(&path, &text).unwrap();
        let held_out = folder.path().join("b.txt");
        fs_err::write(&held_out, "b").unwrap();
        let corpus = Corpus::from_path_and_valid(&path, &held_out).unwrap();
        prop_assert_eq!(corpus.train, split(&text));
    }
}
