//! PEFT's `adapter_config.json`: each of its fields is honoured, known to be harmless, or refused by name.

#[cfg(test)]
mod tests;

use std::path::Path;

use minigpt_files::{Limit, excerpt};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::{AdapterError, MERGE};
use super::targets::{ALL_LINEAR, layout};
use super::{EMBEDDING, LoraConfig};
use crate::files::fields::{is_off, shown, typed};
use crate::model::config::GptConfig;

/// The name of the configuration in an adapter's folder.
pub(crate) const ADAPTER_CONFIG_FILE: &str = "adapter_config.json";

/// PEFT writes 2 KB, and a line for each name among the targets.
const CONFIG: Limit = Limit::new(1 << 20, "the configuration of an adapter");

/// What PEFT calls the head where the vectors of the tokens are adapted in both of their places.
pub(crate) const HEAD: &str = "lm_head";

/// What transformers calls the vectors of the tokens, in GPT-2 and in Llama.
const EMBEDDINGS: [&str; 2] = ["wte", "embed_tokens"];

/// What stands before the names of the layers, in GPT-2 and in Llama.
const PREFIXES: [&str; 2] = ["transformer.", "model."];

/// The fields of PEFT's `LoraConfig` that decide what an adapter computes, and those that it needs.
#[derive(Debug, Serialize, Deserialize)]
struct PeftConfig {
    peft_type: String,
    task_type: Option<String>,
    base_model_name_or_path: Option<String>,
    r: usize,
    lora_alpha: f64,
    #[serde(default)]
    lora_dropout: f64,
    target_modules: Value,
    /// GPT-2's projections are stored `[in, out]`, Llama's are not; PEFT sees to it whatever stands here.
    #[serde(default)]
    fan_in_fan_out: bool,
    #[serde(default = "none")]
    bias: String,
    #[serde(default)]
    inference_mode: bool,
    /// Multiplies by `lora_alpha / √r` in place of `lora_alpha / r`.
    #[serde(default)]
    use_rslora: bool,
    /// Trains the lengths of columns apart from their directions.
    #[serde(default)]
    use_dora: bool,
    /// Layers that are trained whole.
    #[serde(default)]
    modules_to_save: Option<Vec<String>>,
    /// Adapts the head with the vectors of the tokens, whose second use it is.
    #[serde(default)]
    ensure_weight_tying: bool,
    /// Where the factors began.
    #[serde(default = "yes")]
    init_lora_weights: Value,
}

fn none() -> String {
    "none".to_owned()
}

fn yes() -> Value {
    Value::Bool(true)
}

/// The fields of [`PeftConfig`].
const HONOURED: [&str; 15] = [
    "base_model_name_or_path",
    "bias",
    "ensure_weight_tying",
    "fan_in_fan_out",
    "inference_mode",
    "init_lora_weights",
    "lora_alpha",
    "lora_dropout",
    "modules_to_save",
    "peft_type",
    "r",
    "target_modules",
    "task_type",
    "use_dora",
    "use_rslora",
];

/// Fields that change nothing of what an adapter computes by themselves: where it is from, and settings
/// of what other fields would switch on.
const HARMLESS: [&str; 7] = [
    "auto_mapping",
    "loftq_config",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
];

/// Beginnings that leave the base as it is. Others, as PiSSA's, move a part of the base into the factors.
const PLAIN_BEGINNINGS: [&str; 3] = ["gaussian", "mica", "orthogonal"];

/// What PEFT shall read where the vectors of the tokens are trained whole: them and the head, which it ties to them in
/// some families alone.
fn saved_whole(model: &GptConfig) -> Vec<String> {
    let paths = layout(model).parts(EMBEDDING);
    let paths = paths.into_iter().chain([HEAD]);
    paths.map(|path| path.rsplit('.').next().unwrap_or(path).to_owned()).collect()
}

impl PeftConfig {
    fn of(lora: &LoraConfig, base: &str, model: &GptConfig) -> Self {
        let mut targets = lora.peft_targets(model);
        let adapts_embedding = lora.adapts_embedding(model);
        if adapts_embedding {
            // PEFT ties the two where both are named.
            targets.push(HEAD.to_owned());
        }
        Self {
            peft_type: "LORA".to_owned(),
            task_type: Some("CAUSAL_LM".to_owned()),
            base_model_name_or_path: Some(base.to_owned()),
            r: lora.rank,
            lora_alpha: lora.alpha,
            lora_dropout: lora.dropout,
            target_modules: targets.into(),
            fan_in_fan_out: !layout(model).is_transposed,
            bias: none(),
            inference_mode: true,
            use_rslora: lora.rank_stabilized,
            use_dora: lora.dora,
            modules_to_save: (!lora.whole.is_empty()).then(|| saved_whole(model)),
            ensure_weight_tying: adapts_embedding || !lora.whole.is_empty(),
            init_lora_weights: yes(),
        }
    }

