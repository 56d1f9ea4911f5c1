//! The model card: what somebody who finds the model must know of it.

use std::path::PathBuf;

use minigpt_data::{ChatOptions, Message, Source};
use minigpt_model::{Family, GptConfig};

use crate::config::{Decay, OptimizerKind, RunConfig};
use crate::error::TrainError;
use crate::run::checkpoint::{CheckpointManifest, OnDamage};
use crate::run::curves::Quantity;
use crate::run::metrics::read_metrics;
use crate::run::row::{Row, RowSplit};
use crate::run::summary::{Summary, ValidationFigures};
use crate::run::{Environment, RunFolder};

/// Which of a run's weights a card speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardWeights {
    /// Those of the checkpoint.
    Checkpoint,
    /// Their moving average.
    Average,
}

/// The card of a run's model, made of what the run's folder says.
#[derive(Debug)]
pub struct RunCard {
    name: String,
    config: RunConfig,
    environment: Option<Environment>,
    summary: Option<Summary>,
    manifest: CheckpointManifest,
    weights: CardWeights,
    /// The last training row of the weights.
    row: Option<Row>,
    plots: Vec<PathBuf>,
}

impl RunCard {
    /// Reads the run's files, for the weights of the checkpoint that `manifest` is of. The card goes
    /// without what is missing or damaged beside the weights, of which `damaged` hears.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Damaged`] where the run's configuration cannot be read.
    pub fn new(
        run: &RunFolder,
        manifest: &CheckpointManifest,
        weights: CardWeights,
        damaged: OnDamage<'_>,
    ) -> Result<Self, TrainError> {
        let rows = read_metrics(&run.metrics_path()).map_err(&mut *damaged).unwrap_or_default();
        let of_weights = |row: &Row| row.split == RowSplit::Train && row.step <= manifest.step;
        let plots = [Quantity::Loss, Quantity::Perplexity].map(|quantity| run.plot_path(quantity));
        Ok(Self {
            name: run.name(),
            config: run.config()?,
            environment: run.environment().map_err(&mut *damaged).ok(),
            summary: run.summary().map_err(&mut *damaged).unwrap_or_default(),
            manifest: manifest.clone(),
            weights,
            row: rows.into_iter().rfind(of_weights),
            plots: plots.into_iter().filter(|path| path.is_file()).collect(),
        })
    }

    /// The pictures that the card shows, to be put into `plots` beside it.
    #[must_use]
    pub fn plots(&self) -> &[PathBuf] {
        &self.plots
    }

    /// The card in Markdown. `license` is one of the hub's identifiers, as `mit`.
    #[must_use]
    pub fn markdown(&self, license: Option<&str>) -> String {
        let sections = [
            self.head(license),
            use_of_it(),
            shape(&self.config.model),
            self.data(),
            self.recipe(),
            self.curves(),
            self.metrics(),
            self.samples(),
            self.licence(license),
            self.limits(),
            self.made_with(),
        ];
        let sections: Vec<String> = sections.into_iter().filter(|text| !text.is_empty()).collect();
        sections.join("\n\n") + "\n"
    }

    fn head(&self, license: Option<&str>) -> String {
        let dataset = match &self.config.data.source {
            Source::Hub(dataset) => format!("datasets:\n- {}\n", dataset.repo),
            _ => String::new(),
        };
        let data = source(&self.config.data.source);
        let how = match &self.config.finetune {
            Some(finetune) if !finetune.fresh => {
                format!(
                    "tuned from `{}` on {data}, for the task `{}`",
                    finetune.base, finetune.task
                )
            }
            _ => format!("trained from scratch on {data}"),
        };
        format!(
            "{}\n\n# {}\n\nA {} of {} parameters that {MINIGPT} {how}.{}",
            front_matter(&self.config.model, license, &dataset),
            self.name,
            name_of(&self.config.model),
            millions(&self.config.model),
            self.prompt(),
        )
    }

    /// How the model is to be asked, where it was tuned to answer.
    fn prompt(&self) -> String {
        let template = self.config.finetune.as_ref().and_then(|tuned| tuned.template.as_ref());
        let asked = [Message::user("…")];
        let prompt =
            template.and_then(|template| template.prompt(&asked, &ChatOptions::default()).ok());
        prompt.map(|prompt| format!(" It answers\n\n```text\n{prompt}```")).unwrap_or_default()
    }

    fn data(&self) -> String {
        let data = &self.config.data;
        let held_out = match &data.valid {
            Some(valid) => format!("`{valid}`"),
            None => "its own validation part, or its last tenth where it has none".to_owned(),
        };
        format!(
            "## Data\n\n- text: {}\n- held out for validation: {held_out}\n- tokenizer: `{}`\n\
             - SHA-256 of the training tokens: `{}`",
            source(&data.source),
            data.tokenizer,
            self.manifest.data_sha256,
        )
    }

