//! What GGUF's metadata says of a model's shape: each key of the architecture is honoured, harmless, or refused by
//! name.

use std::path::Path;

use minigpt_files::excerpt;
use minigpt_gguf::{FromValue, Gguf, Metadata, TensorType, Value, decimal};

use super::ROPE_FREQS;
use crate::files::error::WeightsError;
use crate::files::family::Family;
use crate::matrix::weight_type::WeightType;
use crate::model::config::{
    BiasConfig, GptConfig, MlpKind, NormConfig, NormKind, Position, RotaryConfig, RotaryScaling,
};
use crate::model::rotary::slowing;

/// Names the architecture.
const ARCHITECTURE: &str = "general.architecture";

/// The vectors of the tokens, whose number the metadata need not say.
const EMBEDDING: &str = "token_embd.weight";

/// The head of a model that is not tied.
const HEAD: &str = "output.weight";

/// Keys of GPT-2 that are honoured.
const GPT2: [&str; 7] = [
    "attention.head_count",
    "attention.layer_norm_epsilon",
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "vocab_size",
];

/// Those of Llama and its relatives.
const LLAMA: [&str; 16] = [
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_rms_epsilon",
    "attention.sliding_window",
    "attention.value_length",
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scale_linear",
    "rope.scaling.factor",
    "rope.scaling.type",
    "vocab_size",
];

/// Keys that change nothing: the tensors say them, or they are of scalings that are refused.
const HARMLESS: [&str; 3] =
    ["rope.scaling.finetuned", "rope.scaling.original_context_length", "tensor_data_layout"];

/// The speed of Llama 3's positions is stored pair by pair. All published models have these two.
const LOW_FREQ_FACTOR: f64 = 1.0;
const HIGH_FREQ_FACTOR: f64 = 4.0;

/// How far stored speeds may be from those of a formula, in parts of themselves: converters compute in `f32`.
const ROUNDING: f64 = 1e-5;

/// The metadata of an architecture.
struct Keys<'a> {
    path: &'a Path,
    family: Family,
    metadata: &'a Metadata,
}

/// The family and the shape of the model in a file.
pub(super) fn read(file: &Gguf) -> Result<(Family, GptConfig), WeightsError> {
    let (path, metadata) = (file.path(), file.metadata());
    let name: &str = metadata.get(ARCHITECTURE)?;
    // Mistral is called llama.
    let family = Family::named(name).filter(|family| *family != Family::Mistral);
    let family = family.ok_or_else(|| WeightsError::Architecture {
        path: path.to_owned(),
        field: ARCHITECTURE,
        found: excerpt(name),
    })?;
    let keys = Keys { path, family, metadata };
    keys.check_file()?;
    keys.check_known()?;
    let config = match family {
        Family::Gpt2 => keys.gpt2(file)?,
        _ => keys.llama(file)?,
    };
    config.validate().map_err(|error| keys.refused(error.to_string()))?;
    if let Position::Rotary(rotary) = config.position
        && family == Family::Llama
    {
        let scaling = keys.stored_scaling(file, rotary, config.head_size())?;
        let position = Position::Rotary(RotaryConfig { scaling, ..rotary });
        return Ok((family, GptConfig { position, ..config }));
    }
    Ok((family, config))
}

