//! Values of a file's metadata.

#[cfg(test)]
mod tests;

use std::fmt;

use minigpt_files::excerpt;

use crate::cursor::Cursor;

/// How deep arrays lie in arrays. The format sets no limit, and llama.cpp reads none in another.
const MAX_DEPTH: usize = 4;

/// The format's number for arrays.
const ARRAY: u32 = 9;

/// What a value of one kind takes in a file.
trait Plain: Sized {
    /// Bytes that it takes at least.
    const LEAST: usize;
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, String>;
    fn write(&self, out: &mut Vec<u8>);
    fn shown(&self) -> String;
}

/// The kinds of values but arrays: number in the format, name, Rust's type.
macro_rules! kinds {
    ($($number:literal $name:ident($type:ty) $word:literal;)*) => {
        /// A value of metadata, of one of the format's kinds.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Value {
            $(#[doc = concat!("`", $word, "`")] $name($type),)*
            /// `array`, of values of one kind.
            Array(Array),
        }

        /// An array of metadata: values of one kind, or arrays.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Array {
            $(#[doc = concat!("Of `", $word, "`")] $name(Vec<$type>),)*
            /// Of arrays, each of a kind of its own.
            Array(Vec<Array>),
        }

        impl Value {
            /// The format's number for the kind.
            fn kind(&self) -> u32 {
                match self {
                    $(Self::$name(_) => $number,)*
                    Self::Array(_) => ARRAY,
                }
            }

            fn read_kind(kind: u32, cursor: &mut Cursor<'_>) -> Result<Self, String> {
                Ok(match kind {
                    $($number => Self::$name(<$type>::read(cursor)?),)*
                    ARRAY => Self::Array(Array::read(cursor, 1)?),
                    _ => return Err(unknown_kind(kind)),
                })
            }

            fn write_value(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name(value) => value.write(out),)*
                    Self::Array(array) => array.write(out),
                }
            }

            /// Kind and value, for a message.
            pub(crate) fn shown(&self) -> String {
                match self {
                    $(Self::$name(value) => format!(concat!($word, " {}"), value.shown()),)*
                    Self::Array(array) => format!("array of {} {}", array.len(), array.kind_name()),
                }
            }
        }

        impl Array {
            /// The number of values.
            #[must_use]
            pub fn len(&self) -> usize {
                match self {
                    $(Self::$name(values) => values.len(),)*
                    Self::Array(values) => values.len(),
                }
            }

            /// The format's number for the values' kind.
            fn kind(&self) -> u32 {
                match self {
                    $(Self::$name(_) => $number,)*
                    Self::Array(_) => ARRAY,
                }
            }

            fn kind_name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $word,)*
                    Self::Array(_) => "array",
                }
            }

            fn read(cursor: &mut Cursor<'_>, depth: usize) -> Result<Self, String> {
                Ok(match cursor.u32()? {
                    $($number => Self::$name(read_plain(cursor)?),)*
                    ARRAY => Self::Array(read_arrays(cursor, depth)?),
                    kind => return Err(unknown_kind(kind)),
                })
            }

            fn write(&self, out: &mut Vec<u8>) {
                out.extend(self.kind().to_le_bytes());
                out.extend((self.len() as u64).to_le_bytes());
                match self {
                    $(Self::$name(values) => values.iter().for_each(|value| value.write(out)),)*
                    Self::Array(arrays) => arrays.iter().for_each(|array| array.write(out)),
                }
            }
        }

        $(impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$name(value)
            }
        }

        impl From<Vec<$type>> for Value {
            fn from(values: Vec<$type>) -> Self {
                Self::Array(Array::$name(values))
            }
        })*
    };
}

kinds! {
    0 U8(u8) "uint8";
    1 I8(i8) "int8";
    2 U16(u16) "uint16";
    3 I16(i16) "int16";
    4 U32(u32) "uint32";
    5 I32(i32) "int32";
    6 F32(f32) "float32";
    7 Bool(bool) "bool";
    8 String(String) "string";
    10 U64(u64) "uint64";
    11 I64(i64) "int64";
    12 F64(f64) "float64";
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl Value {
    /// Reads a kind and a value of it.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        let kind = cursor.u32()?;
        Self::read_kind(kind, cursor)
    }

    /// Writes the kind and the value.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.kind().to_le_bytes());
        self.write_value(out);
    }

    /// The value of an integer of any width.
    pub(crate) fn integer(&self) -> Option<i128> {
        Some(match *self {
            Self::U8(value) => value.into(),
            Self::I8(value) => value.into(),
            Self::U16(value) => value.into(),
            Self::I16(value) => value.into(),
            Self::U32(value) => value.into(),
            Self::I32(value) => value.into(),
            Self::U64(value) => value.into(),
            Self::I64(value) => value.into(),
            _ => return None,
        })
    }
}

impl Array {
    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values of integers of any width, where all are within 64 bits.
    pub(crate) fn integers(&self) -> Option<Vec<i64>> {
        fn widened<T: Copy + TryInto<i64>>(values: &[T]) -> Option<Vec<i64>> {
            values.iter().map(|value| (*value).try_into().ok()).collect()
        }
        match self {
            Self::U8(values) => widened(values),
            Self::I8(values) => widened(values),
            Self::U16(values) => widened(values),
            Self::I16(values) => widened(values),
            Self::U32(values) => widened(values),
            Self::I32(values) => widened(values),
            Self::U64(values) => widened(values),
            Self::I64(values) => widened(values),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    /// Kind and value, in one short line.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.shown())
    }
}

fn unknown_kind(kind: u32) -> String {
    format!("it has a value of kind {kind}; the format knows 0 to 12")
}

fn read_plain<T: Plain>(cursor: &mut Cursor<'_>) -> Result<Vec<T>, String> {
    let count = cursor.count(T::LEAST, "values of an array")?;
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        values.push(T::read(cursor)?);
    }
    Ok(values)
}

fn read_arrays(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<Array>, String> {
    if depth == MAX_DEPTH {
        return Err(format!("it has arrays in arrays, more than {MAX_DEPTH} deep"));
    }
    // Each has at least its kind and its length.
    let count = cursor.count(4 + 8, "arrays in an array")?;
    let mut arrays = Vec::with_capacity(count);
    for _ in 0..count {
        arrays.push(Array::read(cursor, depth + 1)?);
    }
    Ok(arrays)
}

macro_rules! plain_numbers {
    ($($type:ty)*) => {
        $(impl Plain for $type {
            const LEAST: usize = size_of::<$type>();

            fn read(cursor: &mut Cursor<'_>) -> Result<Self, String> {
                cursor.array().map(Self::from_le_bytes)
            }

            fn write(&self, out: &mut Vec<u8>) {
                out.extend(self.to_le_bytes());
            }

            fn shown(&self) -> String {
                self.to_string()
            }
        })*
    };
}

plain_numbers!(u8 i8 u16 i16 u32 i32 f32 u64 i64 f64);

impl Plain for bool {
    const LEAST: usize = 1;

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        let at = cursor.position();
        match cursor.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(format!("the bool at byte {at} is {other}; expected 0 or 1")),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Plain for String {
    /// The length.
    const LEAST: usize = 8;

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        cursor.string().map(str::to_owned)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_string(self, out);
    }

    fn shown(&self) -> String {
        format!("\"{}\"", excerpt(self))
    }
}

/// Writes the length in bytes and the text.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// The number that a 32-bit float was written for: the shortest decimal one that is rounded to it.
///
/// ```
/// assert_eq!(minigpt_gguf::decimal(1e-5_f32), 1e-5_f64);
/// ```
#[must_use]
pub fn decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}
