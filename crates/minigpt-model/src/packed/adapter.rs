//! Low-rank factors beside a packed model's matrices ([Hu et al., 2021](https://arxiv.org/abs/2106.09685)), which texts of
//! one batch have or have not.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use minigpt_gguf::TensorType;
use minigpt_ops::quantized::{Product, linears};
use minigpt_ops::{RotaryPairs, add_branch};

use super::PackedGpt;
use crate::files::error::WeightsError;
use crate::files::pretrained::SavedModel;
use crate::lora::adapter::{StoredAdapter, StoredPart};
use crate::lora::{AdapterError, LoraConfig};
use crate::matrix::Matrix;
use crate::model::config::MlpKind;

/// The matrices of a block, as factors are beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Query,
    Key,
    Value,
    AttnProj,
    /// The perceptron's first matrix, or the gate.
    Fc,
    /// The matrix beside the gate.
    Up,
    MlpProj,
}

/// Number of [`Place`]s.
const PLACES: usize = 7;

/// The matrices that are made of a layer, by its columns.
type Places = Vec<(Place, Range<usize>)>;

/// The factors of an adapter, of all blocks.
#[derive(Debug)]
pub(super) struct PackedAdapter {
    blocks: Vec<[Option<LowRank>; PLACES]>,
}

/// What is added to `x W`: `x A B`, with the scale in `B`.
#[derive(Clone, Debug)]
struct LowRank {
    /// `[rank, in]`.
    a: Matrix,
    /// `[out, rank]`.
    b: Matrix,
}

/// Rows of a chunk whose text has an adapter.
pub(super) type AdaptedRows = (Range<usize>, Arc<PackedAdapter>);

impl PackedGpt {
    /// The model with the factors of a folder of PEFT's beside its matrices, which it shares with this one. Texts of
    /// both can be read [together](Self::forward).
    ///
    /// `fingerprint` tells on which weights the model is based, for an adapter that names those that it was trained on:
    /// [`SavedModel::fingerprint`] of the same file or folder.
    ///
    /// # Errors
    /// [`AdapterError`]: the folder's files are missing, damaged, the adapter is another model's, or adapts the vectors
    /// of the tokens or lengths of columns, which only a [`Gpt`](crate::Gpt) does.
    pub fn with_adapter(
        &self,
        folder: &Path,
        fingerprint: &dyn Fn() -> Result<String, WeightsError>,
    ) -> Result<Self, AdapterError> {
        let StoredAdapter { lora, layers, whole } =
            StoredAdapter::read(folder, &self.config, fingerprint)?;
        let changed = match (lora.dora, whole) {
            (true, _) => Some("use_dora, lengths of columns that are trained apart"),
            (false, Some(_)) => Some("modules_to_save, vectors of tokens that are trained whole"),
            (false, None) => None,
        };
        if let Some(what) = changed {
            return Err(AdapterError::PackedChange { path: folder.to_owned(), what });
        }
        let mut blocks: Vec<[Option<LowRank>; PLACES]> =
            (0..self.config.n_layer).map(|_| Default::default()).collect();
        for (layer, parts) in layers {
            let Some((block, places)) = self.places(&layer) else {
                return Err(AdapterError::PackedEmbedding { path: folder.to_owned(), layer });
            };
            for (place, columns) in places {
                let part = parts.iter().find(|part| contains(&part.columns, &columns));
                let factors = part.map(|part| self.factors(part, place, columns, &lora));
                blocks[block][place as usize] = factors;
            }
        }
        Ok(Self { adapter: Some(Arc::new(PackedAdapter { blocks })), ..self.clone() })
    }

    /// The factors of a part beside those of its columns that a matrix has.
    fn factors(
        &self,
        part: &StoredPart,
        place: Place,
        columns: Range<usize>,
        lora: &LoraConfig,
    ) -> LowRank {
        let first = columns.start - part.columns.start;
        let b = &part.b[first * lora.rank..][..columns.len() * lora.rank]; // [out, rank]
        let scale = lora.scale() as f32;
        let b: Vec<f32> = b.iter().map(|value| value * scale).collect();
        let b = match (place, self.pairs) {
            (Place::Query | Place::Key, RotaryPairs::Adjacent) => {
                side_by_side(&b, lora.rank, self.config.head_size())
            }
            _ => b,
        };
        let matrix = |values: &[f32], columns| {
            Matrix::of_values(values, columns, TensorType::F32).expect("32-bit floats are kept")
        };
        let from = part.a.len() / lora.rank;
        LowRank { a: matrix(&part.a, from), b: matrix(&b, lora.rank) }
    }

    /// The block of a layer, and the columns of the matrices that are made of it; nothing for the vectors of the tokens.
    fn places(&self, layer: &str) -> Option<(usize, Places)> {
        let (block, matrix) = layer.strip_prefix("h.")?.split_once('.')?;
        let config = &self.config;
        let (queries, keys) =
            (config.n_head * config.head_size(), config.n_kv_head() * config.head_size());
        let (n_inner, n_embd) = (config.n_inner, config.n_embd);
        let places = match matrix {
            "attn.c_attn" => vec![
                (Place::Query, 0..queries),
                (Place::Key, queries..queries + keys),
                (Place::Value, queries + keys..queries + 2 * keys),
            ],
            "attn.c_proj" => vec![(Place::AttnProj, 0..n_embd)],
            "mlp.c_fc" if config.mlp == MlpKind::Swiglu => {
                vec![(Place::Fc, 0..n_inner), (Place::Up, n_inner..2 * n_inner)]
            }
            "mlp.c_fc" => vec![(Place::Fc, 0..n_inner)],
            "mlp.c_proj" => vec![(Place::MlpProj, 0..n_embd)],
            _ => return None,
        };
        Some((block.parse().ok()?, places))
    }
}

impl PackedAdapter {
    /// Adds to `y`, `[rows, out]`, what the factors at a place make of `x`, `[rows, in]`.
    pub(super) fn add(&self, block: usize, place: Place, x: &[f32], y: &mut [f32]) {
        let Some(LowRank { a, b }) = &self.blocks[block][place as usize] else { return };
        let rows = x.len() / a.view().columns();
        let mut inner = vec![0.0; rows * a.rows()];
        linears(x, &mut [Product { weight: a.view(), bias: None, y: &mut inner }]);
        let mut branch = vec![0.0; y.len()];
        linears(&inner, &mut [Product { weight: b.view(), bias: None, y: &mut branch }]);
        add_branch(y, &branch);
    }
}

impl SavedModel {
    /// The SHA-256 of the values of all parameters, as an adapter's file names its base.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn fingerprint(self) -> Result<String, WeightsError> {
        let (config, weights) = self.into_weights()?;
        let weights = weights.checked(&config)?;
        let mut checksum = minigpt_files::Checksum::default();
        for parameter in config.parameters() {
            checksum.update(&weights.values(&config, &parameter)?.bytes()[..]);
        }
        Ok(checksum.finish())
    }
}

fn contains(columns: &Range<usize>, some: &Range<usize>) -> bool {
    columns.start <= some.start && some.end <= columns.end
}

/// Rows of heads whose pairs stand half a head apart, `[out, rank]`, in the order in which pairs stand side by side.
fn side_by_side(b: &[f32], rank: usize, head_size: usize) -> Vec<f32> {
    let row = |index: usize| {
        let (head, within) = (index / head_size, index % head_size);
        let from = head * head_size + within / 2 + within % 2 * (head_size / 2);
        b[from * rank..][..rank].iter().copied()
    };
    (0..b.len() / rank).flat_map(row).collect()
}

#[cfg(test)]
mod tests;