impl<'a> Keys<'a> {
    fn refused(&self, reason: String) -> WeightsError {
        WeightsError::Config { path: self.path.to_owned(), reason }
    }

    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.family.model_type())
    }

    fn get<T: FromValue<'a>>(&self, name: &str) -> Result<T, WeightsError> {
        Ok(self.metadata.get(&self.key(name))?)
    }

    fn find<T: FromValue<'a>>(&self, name: &str) -> Result<Option<T>, WeightsError> {
        Ok(self.metadata.find(&self.key(name))?)
    }

    /// The file is a whole model.
    fn check_file(&self) -> Result<(), WeightsError> {
        if let Some(kind) = self.metadata.find::<&str>("general.type")?.filter(|it| *it != "model")
        {
            let kind = excerpt(kind);
            return Err(self.refused(format!("general.type \"{kind}\": expected \"model\"")));
        }
        match self.metadata.find::<u64>("split.count")? {
            Some(parts) if parts > 1 => Err(self.refused(format!(
                "split.count {parts}: expected a model in one file; llama-gguf-split --merge makes one of the parts"
            ))),
            _ => Ok(()),
        }
    }

    fn check_known(&self) -> Result<(), WeightsError> {
        let honoured: &[&str] = if self.family == Family::Gpt2 { &GPT2 } else { &LLAMA };
        let prefix = self.key("");
        let own = self.metadata.iter().filter_map(|(key, value)| {
            let name = key.strip_prefix(&prefix)?;
            let is_known = honoured.contains(&name) || HARMLESS.contains(&name);
            (!is_known && !is_off(value)).then_some((key, value))
        });
        match own.into_iter().next() {
            None => Ok(()),
            Some((key, value)) => {
                let key = excerpt(key);
                Err(self.refused(format!(
                    "{key} is {value}: expected 0, false or nothing, for it may change what the model computes"
                )))
            }
        }
    }

    /// What all architectures say.
    fn sizes(&self, file: &Gguf) -> Result<GptConfig, WeightsError> {
        let embedding = file.tensor(EMBEDDING)?;
        let vocab_size = match embedding.info().shape() {
            [_, rows] => *rows,
            other => return Err(self.refused(format!("{EMBEDDING} has the shape {other:?}"))),
        };
        match self.find::<usize>("vocab_size")? {
            Some(found) if found != vocab_size => {
                let key = self.key("vocab_size");
                return Err(self.refused(format!(
                    "{key} {found}: expected {vocab_size}, the rows of {EMBEDDING}"
                )));
            }
            _ => {}
        }
        // Old files of tied models have the embedding a second time.
        let tied = file.find_tensor(HEAD).is_none_or(|head| {
            let kind = |tensor: minigpt_gguf::Tensor<'_>| {
                let info = tensor.info();
                (info.shape().to_vec(), info.tensor_type())
            };
            kind(head) == kind(embedding) && head.blocks() == embedding.blocks()
        });
        let n_embd: usize = self.get("embedding_length")?;
        Ok(GptConfig {
            n_inner: self.get("feed_forward_length")?,
            tied,
            ..GptConfig::new(
                vocab_size,
                self.get("context_length")?,
                self.get("block_count")?,
                self.get("attention.head_count")?,
                n_embd.min(u32::MAX as usize),
            )
        })
    }

    fn gpt2(&self, file: &Gguf) -> Result<GptConfig, WeightsError> {
        let epsilon = decimal(self.get("attention.layer_norm_epsilon")?);
        let norm = NormConfig { kind: NormKind::LayerNorm, epsilon };
        Ok(GptConfig { norm, ..self.sizes(file)? })
    }

    fn llama(&self, file: &Gguf) -> Result<GptConfig, WeightsError> {
        let sizes = self.sizes(file)?;
        let (n_head, n_embd) = (sizes.n_head, sizes.n_embd);
        let n_kv_head: Option<usize> = self.find("attention.head_count_kv")?;
        let head_size: Option<usize> = self.find("attention.key_length")?;
        let usual = n_embd.checked_div(n_head).unwrap_or(0);
        for key in ["attention.value_length", "rope.dimension_count"] {
            let expected = head_size.unwrap_or(usual);
            match self.find::<usize>(key)? {
                Some(found) if found != expected => {
                    let key = self.key(key);
                    return Err(self.refused(format!(
                        "{key} {found}: expected {expected}, the width of a head"
                    )));
                }
                _ => {}
            }
        }
        let context = sizes.block_size;
        if let Some(window) = self.find::<usize>("attention.sliding_window")?
            && (1..context).contains(&window)
        {
            let key = self.key("attention.sliding_window");
            return Err(
                self.refused(format!("{key} {window}: expected at least {context}, the context"))
            );
        }
        let has = |name: &str| file.find_tensor(&format!("blk.0.{name}.bias")).is_some();
        let epsilon = decimal(self.get("attention.layer_norm_rms_epsilon")?);
        let base = self.find::<f32>("rope.freq_base")?.map_or(10_000.0, decimal);
        Ok(GptConfig {
            n_kv_head: n_kv_head.filter(|heads| *heads != n_head),
            head_size: head_size.filter(|size| n_head.checked_mul(*size) != Some(n_embd)),
            mlp: MlpKind::Swiglu,
            qk_norm: self.family == Family::Qwen3,
            norm: NormConfig { kind: NormKind::RmsNorm, epsilon },
            position: Position::Rotary(RotaryConfig { base, scaling: self.scaling()? }),
            bias: BiasConfig {
                attention: has("attn_q"),
                attention_output: has("attn_output"),
                mlp: has("ffn_up"),
                norm: false,
            },
            ..sizes
        })
    }

    /// By one factor for all positions, as llama.cpp takes the keys: linear unless another type is named.
    fn scaling(&self) -> Result<Option<RotaryScaling>, WeightsError> {
        let kind = self.find::<&str>("rope.scaling.type")?.unwrap_or("linear");
        let factor = match self.find::<f32>("rope.scaling.factor")? {
            None => self.find::<f32>("rope.scale_linear")?,
            factor => factor,
        };
        match kind {
            "none" => Ok(None),
            // 0 stands for nothing.
            "linear" => Ok(factor
                .filter(|factor| *factor != 0.0 && *factor != 1.0)
                .map(|factor| RotaryScaling::Linear { factor: decimal(factor) })),
            other => {
                let (key, found) = (self.key("rope.scaling.type"), excerpt(other));
                Err(self.refused(format!("{key} \"{found}\": expected \"none\" or \"linear\"")))
            }
        }
    }

    /// The scaling of the metadata, or the one of Llama 3 that the tensor of factors is made by.
    fn stored_scaling(
        &self,
        file: &Gguf,
        rotary: RotaryConfig,
        head_size: usize,
    ) -> Result<Option<RotaryScaling>, WeightsError> {
        let Some(tensor) = file.find_tensor(ROPE_FREQS) else { return Ok(rotary.scaling) };
        let (info, pairs) = (tensor.info(), head_size / 2);
        if info.shape() != [pairs] || info.tensor_type() != TensorType::F32 {
            let (found, kind) = (info.shape(), info.tensor_type());
            return Err(self.refused(format!(
                "{ROPE_FREQS} is {kind} of the shape {found:?}: expected F32 of [{pairs}]"
            )));
        }
        let mut factors = vec![0.0; pairs];
        tensor.read(&mut factors);
        if factors.iter().all(|factor| *factor == 1.0) {
            return Ok(rotary.scaling);
        }
        let found = if rotary.scaling.is_none() { llama3(rotary.base, &factors) } else { None };
        found.map(Some).ok_or_else(|| {
            self.refused(format!(
                "{ROPE_FREQS} has factors that are not Llama 3's: expected those of low_freq_factor {LOW_FREQ_FACTOR}, high_freq_factor {HIGH_FREQ_FACTOR} and an original context that is a power of two"
            ))
        })
    }
}

