//! A file, opened and read.

use std::fmt;
use std::io::ErrorKind;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minigpt_files::excerpt;

use crate::ALIGNMENT_KEY;
use crate::cursor::Cursor;
use crate::error::GgufError;
use crate::metadata::{Metadata, alignment};
use crate::tensor::{MAX_DIMENSIONS, TensorInfo};
use crate::tensor_type::error::TensorError;
use crate::tensor_type::{TensorType, unread};

/// What a file begins with.
pub(crate) const MAGIC: [u8; 4] = *b"GGUF";

/// A GGUF file: its metadata and the table of its tensors in memory, the tensors where they are.
pub struct Gguf {
    path: PathBuf,
    bytes: Box<dyn Deref<Target = [u8]> + Send + Sync>,
    version: u32,
    metadata: Metadata,
    tensors: Vec<(TensorInfo, Range<usize>)>,
    /// Numbers of the tensors, in the order of their names.
    by_name: Vec<usize>,
}

/// A tensor of a file: its place in the mapped memory, whose values are decoded when they are read.
#[derive(Clone, Copy, Debug)]
pub struct Tensor<'a> {
    info: &'a TensorInfo,
    blocks: &'a [u8],
}

impl Gguf {
    /// Maps a file into memory and reads what stands before its tensors.
    ///
    /// # Errors
    /// [`GgufError::Missing`], [`GgufError::Io`], and for what is in the file [`GgufError::Format`],
    /// [`GgufError::Version`], [`GgufError::Damaged`], [`GgufError::Type`] and [`GgufError::Tensor`].
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        let bytes = minigpt_files::map(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => GgufError::Missing { path: path.to_owned() },
            _ => error.into(),
        })?;
        Self::from_bytes(path, bytes)
    }

    /// As [`Self::open`], of bytes that are called `path` in errors.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(
        path: &Path,
        bytes: impl Deref<Target = [u8]> + Send + Sync + 'static,
    ) -> Result<Self, GgufError> {
        let damaged = |reason| GgufError::Damaged { path: path.to_owned(), reason };
        let (version, mut cursor) = begin(path, &bytes)?;
        // A name, dimensions, type and place; a key and a value: with nothing in them.
        let tensors = cursor.count(8 + 4 + 4 + 8, "tensors").map_err(damaged)?;
        let keys = cursor.count(8 + 4 + 1, "metadata").map_err(damaged)?;
        let metadata = Metadata::read(path.to_owned(), &mut cursor, keys).map_err(damaged)?;
        let alignment = alignment(metadata.value(ALIGNMENT_KEY)).map_err(damaged)?;
        let infos: Result<Vec<_>, _> = (0..tensors).map(|_| info(path, &mut cursor)).collect();
        let infos = infos?;
        let by_name = by_name(&infos).map_err(damaged)?;
        let start = cursor.position().next_multiple_of(alignment);
        let place = |(info, offset)| {
            let range = range(&info, offset, start, alignment, bytes.len()).map_err(damaged)?;
            Ok((info, range))
        };
        let tensors: Result<_, GgufError> = infos.into_iter().map(place).collect();
        let tensors = tensors?;
        let path = path.to_owned();
        Ok(Self { path, bytes: Box::new(bytes), version, metadata, tensors, by_name })
    }

    /// The path that was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The format's version, 2 or 3.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// What the file says of its model.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// All tensors, in the order of the file's table. Nothing is read until [`Tensor::read`].
    #[must_use]
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = Tensor<'_>> {
        self.tensors.iter().map(|(info, range)| Tensor { info, blocks: &self.bytes[range.clone()] })
    }

    /// The tensor of this name, if there is one.
    #[must_use]
    pub fn find_tensor(&self, name: &str) -> Option<Tensor<'_>> {
        let name_of = |index: &usize| self.tensors[*index].0.name();
        let found = self.by_name.binary_search_by(|index| name_of(index).cmp(name)).ok()?;
        let (info, range) = &self.tensors[self.by_name[found]];
        Some(Tensor { info, blocks: &self.bytes[range.clone()] })
    }

    /// The tensor of this name, which must be there.
    ///
    /// # Errors
    /// [`GgufError::MissingTensor`].
    pub fn tensor(&self, name: &str) -> Result<Tensor<'_>, GgufError> {
        self.find_tensor(name).ok_or_else(|| GgufError::MissingTensor {
            path: self.path.clone(),
            name: name.to_owned(),
            count: self.tensors.len(),
        })
    }
}

/// The blocks of a tensor, with the file that they are in.
#[derive(Clone)]
pub struct SharedBlocks {
    file: Arc<Gguf>,
    range: Range<usize>,
}

impl Gguf {
    /// The blocks of the tensor of this name, which keep the file mapped while they live.
    ///
    /// # Errors
    /// [`GgufError::MissingTensor`].
    pub fn share_blocks(self: &Arc<Self>, name: &str) -> Result<SharedBlocks, GgufError> {
        let blocks = self.tensor(name)?.blocks;
        let start = blocks.as_ptr().addr() - self.bytes.as_ptr().addr();
        Ok(SharedBlocks { file: self.clone(), range: start..start + blocks.len() })
    }
}

impl Deref for SharedBlocks {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.file.bytes[self.range.clone()]
    }
}

