//! Settings of a run in TOML.

use anyhow::Result;

use super::Target;
use crate::attack::kind::Kind;
use crate::attack::stage::Stage;

/// Most settings that there are.
const SETTINGS: &str = r#"[model]
block_size = 32
n_layer = 2
n_head = 2
n_embd = 16
n_inner = 64

[data]
source = "prose.txt"
text_field = "text"
lossy = false
lines = false
tokenizer = "byte"

[optimizer]
kind = "adamw"
beta_1 = 0.9
beta_2 = 0.99
epsilon = 1e-8
weight_decay = 0.1
grad_clip = 1.0

[schedule]
learning_rate = 1e-3
warmup_steps = 2
decay = "cosine"
final_ratio = 0.1
decay_ratio = 0.2

[training]
batch_size = 4
accumulation = 1
gradient_checkpointing = false
precision = "f32"
epochs = 1
max_minutes = 1.5
eval_every = 10
skip_bad_steps = 0
label_smoothing = 0.0
keep_last = 2
seed = 7

[sample]
prompt = "In the morning the captain walked to the village and spoke of the sea"
max_tokens = 60
"#;

pub(super) fn settings(stage: &Stage) -> Result<Vec<Target>> {
    let folder = stage.template("settings", &[("prose.txt", "prose.txt")])?;
    let command = "train --config settings.toml --preset tiny --dry-run --device cpu";
    let seed = SETTINGS.as_bytes().to_vec();
    Ok(vec![Target::of_seed(&folder, "settings.toml", Kind::Toml, seed, command)])
}
