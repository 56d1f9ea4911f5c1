//! The few numbers of Parquet's own headers that must be known before the library reads them, in
//! [Thrift's compact protocol](https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).

use std::io::{Error, ErrorKind, Read, Result};

/// Values within values at most.
const DEPTH: usize = 32;

/// Truth values in a list at most: they take no bytes, so that a file could claim any number of them.
const TRUTHS: u64 = 1 << 16;

/// Types of fields, by their numbers.
const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// The types of a file's first fields, from number 1 on.
const FILE: [u8; 6] = [I32, LIST, I64, LIST, LIST, BINARY];
/// The types of a schema element's fields.
const ELEMENT: [u8; 10] = [I32, I32, I32, BINARY, I32, I32, I32, I32, I32, STRUCT];
/// The types of a page header's fields.
const PAGE: [u8; 8] = [I32, I32, I32, I32, STRUCT, STRUCT, STRUCT, STRUCT];
/// The types of the first fields of a data page's header, a dictionary's, and a data page's of the
/// second kind.
const DATA: [u8; 4] = [I32; 4];
const DICTIONARY: [u8; 2] = [I32; 2];
const DATA_2: [u8; 6] = [I32; 6];

/// Reads values one after the other and counts their bytes.
pub(super) struct Thrift<R> {
    reader: R,
    read: u64,
}

/// What a page's header says of the memory that the page takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PageHeader {
    /// Bytes of the header itself.
    pub(super) header_bytes: u64,
    pub(super) kind: i64,
    pub(super) unpacked_bytes: i64,
    pub(super) packed_bytes: i64,
    /// Values in a page that is a dictionary.
    pub(super) dictionary_values: Option<i64>,
}

impl PageHeader {
    pub(super) fn read(reader: impl Read) -> Result<Self> {
        let mut thrift = Thrift::new(reader);
        let mut header = Self::default();
        thrift.fields(&PAGE, |thrift, field, kind| match field {
            1 => set(&mut header.kind, thrift.integer()?),
            2 => set(&mut header.unpacked_bytes, thrift.integer()?),
            3 => set(&mut header.packed_bytes, thrift.integer()?),
            5 => thrift.fields(&DATA, |thrift, _, kind| thrift.skip(kind, DEPTH)),
            7 => {
                let mut values = 0;
                thrift.fields(&DICTIONARY, |thrift, field, kind| match field {
                    1 => set(&mut values, thrift.integer()?),
                    _ => thrift.skip(kind, DEPTH),
                })?;
                header.dictionary_values = Some(values);
                Ok(())
            }
            8 => thrift.fields(&DATA_2, |thrift, _, kind| thrift.skip(kind, DEPTH)),
            _ => thrift.skip(kind, DEPTH),
        })?;
        header.header_bytes = thrift.read;
        Ok(header)
    }
}

/// The number of children that an element of the file's schema says it has, at most, and the number of
/// elements there are.
pub(super) fn schema_counts(footer: &[u8]) -> Result<(i64, u64)> {
    let mut thrift = Thrift::new(footer);
    let (mut most, mut elements) = (0, 0);
    thrift.fields(&FILE, |thrift, field, kind| {
        if field != 2 {
            return thrift.skip(kind, DEPTH);
        }
        let (kind, number) = thrift.list()?;
        elements = number;
        for _ in 0..number {
            if kind != STRUCT {
                return Err(damaged());
            }
            thrift.fields(&ELEMENT, |thrift, field, kind| match field {
                5 => {
                    most = thrift.integer()?.max(most);
                    Ok(())
                }
                _ => thrift.skip(kind, DEPTH),
            })?;
        }
        Ok(())
    })?;
    Ok((most, elements))
}

fn set(place: &mut i64, value: i64) -> Result<()> {
    *place = value;
    Ok(())
}

/// Refuses a collection of more truth values than there can be a reason for.
fn check_truths(number: u64, kinds: &[u8]) -> Result<()> {
    let are_truths = kinds.iter().all(|kind| matches!(kind, 1 | 2));
    if are_truths && number > TRUTHS { Err(damaged()) } else { Ok(()) }
}

fn damaged() -> Error {
    Error::new(ErrorKind::InvalidData, "a damaged header")
}

impl<R: Read> Thrift<R> {
    fn new(reader: R) -> Self {
        Self { reader, read: 0 }
    }

    fn byte(&mut self) -> Result<u8> {
        let mut byte = [0];
        self.reader.read_exact(&mut byte)?;
        self.read += 1;
        Ok(byte[0])
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(damaged())
    }

    /// A signed integer of any width.
    fn integer(&mut self) -> Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Gives each field of a struct by its number and its type; `field` must read its value. The first
    /// fields must have the types that are `expected`: the library does not look at these.
    fn fields(
        &mut self,
        expected: &[u8],
        mut field: impl FnMut(&mut Self, i64, u8) -> Result<()>,
    ) -> Result<()> {
        let mut number = 0;
        loop {
            let byte = self.byte()?;
            let kind = byte & 0xf;
            if kind == 0 {
                return Ok(());
            }
            number = match byte >> 4 {
                0 => self.integer()?,
                delta => number + i64::from(delta),
            };
            let index = usize::try_from(number - 1).unwrap_or(usize::MAX);
            if expected.get(index).is_some_and(|expected| *expected != kind) {
                return Err(damaged());
            }
            field(self, number, kind)?;
        }
    }

    /// The type and number of a list's elements.
    fn list(&mut self) -> Result<(u8, u64)> {
        let byte = self.byte()?;
        let number = match byte >> 4 {
            15 => self.varint()?,
            number => u64::from(number),
        };
        Ok((byte & 0xf, number))
    }

    fn pass(&mut self, bytes: u64) -> Result<()> {
        let passed = std::io::copy(&mut (&mut self.reader).take(bytes), &mut std::io::sink())?;
        self.read += passed;
        if passed == bytes { Ok(()) } else { Err(damaged()) }
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Result<()> {
        let Some(depth) = depth.checked_sub(1) else { return Err(damaged()) };
        match kind {
            // Truth values, which their types tell; in a list too, as the library has it.
            1 | 2 => Ok(()),
            3 => self.pass(1),
            4..=6 => self.varint().map(drop),
            7 => self.pass(8),
            8 => self.varint().and_then(|length| self.pass(length)),
            9 | 10 => {
                let (kind, number) = self.list()?;
                check_truths(number, &[kind])?;
                (0..number).try_for_each(|_| self.skip(kind, depth))
            }
            11 => {
                let number = self.varint()?;
                let kinds = if number == 0 { 0 } else { self.byte()? };
                check_truths(number, &[kinds >> 4, kinds & 0xf])?;
                (0..number).try_for_each(|_| {
                    self.skip(kinds >> 4, depth)?;
                    self.skip(kinds & 0xf, depth)
                })
            }
            12 => self.fields(&[], |thrift, _, kind| thrift.skip(kind, depth)),
            13 => self.pass(16),
            _ => Err(damaged()),
        }
    }
}
