//! Keys and values of one text in one layer, as attention reads them.
//!
//! A panel has [`LANES`] positions, head after head. Of keys it has a row for each column, in which positions stand side
//! by side; of values, for each [`LANES`] columns, a row for each position. Each row is a vector of the processor, and
//! both scores and outputs are sums of rows, each times one number: no sum goes across lanes.

use std::fmt;

use crate::half_floats::{bf16, f16, to_bf16, to_f16};
use crate::simd::vectorized;

/// Positions of a panel.
pub(super) const LANES: usize = 16;

/// What keys and values are kept as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheType {
    /// 32-bit floats, as they are computed.
    #[default]
    F32,
    /// IEEE halves: 11 bits of precision. Numbers beyond ±65504 become these.
    F16,
    /// The upper halves of 32-bit floats: 8 bits of precision.
    Bf16,
}

impl CacheType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Bf16];

    /// Its name, as options have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }
}

impl fmt::Display for CacheType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// Keys and values of the positions of a text, in one layer.
///
/// ```
/// use minigpt_ops::{CacheType, Heads, KeyValues, Reading, cached_attention};
///
/// let mut cache = KeyValues::new(CacheType::F16, 1, 2);
/// cache.extend(&[1.0, 0.0, 0.0, 1.0], &[4.0, 8.0, 0.5, 0.25]); // of two positions
/// let heads = Heads { n_head: 1, n_kv_head: 1, head_size: 2, scale: 100.0 };
/// let mut y = [0.0; 2];
/// cached_attention(heads, &[1.0, 0.0], &[Reading { cache: &cache, rows: 1 }], &mut y);
/// assert_eq!(y, [4.0, 8.0]); // the first one's values
/// ```
#[derive(Clone, Debug)]
pub struct KeyValues {
    cache_type: CacheType,
    shape: Shape,
    len: usize,
    numbers: Numbers,
}

/// Heads of keys and values.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shape {
    n_kv_head: usize,
    head_size: usize,
}

/// The numbers of a cache type.
#[derive(Clone, Debug)]
pub(super) enum Numbers {
    Wide(Panels<f32>),
    /// Bits of 16-bit floats.
    Half(Panels<u16>),
}

/// Rows of panels.
#[derive(Clone, Debug, Default)]
pub(super) struct Panels<N> {
    /// `[panels, n_kv_head, head_size]`.
    keys: Vec<[N; LANES]>,
    /// `[panels, n_kv_head, chunks, LANES]`: the last chunk of a head's columns is filled up with zeros.
    values: Vec<[N; LANES]>,
}

impl KeyValues {
    /// Of no position yet.
    ///
    /// # Panics
    ///
    /// If there are no heads, or they are empty.
    #[must_use]
    pub fn new(cache_type: CacheType, n_kv_head: usize, head_size: usize) -> Self {
        assert!(n_kv_head > 0 && head_size > 0, "KeyValues: heads are empty");
        let numbers = match cache_type {
            CacheType::F32 => Numbers::Wide(Panels::default()),
            CacheType::F16 | CacheType::Bf16 => Numbers::Half(Panels::default()),
        };
        Self { cache_type, shape: Shape { n_kv_head, head_size }, len: 0, numbers }
    }

    /// Number of positions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Without a position.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it is of so many heads of that width.
    #[must_use]
    pub fn has_shape(&self, n_kv_head: usize, head_size: usize) -> bool {
        self.shape == Shape { n_kv_head, head_size }
    }