/// True for a value that switches nothing on.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Bool(is_on) => !is_on,
        Value::String(text) => text.is_empty(),
        Value::F32(number) => *number == 0.0,
        other => u64::from_value(other) == Some(0),
    }
}

/// The scaling of Llama 3 whose turns are slowed down by these factors, if there is one.
fn llama3(base: f64, factors: &[f32]) -> Option<RotaryScaling> {
    let factor = decimal(factors.iter().copied().fold(1.0, f32::max));
    let candidates = (0..=24).map(|exponent| RotaryScaling::Llama3 {
        factor,
        low_freq_factor: LOW_FREQ_FACTOR,
        high_freq_factor: HIGH_FREQ_FACTOR,
        original_context: 1 << exponent,
    });
    let error = |scaling: &RotaryScaling| {
        let rotary = RotaryConfig { base, scaling: Some(*scaling) };
        let expected = slowing(rotary, 2 * factors.len());
        let errors = expected.iter().zip(factors);
        errors.map(|(expected, found)| (f64::from(*found) / expected - 1.0).abs()).fold(0.0, larger)
    };
    let close = candidates.map(|scaling| (error(&scaling), scaling));
    let close = close.filter(|(error, _)| *error <= ROUNDING);
    close.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, scaling)| scaling)
}

/// The larger number; NaN is the largest.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

/// The tensor of factors of a model whose positions are Llama 3's.
///
/// # Errors
/// [`WeightsError::Layout`] where the factors would not say which scaling they are of.
pub(super) fn rope_freqs(
    config: &GptConfig,
    path: &Path,
) -> Result<Option<Vec<f32>>, WeightsError> {
    let Position::Rotary(rotary) = config.position else { return Ok(None) };
    let Some(RotaryScaling::Llama3 { .. }) = rotary.scaling else { return Ok(None) };
    let factors = slowing(rotary, config.head_size());
    let factors: Vec<f32> = factors.into_iter().map(|factor| factor as f32).collect();
    if factors.iter().any(|factor| *factor != 1.0) && llama3(rotary.base, &factors).is_none() {
        let (path, setting) = (path.to_owned(), "position.rotary.scaling");
        return Err(WeightsError::Layout { path, family: "llama", setting });
    }
    Ok(Some(factors))
}

/// What llama.cpp must know of the shape.
pub(super) fn write(
    family: Family,
    config: &GptConfig,
    weight_type: WeightType,
) -> Vec<(String, Value)> {
    let name = family.model_type();
    let mut all = vec![
        (ARCHITECTURE.to_owned(), name.into()),
        ("general.type".to_owned(), "model".into()),
        ("general.file_type".to_owned(), weight_type.file_type().into()),
    ];
    if weight_type.has_blocks() {
        all.push(("general.quantization_version".to_owned(), 2_u32.into()));
    }
    let mut put = |key: &str, value: Value| all.push((format!("{name}.{key}"), value));
    let size = |size: usize| Value::U32(size as u32);
    let epsilon = Value::F32(config.norm.epsilon as f32);
    put("block_count", size(config.n_layer));
    put("context_length", size(config.block_size));
    put("embedding_length", size(config.n_embd));
    put("feed_forward_length", size(config.n_inner));
    put("attention.head_count", size(config.n_head));
    put("vocab_size", size(config.vocab_size));
    let Position::Rotary(rotary) = config.position else {
        put("attention.layer_norm_epsilon", epsilon);
        return all;
    };
    let head_size = config.head_size();
    put("attention.head_count_kv", size(config.n_kv_head()));
    put("attention.key_length", size(head_size));
    put("attention.value_length", size(head_size));
    put("attention.layer_norm_rms_epsilon", epsilon);
    put("rope.dimension_count", size(head_size));
    put("rope.freq_base", Value::F32(rotary.base as f32));
    if let Some(RotaryScaling::Linear { factor }) = rotary.scaling {
        put("rope.scaling.type", "linear".into());
        put("rope.scaling.factor", Value::F32(factor as f32));
    }
    all
}
