//! SHA-256 in hexadecimal.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

/// The SHA-256 of what comes in pieces.
#[derive(Clone, Debug, Default)]
pub struct Checksum(Sha256);

impl Checksum {
    /// Adds the next piece of what is summed, in its order.
    pub fn update(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes);
    }

    /// The checksum of all pieces, in 64 hexadecimal digits.
    #[must_use]
    pub fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The SHA-256 of bytes, in 64 hexadecimal digits.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    let mut checksum = Checksum::default();
    checksum.update(bytes);
    checksum.finish()
}

/// The SHA-256 of a regular file, read in blocks.
///
/// # Errors
/// As [`open`](crate::open), and those of reading.
pub fn sha256_file(path: &Path) -> std::io::Result<String> {
    sha256_reader(crate::open(path)?)
}

/// The SHA-256 of all that a reader gives, read in blocks.
///
/// # Errors
/// The reader's.
fn sha256_reader(mut reader: impl Read) -> std::io::Result<String> {
    let mut checksum = Checksum::default();
    let mut block = vec![0; 1 << 16];
    loop {
        match reader.read(&mut block) {
            Ok(0) => return Ok(checksum.finish()),
            Ok(length) => checksum.update(&block[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
