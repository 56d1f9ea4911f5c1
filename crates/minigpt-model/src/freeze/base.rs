//! The file of frozen weights: each matrix in the blocks that it is kept in, so that it is exact and no larger.
//!
//! It is GGUF's format with our names of parameters, whose matrices are `[out, in]`. Files of earlier versions have the
//! values as 32-bit floats in safetensors.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use burn::store::burn_pack::Tensor as StoredTensor;
use burn::tensor::{Device, TensorData};
use minigpt_files::{Checksum, excerpt};
use minigpt_gguf::{Gguf, TensorInfo, TensorType, write};

use super::FrozenType;
use crate::files::error::WeightsError;
use crate::files::safetensors;
use crate::files::weights::finite;
use crate::matrix::Matrix;
use crate::matrix::frozen::Frozen;
use crate::matrix::weight_type::{WeightType, floats};
use crate::model::assembly::Content;
use crate::model::config::GptConfig;
use crate::model::gpt::Gpt;
use crate::model::parameters::Parameter;

/// What such a file says in the place of an architecture: one that no program has, so that none loads it by mistake.
const ARCHITECTURE: (&str, &str) = ("general.architecture", "minigpt-frozen");
/// What it says of its weights, with [`PREFIX`] before it in GGUF.
const WEIGHTS: &str = "weights";
const KEEPS_EMBEDDING: &str = "keeps_embedding";
const FINGERPRINT: &str = "fingerprint";
/// The SHA-256 of all tensors, one after the other.
const CHECKSUM: &str = "sha256";
/// Of the older files: what the weights take in memory.
const BYTES: &str = "bytes";
const PREFIX: &str = "minigpt-frozen.";

/// How the ending of a file's name says which of the two formats it has.
fn is_gguf(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gguf")
}

impl Gpt {
    /// Writes the weights of a frozen model into a `.gguf` file, from which [`load_frozen`](Self::load_frozen) makes the
    /// same one again: its matrices in the blocks that they are kept in.
    ///
    /// # Errors
    /// [`WeightsError::Write`] where the device does not give the weights, [`WeightsError::Gguf`] where the file cannot
    /// be written.
    pub fn save_frozen(&self, frozen: FrozenType, path: &Path) -> Result<(), WeightsError> {
        let failed = |reason: String| WeightsError::Write { path: path.to_owned(), reason };
        let said = |key: &str, value: String| (format!("{PREFIX}{key}"), value.into());
        let matrices = self.frozen_matrices();
        let own = || {
            let own = self.stored_parameters().into_iter();
            own.filter(|tensor| !tensor.name.contains(".lora."))
        };
        let mut checksum = Checksum::default();
        for tensor in own() {
            match matrices.get(&tensor.name) {
                Some(matrix) => checksum.update(matrix.blocks()),
                None => {
                    let bytes = tensor.into_bytes().map_err(|error| failed(error.to_string()))?;
                    checksum.update(&bytes[..]);
                }
            }
        }
        let metadata = [
            (ARCHITECTURE.0.to_owned(), ARCHITECTURE.1.into()),
            said(WEIGHTS, frozen.weight_type.to_string()),
            said(KEEPS_EMBEDDING, frozen.keeps_embedding.to_string()),
            said(FINGERPRINT, self.fingerprint()?),
            said(CHECKSUM, checksum.finish()),
        ];
        let tensors: Vec<_> = own().collect();
        let infos = tensors.iter().map(|tensor| match matrices.get(&tensor.name) {
            Some(matrix) => {
                let tensor_type = matrix.weight_type().of_ggml();
                TensorInfo::new(&tensor.name, &[matrix.from(), matrix.to()], tensor_type)
            }
            None => {
                let shape: Vec<usize> = tensor.shape.iter().rev().copied().collect();
                TensorInfo::new(&tensor.name, &shape, TensorType::F32)
            }
        });
        let infos: Result<Vec<_>, _> = infos.collect();
        let infos = infos.map_err(|error| failed(error.to_string()))?;
        let mut tensors = tensors.into_iter();
        write(path, &metadata, &infos, |_, out| {
            let Some(tensor) = tensors.next() else { return Ok(()) };
            if let Some(matrix) = matrices.get(&tensor.name) {
                return Ok(out.blocks(matrix.blocks())?);
            }
            let bytes = tensor.into_bytes().map_err(|error| failed(error.to_string()))?;
            Ok(out.values(&floats(&bytes))?)
        })
    }

    /// What the model of a file of [`save_frozen`](Self::save_frozen) takes in memory, where the file says it.
    ///
    /// # Errors
    /// [`WeightsError`]: the file is missing or damaged.
    pub fn saved_frozen_bytes(path: &Path) -> Result<Option<u64>, WeightsError> {
        if is_gguf(path) {
            let file = Gguf::open(path)?;
            return Ok(Some(file.tensors().map(|tensor| tensor.blocks().len() as u64).sum()));
        }
        Ok(safetensors::metadata(path)?.get(BYTES).and_then(|bytes| bytes.parse().ok()))
    }

