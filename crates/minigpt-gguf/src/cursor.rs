//! A place in the header of a file, which is never left.

use minigpt_files::excerpt;

/// Reads forward. The errors say what is wrong at which byte.
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The number of bytes read so far.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// The next bytes.
    pub(crate) fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let left = &self.bytes[self.at..];
        let taken = usize::try_from(length).ok().and_then(|length| left.get(..length));
        let taken = taken.ok_or_else(|| {
            format!("at byte {} of {} it claims {length} more", self.at, self.bytes.len())
        })?;
        self.at += taken.len();
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N as u64)?);
        Ok(bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, String> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, String> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number of things that take `least` bytes each or more: no more than the file has room for, so
    /// that memory may be taken for them.
    pub(crate) fn count(&mut self, least: usize, what: &str) -> Result<usize, String> {
        let at = self.at;
        let count = self.u64()?;
        let room = (self.bytes.len() - self.at) / least;
        let fits = usize::try_from(count).ok().filter(|count| *count <= room);
        fits.ok_or_else(|| {
            format!("at byte {at} it claims {count} {what}; it has room for {room} at most")
        })
    }

    /// A string: its length in bytes, and UTF-8.
    pub(crate) fn string(&mut self) -> Result<&'a str, String> {
        let length = self.u64()?;
        let at = self.at;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|error| {
            let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            format!("the string at byte {at}, \"{}\", is not UTF-8", excerpt(&valid))
        })
    }
}
