//! The bytes that each token stands for, so that ids become text by look-up.

use std::collections::HashMap;

use crate::pipeline::{Library, META_SPACE, is_sentencepiece};

/// The bytes that a vocabulary may leave out, as SmolLM2's does with some: those that no text has, and those
/// that only control characters and unassigned planes of Unicode have.
const RARE: [bool; 256] = rare_bytes();

/// What the ids of a vocabulary stand for.
#[derive(Clone)]
pub(crate) struct TokenText {
    by_id: Vec<Box<[u8]>>,
    /// How many spaces a text loses at its start: those that the tokenizer put there.
    pub(crate) leading_spaces: usize,
}

impl TokenText {
    pub(crate) fn new(by_id: Vec<Box<[u8]>>, leading_spaces: usize) -> Self {
        Self { by_id, leading_spaces }
    }

    /// Of the library's tokenizer; the error is the reason alone.
    pub(crate) fn of(library: &Library, leading_spaces: usize) -> Result<Self, String> {
        let by_id = if is_sentencepiece(library) {
            check_bytes(library, |byte| format!("<0x{byte:02X}>"), |_| false)?;
            bytes_by_id(library, sentencepiece_bytes)?
        } else {
            check_bytes(library, |byte| byte_chars()[usize::from(byte)].to_string(), is_rare)?;
            let byte_of_char: HashMap<char, u8> = byte_chars().into_iter().zip(0..=255).collect();
            bytes_by_id(library, |token| byte_level_bytes(token, &byte_of_char))?
        };
        Ok(Self { by_id, leading_spaces })
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn get(&self, id: u32) -> Option<&[u8]> {
        self.by_id.get(id as usize).map(AsRef::as_ref)
    }
}

fn bytes_by_id(
    library: &Library,
    bytes_of: impl Fn(&str) -> Box<[u8]>,
) -> Result<Vec<Box<[u8]>>, String> {
    let ids = 0..library.get_vocab_size(true) as u32;
    let bytes = ids.map(|id| library.id_to_token(id).map(|token| bytes_of(&token)));
    Ok(bytes.collect::<Option<_>>().ok_or("its ids have gaps")?)
}

/// Checks that each byte has a token, but for those that may have none.
fn check_bytes(
    library: &Library,
    token: impl Fn(u8) -> String,
    may_lack: impl Fn(u8) -> bool,
) -> Result<(), String> {
    let lacks = |byte: u8| !may_lack(byte) && library.token_to_id(&token(byte)).is_none();
    match (0..=u8::MAX).find(|byte| lacks(*byte)) {
        Some(byte) => {
            Err(format!("it does not cover all 256 bytes: no token of byte 0x{byte:02X}"))
        }
        None => Ok(()),
    }
}

fn is_rare(byte: u8) -> bool {
    RARE[usize::from(byte)]
}

const fn rare_bytes() -> [bool; 256] {
    let mut rare = [false; 256];
    let mut byte = 0;
    while byte < rare.len() {
        rare[byte] = matches!(byte,
            0..=0x08 | 0x0b | 0x0c | 0x0e..=0x1f | 0x7f | 0xc0 | 0xc1 | 0xf1..=0xf2 | 0xf5..);
        byte += 1;
    }
    rare
}

/// The character that stands for each byte in the vocabulary, as in GPT-2's `encoder.py`: the
/// printable bytes of Latin-1 stand for themselves, the others for U+0100 and on.
pub(crate) fn byte_chars() -> [char; 256] {
    let mut next = 0x100;
    std::array::from_fn(|byte| {
        let stands_for_itself = matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        let code = if stands_for_itself {
            byte as u32
        } else {
            next += 1;
            next - 1
        };
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
    })
}

/// An added token's name may have characters that stand for no byte: it is then itself.
fn byte_level_bytes(token: &str, byte_of_char: &HashMap<char, u8>) -> Box<[u8]> {
    let bytes: Option<Box<[u8]>> = token.chars().map(|c| byte_of_char.get(&c).copied()).collect();
    bytes.unwrap_or_else(|| token.as_bytes().into())
}

/// A byte where the token is one, and else the token with its spaces.
fn sentencepiece_bytes(token: &str) -> Box<[u8]> {
    let digits = token.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
    match digits.filter(|digits| digits.len() == 2).map(|digits| u8::from_str_radix(digits, 16)) {
        Some(Ok(byte)) => [byte].into(),
        _ => token.replace(META_SPACE, " ").into_bytes().into(),
    }
}
