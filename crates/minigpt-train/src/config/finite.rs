//! Numbers that are NaN or infinite, wherever they stand in a value.

use std::fmt;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// The first number in `value` that is NaN or infinite, and its place, as `section.key`.
pub(crate) fn non_finite(value: &impl Serialize) -> Option<(String, f64)> {
    let mut walk = Walk::default();
    match value.serialize(&mut walk) {
        Err(Stop::Found(number)) => Some((walk.place.join("."), number)),
        Err(Stop::Other) | Ok(()) => None,
    }
}

/// Goes through a value as if to write it, and stops at the first such number.
#[derive(Default)]
struct Walk {
    /// Where it is.
    place: Vec<String>,
    /// The last text it saw, which may be a key.
    text: String,
}

#[derive(Debug)]
enum Stop {
    Found(f64),
    /// What cannot be written at all, whose error is for whoever writes it.
    Other,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped")
    }
}

impl std::error::Error for Stop {}

impl Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Other
    }
}

type Walked = Result<(), Stop>;

impl Walk {
    /// Goes through what stands below a name.
    fn below<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Walked {
        self.place.push(name.to_owned());
        value.serialize(&mut *self)?;
        self.place.pop();
        Ok(())
    }

    fn enter(&mut self, name: &str) -> &mut Self {
        self.place.push(name.to_owned());
        self
    }

    /// The end of parts that have no name of their own.
    fn stay(&self) -> Walked {
        Ok(())
    }

    fn leave(&mut self) -> Walked {
        self.place.pop();
        Ok(())
    }
}

macro_rules! nothing_to_see {
    ($($method:ident: $kind:ty),*) => {
        $(fn $method(self, _: $kind) -> Walked { Ok(()) })*
    };
}

impl Serializer for &mut Walk {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    nothing_to_see! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32,
        serialize_i64: i64, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
        serialize_u64: u64, serialize_char: char, serialize_bytes: &[u8],
        serialize_unit_struct: &'static str
    }

    fn serialize_f32(self, value: f32) -> Walked {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Walked {
        if value.is_finite() { Ok(()) } else { Err(Stop::Found(value)) }
    }

    fn serialize_str(self, value: &str) -> Walked {
        value.clone_into(&mut self.text);
        Ok(())
    }

    fn serialize_none(self) -> Walked {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Walked {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Walked {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Walked {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Walked {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Walked {
        self.below(variant, value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, Stop> {
        Ok(self.enter(variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, Stop> {
        Ok(self.enter(variant))
    }
}

/// Parts without names; `end` leaves the name of the variant that they are of.
macro_rules! unnamed_parts {
    ($($kind:ident, $method:ident, $end:ident;)*) => {
        $(impl $kind for &mut Walk {
            type Ok = ();
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Walked {
                value.serialize(&mut **self)
            }

            fn end(self) -> Walked {
                self.$end()
            }
        })*
    };
}

unnamed_parts! {
    SerializeSeq, serialize_element, stay;
    SerializeTuple, serialize_element, stay;
    SerializeTupleStruct, serialize_field, stay;
    SerializeTupleVariant, serialize_field, leave;
}

/// Parts with names.
macro_rules! named_parts {
    ($($kind:ident, $end:ident;)*) => {
        $(impl $kind for &mut Walk {
            type Ok = ();
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Walked {
                self.below(name, value)
            }

            fn end(self) -> Walked {
                self.$end()
            }
        })*
    };
}

named_parts! {
    SerializeStruct, stay;
    SerializeStructVariant, leave;
}

impl SerializeMap for &mut Walk {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Walked {
        key.serialize(&mut **self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Walked {
        let key = std::mem::take(&mut self.text);
        self.below(&key, value)
    }

    fn end(self) -> Walked {
        self.stay()
    }
}

#[cfg(test)]
mod tests;
