//! Records in JSON: an object on each line, or a list of objects.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use minigpt_files::Limit;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::DataError;
use crate::files::read_error;
use crate::quote::listed;
use crate::text::BadBytes;

/// The longest record: the longest books have a tenth of it.
pub(crate) const RECORD: Limit = Limit::new(64 << 20, "a record");

/// The longest JSON list. It is in memory as a whole, which JSON lines are not.
const LIST: Limit =
    Limit::new(512 << 20, "a JSON list, which is read as a whole: make it JSON lines (.jsonl)");

/// Takes a record, and the line in which it begins, counted from 1.
pub(crate) type RecordSink<'s> = dyn FnMut(u64, &[u8]) -> Result<(), DataError> + 's;

/// Gives each line that is not blank.
pub(crate) fn visit_lines(
    name: &Path,
    reader: impl Read,
    sink: &mut RecordSink<'_>,
) -> Result<(), DataError> {
    let mut lines = BufReader::with_capacity(1 << 18, reader);
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        number += 1;
        let mut bounded = (&mut lines).take(RECORD.bytes() + 1);
        if bounded.read_until(b'\n', &mut line).map_err(|error| read_error(name, error))? == 0 {
            return Ok(());
        }
        if line.len() as u64 > RECORD.bytes() {
            let place = format!("{}, line {number}", name.display());
            return Err(DataError::Io(RECORD.exceeded(place)));
        }
        let json = match number {
            1 => line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line),
            _ => &line,
        };
        if !json.trim_ascii().is_empty() {
            sink(number, json)?;
        }
    }
}

/// Gives each object of a list, or each line where the text does not begin with `[`. `wrong` makes an
/// error of a line and what is wrong there.
pub(crate) fn visit_list_or_lines(
    name: &Path,
    reader: impl Read,
    bad_bytes: BadBytes,
    wrong: &dyn Fn(u64, String) -> DataError,
    sink: &mut RecordSink<'_>,
) -> Result<(), DataError> {
    let mut reader = BufReader::with_capacity(1 << 18, reader);
    let start = reader.fill_buf().map_err(|error| read_error(name, error))?;
    let start = start.strip_prefix("\u{feff}".as_bytes()).unwrap_or(start);
    if !start.trim_ascii_start().starts_with(b"[") {
        return visit_lines(name, reader, sink);
    }
    let mut json = Vec::new();
    let mut bounded = minigpt_files::Bounded::new(reader, LIST, name.display());
    bounded.read_to_end(&mut json).map_err(|error| read_error(name, error))?;
    let text = match (bad_bytes, std::str::from_utf8(&json)) {
        (_, Ok(text)) => Cow::Borrowed(text),
        (BadBytes::Replace, Err(_)) => String::from_utf8_lossy(&json),
        (BadBytes::Refuse, Err(error)) => {
            let at = error.valid_up_to();
            let line = 1 + json[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
            return Err(wrong(line, format!("invalid UTF-8 at byte {at} of the file")));
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    visit_list(&mended(text, bad_bytes), wrong, sink)
}

/// Gives each value of a list.
fn visit_list(
    text: &str,
    wrong: &dyn Fn(u64, String) -> DataError,
    sink: &mut RecordSink<'_>,
) -> Result<(), DataError> {
    let mut at = Place { text, offset: 0, line: 1 };
    at.pass('[');
    while !at.pass(']') {
        let mut values = serde_json::Deserializer::from_str(at.rest()).into_iter::<IgnoredAny>();
        match values.next() {
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                let line = at.line + error.line() as u64 - 1;
                return Err(wrong(line, without_place(&error)));
            }
            None => return Err(wrong(at.line, "the list has no end: expected `]`".to_owned())),
        }
        let length = values.byte_offset();
        sink(at.line, &at.rest().as_bytes()[..length])?;
        at.advance(length);
        if !at.pass(',') && !at.rest().starts_with(']') {
            let reason = "expected `,` or `]` after an object of the list";
            return Err(wrong(at.line, reason.to_owned()));
        }
    }
    match at.rest() {
        "" => Ok(()),
        _ => Err(wrong(at.line, "expected nothing after the list's `]`".to_owned())),
    }
}

/// A place in a text, with its line.
struct Place<'a> {
    text: &'a str,
    offset: usize,
    line: u64,
}

impl<'a> Place<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.offset..]
    }

    fn advance(&mut self, bytes: usize) {
        let passed = &self.rest()[..bytes];
        self.line += passed.matches('\n').count() as u64;
        self.offset += bytes;
    }

    /// Passes over white space, then over `expected`, if that is what comes, and white space again.
    fn pass(&mut self, expected: char) -> bool {
        self.pass_blanks();
        let is_there = self.rest().starts_with(expected);
        if is_there {
            self.advance(expected.len_utf8());
            self.pass_blanks();
        }
        is_there
    }

    fn pass_blanks(&mut self) {
        let rest = self.rest();
        self.advance(rest.len() - rest.trim_start().len());
    }
}

/// The string in a field of a JSON object; `None` where it is null or NaN. The error is what is wrong
/// with the record.
pub(crate) fn text_of_record(
    json: &[u8],
    field: &str,
    bad_bytes: BadBytes,
) -> Result<Option<String>, String> {
    let json = as_text(json, bad_bytes)?;
    let read = |json: &str| {
        let mut reader = serde_json::Deserializer::from_str(json);
        let value = Reading { field: Some(field) }.deserialize(&mut reader)?;
        reader.end().map(|()| value)
    };
    let (found, names) = match parsed(&json, bad_bytes, read)? {
        Shallow::Object { found, names } => (found, names),
        other => return Err(format!("{} instead of an object", other.kind())),
    };
    match found.map(|found| *found) {
        Some(Shallow::Text(text)) => Ok(Some(text)),
        Some(Shallow::Null) => Ok(None),
        Some(other) => Err(format!("{field:?} is {}", other.kind())),
        None => Err(format!("no field {field:?} among {}", listed(names))),
    }
}

