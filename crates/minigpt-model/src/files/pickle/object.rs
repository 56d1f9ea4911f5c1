//! What a pickle makes: the few kinds of Python's objects that a file of tensors has.

use burn::tensor::DType;

/// Where an object is among the [`Pickle`]'s: objects hold each other by number, so that no depth of
/// nesting and no number of references costs anything.
pub(crate) type Id = usize;

/// A Python object.
#[derive(Debug, PartialEq)]
pub(crate) enum Object {
    /// `None`, or what is of no use here.
    Other,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
    /// A tuple or a list.
    Sequence(Vec<Id>),
    /// A dictionary, ordered or not.
    Dict(Vec<(Id, Id)>),
    /// One of the names in [`known`].
    Global(Global),
    /// A stretch of numbers in the file.
    Storage(Storage),
    /// A view of a storage.
    Tensor(View),
}

/// A name of Python's that a file of tensors needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    StorageOf(DType),
}

/// A stretch of numbers in the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Storage {
    pub(crate) dtype: DType,
    /// Its name in the file, a text.
    pub(crate) key: Id,
}

/// A tensor as a part of a storage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View {
    pub(crate) storage: Storage,
    /// The first number's place.
    pub(crate) offset: usize,
    /// Of at most [`MAX_DIMENSIONS`](super::MAX_DIMENSIONS).
    pub(crate) shape: Vec<usize>,
    /// As many as sizes.
    pub(crate) strides: Vec<usize>,
}

/// What a name of Python's stands for, if tensors need it.
pub(super) fn known(name: &str) -> Option<Global> {
    Some(match name {
        "collections OrderedDict" => Global::OrderedDict,
        "torch._utils _rebuild_tensor_v2" => Global::RebuildTensor,
        "torch._utils _rebuild_parameter" => Global::RebuildParameter,
        "torch FloatStorage" => Global::StorageOf(DType::F32),
        "torch DoubleStorage" => Global::StorageOf(DType::F64),
        "torch HalfStorage" => Global::StorageOf(DType::F16),
        "torch BFloat16Storage" => Global::StorageOf(DType::BF16),
        "torch LongStorage" => Global::StorageOf(DType::I64),
        "torch ByteStorage" | "torch BoolStorage" => Global::StorageOf(DType::U8),
        _ => return None,
    })
}

/// The objects that a pickle made, and the one that it is.
#[derive(Debug)]
pub(crate) struct Pickle {
    pub(crate) objects: Vec<Object>,
    pub(crate) root: Id,
}

impl Pickle {
    /// The text with that number, if it is one.
    pub(crate) fn text(&self, id: Id) -> Option<&str> {
        match &self.objects[id] {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }
}
