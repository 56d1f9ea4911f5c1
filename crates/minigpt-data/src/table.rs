//! Tables with names in their first line: values between commas, tabs or a given separator.

use std::io::{BufRead, BufReader, ErrorKind, Read};

use crate::json::RECORD;
use crate::separator::Separator;

/// How values are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    separator: Separator,
    has_quotes: bool,
}

impl Dialect {
    /// `.csv` by [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180): a value between quotes may have
    /// commas, ends of lines and doubled quotes in it.
    pub(crate) const COMMAS: Self = Self { separator: Separator(b','), has_quotes: true };
    /// `.tsv` [as registered](https://www.iana.org/assignments/media-types/text/tab-separated-values):
    /// a quote is a character like any other, and no value has a tab or an end of line in it.
    pub(crate) const TABS: Self = Self { separator: Separator(b'\t'), has_quotes: false };

    /// The same with another separator, where one is given.
    pub(crate) fn separated_by(self, separator: Option<Separator>) -> Self {
        Self { separator: separator.unwrap_or(self.separator), ..self }
    }
}

/// Columns of a table at most.
const COLUMNS: usize = 10_000;

/// Why a table cannot be read on.
#[derive(Debug)]
pub(crate) enum TableError {
    Io(std::io::Error),
    /// What is wrong in which line.
    Wrong(u64, String),
}

/// How the lines of a table end, told by the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnd {
    /// No line was read yet.
    Unknown,
    /// `\n` or `\r\n`; a `\r` elsewhere is a character like any other.
    Newline,
    /// `\r`, as on old Macs, and then the others too.
    Return,
}

/// The rows of a table, read one by one.
pub(crate) struct Table<R> {
    reader: BufReader<R>,
    dialect: Dialect,
    line_end: LineEnd,
    names: Vec<String>,
    /// Lines read so far.
    line: u64,
}

/// The values of a row, as many as there are names, and the line in which it begins.
pub(crate) type Row = (u64, Vec<Vec<u8>>);

impl<R: Read> Table<R> {
    /// Reads the names, without the white space around them. Two columns of one name are refused.
    pub(crate) fn open(reader: R, dialect: Dialect) -> Result<Self, TableError> {
        let reader = BufReader::with_capacity(1 << 18, reader);
        let line_end = LineEnd::Unknown;
        let mut table = Self { reader, dialect, line_end, names: Vec::new(), line: 0 };
        let Some((line, values)) = table.read_row(COLUMNS)? else { return Ok(table) };
        if values.len() > COLUMNS {
            let reason = format!("more than {COLUMNS} names: is this a table?");
            return Err(TableError::Wrong(line, reason));
        }
        for value in values {
            let name = String::from_utf8(value).map_err(|error| {
                let at = error.utf8_error().valid_up_to();
                TableError::Wrong(line, format!("invalid UTF-8 at byte {at} of a name"))
            })?;
            let name = name.trim_start_matches('\u{feff}').trim();
            if !name.is_empty() && table.names.iter().any(|other| other == name) {
                let reason =
                    format!("two columns are named {name:?}: expected one, rename the other");
                return Err(TableError::Wrong(line, reason));
            }
            table.names.push(name.to_owned());
        }
        Ok(table)
    }

    /// The names of the columns; none where the table is empty.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The next row that is not blank.
    pub(crate) fn next_row(&mut self) -> Result<Option<Row>, TableError> {
        let expected = self.names.len();
        let Some((line, values)) = self.read_row(expected)? else { return Ok(None) };
        if values.len() == expected {
            return Ok(Some((line, values)));
        }
        let found = match values.len() {
            number if number > expected => format!("more values than the {expected}"),
            number => format!("{number} values instead of the {expected}"),
        };
        Err(TableError::Wrong(line, format!("{found} that the first line names")))
    }