    fn recipe(&self) -> String {
        let RunConfig { optimizer, schedule, training, model, .. } = &self.config;
        let kind = match optimizer.kind {
            OptimizerKind::AdamW => "AdamW",
            OptimizerKind::Muon => "Muon for the matrices of the blocks, AdamW for the rest",
        };
        let decay = match schedule.decay {
            Decay::Cosine => "a cosine",
            Decay::Linear => "a line",
            Decay::Constant => "no decay",
            Decay::Stable => "a line at the end",
        };
        let restarted = schedule.restart.map_or(String::new(), |restart| {
            format!(" from step {} on, where it was {:.2e}", restart.step, restart.learning_rate)
        });
        [
            "## Recipe\n".to_owned(),
            self.these_weights(),
            format!(
                "- optimiser: {kind}; betas {} and {}, weight decay {}, gradient norm at most {}",
                optimizer.beta_1, optimizer.beta_2, optimizer.weight_decay, optimizer.grad_clip,
            ),
            format!(
                "- learning rate: {} after {} warm-up steps{restarted}, then {decay} to {} of it",
                schedule.learning_rate, schedule.warmup_steps, schedule.final_ratio,
            ),
            format!("- batch: {} windows of {} tokens", training.batch_size, self.config.window()),
            format!(
                "- dropout: {} embeddings, {} attention, {} residual; label smoothing {}",
                model.embd_pdrop, model.attn_pdrop, model.resid_pdrop, training.label_smoothing,
            ),
            format!("- seed: {}", training.seed),
        ]
        .join("\n")
    }

    fn these_weights(&self) -> String {
        let average = match self.weights {
            CardWeights::Checkpoint => "",
            CardWeights::Average => ", the moving average",
        };
        let seen = self.row.as_ref().map(|row| {
            let (tokens, passes, minutes) = (row.tokens, row.passes, row.seconds / 60.0);
            format!("; {tokens} tokens in {passes:.2} passes, {minutes:.1} minutes")
        });
        let step = self.manifest.step;
        let origins: Vec<String> = self
            .config
            .continued
            .iter()
            .map(|origin| format!("; up to step {} in the run `{}`", origin.step, origin.run))
            .collect();
        let (seen, origins) = (seen.unwrap_or_default(), origins.concat());
        format!("- these weights: step {step}{average}{seen}{origins}")
    }

    fn curves(&self) -> String {
        let names = self.plots.iter().filter_map(|path| path.file_stem()?.to_str());
        let pictures: Vec<String> =
            names.map(|name| format!("![{name}](plots/{name}.png)")).collect();
        if pictures.is_empty() {
            return String::new();
        }
        format!("## Curves\n\n{}", pictures.join("\n\n"))
    }

    fn metrics(&self) -> String {
        let (step, validation) = (self.manifest.step, self.manifest.validation);
        let figures = match self.weights {
            CardWeights::Checkpoint => {
                validation.map(|validation| ValidationFigures::new(&(step, validation)))
            }
            CardWeights::Average => self.summary.as_ref().and_then(|summary| summary.average),
        };
        let Some(figures) = figures.filter(|figures| figures.step == step) else {
            return "## Metrics\n\nThese weights were not validated.".to_owned();
        };
        let ValidationFigures { loss, token_perplexity, word_perplexity, bits_per_byte, .. } =
            figures;
        let of_words = word_perplexity
            .map(|perplexity| {
                format!("| word perplexity | {perplexity:.1} | word between white space |\n")
            })
            .unwrap_or_default();
        format!(
            "## Metrics\n\nOn the held-out text in disjoint windows of the whole context, every token \
             predicted once, `<|endoftext|>` after each document included; no sliding window, no \
             detokeniser.\n\n\
             | figure | value | per |\n|---|---|---|\n\
             | cross-entropy | {loss:.4} nats | token of its own tokenizer |\n\
             | token perplexity | {token_perplexity:.2} | token of its own tokenizer |\n\
             {of_words}\
             | bits per byte | {bits_per_byte:.3} | byte of UTF-8 |"
        )
    }

    fn samples(&self) -> String {
        let Some(Summary { samples, .. }) = self.summary.as_ref() else { return String::new() };
        if samples.is_empty() {
            return String::new();
        }
        let quoted: Vec<String> =
            samples.iter().map(|sample| format!("> {}", sample.replace('\n', "\n> "))).collect();
        format!("## Samples\n\nBy the model at the end of the run:\n\n{}", quoted.join("\n\n"))
    }

