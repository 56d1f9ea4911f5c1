//! A `tokenizer.json`.

use minigpt_data::{TextStream, Tokenizer};

/// A text of every kind of character, to go through a tokenizer and back.
const TEXT: &str = "It was 3.14,\tnot  π…\r\n\u{0}<|endoftext|> 🎭";

/// True where the bytes are a tokenizer. What it makes of a text is text again, the same as a stream: mostly the
/// text itself, but for a file that changes it or has no tokens for some of its bytes.
pub(crate) fn tokenizer(bytes: &[u8]) -> bool {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs_err::write(file.path(), bytes).expect("a file");
    let Ok(tokenizer) = Tokenizer::load(file.path()) else { return false };
    // A tokenizer of characters has no ids for others, and a pattern can take too long.
    for ids in [tokenizer.encode(TEXT), tokenizer.encode_with_special(TEXT)].into_iter().flatten() {
        let text = tokenizer.decode(&ids).expect("ids of its own");
        let mut stream = TextStream::new(&tokenizer);
        let mut streamed = String::new();
        for id in ids {
            streamed.extend(stream.push(id).expect("an id of its own"));
        }
        assert_eq!(streamed + &stream.finish(), text);
    }
    if let Ok(vocabulary) = tokenizer.to_gguf() {
        let path = std::path::Path::new("model.gguf");
        Tokenizer::from_gguf(vocabulary, path).expect("what was written for GGUF");
    }
    true
}