    /// The next row that is not blank, of which no more than `most` values and one are kept.
    fn read_row(&mut self, most: usize) -> Result<Option<Row>, TableError> {
        let mut row = Building::new(self.dialect, most);
        let (mut line, mut bytes, mut begin) = (Vec::new(), 0, self.line + 1);
        loop {
            let left = RECORD.bytes().saturating_sub(bytes) + 1;
            self.read_line(&mut line, left).map_err(TableError::Io)?;
            if line.is_empty() {
                return match row.opened {
                    _ if bytes == 0 => Ok(None),
                    Some(opened) => Err(TableError::Wrong(opened, UNCLOSED.to_owned())),
                    None => Ok(Some((begin, row.values))),
                };
            }
            self.line += 1;
            bytes += line.len() as u64;
            if bytes > RECORD.bytes() {
                let limit = RECORD.bytes();
                let reason = format!("a row of more than {limit} bytes: is a quote left open?");
                return Err(TableError::Wrong(row.opened.unwrap_or(begin), reason));
            }
            let is_blank =
                line.trim_ascii().is_empty() && !line.contains(&self.dialect.separator.0);
            if row.opened.is_none() && is_blank {
                (begin, bytes) = (self.line + 1, 0);
                continue;
            }
            row.push_line(&line, self.line)?;
            if row.opened.is_none() {
                return Ok(Some((begin, row.values)));
            }
        }
    }
}

impl<R: Read> Table<R> {
    /// Reads a line with its end, or `most` bytes of it; nothing where there is no more.
    fn read_line(&mut self, line: &mut Vec<u8>, most: u64) -> std::io::Result<()> {
        line.clear();
        if self.line_end == LineEnd::Newline {
            return (&mut self.reader).take(most).read_until(b'\n', line).map(drop);
        }
        let mut at_end = false;
        while !at_end && (line.len() as u64) < most {
            let block = match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                block => block?,
            };
            let end = block.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let length = end.map_or(block.len(), |at| at + 1);
            at_end = end.is_some() || block.is_empty();
            line.extend_from_slice(&block[..length]);
            self.reader.consume(length);
        }
        if line.ends_with(b"\r") && self.reader.fill_buf()?.starts_with(b"\n") {
            line.push(b'\n');
            self.reader.consume(1);
        }
        self.line_end = match (self.line_end, &line[..]) {
            (LineEnd::Unknown, [.., b'\n']) => LineEnd::Newline,
            (LineEnd::Unknown, [.., b'\r']) => LineEnd::Return,
            (known, _) => known,
        };
        Ok(())
    }
}

const UNCLOSED: &str = "the quote that opens a value here is never closed: double the quotes inside \
                        values, or save the table as .tsv, which has no quoting";

/// A row that is being read.
struct Building {
    dialect: Dialect,
    most: usize,
    values: Vec<Vec<u8>>,
    /// The line of the quote that is open.
    opened: Option<u64>,
}

/// Where in a value the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Start,
    Plain,
    Quoted,
    /// After a quote that closes the value, or is the first of a doubled one.
    Closed,
}

impl Building {
    fn new(dialect: Dialect, most: usize) -> Self {
        Self { dialect, most, values: Vec::new(), opened: None }
    }

    /// Adds a line with its end, whose number is `number`.
    fn push_line(&mut self, line: &[u8], number: u64) -> Result<(), TableError> {
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        let (mut value, mut within) = match self.opened {
            Some(_) => (self.values.pop().unwrap_or_default(), Within::Quoted),
            None => (Vec::new(), Within::Start),
        };
        let Dialect { separator: Separator(separator), has_quotes } = self.dialect;
        for &byte in content {
            let is_quote = has_quotes && byte == b'"';
            within = match within {
                Within::Start if is_quote => {
                    self.opened = Some(number);
                    Within::Quoted
                }
                Within::Quoted if is_quote => Within::Closed,
                Within::Closed if is_quote => {
                    value.push(byte);
                    Within::Quoted
                }
                Within::Start | Within::Plain | Within::Closed if byte == separator => {
                    self.opened = None;
                    self.push_value(std::mem::take(&mut value));
                    Within::Start
                }
                Within::Closed => return Err(self.after_a_quote(number)),
                Within::Quoted => {
                    value.push(byte);
                    Within::Quoted
                }
                Within::Start | Within::Plain => {
                    value.push(byte);
                    Within::Plain
                }
            };
        }
        if within == Within::Quoted {
            value.extend_from_slice(&line[content.len()..]);
        } else {
            self.opened = None;
        }
        self.push_value(value);
        Ok(())
    }

    fn push_value(&mut self, value: Vec<u8>) {
        if self.values.len() <= self.most {
            self.values.push(value);
        }
    }

    fn after_a_quote(&self, number: u64) -> TableError {
        let reason = format!(
            "the value that a quote opens here is closed by one in line {number} with text after it, \
             not {:?}: double the quotes inside values, or save the table as .tsv, which has no \
             quoting",
            self.dialect.separator.to_string()
        );
        TableError::Wrong(self.opened.unwrap_or(number), reason)
    }
}

#[cfg(test)]
mod tests;
