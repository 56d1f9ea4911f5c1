//! The two files of a tokenizer before there was a `tokenizer.json`.

use minigpt_data::Tokenizer;

/// A text of every kind of character, to go through a tokenizer and back.
const TEXT: &str = "It was 3.14,\tnot  π…\r\n<|endoftext|> 🎭";

/// True where the bytes are a `vocab.json`, a NUL and a `merges.txt`. A tokenizer that is read gives back
/// every text.
pub(crate) fn vocabulary(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cut = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let merges = bytes.get(cut + 1..).unwrap_or_default();
    fs_err::write(folder.path().join("vocab.json"), &bytes[..cut]).expect("a file");
    fs_err::write(folder.path().join("merges.txt"), merges).expect("a file");
    let Ok(tokenizer) = Tokenizer::in_folder(folder.path()) else { return false };
    let ids = tokenizer.encode(TEXT).expect("ids for any text");
    assert_eq!(tokenizer.decode(&ids).expect("ids of its own"), TEXT);
    true
}
