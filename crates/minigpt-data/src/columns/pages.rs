//! The pages of a column, whose memory is bounded by their bytes in the file.

use std::io::{Read, sink};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use minigpt_files::{Bounded, Limit};
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;

use super::ROWS;
use super::thrift::PageHeader;

/// Bytes that a page may always unpack to; writers cut pages at 1 MiB.
const PAGE: u64 = 64 << 20;

/// What a larger page may unpack to for each of its bytes in the file. Text is packed to a third or a
/// tenth, and what repeats is mostly gone before, into the dictionary.
const PAGE_RATIO: u64 = 32;

/// Bytes of texts that are held at a time, where each begins with a part of the one before: the only
/// encoding by which values become more than their page.
const PREFIXED: u64 = 1 << 30;

/// Values in a page whose encoding has all their lengths in memory; writers cut pages at 20,000 rows.
const LENGTHS: u64 = 1 << 24;

/// Gives the pages that the library gives, after a look at what each will cost.
pub(super) struct BoundedPages<R: ChunkReader> {
    pages: SerializedPageReader<R>,
    file: Arc<R>,
    compression: Compression,
    /// Lists of levels before the values: of repetitions, and of values that can be missing.
    levels: usize,
    /// Where the next page begins, and where the last one ends.
    offset: u64,
    end: u64,
}

impl<R: ChunkReader> BoundedPages<R> {
    pub(super) fn new(file: Arc<R>, column: &ColumnChunkMetaData, rows: usize) -> Result<Self> {
        let (offset, length) = column.byte_range();
        let end = offset.checked_add(length).filter(|end| *end <= file.len());
        let end = end.ok_or_else(|| damaged("a column that ends after the file"))?;
        let pages = SerializedPageReader::new(Arc::clone(&file), column, rows, None)?;
        let descriptor = column.column_descr();
        let has = |level: i16| usize::from(level > 0);
        let levels = has(descriptor.max_rep_level()) + has(descriptor.max_def_level());
        Ok(Self { pages, file, compression: column.compression(), levels, offset, end })
    }

    /// Looks at the header of the next page, and of those before it that the library passes over.
    fn check_next(&mut self) -> Result<()> {
        /// The kind of page that the library passes over.
        const INDEX: i64 = 1;
        while self.offset < self.end {
            let header = PageHeader::read(self.file.get_read(self.offset)?)?;
            let packed = u64::try_from(header.packed_bytes)
                .map_err(|_| damaged("a page of less than nothing"))?;
            let start = self.offset + header.header_bytes;
            self.offset = start
                .checked_add(packed)
                .filter(|next| *next <= self.end)
                .ok_or_else(|| damaged("a page that ends after its column"))?;
            if header.kind != INDEX {
                return self.check_page(&header, start, packed);
            }
        }
        Ok(())
    }

    fn check_page(&self, header: &PageHeader, start: u64, packed: u64) -> Result<()> {
        let unpacked = u64::try_from(header.unpacked_bytes)
            .map_err(|_| damaged("a page of less than nothing"))?;
        let most = packed.saturating_mul(PAGE_RATIO).max(PAGE);
        if unpacked > most {
            let reason = format!(
                "a page of {packed} bytes that unpacks to {unpacked}: expected at most {most}"
            );
            return Err(damaged(&reason));
        }
        // Each text of a dictionary has its length before it, in four bytes.
        if let Some(values) = header.dictionary_values
            && u64::try_from(values).is_ok_and(|values| values > unpacked / 4)
        {
            let reason = format!("a dictionary of {values} texts in {unpacked} bytes");
            return Err(damaged(&reason));
        }
        // These decoders take what comes, whatever the header says.
        if matches!(self.compression, Compression::GZIP(_) | Compression::BROTLI(_)) {
            let bytes = self.file.get_bytes(start, usize::try_from(packed)?)?;
            let limit = Limit::new(unpacked, "the page that its header tells of");
            let decoder: Box<dyn Read> = match self.compression {
                Compression::GZIP(_) => Box::new(MultiGzDecoder::new(&bytes[..])),
                _ => Box::new(brotli::Decompressor::new(&bytes[..], 1 << 12)),
            };
            std::io::copy(&mut Bounded::new(decoder, limit, "a page"), &mut sink())?;
        }
        Ok(())
    }

