//! An adapter alone, in the two files that Python's PEFT reads and writes.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;

use burn::module::Param;
use burn::store::burn_pack::Tensor as StoredTensor;
use burn::tensor::{Bytes, DType, Tensor, TensorData};
use minigpt_files::excerpt;

use super::error::AdapterError;
use super::peft::{ADAPTER_CONFIG_FILE, HEAD};
use super::targets::{Adapted, AdaptedPart, layout};
use super::{EMBEDDING, Factors, Lengths, LoraConfig};
use crate::files::error::WeightsError;
use crate::files::safetensors;
use crate::files::weights::finite;
use crate::model::config::GptConfig;
use crate::model::gpt::Gpt;
use crate::model::parameters::Role;

/// The same in a pickle, which old versions of PEFT wrote.
const PICKLED_FILE: &str = "adapter_model.bin";

/// The name of the factors in an adapter's folder.
pub(crate) const ADAPTER_FILE: &str = "adapter_model.safetensors";

/// What PEFT puts before transformers' name of a layer.
const PREFIX: &str = "base_model.model.";

/// Names the base in the factors' file.
const BASE: &str = "base_sha256";

impl Gpt {
    /// Writes the factors beside the model's matrices into an empty folder, as PEFT writes them:
    /// `adapter_config.json`, which names the base, and `adapter_model.safetensors`.
    ///
    /// # Errors
    /// [`AdapterError::Io`], or [`AdapterError::Weights`] where the device does not give the factors.
    pub fn save_adapter(
        &self,
        lora: &LoraConfig,
        base: &str,
        folder: &Path,
    ) -> Result<(), AdapterError> {
        let (config, file) = (folder.join(ADAPTER_CONFIG_FILE), folder.join(ADAPTER_FILE));
        let adapted = lora.matrices(self.config()).zip(self.factors());
        let tensors = adapted.flat_map(|(Adapted { layer, parts, .. }, (_, factors))| {
            let stored = |part: &str, factor: &str, values: Tensor<2>| {
                // PyTorch's linear layers are `[out, in]`.
                let data = values.transpose().into_data();
                let name = stored_name(&layer, part, factor);
                let (shape, length) = (data.shape().to_vec(), data.bytes().len());
                let bytes = move || Ok(Bytes::from_bytes_vec(data.bytes().to_vec()));
                StoredTensor::deferred(name, DType::F32, shape, None, length, bytes)
            };
            let pairs = parts.iter().zip(factors.pairs()).flat_map(|(part, [a, b])| {
                [stored(&part.name, "A", a.inner()), stored(&part.name, "B", b.inner())]
            });
            let mut all = pairs.collect::<Vec<_>>();
            if let Some(magnitude) = &factors.magnitude {
                let lengths: Vec<f32> = magnitude.val().into_data().iter().collect();
                let mut start = 0;
                for part in &parts {
                    let values = lengths[start..start + part.columns.len()].to_vec();
                    start += values.len();
                    let name = magnitude_name(&part.name);
                    all.push(tensor_of(name, vec![values.len()], values));
                }
            }
            all
        });
        let mut tensors: Vec<StoredTensor> = tensors.collect();
        let mut metadata = HashMap::new();
        if lora.whole.is_empty() || self.is_frozen() {
            metadata.insert(BASE.to_owned(), self.fingerprint()?);
        }
        if !lora.whole.is_empty() {
            let values: Vec<f32> = self.wte.weight.val().into_data().iter().collect();
            let shape = vec![self.config().vocab_size, self.config().n_embd];
            for name in whole_names(self.config()) {
                tensors.push(tensor_of(name, shape.clone(), values.clone()));
            }
        }
        safetensors::write(&file, tensors, metadata)?;
        Ok(minigpt_files::write(
            &config,
            lora.to_peft(base, self.config()).map_err(std::io::Error::from)?,
        )?)
    }

