//! A file of llama.cpp's, its metadata and its values.

use std::path::Path;

use minigpt_gguf::{Gguf, GgufError};

/// True where the bytes are a GGUF file; then each row of each tensor is read.
pub(crate) fn gguf(bytes: &[u8]) -> bool {
    let opened: Result<Gguf, GgufError> = Gguf::from_bytes(Path::new("model.gguf"), bytes.to_vec());
    let Ok(file) = opened else { return false };
    let mut row = Vec::new();
    for tensor in file.tensors() {
        let info = tensor.info();
        // A tensor without values may claim any row.
        if info.values() > 0 {
            row.resize(info.row_values(), 0.0);
            (0..info.rows()).for_each(|at| tensor.read_rows(at..at + 1, &mut row));
        }
    }
    true
}
