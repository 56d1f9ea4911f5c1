//! The checkpoints of [nanoGPT](https://github.com/karpathy/nanoGPT), `ckpt.pt`: a GPT-2 with or without biases, whose
//! activation is GELU itself, and whose matrices are PyTorch's linear layers.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::WeightsError;
use super::layout::NANO_GPT;
use super::pytorch::{self, Setting};
use super::weights::Weights;
use crate::model::config::{BiasConfig, GptConfig, MlpKind};

/// Where nanoGPT's `train.py` puts the weights, and the arguments of its `GPTConfig`.
const MODEL: &str = "model";
const ARGUMENTS: &str = "model_args";

/// A checkpoint, its weights still in the file.
#[derive(Debug)]
pub(crate) struct NanoGpt {
    pub(crate) config: GptConfig,
    pub(crate) weights: Weights,
}

impl NanoGpt {
    /// Reads what a checkpoint says of its model, and finds the weights.
    ///
    /// # Errors
    /// [`WeightsError::Damaged`] or [`WeightsError::Code`] where it is no such checkpoint, [`WeightsError::Config`]
    /// where an argument is missing or of a model that computes something else.
    pub(crate) fn open(path: &Path) -> Result<Self, WeightsError> {
        let (tensors, arguments) = pytorch::open_nested(path, MODEL, ARGUMENTS)?;
        let refused = |reason: String| WeightsError::Config { path: path.to_owned(), reason };
        let config = shape(&arguments).map_err(refused)?;
        config.validate().map_err(|error| refused(error.to_string()))?;
        Ok(Self { config, weights: Weights::of_tensors(path, &NANO_GPT, tensors)? })
    }
}

/// The shape in the arguments. The error names the first that is missing or not known.
fn shape(arguments: &BTreeMap<String, Setting>) -> Result<GptConfig, String> {
    const KNOWN: [&str; 7] =
        ["bias", "block_size", "dropout", "n_embd", "n_head", "n_layer", "vocab_size"];
    if let Some(name) = arguments.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        let name = minigpt_files::excerpt(name);
        return Err(format!("{ARGUMENTS} has {name}: expected {}", KNOWN.join(", ")));
    }
    let size = |name: &str| match arguments.get(name) {
        Some(Setting::Int(size)) => u32::try_from(*size).map(|size| size as usize).ok(),
        _ => None,
    };
    let size = |name| {
        size(name).ok_or_else(|| format!("{ARGUMENTS}.{name}: expected a whole number of 32 bits"))
    };
    let has_bias = match arguments.get("bias") {
        None => true,
        Some(Setting::Bool(has_bias)) => *has_bias,
        Some(_) => return Err(format!("{ARGUMENTS}.bias: expected True or False")),
    };
    let dropout = match arguments.get("dropout") {
        None => 0.0,
        Some(Setting::Float(rate)) => *rate,
        Some(Setting::Int(rate)) => *rate as f64,
        Some(_) => return Err(format!("{ARGUMENTS}.dropout: expected a number")),
    };
    let [vocab_size, block_size] = [size("vocab_size")?, size("block_size")?];
    let [n_layer, n_head, n_embd] = [size("n_layer")?, size("n_head")?, size("n_embd")?];
    let config = GptConfig::new(vocab_size, block_size, n_layer, n_head, n_embd);
    let bias = if has_bias { BiasConfig::default() } else { BiasConfig::NONE };
    Ok(GptConfig { bias, mlp: MlpKind::GeluExact, ..config.with_dropout(dropout) })
}