    /// Looks at the lengths of a page's texts where the library makes room for as many as they say.
    fn check_values(&self, page: &Page) -> Result<()> {
        let (lists, encoding) = match page.encoding() {
            Encoding::DELTA_LENGTH_BYTE_ARRAY => (1, "DELTA_LENGTH_BYTE_ARRAY"),
            Encoding::DELTA_BYTE_ARRAY => (2, "DELTA_BYTE_ARRAY"),
            _ => return Ok(()),
        };
        let mut rest = self.values(page).ok_or_else(|| damaged("a page without its levels"))?;
        let bytes = rest.len() as u64;
        for _ in 0..lists {
            let Some((numbers, after)) = packed_numbers(rest) else {
                return Err(damaged("a page whose lengths end too early"));
            };
            if numbers > LENGTHS.min(u64::from(page.num_values())) {
                return Err(damaged(&format!(
                    "{numbers} texts in a page of {}",
                    page.num_values()
                )));
            }
            if lists == 2 && numbers.min(ROWS as u64).saturating_mul(bytes) > PREFIXED {
                let reason = format!(
                    "a page of {bytes} bytes in the encoding {encoding}: expected smaller pages"
                );
                return Err(damaged(&reason));
            }
            rest = after;
        }
        Ok(())
    }

    /// A page's bytes after the levels.
    fn values<'p>(&self, page: &'p Page) -> Option<&'p [u8]> {
        match page {
            Page::DataPage { buf, .. } => (0..self.levels).try_fold(&buf[..], |bytes, _| {
                let (length, rest) = bytes.split_first_chunk::<4>()?;
                rest.get(u32::from_le_bytes(*length) as usize..)
            }),
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => buf
                .get((*def_levels_byte_len as usize).checked_add(*rep_levels_byte_len as usize)?..),
            _ => Some(page.buffer()),
        }
    }
}

/// How many numbers there are in Parquet's `DELTA_BINARY_PACKED`, and what comes after them.
fn packed_numbers(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut rest = bytes;
    let (block, parts, numbers) = (varint(&mut rest)?, varint(&mut rest)?, varint(&mut rest)?);
    varint(&mut rest)?;
    let in_part = block.checked_div(parts).filter(|in_part| *in_part > 0)?;
    let mut left = numbers.saturating_sub(1);
    while left > 0 {
        varint(&mut rest)?;
        let widths;
        (widths, rest) = rest.split_at_checked(usize::try_from(parts).ok()?)?;
        for width in widths {
            if left == 0 {
                break;
            }
            let bytes = u64::from(*width).checked_mul(in_part)? / 8;
            rest = rest.get(usize::try_from(bytes).ok()?..)?;
            left = left.saturating_sub(in_part);
        }
    }
    Some((numbers, rest))
}

/// A number in as many bytes as it needs, the lowest seven bits first.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let length = 1 + rest.iter().take(10).position(|byte| *byte < 0x80)?;
    let (digits, after) = rest.split_at(length);
    *rest = after;
    let digits = digits.iter().rev().map(|byte| u128::from(byte & 0x7f));
    u64::try_from(digits.fold(0, |value, digit| value << 7 | digit)).ok()
}

fn damaged(reason: &str) -> ParquetError {
    ParquetError::General(reason.to_owned())
}

impl<R: ChunkReader> Iterator for BoundedPages<R> {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl<R: ChunkReader> PageReader for BoundedPages<R> {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.check_next()?;
        let page = self.pages.get_next_page()?;
        if let Some(page) = &page {
            self.check_values(page)?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    /// No page is skipped: all rows are read.
    fn skip_next_page(&mut self) -> Result<()> {
        Err(damaged("a page that cannot be skipped"))
    }
}

#[cfg(test)]
mod tests;
