//! The runs that have a name, and the recipe of fine-tuning: each value has its reason, or is the tutorial's.

use minigpt_data::{HubDataset, Source, TokenizerSpec};
use minigpt_model::{
    BiasConfig, GptConfig, MlpKind, NormConfig, NormKind, Position, Precision, RotaryConfig,
};

use super::finetune::{FinetuneConfig, FinetuneTask};
use super::{
    DataConfig, Decay, OptimizerConfig, OptimizerKind, RunConfig, SampleConfig, ScheduleConfig,
    TrainingConfig,
};
use crate::error::TrainError;

impl RunConfig {
    /// The names that [`preset`](Self::preset) knows.
    pub const PRESETS: [&'static str; 8] = [
        "austen",
        "children",
        "tiny",
        "shakespeare-char",
        "tinystories",
        "wikitext2",
        "wikitext2-hour",
        "wikitext103",
    ];

    /// The preset of that name.
    ///
    /// # Errors
    /// [`TrainError::UnknownName`].
    pub fn preset(name: &str) -> Result<Self, TrainError> {
        match name {
            "austen" => Ok(Self::austen()),
            "children" => Ok(Self::children()),
            "tiny" => Ok(Self::tiny()),
            "shakespeare-char" => Ok(Self::shakespeare_char()),
            "tinystories" => Ok(Self::tinystories()),
            "wikitext2" => Ok(Self::wikitext2()),
            "wikitext2-hour" => Ok(Self::wikitext2_hour()),
            "wikitext103" => Ok(Self::wikitext103()),
            _ => Err(TrainError::UnknownName {
                kind: "preset",
                name: name.to_owned(),
                known: Self::PRESETS.join(", "),
            }),
        }
    }

    /// What `cargo xtask train` does: four novels, sized so that two CPU cores need little more than a minute.
    /// `docs/experiments.md` has what was tried.
    fn austen() -> Self {
        // More ids, so that a step reads more text: in equal time 4,096, 8,192 and 16,384 did better in this order.
        let vocab_size = 16_384;
        Self {
            data: DataConfig::new(Source::Embedded, TokenizerSpec::Bpe { vocab_size }),
            // Twice the context of the model's size; four times did worse after the same tokens.
            model: qwen(GptConfig { block_size: 128, ..GptConfig::small(vocab_size) }),
            optimizer: OptimizerConfig { kind: OptimizerKind::Muon, ..long_memory() },
            // Twice the rate is no better. No step is left over at the end for a rate above zero.
            schedule: line_to_zero(5e-3, 80),
            training: TrainingConfig {
                // Twice as many steps over the same text are worth their time.
                batch_size: 8,
                epochs: 2,
                eval_every: Some(290),
                // As good as f32, and sooner, where the processor has it; f32 elsewhere.
                precision: Precision::Bf16,
                ..TrainingConfig::default()
            },
            sample: SampleConfig { prompt: "It was".to_owned(), ..SampleConfig::default() },
            finetune: None,
            continued: Vec::new(),
        }
    }

    /// Classic books for children, a few megabytes that `--data` names: the recipe of `austen`, with a wider model for
    /// more text and more time. Without `--data` it reads the novels.
    fn children() -> Self {
        let austen = Self::austen();
        let vocab_size = austen.model.vocab_size;
        Self {
            model: qwen(GptConfig::new(vocab_size, 256, 4, 4, 256)),
            training: TrainingConfig { eval_every: None, ..austen.training },
            ..austen
        }
        .with_prompt("Once upon a time")
    }

    /// A few seconds on the embedded corpus, to see that everything works.
    #[must_use]
    pub fn tiny() -> Self {
        let vocab_size = 512;
        Self {
            data: DataConfig::new(Source::Embedded, TokenizerSpec::Bpe { vocab_size }),
            model: GptConfig::tiny(vocab_size),
            optimizer: long_memory(),
            schedule: ScheduleConfig::cosine(3e-3, 20),
            training: TrainingConfig {
                epochs: 1,
                max_steps: Some(200),
                eval_every: Some(100),
                ..TrainingConfig::default()
            },
            ..Self::austen()
        }
    }