    fn licence(&self, license: Option<&str>) -> String {
        let weights = match license {
            Some(license) => format!("The weights are given under `{license}`."),
            None => "Whoever trained the model has named no licence for its weights.".to_owned(),
        };
        let text = match self.config.data.source {
            Source::Embedded => "The novels are in the public domain.",
            _ => "The text has a licence of its own, which may bind what is made of it.",
        };
        format!("## Licence\n\n{weights} {text}")
    }

    fn limits(&self) -> String {
        format!(
            "## Limits\n\nIt continues text in the manner of what it was trained on, and knows nothing \
             else. {} and what it says is not to be relied on. It sees {} tokens at most. transformers takes `<|endoftext|>` in a text for \
             the end of a document, minigpt for thirteen characters.",
            match self.config.finetune {
                Some(_) => "Nobody made it safe,",
                None => "It follows no instructions, nobody made it safe,",
            },
            self.config.model.block_size
        )
    }

    fn made_with(&self) -> String {
        let Some(environment) = &self.environment else { return String::new() };
        let Environment { minigpt, burn, device, platform, command, .. } = environment;
        let command = command.join(" ");
        format!(
            "## Made with\n\nminigpt {minigpt} on burn {burn}, device {device}, {platform}:\n\n\
             ```text\n{command}\n```"
        )
    }
}

/// The card of a model that came from elsewhere, of which minigpt knows the shape alone; `weights` is what they
/// are written as.
#[must_use]
pub fn pretrained_card(
    name: &str,
    origin: &str,
    config: &GptConfig,
    weights: &str,
    license: Option<&str>,
) -> String {
    let head = format!(
        "{}\n\n# {name}\n\nA {} of {} parameters that {MINIGPT} read from `{origin}` and wrote \
         again, its weights as {weights}, otherwise unchanged. For its data, its training, its limits and its \
         licence see the original's card.",
        front_matter(config, license, ""),
        name_of(config),
        millions(config),
    );
    [head, use_of_it(), shape(config)].join("\n\n") + "\n"
}

/// What others call models of a shape.
fn name_of(config: &GptConfig) -> &'static str {
    Family::of_shape(config).map_or("transformer", Family::name)
}

const MINIGPT: &str = "[minigpt](https://github.com/minigpt-rs/minigpt)";

/// What the hub reads of a card.
fn front_matter(config: &GptConfig, license: Option<&str>, more: &str) -> String {
    let family = Family::of_shape(config);
    let tag = family.map(|family| format!("- {}\n", family.model_type())).unwrap_or_default();
    let license = license.map(|license| format!("license: {license}\n")).unwrap_or_default();
    format!(
        "---\n{license}library_name: transformers\npipeline_tag: text-generation\n{more}\
         tags:\n{tag}- minigpt\n---"
    )
}

fn millions(config: &GptConfig) -> String {
    format!("{:.1} million", config.parameter_counts().total() as f64 / 1e6)
}

fn source(source: &Source) -> String {
    match source {
        Source::Embedded => "four novels by Jane Austen".to_owned(),
        Source::Hub(dataset) => {
            format!("[{0}](https://huggingface.co/datasets/{0})", dataset.repo)
        }
        source => format!("`{source}`"),
    }
}

fn use_of_it() -> String {
    "## Use\n\n\
     ```python\n\
     from transformers import AutoModelForCausalLM, AutoTokenizer\n\n\
     folder = \".\"  # where this card is\n\
     tokenizer = AutoTokenizer.from_pretrained(folder)\n\
     model = AutoModelForCausalLM.from_pretrained(folder)\n\
     inputs = tokenizer(\"It was\", return_tensors=\"pt\")\n\
     print(tokenizer.decode(model.generate(**inputs, max_new_tokens=40)[0]))\n\
     ```"
    .to_owned()
}

fn shape(config: &GptConfig) -> String {
    let GptConfig { n_layer, n_head, n_embd, n_inner, block_size, vocab_size, .. } = config;
    let groups = match config.n_kv_head() {
        heads if heads == *n_head => String::new(),
        heads => format!(" ({heads} of keys and values)"),
    };
    let architecture = match Family::of_shape(config) {
        Some(family) => format!("{}'s architecture", family.name()),
        None => "An architecture of no published family".to_owned(),
    };
    format!(
        "## Model\n\n{architecture}: {n_layer} layers of {n_head} heads{groups}, {n_embd} wide, {n_inner} \
         in the MLPs, a context of {block_size} tokens, a vocabulary of {vocab_size}."
    )
}

#[cfg(test)]
mod tests;
