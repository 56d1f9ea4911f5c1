//! A corpus in a column of a Parquet file.

use minigpt_data::{Portion, ReadOptions, Source};

/// True where the bytes are a `.parquet` with texts. Where there is nothing to replace, reading with
/// replacement gives the same texts.
pub(crate) fn parquet(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("texts.parquet");
    fs_err::write(&path, bytes).expect("a file");
    let read = |lossy| {
        let options = ReadOptions { lossy, ..ReadOptions::default() };
        let documents = Source::Path(path.clone()).open(&options).ok()?;
        documents.read_portion(Portion::All).ok()
    };
    let strictly = read(false);
    if strictly.is_some() {
        assert_eq!(read(true), strictly);
    }
    strictly.is_some()
}