    /// The frozen model of a file of [`save_frozen`](Self::save_frozen), or of a `.safetensors` file that earlier
    /// versions wrote. The matrices of the former stay in the file, which is mapped.
    ///
    /// # Errors
    /// [`WeightsError`]: the file is missing, damaged, or another model's.
    pub fn load_frozen(
        path: &Path,
        config: &GptConfig,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        match is_gguf(path) {
            true => load_gguf(path, config, device),
            false => load_safetensors(path, config, device),
        }
    }
}

/// What a file says of how its weights were kept.
fn frozen_type(path: &Path, said: &[&str; 2]) -> Result<FrozenType, WeightsError> {
    let [weights, keeps_embedding] = said;
    let weight_type = weights.parse::<WeightType>().map_err(|error| {
        let reason = error.to_string();
        WeightsError::Damaged { path: path.to_owned(), reason }
    })?;
    Ok(FrozenType { weight_type, keeps_embedding: *keeps_embedding == "true" })
}

fn load_gguf(path: &Path, config: &GptConfig, device: &Device) -> Result<Gpt, WeightsError> {
    let file = Arc::new(Gguf::open(path)?);
    let said = |key: &str| file.metadata().get::<&str>(&format!("{PREFIX}{key}"));
    let frozen = frozen_type(path, &[said(WEIGHTS)?, said(KEEPS_EMBEDDING)?])?;
    let mut checksum = Checksum::default();
    file.tensors().for_each(|tensor| checksum.update(tensor.blocks()));
    if checksum.finish() != said(CHECKSUM)? {
        let reason = "its weights do not match their checksum".to_owned();
        return Err(WeightsError::Damaged { path: path.to_owned(), reason });
    }
    let source = |parameter: &Parameter| content(&file, parameter, frozen);
    let mut model = Gpt::assemble_frozen(config, device, frozen, source)?;
    model.tables.fingerprint = Some(said(FINGERPRINT)?.to_owned());
    Ok(model)
}

/// A parameter of the file, checked.
fn content(
    file: &Arc<Gguf>,
    parameter: &Parameter,
    frozen: FrozenType,
) -> Result<Content, WeightsError> {
    let (path, name) = (file.path().to_owned(), parameter.name.clone());
    let mut expected = parameter.shape.clone();
    let is_frozen = frozen.freezes(parameter);
    if is_frozen && parameter.role.is_projection() {
        expected.reverse();
    }
    let Some(tensor) = file.find_tensor(&name) else {
        return Err(WeightsError::Missing { path, name, expected });
    };
    let found: Vec<usize> = tensor.info().shape().iter().rev().copied().collect();
    if found != expected {
        return Err(WeightsError::Misshapen { path, name, found, expected });
    }
    let not_finite = |(index, value)| WeightsError::NotFinite {
        path: path.clone(),
        name: name.clone(),
        value,
        index,
    };
    if is_frozen {
        let (blocks, tensor_type) = (file.share_blocks(&name)?, tensor.info().tensor_type());
        let matrix = Matrix::of_file(tensor_type, expected[0], expected[1], &blocks);
        let matrix = matrix.ok_or_else(|| WeightsError::Damaged {
            path: path.clone(),
            reason: format!("{} is {tensor_type}: expected a type with products", excerpt(&name)),
        })?;
        return match matrix.find_not_finite() {
            Some(found) => Err(not_finite(found)),
            None => Ok(Content::Frozen(Frozen::of_matrix(matrix, expected[1]))),
        };
    }
    let mut values = vec![0.0_f32; tensor.info().values()];
    tensor.read(&mut values);
    match values.iter().copied().enumerate().find(|(_, value)| !value.is_finite()) {
        Some(found) => Err(not_finite(found)),
        None => Ok(Content::Values(TensorData::new(values, expected))),
    }
}

fn load_safetensors(path: &Path, config: &GptConfig, device: &Device) -> Result<Gpt, WeightsError> {
    let metadata: HashMap<String, String> = safetensors::metadata(path)?;
    let said = |key: &str| {
        metadata.get(key).ok_or_else(|| WeightsError::Damaged {
            path: path.to_owned(),
            reason: format!("its metadata have no `{key}`"),
        })
    };
    let frozen = frozen_type(path, &[said(WEIGHTS)?, said(KEEPS_EMBEDDING)?])?;
    let mut stored: BTreeMap<String, StoredTensor> =
        safetensors::open(path)?.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
    let mut model = frozen.model(config, device, |parameter| {
        let (name, expected) = (parameter.name.clone(), parameter.shape.clone());
        let path = path.to_owned();
        let Some(tensor) = stored.remove(&name) else {
            return Err(WeightsError::Missing { path, name, expected });
        };
        let found = tensor.shape.to_vec();
        if found != expected {
            return Err(WeightsError::Misshapen { path, name, found, expected });
        }
        finite(&path, &tensor)
    })?;
    model.tables.fingerprint = Some(said(FINGERPRINT)?.clone());
    Ok(model)
}
