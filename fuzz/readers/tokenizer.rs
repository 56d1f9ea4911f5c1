//! A `tokenizer.json`.

use minigpt_data::Tokenizer;

/// A text of every kind of character, to go through a tokenizer and back.
const TEXT: &str = "It was 3.14,\tnot  π…\r\n\u{0}<|endoftext|> 🎭";

/// True where the bytes are a tokenizer. One that is read gives back every text that it encodes.
pub(crate) fn tokenizer(bytes: &[u8]) -> bool {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs_err::write(file.path(), bytes).expect("a file");
    let Ok(tokenizer) = Tokenizer::load(file.path()) else { return false };
    // A tokenizer of characters has no ids for others.
    if let Ok(ids) = tokenizer.encode(TEXT) {
        assert_eq!(tokenizer.decode(&ids).expect("ids of its own"), TEXT);
    }
    true
}