/// All fields of a JSON object. The error is what is wrong with the record.
pub(crate) fn object_of_record(
    json: &[u8],
    bad_bytes: BadBytes,
) -> Result<Map<String, Value>, String> {
    let json = as_text(json, bad_bytes)?;
    match parsed(&json, bad_bytes, |json| serde_json::from_str(json))? {
        Value::Object(fields) => Ok(fields),
        other => Err(format!("{} instead of an object", kind_of(&other))),
    }
}

fn as_text(json: &[u8], bad_bytes: BadBytes) -> Result<Cow<'_, str>, String> {
    match bad_bytes {
        BadBytes::Replace => Ok(String::from_utf8_lossy(json)),
        BadBytes::Refuse => std::str::from_utf8(json)
            .map(Cow::Borrowed)
            .map_err(|error| format!("invalid UTF-8 at byte {}", error.valid_up_to())),
    }
}

/// What `read` makes of the text, or of the text mended.
fn parsed<T>(
    json: &str,
    bad_bytes: BadBytes,
    read: impl Fn(&str) -> serde_json::Result<T>,
) -> Result<T, String> {
    let error = match read(json) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    // What serde_json says of a line that is no record at all is of no use.
    if let Some(first) = json.trim_start().chars().next().filter(|first| !"{[".contains(*first)) {
        return Err(format!("no JSON object: it begins with {first:?} instead of '{{'"));
    }
    match mended(json, bad_bytes) {
        Cow::Borrowed(_) => Err(in_words(&error)),
        Cow::Owned(mended) => read(&mended).map_err(|error| in_words(&error)),
    }
}

/// The text without what Python's `json` writes and JSON does not have: NaN and infinities outside of
/// strings become null. Where bad bytes are replaced, a half of a surrogate pair becomes U+FFFD.
fn mended(json: &str, bad_bytes: BadBytes) -> Cow<'_, str> {
    let (mut mended, mut given) = (String::new(), 0);
    let (mut at, mut in_string) = (0, false);
    while at < json.len() {
        let rest = &json.as_bytes()[at..];
        let (length, replacement) = match rest[0] {
            b'"' => {
                in_string = !in_string;
                (1, None)
            }
            b'\\' if in_string => escape(rest, bad_bytes),
            b'N' | b'I' | b'-' if !in_string => {
                let mut names = ["NaN", "Infinity", "-Infinity"].into_iter();
                let name = names.find(|name| rest.starts_with(name.as_bytes()));
                name.map_or((1, None), |name| (name.len(), Some("null")))
            }
            _ => (1, None),
        };
        if let Some(replacement) = replacement {
            mended.push_str(&json[given..at]);
            mended.push_str(replacement);
            given = at + length;
        }
        at += length;
    }
    if given == 0 {
        return Cow::Borrowed(json);
    }
    mended.push_str(&json[given..]);
    Cow::Owned(mended)
}

/// The length of the escape that `rest` begins with, and what stands for it where it is half a pair.
fn escape(rest: &[u8], bad_bytes: BadBytes) -> (usize, Option<&'static str>) {
    let unit = |from: usize| {
        let digits = rest.get(from..from + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    match (unit(0), unit(6)) {
        (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, None),
        (Some(0xd800..=0xdfff), _) if bad_bytes == BadBytes::Replace => (6, Some("\\ufffd")),
        (Some(_), _) => (6, None),
        // The byte after it may be the first of a character: its others are passed one by one.
        (None, _) => (2, None),
    }
}

/// What serde_json says of a record, whose lines it counts from the record's first.
fn in_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line 1 column ") {
        Some((reason, column)) => format!("{reason} at column {column}"),
        None => without_place(error),
    }
}

fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value of which only the one text that is wanted is kept: all else costs no memory.
enum Shallow {
    Text(String),
    /// Of this kind.
    Other(&'static str),
    Null,
    Object {
        /// The value of the field that was asked for.
        found: Option<Box<Shallow>>,
        /// The names of the first others.
        names: Vec<String>,
    },
}

/// Names of fields that an error lists at most.
const LISTED: usize = 50;

/// Reads a value, and of an object the field of this name, where one is asked for.
struct Reading<'f> {
    field: Option<&'f str>,
}

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = Shallow;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shallow, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = Shallow;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Shallow, E> {
        Ok(Shallow::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Shallow, E> {
        Ok(Shallow::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shallow, E> {
        Ok(Shallow::Other("true or false"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shallow, E> {
        Ok(Shallow::Other("a number"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shallow, E> {
        Ok(Shallow::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shallow, E> {
        Ok(Shallow::Other("a number"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shallow, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Shallow::Other("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shallow, A::Error> {
        let (mut found, mut names) = (None, Vec::new());
        while let Some(name) = map.next_key::<String>()? {
            if self.field == Some(&name) {
                // Of two fields with one name the last counts, as in Python.
                found = Some(Box::new(map.next_value_seed(Reading { field: None })?));
                continue;
            }
            map.next_value::<IgnoredAny>()?;
            if names.len() < LISTED {
                names.push(name);
            }
        }
        Ok(Shallow::Object { found, names })
    }
}

impl Shallow {
    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Other(kind) => kind,
            Self::Null => "null",
            Self::Object { .. } => "an object",
        }
    }
}
