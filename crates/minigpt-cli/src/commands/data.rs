//! `minigpt data`: what a text is, before a model sees it.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use minigpt_data::{Passes, SplitManifest, StoreManifest, TokenSplit, TokenStore, Unigrams};
use minigpt_model::GptConfig;
use minigpt_train::{RunConfig, TOKENS_PER_PARAMETER};
use serde::Serialize;

use crate::args::{DataArgs, DataCommand};
use crate::load::{settings, tokens};
use crate::terminal::format::grouped;
use crate::terminal::output::print;

/// Windows shown as text.
const WINDOWS_SHOWN: u64 = 3;

pub(crate) fn run(command: &DataCommand) -> Result<ExitCode> {
    match command {
        DataCommand::Stats(args) => stats(args)?,
        DataCommand::Prepare(args) => prepare(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What `data prepare --json` prints.
#[derive(Serialize)]
struct Prepared<'a> {
    folder: &'a std::path::Path,
    manifest: &'a StoreManifest,
}

fn prepare(args: &DataArgs) -> Result<()> {
    let config = settings::of_data(args)?;
    let store = tokens::prepare(&config.data, args.text.cache.as_deref())?;
    let (folder, manifest) = (store.folder(), store.manifest());
    if args.json {
        let json = serde_json::to_string_pretty(&Prepared { folder, manifest })?;
        return print(|out| writeln!(out, "{json}"));
    }
    print(|out| {
        for split in &manifest.splits {
            let shards = split.shards.len();
            writeln!(out, "{}: {} tokens in {shards} shards", split.split, grouped(split.tokens))?;
        }
        writeln!(out, "{}", folder.display())
    })
}

/// What `data stats --json` prints, and its text in words.
#[derive(Serialize)]
struct Stats {
    source: String,
    tokenizer: String,
    vocab_size: usize,
    splits: Vec<SplitStats>,
    block_size: usize,
    windows_per_pass: usize,
    parameters: usize,
    tokens_per_parameter: f64,
    windows: Vec<String>,
}

#[derive(Serialize)]
struct SplitStats {
    #[serde(flatten)]
    counts: SplitCounts,
    bytes_per_token: f64,
    ids_used: usize,
    /// Under the frequencies of the training split.
    unigram_perplexity: f64,
}

#[derive(Serialize)]
struct SplitCounts {
    split: String,
    documents: u64,
    bytes: u64,
    words: u64,
    characters: u64,
    tokens: u64,
}

impl Stats {
    fn new(config: &RunConfig, store: &TokenStore) -> Result<Self> {
        let tokenizer = store.tokenizer();
        let vocab_size = tokenizer.vocab_size();
        let model = GptConfig { vocab_size, ..config.model.clone() };
        let parameters = model.parameter_counts().total();
        let training = Unigrams::count(store.train(), vocab_size);
        let splits = [Some(store.train()), Some(store.valid()), store.test()];
        let of_split = |(counts, split): (&SplitManifest, &TokenSplit)| {
            SplitStats::new(counts, &Unigrams::count(split, vocab_size), &training)
        };
        let passes = Passes::new(store.train().windows(model.block_size)?, config.training.seed);
        let window = |position| tokenizer.decode(&passes.get(position).inputs);
        Ok(Self {
            source: config.data.source.to_string(),
            tokenizer: config.data.tokenizer.to_string(),
            vocab_size,
            splits: store
                .manifest()
                .splits
                .iter()
                .zip(splits.into_iter().flatten())
                .map(of_split)
                .collect(),
            block_size: model.block_size,
            windows_per_pass: passes.windows_per_pass(),
            parameters,
            tokens_per_parameter: store.train().len() as f64 / parameters as f64,
            windows: (0..WINDOWS_SHOWN).map(window).collect::<Result<_, _>>()?,
        })
    }
}

impl SplitStats {
    fn new(counts: &SplitManifest, unigrams: &Unigrams, training: &Unigrams) -> Self {
        let SplitManifest { documents, bytes, words, characters, tokens, .. } = *counts;
        let split = counts.split.clone();
        Self {
            counts: SplitCounts { split, documents, bytes, words, characters, tokens },
            bytes_per_token: bytes as f64 / tokens as f64,
            ids_used: unigrams.used(),
            unigram_perplexity: training.perplexity_of(unigrams),
        }
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{:<11}{:>10}{:>15}{:>14}{:>15}{:>14}{:>13}{:>18}{:>20}",
            "split",
            "documents",
            "bytes",
            "words",
            "characters",
            "tokens",
            "bytes/token",
            "ids used",
            "unigram perplexity",
        )?;
        self.splits.iter().try_for_each(|split| split.write_row(self.vocab_size, out))?;
        writeln!(
            out,
            "\nunigram perplexity is that of the training split's frequencies: a model that is no \
             better has learnt nothing else\n{} windows of {} tokens in a pass\n\
             {:.2} training tokens for each of the model's {} parameters; about {TOKENS_PER_PARAMETER} \
             are compute-optimal (Hoffmann et al., 2022)",
            grouped(self.windows_per_pass as u64),
            self.block_size,
            self.tokens_per_parameter,
            grouped(self.parameters as u64),
        )?;
        if self.tokens_per_parameter < 1.0 {
            writeln!(
                out,
                "warning: fewer tokens than parameters: the model can learn the text by heart; \
                 watch the validation loss, and give more text, a smaller --model or dropout"
            )?;
        }
        let mut windows = self.windows.iter().enumerate();
        windows.try_for_each(|(index, window)| {
            writeln!(out, "\nwindow {}:\n  {}", index + 1, window.replace('\n', "\n  "))
        })
    }
}

impl SplitStats {
    fn write_row(&self, vocab_size: usize, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        writeln!(
            out,
            "{:<11}{:>10}{:>15}{:>14}{:>15}{:>14}{:>13.3}{:>18}{:>20.1}",
            counts.split,
            grouped(counts.documents),
            grouped(counts.bytes),
            grouped(counts.words),
            grouped(counts.characters),
            grouped(counts.tokens),
            self.bytes_per_token,
            format!("{} of {}", grouped(self.ids_used as u64), grouped(vocab_size as u64)),
            self.unigram_perplexity,
        )
    }
}

fn stats(args: &DataArgs) -> Result<()> {
    let config = settings::of_data(args)?;
    let store = tokens::prepare(&config.data, args.text.cache.as_deref())?;
    let stats = Stats::new(&config, &store)?;
    if args.json {
        let json = serde_json::to_string_pretty(&stats)?;
        return print(|out| writeln!(out, "{json}"));
    }
    print(|out| write!(out, "{stats}"))
}