    /// The configuration in these fields. The error names the first that is not done here.
    fn read(fields: Map<String, Value>) -> Result<Self, String> {
        let peft_type = fields.get("peft_type").unwrap_or(&Value::Null);
        if *peft_type != "LORA" {
            return Err(format!("peft_type {}: expected \"LORA\"", shown(peft_type)));
        }
        let is_known = |name: &str| HONOURED.contains(&name) || HARMLESS.contains(&name);
        let mut others = fields.iter().filter(|(name, _)| !is_known(name));
        if let Some((name, found)) = others.find(|(_, value)| !is_off(value)) {
            let (name, found) = (excerpt(name), shown(found));
            return Err(format!("{name} {found}: expected null, false or nothing; {MERGE}"));
        }
        let config: Self = typed(fields)?;
        match config.unknown_setting() {
            Some(setting) => Err(setting),
            None => Ok(config),
        }
    }

    /// The first setting under which PEFT would compute something else than is done here.
    fn unknown_setting(&self) -> Option<String> {
        if self.task_type.as_ref().is_some_and(|task| task != "CAUSAL_LM") {
            let task = excerpt(self.task_type.as_deref().unwrap_or_default());
            return Some(format!(
                "task_type \"{task}\": expected \"CAUSAL_LM\", an adapter of a model that writes"
            ));
        }
        let is_plain = match &self.init_lora_weights {
            Value::Bool(_) | Value::Null => true,
            Value::String(name) => PLAIN_BEGINNINGS.contains(&name.as_str()),
            _ => false,
        };
        if !is_plain {
            let found = shown(&self.init_lora_weights);
            return Some(format!(
                "init_lora_weights {found} changes the base model: expected true; {MERGE}"
            ));
        }
        (self.bias != "none").then(|| {
            let found = excerpt(&self.bias);
            format!("bias \"{found}\": expected \"none\", biases that are the base's; {MERGE}")
        })
    }

    /// What is trained whole, each once: PEFT names the vectors of the tokens with their path too, and the head with them.
    fn whole(&self) -> Result<Vec<String>, String> {
        let named = self.modules_to_save.clone().unwrap_or_default();
        let mut whole: Vec<String> = Vec::new();
        for name in &named {
            let plain = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix));
            let plain = plain.unwrap_or(name).to_owned();
            if plain != HEAD && !whole.contains(&plain) {
                whole.push(plain);
            }
        }
        if whole.is_empty() && !named.is_empty() {
            return Err(format!(
                "modules_to_save {named:?}: expected the vectors of the tokens, as embed_tokens; {MERGE}"
            ));
        }
        if !whole.is_empty() && !self.ensure_weight_tying {
            return Err(format!(
                "modules_to_save {named:?} without ensure_weight_tying: expected true, for the head is the \
                 same matrix; {MERGE}"
            ));
        }
        Ok(whole)
    }

    fn lora(&self) -> Result<LoraConfig, String> {
        // PEFT takes this word alone, and writes a list.
        let named = match &self.target_modules {
            Value::String(word) if word == ALL_LINEAR => vec![ALL_LINEAR].into(),
            named => named.clone(),
        };
        let mut targets: Vec<String> = serde_json::from_value(named)
            .map_err(|_| {
                let found = shown(&self.target_modules);
                format!("target_modules {found}: expected a list of names, as [\"c_attn\", \"c_proj\", \"c_fc\"]")
            })?;
        // PEFT writes the one that it ties with its whole path.
        for target in &mut targets {
            let plain = PREFIXES.iter().find_map(|prefix| target.strip_prefix(prefix));
            *target = plain.unwrap_or(target).to_owned();
        }
        let embedding = targets.iter().find(|target| EMBEDDINGS.contains(&target.as_str()));
        if let Some(embedding) = embedding {
            if !self.ensure_weight_tying {
                return Err(format!("{embedding} without ensure_weight_tying: expected true"));
            }
            targets.retain(|target| target != HEAD);
        }
        let whole = self.whole()?;
        let (rank, alpha, dropout) = (self.r, self.lora_alpha, self.lora_dropout);
        let (rank_stabilized, dora) = (self.use_rslora, self.use_dora);
        Ok(LoraConfig { rank, alpha, rank_stabilized, dora, dropout, targets, whole })
    }
}

impl LoraConfig {
    /// Reads the `adapter_config.json` in an adapter's folder.
    ///
    /// # Errors
    /// [`AdapterError::Config`] where it is damaged or asks for what is not done here, each field by its
    /// name; [`AdapterError::Io`].
    pub fn read_peft(folder: &Path) -> Result<Self, AdapterError> {
        let path = folder.join(ADAPTER_CONFIG_FILE);
        let json = minigpt_files::read(&path, CONFIG)?;
        let refused = |reason: String| AdapterError::Config { path: path.clone(), reason };
        let fields =
            serde_json::from_slice(&json).map_err(|error| refused(excerpt(&error.to_string())))?;
        PeftConfig::read(fields).and_then(|config| config.lora()).map_err(refused)
    }

    /// The `adapter_config.json` of this adapter of the model `base`.
    pub(crate) fn to_peft(&self, base: &str, model: &GptConfig) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec_pretty(&PeftConfig::of(self, base, model))
    }
}