    /// nanoGPT's `shakespeare_char`, characters by a model of the size that its README gives for a CPU (4 layers, 128 wide, no
    /// dropout) and in the time of its 2,000 steps, by today's shape and Muon; `docs/experiments.md` has what was tried.
    fn shakespeare_char() -> Self {
        // The hub's own copy as parquet; the dataset itself is a script that we do not run.
        let source = hub("karpathy/tiny_shakespeare", None, Some("refs/convert/parquet"));
        Self {
            data: DataConfig::new(source, TokenizerSpec::Char),
            // Twice nanoGPT's context and half its windows: as many characters in a step, which see further back.
            model: qwen(GptConfig::new(66, 128, 4, 4, 128)),
            optimizer: OptimizerConfig {
                kind: OptimizerKind::Muon,
                beta_2: 0.99,
                ..OptimizerConfig::default()
            },
            schedule: line_to_zero(5e-3, 100),
            training: TrainingConfig {
                batch_size: 6,
                max_steps: Some(1750),
                eval_every: Some(350),
                precision: Precision::Bf16,
                ..TrainingConfig::default()
            },
            sample: SampleConfig { prompt: "\n".to_owned(), ..SampleConfig::default() },
            finetune: None,
            continued: Vec::new(),
        }
    }

    /// Short stories in the words of small children ([Eldan and Li, 2023](https://arxiv.org/abs/2305.07759)),
    /// the text on which a model this small first becomes coherent. Its steps take two cores with bf16 about twenty minutes,
    /// the validation at the end not counted.
    fn tinystories() -> Self {
        // On a sample of 1.4 MB better than 2,048, and than all 6,100 ids that it gives; not tried on the full text.
        let vocab_size = 4096;
        let source = hub("roneneldan/TinyStories", None, None);
        let austen = Self::austen();
        Self {
            data: DataConfig::new(source, TokenizerSpec::Bpe { vocab_size }),
            // A story has about 200 tokens, and fits the context. No dropout: no token is seen twice.
            model: qwen(GptConfig::new(vocab_size, 256, 6, 4, 256)),
            schedule: line_to_zero(5e-3, 150),
            training: TrainingConfig {
                max_steps: Some(2850),
                // No validation before the end of a pass: the held-out stories are some 20 MB, which take minutes.
                eval_every: None,
                save_every: Some(500),
                ..austen.training
            },
            ..austen
        }
        .with_prompt("Once upon a time")
    }

    /// The tutorial's experiment, on the text with `<unk>` in place of rare words; AdamW as it comes with
    /// PyTorch, where the tutorial says no more of it.
    fn wikitext2() -> Self {
        let source = hub("Salesforce/wikitext", Some("wikitext-2-v1"), None);
        Self {
            data: DataConfig { lines: true, ..DataConfig::new(source, TokenizerSpec::Gpt2) },
            model: GptConfig::mini(50_257),
            // Most of the weights are vectors of rare tokens. A second moment that lasts twenty steps has
            // forgotten a token's last gradient when the next comes, and gives it a seventh of the step.
            optimizer: OptimizerConfig {
                beta_2: 0.999,
                weight_decay: 0.01,
                ..OptimizerConfig::default()
            },
            schedule: ScheduleConfig::cosine(3e-4, 1000),
            training: TrainingConfig::default(),
            sample: SampleConfig::default(),
            finetune: None,
            continued: Vec::new(),
        }
        .with_prompt("The future of artificial intelligence depends on")
    }

    /// The best that was found for the tutorial's text within an hour of two cores with bf16; `docs/experiments.md` has what
    /// was tried.
    fn wikitext2_hour() -> Self {
        // The text has 33,277 different words and no others: nearly every one has an id of its own.
        let vocab_size = 32_768;
        let tutorial = Self::wikitext2();
        Self {
            data: DataConfig { tokenizer: TokenizerSpec::Bpe { vocab_size }, ..tutorial.data },
            // Half as wide again as the tutorial's, and it sees twice as far: an hour is enough for six passes of it.
            model: qwen(GptConfig::new(vocab_size, 256, 4, 6, 384)).with_dropout(0.15),
            optimizer: OptimizerConfig { kind: OptimizerKind::Muon, ..long_memory() },
            schedule: line_to_zero(5e-3, 100),
            training: TrainingConfig {
                batch_size: 12,
                epochs: 6,
                precision: Precision::Bf16,
                ..tutorial.training
            },
            ..tutorial
        }
    }