impl fmt::Debug for SharedBlocks {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, range } = self;
        write!(out, "SharedBlocks({}, {range:?})", file.path.display())
    }
}

impl fmt::Debug for Gguf {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, version, tensors, .. } = self;
        write!(out, "Gguf({}, version {version}, {} tensors)", path.display(), tensors.len())
    }
}

impl<'a> Tensor<'a> {
    /// Name, shape and type, as the table of tensors has them.
    #[must_use]
    pub fn info(&self) -> &'a TensorInfo {
        self.info
    }

    /// The blocks, as they are in the file.
    #[must_use]
    pub fn blocks(&self) -> &'a [u8] {
        self.blocks
    }

    /// Reads all values.
    ///
    /// # Panics
    /// Unless `values` has room for exactly [`TensorInfo::values`].
    pub fn read(&self, values: &mut [f32]) {
        self.info.tensor_type().dequantize(self.blocks, values);
    }

    /// Reads the values of some rows.
    ///
    /// # Panics
    /// Unless `rows` are below [`TensorInfo::rows`], and `values` has room for exactly these.
    pub fn read_rows(&self, rows: Range<usize>, values: &mut [f32]) {
        assert!(rows.end <= self.info.rows(), "rows of the tensor");
        let tensor_type = self.info.tensor_type();
        let blocks = self.info.row_values() / tensor_type.block_values();
        let row = blocks * tensor_type.block_bytes();
        tensor_type.dequantize(&self.blocks[rows.start * row..rows.end * row], values);
    }
}

/// The version, and where to read on.
fn begin<'a>(path: &Path, bytes: &'a [u8]) -> Result<(u32, Cursor<'a>), GgufError> {
    let mut cursor = Cursor::new(bytes);
    if !bytes.starts_with(&MAGIC) {
        let found = bytes[..bytes.len().min(4)].escape_ascii().to_string();
        return Err(GgufError::Format { path: path.to_owned(), found: format!("\"{found}\"") });
    }
    let read = cursor.take(4).and_then(|_| cursor.u32());
    let version = read.map_err(|reason| GgufError::Damaged { path: path.to_owned(), reason })?;
    match version {
        2 | 3 => return Ok((version, cursor)),
        _ if (1..=3).contains(&version.swap_bytes()) => Err("big-endian byte order".to_owned()),
        _ => Err(format!("version {version}")),
    }
    .map_err(|found| GgufError::Version { path: path.to_owned(), found })
}

/// A row of the table of tensors, and where the tensor begins behind the table.
fn info(path: &Path, cursor: &mut Cursor<'_>) -> Result<(TensorInfo, u64), GgufError> {
    let damaged = |reason| GgufError::Damaged { path: path.to_owned(), reason };
    let invalid = |error| GgufError::Tensor { path: path.to_owned(), error };
    let name = cursor.string().map_err(damaged)?;
    let dimensions = cursor.u32().map_err(damaged)?;
    if dimensions as usize > MAX_DIMENSIONS {
        let (name, found) = (excerpt(name), dimensions.into());
        return Err(invalid(TensorError::Dimensions { name, found }));
    }
    let sizes: Result<Vec<u64>, _> = (0..dimensions).map(|_| cursor.u64()).collect();
    let sizes = sizes.map_err(damaged)?;
    let number = cursor.u32().map_err(damaged)?;
    let offset = cursor.u64().map_err(damaged)?;
    let tensor_type = TensorType::from_number(number).ok_or_else(|| GgufError::Type {
        path: path.to_owned(),
        name: excerpt(name),
        found: unread(number),
    })?;
    let shape: Option<Vec<usize>> = sizes.iter().map(|size| usize::try_from(*size).ok()).collect();
    let shape =
        shape.ok_or_else(|| invalid(TensorError::Size { name: excerpt(name), shape: sizes }))?;
    Ok((TensorInfo::new(name, &shape, tensor_type).map_err(invalid)?, offset))
}

/// The tensors' numbers in the order of their names, of which no two are the same.
fn by_name(infos: &[(TensorInfo, u64)]) -> Result<Vec<usize>, String> {
    let name = |index: usize| infos[index].0.name();
    let mut order: Vec<usize> = (0..infos.len()).collect();
    order.sort_unstable_by_key(|index| name(*index));
    match order.windows(2).find(|pair| name(pair[0]) == name(pair[1])) {
        Some(pair) => Err(format!("tensor {} is there twice", excerpt(name(pair[0])))),
        None => Ok(order),
    }
}

/// Where a tensor is in a file of `length` bytes whose tensors begin at `start`.
fn range(
    info: &TensorInfo,
    offset: u64,
    start: usize,
    alignment: usize,
    length: usize,
) -> Result<Range<usize>, String> {
    if !offset.is_multiple_of(alignment as u64) {
        return Err(format!(
            "tensor {} begins {offset} bytes after the header; expected a multiple of {alignment}",
            excerpt(info.name())
        ));
    }
    let first = usize::try_from(offset).ok().and_then(|offset| start.checked_add(offset));
    let end = first.and_then(|first| first.checked_add(info.bytes()));
    match (first, end) {
        (Some(first), Some(end)) if end <= length => Ok(first..end),
        _ => Err(format!(
            "tensor {} takes {} bytes from {offset} after the header at byte {start}; the file has {length}",
            excerpt(info.name()),
            info.bytes()
        )),
    }
}
