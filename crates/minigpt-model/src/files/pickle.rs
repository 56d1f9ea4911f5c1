//! As much of Python's pickle as `torch.save` writes for a dictionary of tensors, and no more.
//!
//! A pickle is a program for a stack machine that can call anything in Python. This machine knows the
//! three calls that make tensors and dictionaries; the name of any other is an error, so that a file
//! with code in it is refused, and nothing of it is run. No opcode copies an object: memory grows by the
//! bytes of the pickle and by a bounded number for each of its opcodes.

mod object;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use minigpt_files::excerpt;

use object::{Global, Storage, known};
pub(crate) use object::{Id, Object, Pickle, View};

/// The opcodes of protocol 2, by their names in Python's `pickletools`.
mod op {
    pub(super) const PROTO: u8 = 0x80;
    pub(super) const STOP: u8 = b'.';
    pub(super) const MARK: u8 = b'(';
    pub(super) const EMPTY_DICT: u8 = b'}';
    pub(super) const EMPTY_LIST: u8 = b']';
    pub(super) const EMPTY_TUPLE: u8 = b')';
    pub(super) const TUPLE: u8 = b't';
    pub(super) const TUPLE1: u8 = 0x85;
    pub(super) const TUPLE3: u8 = 0x87;
    pub(super) const APPEND: u8 = b'a';
    pub(super) const APPENDS: u8 = b'e';
    pub(super) const SETITEM: u8 = b's';
    pub(super) const SETITEMS: u8 = b'u';
    pub(super) const NONE: u8 = b'N';
    pub(super) const NEWTRUE: u8 = 0x88;
    pub(super) const NEWFALSE: u8 = 0x89;
    pub(super) const BININT: u8 = b'J';
    pub(super) const BININT1: u8 = b'K';
    pub(super) const BININT2: u8 = b'M';
    pub(super) const LONG1: u8 = 0x8a;
    pub(super) const BINFLOAT: u8 = b'G';
    pub(super) const BINUNICODE: u8 = b'X';
    pub(super) const BINPUT: u8 = b'q';
    pub(super) const LONG_BINPUT: u8 = b'r';
    pub(super) const BINGET: u8 = b'h';
    pub(super) const LONG_BINGET: u8 = b'j';
    pub(super) const GLOBAL: u8 = b'c';
    pub(super) const REDUCE: u8 = b'R';
    pub(super) const BUILD: u8 = b'b';
    pub(super) const BINPERSID: u8 = b'Q';
}

/// Most dimensions of a tensor. GPT-2's have two, the causal masks of old versions four.
const MAX_DIMENSIONS: usize = 8;

/// The longest text. The names of tensors have fewer than a hundred bytes, and each may be compared with
/// many others.
const MAX_TEXT: usize = 1 << 12;

/// Why a pickle is not read.
#[derive(Debug, PartialEq)]
pub(crate) enum PickleError {
    /// It wants something of Python that has nothing to do with tensors.
    Code(String),
    /// It is damaged, or not written by `torch.save`.
    Damaged(String),
}