    /// The model with its own weights frozen and the factors of an adapter's folder beside them;
    /// `materialize` merges the two.
    ///
    /// # Errors
    /// [`AdapterError`]: the folder's files are missing, damaged, or the adapter is another model's.
    pub fn with_adapter(self, folder: &Path) -> Result<Self, AdapterError> {
        let stored = StoredAdapter::read(folder, self.config(), &|| self.fingerprint())?;
        let StoredAdapter { lora, layers, whole } = stored;
        let mut lengths = self.lengths(&lora);
        let made = |(layer, parts): (String, Vec<StoredPart>)| {
            let of_base = lengths.remove(&layer);
            let magnitude = parts.iter().flat_map(|part| part.magnitude.iter().copied()).collect();
            let lengths = of_base.map(|Lengths { squares, .. }| Lengths { magnitude, squares });
            let factors = Factors { lengths, ..factors(&parts, lora.rank) };
            (layer, factors)
        };
        let mut layers: BTreeMap<String, Factors> = layers.into_iter().map(made).collect();
        let mut model = self.with_factors(&lora, |layer| layers.remove(layer));
        if let Some(values) = whole {
            let shape = [model.config().vocab_size, model.config().n_embd];
            let device = model.wte.weight.lazy_device();
            model.wte.weight = Param::from_data(TensorData::new(values, shape), &device);
        }
        Ok(model)
    }
}

/// The factors of an adapter's folder, as they lie there.
pub(crate) struct StoredAdapter {
    pub(crate) lora: LoraConfig,
    /// The adapted parts of each layer, by its name.
    pub(crate) layers: BTreeMap<String, Vec<StoredPart>>,
    /// The vectors of the tokens, where they were trained whole.
    pub(crate) whole: Option<Vec<f32>>,
}

/// The factors beside some columns of a matrix.
pub(crate) struct StoredPart {
    pub(crate) columns: Range<usize>,
    /// `[rank, from]`.
    pub(crate) a: Vec<f32>,
    /// `[columns, rank]`.
    pub(crate) b: Vec<f32>,
    /// Lengths of the columns; none where they are the base's.
    pub(crate) magnitude: Vec<f32>,
}

impl StoredAdapter {
    /// Reads the two files of a folder for a base of that shape, whose `fingerprint` is asked for where the adapter
    /// names its base.
    ///
    /// # Errors
    /// As [`Gpt::with_adapter`].
    pub(crate) fn read(
        folder: &Path,
        config: &GptConfig,
        fingerprint: &dyn Fn() -> Result<String, WeightsError>,
    ) -> Result<Self, AdapterError> {
        let lora = LoraConfig::read_peft(folder)?;
        let refused = |error: AdapterError| AdapterError::Config {
            path: folder.join(ADAPTER_CONFIG_FILE),
            reason: error.to_string(),
        };
        // Dropout is a matter of training.
        LoraConfig { dropout: 0.0, ..lora.clone() }.validate(config).map_err(refused)?;
        let path = folder.join(ADAPTER_FILE);
        let pickled = folder.join(PICKLED_FILE);
        if !path.exists() && pickled.exists() {
            return Err(AdapterError::Pickled { path: pickled });
        }
        let other = |reason: String| AdapterError::OtherBase { path: path.clone(), reason };
        let mut tensors: BTreeMap<String, StoredTensor> = safetensors::open(&path)?
            .into_iter()
            .map(|tensor| (tensor.name.clone(), tensor))
            .collect();
        let mut layers = BTreeMap::new();
        for Adapted { layer, from, parts } in lora.matrices(config) {
            let mut read = |name: String, expected: &[usize]| {
                let tensor =
                    tensors.remove(&name).ok_or_else(|| other(format!("it has no {name}")))?;
                let found: Vec<usize> = tensor.shape.iter().copied().collect();
                if found != expected {
                    return Err(other(format!("{name} is {found:?}, expected {expected:?}")));
                }
                let values = finite(&path, &tensor)?;
                Ok::<Vec<f32>, AdapterError>(values.iter().collect())
            };
            let part = |AdaptedPart { name, columns }| {
                let a = read(stored_name(&layer, &name, "A"), &[lora.rank, from])?;
                let b = read(stored_name(&layer, &name, "B"), &[columns.len(), lora.rank])?;
                let magnitude = match lora.dora {
                    true => read(magnitude_name(&name), &[columns.len()])?,
                    false => Vec::new(),
                };
                Ok(StoredPart { columns, a, b, magnitude })
            };
            let parts = parts.into_iter().map(part).collect::<Result<Vec<_>, AdapterError>>()?;
            layers.insert(layer, parts);
        }
        if lora.adapts_embedding(config) {
            // PEFT writes them a second time.
            tensors.retain(|name, _| !name.contains(&format!(".{HEAD}.lora_")));
        }
        let mut whole: Option<Vec<f32>> = None;
        if !lora.whole.is_empty() {
            let expected = [config.vocab_size, config.n_embd];
            for name in whole_names(config) {
                // PEFT's GPT-2 trains its embedding apart from the head, and saves no head then.
                let tensor = tensors.remove(&name).ok_or_else(|| {
                    other(format!("it has no {name}, and the head is the token embedding"))
                })?;
                let found: Vec<usize> = tensor.shape.iter().copied().collect();
                if found != expected {
                    return Err(other(format!("{name} is {found:?}, expected {expected:?}")));
                }
                let values: Vec<f32> = finite(&path, &tensor)?.iter().collect();
                if whole.as_ref().is_some_and(|first| *first != values) {
                    return Err(other(format!(
                        "{name} is not the token embedding, which is the base's head too"
                    )));
                }
                whole = Some(values);
            }
        }
        if let Some(name) = tensors.keys().find(|name| is_embedding(name)) {
            return Err(AdapterError::WholeEmbedding { path, name: excerpt(name) });
        }
        if let Some(name) = tensors.keys().next() {
            return Err(other(format!("the base has no place for {}", excerpt(name))));
        }
        if let Some(base) = safetensors::metadata(&path)?.get(BASE)
            && *base != fingerprint()?
        {
            return Err(other(
                "the base's weights are not those that it was trained on".to_owned(),
            ));
        }
        Ok(Self { lora, layers, whole })
    }
}

