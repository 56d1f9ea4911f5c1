//! The tokens of a text: downloaded, tokenized once into the cache, and shown while it takes time.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Result, ensure};
use minigpt_data::{Documents, Preparing, Source, TextProgress, TokenStore, TokenizerSpec};
use minigpt_train::{DataConfig, vocab_size_of};

use crate::cache::cache_folder;
use crate::terminal::format::{self, grouped};
use crate::terminal::output::say;
use crate::terminal::progress::ByteProgress;

/// The tokens that `config` asks for, from the cache or made now.
pub(crate) fn prepare(config: &DataConfig, cache: Option<&Path>) -> Result<TokenStore> {
    let mut text = Text::open(config, cache)?;
    let store = text.tokenized(config, "")?;
    text.describe(config, &store);
    Ok(store)
}

/// The same by a vocabulary as large as suits the text, which `config` has afterwards; with the text, for another one.
pub(crate) fn prepare_fitting(
    config: &mut DataConfig,
    cache: Option<&Path>,
) -> Result<(TokenStore, Text)> {
    let mut text = Text::open(config, cache)?;
    config.tokenizer = TokenizerSpec::Bpe { vocab_size: vocab_size_of(u64::MAX, 0.0) };
    let store =
        text.tokenized(config, ", the largest that is chosen, to learn how long the text is")?;
    // How long it is, its tokens say first.
    let fitting =
        text.fitted(config, &store, 0.0, ", the size that suits a text of this length")?;
    let store = fitting.unwrap_or(store);
    text.describe(config, &store);
    Ok((store, text))
}

/// A text that was found, and where its tokens go.
pub(crate) struct Text {
    documents: Documents,
    root: PathBuf,
    progress: ByteProgress,
}

impl Text {
    fn open(config: &DataConfig, cache: Option<&Path>) -> Result<Self> {
        let root = cache_folder(cache)?.join("tokens");
        ensure!(
            config.source != Source::Stdin || !std::io::stdin().is_terminal(),
            "standard input is a terminal: expected text piped in, as in `cat notes.txt | minigpt …`"
        );
        let mut progress = ByteProgress::new();
        if let Source::Hub(dataset) = &config.source {
            progress.line(&format!("looking up {dataset} on the hub"));
        }
        let documents = config.open(&mut |download| {
            let what = format!("downloading {}", download.file);
            progress.show(&what, download.done_bytes, Some(download.total_bytes));
        })?;
        Ok(Self { documents, root, progress })
    }

    /// Its tokens; `why` follows what is said of a tokenizer that is trained.
    fn tokenized(&mut self, config: &DataConfig, why: &str) -> Result<TokenStore> {
        let Self { documents, root, progress } = self;
        let store = TokenStore::prepare(root, documents, &config.tokenizer, &mut |at| match at {
            Preparing::Reading { bytes } => progress.show("reading", bytes, None),
            Preparing::Training(TextProgress { done_bytes: 0, total_bytes }) => {
                let size = format::bytes(total_bytes);
                progress.line(&format!("training tokenizer {} on {size}{why}", config.tokenizer));
            }
            Preparing::Training(TextProgress { done_bytes, total_bytes }) => {
                progress.show("training tokenizer", done_bytes, Some(total_bytes));
            }
            Preparing::Tokenizing(TextProgress { done_bytes, total_bytes }) => {
                progress.show("tokenizing", done_bytes, Some(total_bytes));
            }
        })?;
        Ok(store)
    }

    /// Its tokens by a vocabulary as large as suits its length and so many passes, which `config` has afterwards; `None`
    /// where `store` has these.
    pub(crate) fn fitted(
        &mut self,
        config: &mut DataConfig,
        store: &TokenStore,
        passes: f64,
        why: &str,
    ) -> Result<Option<TokenStore>> {
        let vocab_size = vocab_size_of(store.manifest().splits[0].bytes, passes);
        let fitting = TokenizerSpec::Bpe { vocab_size };
        if config.tokenizer == fitting {
            return Ok(None);
        }
        config.tokenizer = fitting;
        self.tokenized(config, why).map(Some)
    }

    pub(crate) fn describe(&mut self, config: &DataConfig, store: &TokenStore) {
        // What it showed ends.
        self.progress = ByteProgress::new();
        let documents = |split: usize| store.manifest().splits[split].documents;
        let to_learn = documents(0);
        say(format_args!(
            "data: {}: {} document{} to learn, {} held out; tokenizer {} ({} ids); {}, in {}",
            config.source,
            grouped(to_learn),
            if to_learn == 1 { "" } else { "s" },
            grouped(documents(1)),
            config.tokenizer,
            grouped(store.tokenizer().vocab_size() as u64),
            origin(store),
            store.folder().display(),
        ));
        let missing: u64 = store.manifest().splits.iter().map(|split| split.missing).sum();
        if missing > 0 {
            say(format_args!("left out: {} records without a text", grouped(missing)));
        }
    }
}

/// Whether tokens were made now or come from the cache, and of when.
fn origin(store: &TokenStore) -> String {
    let age = |found: SystemTime| found.elapsed().unwrap_or_default().as_secs_f64();
    match store.found().map(age) {
        Some(age) => format!("tokens from the cache, {} old", format::duration(age)),
        None => "tokenized now".to_owned(),
    }
}