/// Reads a pickle from the start of `bytes`, which are left at what follows it.
pub(crate) fn read(bytes: &mut &[u8]) -> Result<Pickle, PickleError> {
    let mut machine = Machine {
        bytes,
        objects: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    while machine.step()? {}
    let root = machine.pop()?;
    Ok(Pickle { objects: machine.objects, root })
}

fn damaged<T>(reason: impl Into<String>) -> Result<T, PickleError> {
    Err(PickleError::Damaged(reason.into()))
}

struct Machine<'b, 'a> {
    bytes: &'b mut &'a [u8],
    objects: Vec<Object>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'_, 'a> {
    /// Obeys one opcode; false after the last.
    fn step(&mut self) -> Result<bool, PickleError> {
        match self.number(1)? as u8 {
            op::STOP => return Ok(false),
            op::PROTO => match self.number(1)? {
                2 => {}
                protocol => return damaged(format!("its pickle has protocol {protocol}, not 2")),
            },
            op::MARK => self.marks.push(self.stack.len()),
            op::NONE => self.push(Object::Other),
            op::NEWTRUE => self.push(Object::Bool(true)),
            op::NEWFALSE => self.push(Object::Bool(false)),
            op::BININT => {
                let value = self.number(4)? as u32 as i32;
                self.push(Object::Int(value.into()));
            }
            op::BININT1 => self.push_int(1)?,
            op::BININT2 => self.push_int(2)?,
            op::LONG1 => self.long()?,
            op::BINFLOAT => {
                // The only number with its highest byte first.
                let bits = self.number(8)?.swap_bytes();
                self.push(Object::Float(f64::from_bits(bits)));
            }
            op::BINUNICODE => self.text()?,
            op::EMPTY_DICT => self.push(Object::Dict(Vec::new())),
            op::EMPTY_LIST | op::EMPTY_TUPLE => self.push(Object::Sequence(Vec::new())),
            op::TUPLE => {
                let items = self.pop_to_mark()?;
                self.push(Object::Sequence(items));
            }
            length @ op::TUPLE1..=op::TUPLE3 => {
                let length = usize::from(length - op::TUPLE1) + 1;
                let Some(start) = self.stack.len().checked_sub(length) else {
                    return damaged("its pickle takes more than it has");
                };
                let items = self.stack.split_off(start);
                self.push(Object::Sequence(items));
            }
            op::APPEND => self.marked(1, Self::append)?,
            op::APPENDS => self.append()?,
            op::SETITEM => self.marked(2, Self::set_items)?,
            op::SETITEMS => self.set_items()?,
            op::BINPUT => self.put(1)?,
            op::LONG_BINPUT => self.put(4)?,
            op::BINGET => self.get(1)?,
            op::LONG_BINGET => self.get(4)?,
            op::GLOBAL => self.global()?,
            op::REDUCE => self.reduce()?,
            op::BUILD => {
                // The version numbers of modules, and nothing else.
                self.pop()?;
            }
            op::BINPERSID => self.storage()?,
            other => return damaged(format!("its pickle has opcode {other:#04x}")),
        }
        Ok(true)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], PickleError> {
        match self.bytes.split_at_checked(length) {
            Some((taken, rest)) => {
                *self.bytes = rest;
                Ok(taken)
            }
            None => damaged("its pickle ends too early"),
        }
    }

    fn line(&mut self) -> Result<&'a [u8], PickleError> {
        match self.bytes.iter().position(|byte| *byte == b'\n') {
            Some(end) => Ok(&self.take(end + 1)?[..end]),
            None => damaged("its pickle ends too early"),
        }
    }

    /// An unsigned number of up to eight bytes, the lowest first.
    fn number(&mut self, length: usize) -> Result<u64, PickleError> {
        let bytes = self.take(length)?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn push(&mut self, object: Object) {
        self.stack.push(self.objects.len());
        self.objects.push(object);
    }

    fn pop(&mut self) -> Result<Id, PickleError> {
        self.stack.pop().map_or_else(|| damaged("its pickle takes more than it has"), Ok)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        match self.marks.pop().filter(|mark| *mark <= self.stack.len()) {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => damaged("its pickle takes more than it has"),
        }
    }

    /// Does to the last `length` objects what `operation` does to those after a mark.
    fn marked(
        &mut self,
        length: usize,
        operation: fn(&mut Self) -> Result<(), PickleError>,
    ) -> Result<(), PickleError> {
        self.marks.push(self.stack.len().saturating_sub(length));
        operation(self)
    }

    fn push_int(&mut self, length: usize) -> Result<(), PickleError> {
        let value = self.number(length)?;
        self.push(Object::Int(value as i64));
        Ok(())
    }

    /// A whole number of any length; those longer than eight bytes are of no use here.
    fn long(&mut self) -> Result<(), PickleError> {
        let length = self.number(1)? as usize;
        let bytes = self.take(length)?;
        let is_negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
        let mut all = [if is_negative { 0xff } else { 0 }; 8];
        self.push(if length <= 8 {
            all[..length].copy_from_slice(bytes);
            Object::Int(i64::from_le_bytes(all))
        } else {
            Object::Other
        });
        Ok(())
    }

    fn text(&mut self) -> Result<(), PickleError> {
        let length = self.number(4)? as usize;
        if length > MAX_TEXT {
            return damaged(format!("its pickle claims a text of {length} bytes"));
        }
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.push(Object::Text(text));
        Ok(())
    }

    fn put(&mut self, length: usize) -> Result<(), PickleError> {
        let key = self.number(length)? as u32;
        let id = self.pop()?;
        self.stack.push(id);
        self.memo.insert(key, id);
        Ok(())
    }

    fn get(&mut self, length: usize) -> Result<(), PickleError> {
        let key = self.number(length)? as u32;
        match self.memo.get(&key) {
            Some(id) => self.stack.push(*id),
            None => return damaged(format!("its pickle remembers nothing as {key}")),
        }
        Ok(())
    }

    fn append(&mut self) -> Result<(), PickleError> {
        let items = self.pop_to_mark()?;
        match self.stack.last().map(|id| &mut self.objects[*id]) {
            Some(Object::Sequence(list)) => list.extend(items),
            _ => return damaged("its pickle appends to no list"),
        }
        Ok(())
    }

    fn set_items(&mut self) -> Result<(), PickleError> {
        let items = self.pop_to_mark()?;
        match self.stack.last().map(|id| &mut self.objects[*id]) {
            Some(Object::Dict(dict)) => {
                dict.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            }
            _ => return damaged("its pickle sets items of no dictionary"),
        }
        Ok(())
    }

    fn global(&mut self) -> Result<(), PickleError> {
        let module = String::from_utf8_lossy(self.line()?);
        let name = String::from_utf8_lossy(self.line()?);
        match known(&format!("{module} {name}")) {
            Some(global) => self.push(Object::Global(global)),
            None => return Err(PickleError::Code(excerpt(&format!("{module}.{name}")))),
        }
        Ok(())
    }

    fn reduce(&mut self) -> Result<(), PickleError> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let Object::Sequence(arguments) = &self.objects[arguments] else {
            return damaged("its pickle calls something without arguments");
        };
        let made = match (&self.objects[callable], &arguments[..]) {
            (Object::Global(Global::OrderedDict), []) => Object::Dict(Vec::new()),
            (Object::Global(Global::RebuildTensor), [storage, offset, shape, strides, ..]) => {
                self.view(*storage, *offset, *shape, *strides)?
            }
            // The tensor itself, under one more name.
            (Object::Global(Global::RebuildParameter), [tensor, ..]) => {
                self.stack.push(*tensor);
                return Ok(());
            }
            _ => return damaged("its pickle makes a tensor in a way that torch.save does not"),
        };
        self.push(made);
        Ok(())
    }

    fn view(&self, storage: Id, offset: Id, shape: Id, strides: Id) -> Result<Object, PickleError> {
        let Object::Storage(storage) = self.objects[storage] else {
            return damaged("it has a tensor without a storage");
        };
        let offset = self.size(offset)?;
        let (shape, strides) = (self.sizes(shape)?, self.sizes(strides)?);
        if shape.len() != strides.len() {
            return damaged("it has a tensor whose strides are not as many as its sizes");
        }
        Ok(Object::Tensor(View { storage, offset, shape, strides }))
    }

    fn sizes(&self, id: Id) -> Result<Vec<usize>, PickleError> {
        match &self.objects[id] {
            // A tuple can be named again and again, and must not be copied as often.
            Object::Sequence(sizes) if sizes.len() > MAX_DIMENSIONS => {
                damaged(format!("it has a tensor of {} dimensions", sizes.len()))
            }
            Object::Sequence(sizes) => sizes.iter().map(|size| self.size(*size)).collect(),
            _ => damaged("it has a tensor without a shape"),
        }
    }

    fn size(&self, id: Id) -> Result<usize, PickleError> {
        let size = match self.objects[id] {
            Object::Int(size) => usize::try_from(size).ok(),
            _ => None,
        };
        size.map_or_else(|| damaged("it has a tensor with an invalid size"), Ok)
    }

    /// `("storage", type, key, device, elements)`.
    fn storage(&mut self) -> Result<(), PickleError> {
        let id = self.pop()?;
        let Object::Sequence(parts) = &self.objects[id] else {
            return damaged("it has a nameless storage");
        };
        let storage = match parts[..] {
            [_, kind, key, _, _, ..] => match (&self.objects[kind], &self.objects[key]) {
                (Object::Global(Global::StorageOf(dtype)), Object::Text(_)) => {
                    Storage { dtype: *dtype, key }
                }
                _ => return damaged("it has a storage that torch.save does not write"),
            },
            _ => return damaged("it has a storage that torch.save does not write"),
        };
        self.push(Object::Storage(storage));
        Ok(())
    }
}
