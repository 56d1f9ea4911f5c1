//! The file of an index of passages.

use std::path::Path;

use minigpt_files::sha256;
use minigpt_retrieval::Index;

/// True where an index answers whose file these bytes are: after the first one, and with the checksum that belongs to
/// them behind them, but for a first byte of 0.
pub(crate) fn index(bytes: &[u8]) -> bool {
    let Some((kind, bytes)) = bytes.split_first() else { return false };
    let checksum = if *kind == 0 { String::new() } else { sha256(bytes) };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = [bytes, checksum.as_bytes()].concat();
    fs_err::write(folder.path().join("index.bin"), file).expect("a file");
    answers(folder.path())
}

fn answers(folder: &Path) -> bool {
    let question = "Who walked to the sea?";
    let found = Index::open(folder).and_then(|index| {
        let found = index.search(question, 3)?;
        index.excerpt(question, "Anne walked to the old village by the sea.", 3)?;
        Ok(found)
    });
    found.is_ok()
}
