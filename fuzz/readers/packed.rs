//! Text in a packed file.

use minigpt_data::{Portion, ReadOptions, Source};

/// The names that say how a file is packed.
const NAMES: [&str; 4] = ["text.txt.gz", "text.txt.xz", "text.txt.zst", "text.parquet.gz"];

/// True where the bytes after the first, which chooses among [`NAMES`], can be unpacked and read.
pub(crate) fn packed(bytes: &[u8]) -> bool {
    let Some((kind, bytes)) = bytes.split_first() else { return false };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(NAMES[usize::from(*kind) % NAMES.len()]);
    fs_err::write(&path, bytes).expect("a file");
    let documents = Source::Path(path).open(&ReadOptions::default());
    documents.and_then(|documents| documents.read_portion(Portion::All)).is_ok()
}