    /// Bytes of memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.numbers {
            Numbers::Wide(panels) => panels.bytes(),
            Numbers::Half(panels) => panels.bytes(),
        }
    }

    /// Appends positions: `keys` and `values` `[n, n_kv_head * head_size]`.
    ///
    /// # Panics
    ///
    /// If the lengths do not fit together.
    pub fn extend(&mut self, keys: &[f32], values: &[f32]) {
        let width = self.shape.width();
        assert!(keys.len().is_multiple_of(width), "KeyValues: keys are not [n, heads]");
        assert_eq!(keys.len(), values.len(), "KeyValues: keys without values");
        match &mut self.numbers {
            Numbers::Wide(panels) => panels.extend(self.shape, self.len, keys, values),
            Numbers::Half(panels) => {
                let [keys, values] = [keys, values].map(|numbers| match self.cache_type {
                    CacheType::Bf16 => vectorized!(rounded(numbers, to_bf16)),
                    CacheType::F16 | CacheType::F32 => vectorized!(rounded(numbers, to_f16)),
                });
                panels.extend(self.shape, self.len, &keys, &values);
            }
        }
        self.len += keys.len() / width;
    }

    /// Forgets all positions but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        match &mut self.numbers {
            Numbers::Wide(panels) => panels.truncate(self.shape, self.len),
            Numbers::Half(panels) => panels.truncate(self.shape, self.len),
        }
    }

    /// A copy of the first `len` positions.
    #[must_use]
    pub fn beginning(&self, len: usize) -> Self {
        let len = len.min(self.len);
        let numbers = match &self.numbers {
            Numbers::Wide(panels) => Numbers::Wide(panels.beginning(self.shape, len)),
            Numbers::Half(panels) => Numbers::Half(panels.beginning(self.shape, len)),
        };
        Self { len, numbers, ..*self }
    }

    /// The keys of all positions, `[len, n_kv_head * head_size]`, as they are kept.
    #[must_use]
    pub fn keys(&self) -> Vec<f32> {
        match (&self.numbers, self.cache_type) {
            (Numbers::Wide(panels), _) => panels.all_keys(self.shape, self.len, |number| number),
            (Numbers::Half(panels), CacheType::Bf16) => {
                panels.all_keys(self.shape, self.len, |half| bf16(half.to_le_bytes()))
            }
            (Numbers::Half(panels), _) => {
                panels.all_keys(self.shape, self.len, |half| f16(half.to_le_bytes()))
            }
        }
    }

    pub(super) fn cache_type(&self) -> CacheType {
        self.cache_type
    }

    pub(super) fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Rows of the keys of one head in a panel, and of its values.
    pub(super) fn head_rows(&self) -> [usize; 2] {
        [self.shape.head_size, self.shape.chunks() * LANES]
    }

    /// Which head of which panel, counted through all.
    pub(super) fn place(&self, panel: usize, head: usize) -> usize {
        panel * self.shape.n_kv_head + head
    }
}

impl Shape {
    /// Numbers of a position's keys.
    fn width(self) -> usize {
        self.n_kv_head * self.head_size
    }

    /// Rows of values of a panel for each position.
    fn chunks(self) -> usize {
        self.head_size.div_ceil(LANES)
    }

    /// Rows of the keys of a panel, and of its values.
    fn panel_rows(self) -> [usize; 2] {
        [self.width(), self.n_kv_head * self.chunks() * LANES]
    }
}

#[inline(always)]
fn rounded(numbers: &[f32], round: impl Fn(f32) -> u16) -> Vec<u16> {
    let mut rounded = vec![0; numbers.len()];
    rounded.iter_mut().zip(numbers).for_each(|(half, &number)| *half = round(number));
    rounded
}

impl<N: Copy + Default> Panels<N> {
    /// Rows of the keys of one head in a panel.
    pub(super) fn keys(&self, place: usize, rows: usize) -> &[[N; LANES]] {
        &self.keys[place * rows..][..rows]
    }

    /// Rows of the values of one head in a panel.
    pub(super) fn values(&self, place: usize, rows: usize) -> &[[N; LANES]] {
        &self.values[place * rows..][..rows]
    }

    fn all_keys(&self, shape: Shape, len: usize, number: impl Fn(N) -> f32) -> Vec<f32> {
        let width = shape.width();
        let position = |position: usize| {
            let rows = &self.keys[position / LANES * width..][..width];
            rows.iter().map(move |row| row[position % LANES])
        };
        (0..len).flat_map(position).map(number).collect()
    }

    fn bytes(&self) -> usize {
        (self.keys.capacity() + self.values.capacity()) * size_of::<[N; LANES]>()
    }

    fn extend(&mut self, shape: Shape, len: usize, keys: &[N], values: &[N]) {
        let (width, chunks, [key_rows, value_rows]) =
            (shape.width(), shape.chunks(), shape.panel_rows());
        let panels = (len + keys.len() / width).div_ceil(LANES);
        self.keys.resize(panels * key_rows, [N::default(); LANES]);
        self.values.resize(panels * value_rows, [N::default(); LANES]);
        let positions = keys.chunks_exact(width).zip(values.chunks_exact(width));
        for (position, (key, value)) in (len..).zip(positions) {
            let (panel, lane) = (position / LANES, position % LANES);
            let rows = &mut self.keys[panel * key_rows..][..key_rows];
            rows.iter_mut().zip(key).for_each(|(row, &number)| row[lane] = number);
            let rows = &mut self.values[panel * value_rows..][..value_rows];
            for (head, value) in value.chunks_exact(shape.head_size).enumerate() {
                for (chunk, columns) in value.chunks(LANES).enumerate() {
                    let row = &mut rows[(head * chunks + chunk) * LANES + lane];
                    row[..columns.len()].copy_from_slice(columns);
                }
            }
        }
    }

    fn truncate(&mut self, shape: Shape, len: usize) {
        let [keys, values] = shape.panel_rows().map(|rows| len.div_ceil(LANES) * rows);
        self.keys.truncate(keys);
        self.values.truncate(values);
    }

    fn beginning(&self, shape: Shape, len: usize) -> Self {
        let [keys, values] = shape.panel_rows().map(|rows| len.div_ceil(LANES) * rows);
        Self { keys: self.keys[..keys].to_vec(), values: self.values[..values].to_vec() }
    }
}
