//! Tables of parquet.

use std::path::Path;
use std::sync::Arc;

use minigpt_data::{ReadOptions, Source, TokenStore, TokenizerSpec};
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::{read, string};

/// Writes a table of a number and a text that may be missing.
pub(super) fn write_parquet(
    path: &Path,
    compression: Compression,
    texts: &[Option<impl AsRef<[u8]>>],
) {
    let schema =
        parse_message_type("message rows { required int32 id; optional binary text (UTF8); }");
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut file = SerializedFileWriter::new(
        std::io::BufWriter::new(fs_err::File::create(path).unwrap()),
        Arc::new(schema.unwrap()),
        Arc::new(properties),
    )
    .unwrap();
    let mut rows = file.next_row_group().unwrap();
    while let Some(mut column) = rows.next_column().unwrap() {
        match column.untyped() {
            ColumnWriter::Int32ColumnWriter(ids) => {
                ids.write_batch(&vec![7; texts.len()], None, None).unwrap();
            }
            ColumnWriter::ByteArrayColumnWriter(column) => {
                let values: Vec<ByteArray> =
                    texts.iter().flatten().map(|text| text.as_ref().to_vec().into()).collect();
                let defined: Vec<i16> = texts.iter().map(|text| text.is_some().into()).collect();
                column.write_batch(&values, Some(&defined), None).unwrap();
            }
            _ => unreachable!(),
        }
        column.close().unwrap();
    }
    rows.close().unwrap();
    file.close().unwrap();
}

/// Found by flipping bytes: the library asked for gigabytes, and indexed beyond a slice.
#[test]
fn damaged_parquet_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    for (bytes, reason) in [
        (&include_bytes!("../../fixtures/large_dictionary.parquet")[..], "a dictionary of "),
        (&include_bytes!("../../fixtures/offset_beyond_end.parquet")[..], ""),
        // 2^60 truth values, which take no bytes.
        (&include_bytes!("../../fixtures/truths_without_end.parquet")[..], "a damaged header"),
    ] {
        fs_err::write(&path, bytes).unwrap();
        let error = read(&string(&path)).unwrap_err().to_string();
        assert!(error.contains("a.parquet cannot be read: ") && error.contains(reason), "{error}");
    }
    let texts = [Some("one"), None, Some("two"), Some("one")];
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::LZ4_RAW] {
        write_parquet(&path, compression, &texts);
        let whole = fs_err::read(&path).unwrap();
        for at in 0..whole.len() {
            for value in [0, 0x7f, 0xff, whole[at] ^ 1, whole[at] ^ 0x80] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                fs_err::write(&path, damaged).unwrap();
                // Whatever comes of it, it is no panic, and takes no time.
                let _ = read(&string(&path));
            }
        }
    }
}

/// A page that unpacks to more than its bytes can justify, and one that says less than it unpacks to.
#[test]
fn parquet_unpacks_to_what_its_bytes_justify() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let blank = vec![b'x'; 200 << 20];
    for compression in
        [Compression::ZSTD(ZstdLevel::default()), Compression::GZIP(Default::default())]
    {
        write_parquet(&path, compression, &[Some(&blank[..])]);
        let error = read(&string(&path)).unwrap_err().to_string();
        assert!(error.contains("a page of ") && error.contains(" that unpacks to "), "{error}");
    }
}

#[test]
fn parquet_gives_a_document_per_row() {
    let folder = tempfile::tempdir().unwrap();
    let texts = [Some("one"), None, Some(" "), Some("two <|endoftext|>"), Some("éé")];
    let compressions = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::BROTLI(Default::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
    ];
    for compression in compressions {
        write_parquet(&folder.path().join("train-00000-of-00001.parquet"), compression, &texts);
        let corpus = read(&string(folder.path())).unwrap();
        assert_eq!(corpus.train, ["one", "two <|endoftext|>"]);
        assert_eq!(corpus.valid, ["éé"]);
    }
    let whole = fs_err::read(folder.path().join("train-00000-of-00001.parquet")).unwrap();
    let packed = folder.path().join("a.parquet.zst");
    fs_err::write(&packed, zstd::encode_all(whole.as_slice(), 1).unwrap()).unwrap();
    assert_eq!(read(&string(&packed)).unwrap().train.len(), 2);
}

#[test]
fn bad_bytes_in_a_parquet_file_are_refused_or_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let texts = [Some(&b"one"[..]), Some(b"caf\xe9!"), None, Some(b"two")];
    write_parquet(&path, Compression::UNCOMPRESSED, &texts);
    let error = read(&string(&path)).unwrap_err().to_string();
    assert!(error.contains("row 2: invalid utf-8 sequence"), "{error}");
    let options = ReadOptions { lossy: true, ..ReadOptions::default() };
    let corpus = Source::Path(path).read(&options).unwrap();
    let text = [corpus.train, corpus.valid].concat().concat();
    assert_eq!(text, "onecaf\u{fffd}!two");
}

#[test]
fn records_can_be_the_lines_of_one_text() {
    let folder = tempfile::tempdir().unwrap();
    // As WikiText is on the hub; more than is gathered at a time.
    let rows = [" = Title = \n", "", " A  paragraph , \n", "no end"].repeat(5_000);
    let text = " = Title = \n\n A  paragraph , \nno end\n".repeat(5_000);
    fs_err::write(folder.path().join("train.txt"), &text).unwrap();
    let rows: Vec<Option<&str>> = rows.into_iter().map(Some).collect();
    let path = folder.path().join("rows.parquet");
    write_parquet(&path, Compression::UNCOMPRESSED, &rows);
    let options = ReadOptions { lines: true, ..ReadOptions::default() };
    let open = |path: &Path| string(path).parse::<Source>().unwrap().open(&options).unwrap();
    let joined = open(&path).read().unwrap();
    assert_eq!((joined.train.len(), joined.train.concat() + &joined.valid.concat()), (1, text));

    // The stretches that a store is given can be tokenized one by one.
    let plain = open(&folder.path().join("train.txt"));
    let ids = |documents: &minigpt_data::Documents| {
        let spec = TokenizerSpec::Gpt2;
        let store = TokenStore::prepare(folder.path(), documents, &spec, &mut |_| {}).unwrap();
        store.train().ids(0..store.train().len())
    };
    assert!(ids(&open(&path)) == ids(&plain));
}

#[test]
fn a_bad_parquet_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write_parquet(&path, Compression::SNAPPY, &[Some("one"), Some("two")]);
    for (field, reason) in [
        ("story", r#"no column "story" among ["id", "text"]"#),
        ("id", r#"column "id" holds no strings"#),
    ] {
        let options = ReadOptions { text_field: field.to_owned(), ..ReadOptions::default() };
        let error = Source::Path(path.clone()).read(&options).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{} cannot be read: {reason}", path.display())));
    }
    let whole = fs_err::read(&path).unwrap();
    fs_err::write(&path, &whole[..whole.len() - 20]).unwrap();
    let error = read(&string(&path)).unwrap_err().to_string();
    assert!(error.contains("a.parquet cannot be read: "), "{error}");
    assert!(
        error.ends_with("; expected a complete .parquet file with a column of text"),
        "{error}"
    );
}