/// The factors of all parts of a layer beside each other.
fn factors(parts: &[StoredPart], rank: usize) -> Factors {
    let a = parts.iter().map(|part| transposed(&part.a, rank, part.a.len() / rank));
    let b = parts.iter().map(|part| transposed(&part.b, part.columns.len(), rank));
    let (a, b) = (beside(a.collect()), beside(b.collect()));
    let parts = parts.iter().map(|part| part.columns.clone()).collect();
    Factors { a, b, parts, lengths: None }
}

/// The name in PEFT's file of the factor `A` or `B` of a part of a layer.
fn stored_name(layer: &str, part: &str, factor: &str) -> String {
    match layer == EMBEDDING {
        true => format!("{PREFIX}{part}.lora_embedding_{factor}"),
        false => format!("{PREFIX}{part}.lora_{factor}.weight"),
    }
}

/// The name in PEFT's file of the lengths of a part's columns.
fn magnitude_name(part: &str) -> String {
    format!("{PREFIX}{part}.lora_magnitude_vector")
}

/// The names in PEFT's file of the vectors of the tokens, trained whole, and of the head, which they are too.
fn whole_names(config: &GptConfig) -> Vec<String> {
    let mut tables = config.parameters().filter(|parameter| parameter.role == Role::TokenEmbedding);
    let slices = tables.next().map(|table| layout(config).slices(config, &table));
    let names = slices.into_iter().flatten().map(|slice| slice.name);
    names.chain([format!("{HEAD}.weight")]).map(|name| format!("{PREFIX}{name}")).collect()
}

/// Numbers as a tensor of a file.
fn tensor_of(name: String, shape: Vec<usize>, values: Vec<f32>) -> StoredTensor {
    let length = size_of_val(&values[..]);
    let bytes = move || Ok(Bytes::from_elems(values.clone()));
    StoredTensor::deferred(name, DType::F32, shape, None, length, bytes)
}

/// True for the vectors of the tokens, or the head, as they are and not adapted.
fn is_embedding(name: &str) -> bool {
    let layer = name.strip_suffix(".weight").unwrap_or_default();
    let layer = layer.strip_suffix(".base_layer").unwrap_or(layer);
    [".wte", ".embed_tokens", ".lm_head"].iter().any(|ending| layer.ends_with(ending))
}

/// Matrices of as many rows beside each other.
fn beside(mut matrices: Vec<TensorData>) -> TensorData {
    if matrices.len() == 1 {
        return matrices.remove(0);
    }
    let rows = matrices.first().map_or(0, |matrix| matrix.shape()[0]);
    let values: Vec<Vec<f32>> = matrices.iter().map(|matrix| matrix.iter().collect()).collect();
    let widths: Vec<usize> = matrices.iter().map(|matrix| matrix.shape()[1]).collect();
    let row = |row: usize| {
        let parts = values.iter().zip(&widths);
        parts.flat_map(move |(values, width)| values[row * width..][..*width].iter().copied())
    };
    let all: Vec<f32> = (0..rows).flat_map(row).collect();
    TensorData::new(all, [rows, widths.iter().sum()])
}

/// `[rows, columns]` to `[columns, rows]`.
fn transposed(values: &[f32], rows: usize, columns: usize) -> TensorData {
    let order = (0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column));
    let values: Vec<f32> = order.map(|index| values[index]).collect();
    TensorData::new(values, [columns, rows])
}
