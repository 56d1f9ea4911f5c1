//! Files and folders to documents; what is held out; every way to fail.

use std::path::Path;

use minigpt_data::{Corpus, DataError, END_OF_TEXT};
use tempfile::TempDir;

/// "austen-valid.txt.xz" of the crate: a real .xz file.
const XZ: &[u8] = include_bytes!("../../assets/austen-valid.txt.xz");

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(folder.path(), name, text.as_bytes());
    }
    folder
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, bytes).unwrap();
}

/// Reads `name` in a folder with these files; gives (train, valid).
fn read(files: &[(&str, &str)], name: &str) -> (Vec<String>, Vec<String>) {
    let folder = folder(files);
    let corpus = Corpus::from_path(&folder.path().join(name)).unwrap();
    (corpus.train, corpus.valid)
}

#[test]
fn embedded_is_austen() {
    let corpus = Corpus::embedded().unwrap();
    let bytes = |documents: &[String]| documents.iter().map(String::len).sum::<usize>();
    assert_eq!((corpus.name.as_str(), corpus.train.len(), corpus.valid.len()), ("austen", 4, 1));
    assert_eq!(bytes(&corpus.train) + 3 * (END_OF_TEXT.len() + 1), 2_668_487);
    assert_eq!(bytes(&corpus.valid), 159_880);
    assert!(corpus.train[1].starts_with("SENSE AND SENSIBILITY\n"));
    assert!(corpus.train[3].ends_with("FINIS\n"));
}

#[test]
fn documents_lose_the_marker_and_nothing_else() {
    let text =
        "\u{feff}one\n<|endoftext|>\n two \n\n<|endoftext|>three<|endoftext|>\r\n \n<|endoftext|>";
    let folder = folder(&[("a.txt", text), ("b.txt", "held out")]);
    let at = |name: &str| folder.path().join(name);
    let corpus = Corpus::from_path_and_valid(&at("a.txt"), &at("b.txt")).unwrap();
    assert_eq!(corpus.name, "a");
    assert_eq!(corpus.train, ["one\n", " two \n\n", "three"]);
    assert_eq!(corpus.valid, ["held out"]);
}

#[test]
fn compressed_files_are_unpacked() {
    let folder = folder(&[("train.md", "text")]);
    write(folder.path(), "val.txt.xz", XZ);
    let corpus = Corpus::from_path(folder.path()).unwrap();
    assert_eq!(corpus.valid, Corpus::embedded().unwrap().valid);
}

#[test]
fn a_folder_with_splits_uses_them() {
    let files = [("train.txt", "t"), ("valid.txt", "v"), ("test.txt", "x"), ("README.md", "r")];
    assert_eq!(read(&files, ""), (vec!["t".to_owned()], vec!["v".to_owned()]));
    let folder = folder(&files);
    assert_eq!(Corpus::from_path(folder.path()).unwrap().test, Some(vec!["x".to_owned()]));
    let files = [("train.txt", "0123456789"), ("test.txt", "x")];
    assert_eq!(read(&files, ""), (vec!["012345678".to_owned()], vec!["9".to_owned()]));
}

#[test]
fn a_folder_without_splits_is_read_in_the_order_of_paths() {
    let files = [
        ("b/2.txt", "ccc"),
        ("b/1.md", "bbb"),
        ("a.txt", "aaa"),
        ("z.txt", "d"),
        (".git/x.txt", "no"),
        (".hidden.txt", "no"),
        ("code.rs", "no"),
    ];
    let (train, valid) = read(&files, "");
    assert_eq!((train.concat(), valid.concat()), ("aaabbbccc".to_owned(), "d".to_owned()));
}

#[test]
fn the_end_is_held_out() {
    let tenth = |text: &str| {
        let (train, valid) = read(&[("a.txt", text)], "a.txt");
        (train.join("|"), valid.join("|"))
    };
    let check = |text: &str, train: &str, valid: &str| {
        assert_eq!(tenth(text), (train.to_owned(), valid.to_owned()), "{text:?}");
    };
    // Whole documents, as few as make a tenth.
    check(&["ab"; 20].join(END_OF_TEXT), &["ab"; 18].join("|"), "ab|ab");
    // The last document alone would be half the text, or all of it.
    check("0123456789<|endoftext|>0123456789", "0123456789|01234567", "89");
    check("0123456789", "012345678", "9");
    // Cut after a paragraph rather than a line, after a line rather than before a word, and never
    // in a character.
    for (near_the_mark, cut) in [("\n\nb\nc d", 84), ("\nc d", 83), (" d", 82)] {
        let text = format!("{:y<100}", "x".repeat(82) + near_the_mark);
        check(&text, &text[..cut], &text[cut..]);
    }
    check("éééééééééé", "ééééééééé", "é");
}

#[test]
fn each_failure_has_its_own_line() {
    let folder = folder(&[
        ("empty.txt", ""),
        ("blank.txt", " \n<|endoftext|>\n"),
        ("nul.txt", "abc\0"),
        ("tiny.txt", "a"),
        ("bad.txt.xz", "not xz"),
        ("two/train.txt", "a"),
        ("two/train.txt.xz", "a"),
        ("no-text/image.png", ""),
    ]);
    write(folder.path(), "latin1.txt", b"caf\xe9 au lait");
    let empty = "is empty: expected UTF-8 text; give a file with some text in it";
    let cases = [
        ("none.txt", "does not exist: expected a file with text or a folder of such files"),
        ("empty.txt", empty),
        ("blank.txt", empty),
        (
            "nul.txt",
            "is not text: a NUL byte at byte 3; expected UTF-8: convert the file, or read it as lossy",
        ),
        (
            "latin1.txt",
            "is not text: invalid UTF-8 at byte 3; expected UTF-8: convert the file, or read it as lossy",
        ),
        (
            "tiny.txt",
            "is too small: 1 bytes cannot be cut into a training part and a held-out tenth; give a longer text",
        ),
        (
            "two",
            "holds more than one train file (train.txt, train.txt.xz): expected one; remove the others or name the file directly",
        ),
        (
            "no-text",
            "holds no text files: expected .txt, .md, .jsonl or .parquet files, plain or packed as .gz, .xz or .zst; name a file of another kind directly",
        ),
    ];
    for (name, message) in cases {
        let path = folder.path().join(name);
        let error = Corpus::from_path(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("{} {message}", path.display()));
    }
    let bad_xz = Corpus::from_path(&folder.path().join("bad.txt.xz")).unwrap_err().to_string();
    assert!(bad_xz.contains("bad.txt.xz cannot be unpacked: "), "{bad_xz}");
    assert!(bad_xz.ends_with("; expected a complete .xz file; check it with `xz -t`"), "{bad_xz}");

    let good = folder.path().join("tiny.txt");
    let missing = folder.path().join("none.txt");
    let error = Corpus::from_path_and_valid(&good, &missing).unwrap_err();
    assert!(matches!(error, DataError::Missing { path } if path == missing));
}