    /// The tutorial's model on forty times its text: one pass, and no dropout, since no token is
    /// seen twice.
    fn wikitext103() -> Self {
        let source = hub("Salesforce/wikitext", Some("wikitext-103-v1"), None);
        Self {
            data: DataConfig { source, ..Self::wikitext2().data },
            model: GptConfig::mini(50_257).with_dropout(0.0),
            training: TrainingConfig {
                epochs: 1,
                eval_every: Some(5000),
                ..TrainingConfig::default()
            },
            ..Self::wikitext2()
        }
    }

    fn with_prompt(mut self, prompt: &str) -> Self {
        self.sample.prompt = prompt.to_owned();
        self
    }
}

/// Today's shape in place of GPT-2's, as Qwen 3 has it and other programs read it: after the same time 2.6 % fewer bits.
fn qwen(model: GptConfig) -> GptConfig {
    GptConfig {
        position: Position::Rotary(RotaryConfig { base: 10_000.0, scaling: None }),
        norm: NormConfig { kind: NormKind::RmsNorm, ..NormConfig::default() },
        bias: BiasConfig::NONE,
        mlp: MlpKind::Swiglu,
        // Three matrices of two thirds of the width have the parameters of two, rounded up to what blocks of q8_0 and q4_0
        // divide.
        n_inner: (model.n_embd * 8).div_ceil(3).next_multiple_of(32),
        qk_norm: true,
        ..model
    }
}

/// PyTorch's second beta: a rare token's last gradient is remembered until the next one.
fn long_memory() -> OptimizerConfig {
    OptimizerConfig { beta_2: 0.999, ..OptimizerConfig::default() }
}

/// A warm-up and a line down to nothing, as suits a run whose length is known.
fn line_to_zero(learning_rate: f64, warmup_steps: usize) -> ScheduleConfig {
    let cosine = ScheduleConfig::cosine(learning_rate, warmup_steps);
    ScheduleConfig { decay: Decay::Linear, final_ratio: 0.0, ..cosine }
}

fn hub(repo: &str, config: Option<&str>, revision: Option<&str>) -> Source {
    Source::Hub(HubDataset {
        repo: repo.to_owned(),
        config: config.map(str::to_owned),
        revision: revision.map(str::to_owned),
    })
}

impl RunConfig {
    /// The recipe by which a model of this shape is tuned: a tenth of pretraining's learning rate, little
    /// decay, dropout against learning a small set by heart where the base had some, a validation after each pass, and an end
    /// when two of them bring nothing better. A [recipe](super::recipes::Recipe) that `finetune` names has values of its
    /// own.
    #[must_use]
    pub fn finetuning(model: GptConfig, data: DataConfig, finetune: FinetuneConfig) -> Self {
        let decay = Decay::Linear;
        // Until the examples are read, which have a better one.
        let prompt = match finetune.task {
            FinetuneTask::Lm => SampleConfig::default().prompt,
            _ => String::new(),
        };
        // An adapter takes a larger one than the weights themselves.
        // Preferences change little of what a model writes: a larger one unlearns to write (DPO's authors take 1e-6 for
        // models of billions).
        let learning_rate = match (finetune.task, &finetune.lora) {
            (FinetuneTask::Prefer, None) => 1e-5,
            (FinetuneTask::Prefer, Some(_)) => 2e-4,
            (_, Some(_)) => 2e-3,
            (_, None) => 3e-4,
        };
        // A model that never had dropout is thrown far off by it: SmolLM2 begins at 9.7 nats a token instead of 3.5. The
        // reference of preferences has none, and a mask of its own would be most of a margin.
        let rates = [model.embd_pdrop, model.attn_pdrop, model.resid_pdrop];
        let is_without = rates == [0.0; 3] && !finetune.fresh;
        let dropout = if finetune.task == FinetuneTask::Prefer || is_without { 0.0 } else { 0.1 };
        let schedule =
            ScheduleConfig { decay, final_ratio: 0.0, ..ScheduleConfig::cosine(learning_rate, 20) };
        let recipe = finetune.recipe;
        let config = Self {
            data,
            model: model.with_dropout(dropout),
            optimizer: OptimizerConfig { weight_decay: 0.01, ..OptimizerConfig::default() },
            schedule,
            training: TrainingConfig { epochs: 5, patience: Some(2), ..TrainingConfig::default() },
            sample: SampleConfig { prompt, ..SampleConfig::default() },
            finetune: Some(finetune),
            continued: Vec::new(),
        };
        match recipe {
            Some(recipe) => recipe.of(config),
            None => config,
        }
    }
}

#[cfg(test)]
mod tests;
