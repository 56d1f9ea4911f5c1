//! The examples that a model is fine-tuned on, and what is held out of them.

use std::path::PathBuf;

use minigpt_data::{
    DataError, Dialogue, Download, ExampleReader, FileLine, LabelledText, Preference,
    SkippedExamples, Source, SplitExamples, TokenPairs, TokenRows, Tokenizer, WeightedSource,
    last_tenth, repeated,
};

use crate::config::RunConfig;
use crate::config::finetune::{FinetuneConfig, FinetuneTask};
use crate::data::pairs::PreferenceSet;
use crate::data::token_set::TokenSet;
use crate::data::tokens::TokenData;
use crate::error::TrainError;

/// The examples of a run, and those of them that are held out as they were read.
#[derive(Clone, Debug)]
pub struct ExampleData {
    /// The examples as tokens.
    pub tokens: TokenData,
    /// What is held out.
    pub held_out: HeldOut,
    /// Examples read, those left out as too long included.
    pub read: usize,
    /// Examples that were longer than the context and left out.
    pub left_out: usize,
    /// Conversations that were longer than the context and lost their last turns.
    pub shortened: usize,
    /// Invalid examples that were left out, by reason.
    pub skipped: SkippedExamples,
    /// Examples that say what an earlier one says.
    pub repeated: Vec<RepeatedExample>,
}

/// An example that says what an earlier one says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatedExample {
    /// Where the earlier one stands.
    pub earlier: FileLine,
    /// Where it stands.
    pub later: FileLine,
    /// Whether it is held out and the earlier one is learnt, so that it measures what was learnt by heart.
    pub is_leaked: bool,
}

impl ExampleData {
    /// Examples that are learnt, and examples that are held out, without those that were left out.
    pub fn kept(&self) -> [usize; 2] {
        [&self.tokens.train, &self.tokens.valid].map(TokenSet::examples)
    }

    /// Rows that the examples to learn stand in.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.tokens.train.rows()
    }
}

/// Held-out examples of a task as they were read, to be measured after training.
#[derive(Clone, Debug)]
pub enum HeldOut {
    /// Of tasks with answers.
    Dialogues(Vec<Dialogue>),
    /// Of a classifier.
    Labelled(Vec<LabelledText>),
    /// Of two answers each.
    Preferences(Vec<Preference>),
}

impl HeldOut {
    /// How many examples there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "nothing is held out where there is nothing")]
    pub fn len(&self) -> usize {
        match self {
            Self::Dialogues(dialogues) => dialogues.len(),
            Self::Labelled(texts) => texts.len(),
            Self::Preferences(pairs) => pairs.len(),
        }
    }
}

/// The examples of all sources, and what is held out of them.
struct Gathered<T> {
    /// Those of each source, with its name and weight.
    train: Vec<(PathBuf, f64, Vec<T>)>,
    valid: Vec<T>,
    valid_name: PathBuf,
}

impl ExampleData {
    /// Reads the examples that `config` asks for, and completes it by what they tell: a classifier's
    /// labels, and the first held-out prompt as what samples continue. `progress` is called while files are downloaded.
    ///
    /// # Errors
    /// [`TrainError::NoExampleFile`] where the source has none, [`TrainError::Data`] for a bad
    /// example, with its line.
    pub fn read(
        config: &mut RunConfig,
        tokenizer: &Tokenizer,
        progress: &mut dyn FnMut(Download),
    ) -> Result<Self, TrainError> {
        let expected = "a task";
        let mut finetune =
            config.finetune.take().ok_or(TrainError::Setting { field: "finetune", expected })?;
        let data = Self::of_task(config, &mut finetune, tokenizer, progress);
        config.finetune = Some(finetune);
        let data = data?;
        if config.sample.prompt.is_empty() {
            data.choose_prompt(config)?;
        }
        Ok(data)
    }

    fn of_task(
        config: &RunConfig,
        finetune: &mut FinetuneConfig,
        tokenizer: &Tokenizer,
        progress: &mut dyn FnMut(Download),
    ) -> Result<Self, TrainError> {
        let mut reader = ExampleReader::new(config.data.read_options(), finetune.skip_bad);
        let options = finetune.row_options(config.model.block_size);
        let data = match finetune.task {
            FinetuneTask::Classify => {
                let found =
                    gather(config, finetune, |source| reader.labelled(source, &mut *progress))?;
                if finetune.labels.is_empty() {
                    let all: Vec<LabelledText> =
                        found.train.iter().flat_map(|(_, _, texts)| texts.clone()).collect();
                    finetune.labels = LabelledText::labels(&all, &found.train[0].0)?;
                }
                let repeated = found.repeated(|text| &text.text, |text| &text.place);
                let [train, valid] = found.rows(
                    |texts, path| {
                        TokenRows::of_labelled(tokenizer, texts, &finetune.labels, path, &options)
                    },
                    TokenRows::joined,
                )?;
                Self::of_rows([train, valid], HeldOut::Labelled(found.valid), tokenizer, repeated)
            }
            FinetuneTask::Prefer => {
                let template = finetune.template()?;
                let found = gather(config, finetune, |source| {
                    reader.preferences(source, template, tokenizer, &mut *progress)
                })?;
                let repeated = found.repeated(
                    |pair| (&pair.chosen.turns, &pair.rejected.turns),
                    |pair| &pair.place,
                );
                let [train, valid] = found.rows(
                    |pairs, path| {
                        TokenPairs::of_preferences(tokenizer, template, pairs, path, &options)
                    },
                    TokenPairs::joined,
                )?;
                let left_out = train.left_out() + valid.left_out();
                let read = train.len() + valid.len() + left_out;
                let [train, valid] = [train, valid].map(|pairs| PreferenceSet::from(pairs).into());
                let tokens = TokenData { tokenizer: tokenizer.clone(), train, valid };
                let held_out = HeldOut::Preferences(found.valid);
                let (shortened, skipped) = (0, SkippedExamples::default());
                Self { tokens, held_out, read, left_out, shortened, skipped, repeated }
            }
            FinetuneTask::Lm | FinetuneTask::Instruct | FinetuneTask::Summarize => {
                let template = finetune.template()?;
                let found = gather(config, finetune, |source| match finetune.task {
                    FinetuneTask::Summarize => {
                        reader.summaries(source, template, tokenizer, &mut *progress)
                    }
                    _ => reader.instructions(source, template, tokenizer, &mut *progress),
                })?;
                let repeated =
                    found.repeated(|dialogue| &dialogue.turns, |dialogue| &dialogue.place);
                let [train, valid] = found.rows(
                    |dialogues, path| {
                        TokenRows::of_dialogues(tokenizer, template, dialogues, path, &options)
                    },
                    |sources| match finetune.pack {
                        Some(length) => TokenRows::joined(packed(sources, length)),
                        None => TokenRows::joined(sources),
                    },
                )?;
                Self::of_rows([train, valid], HeldOut::Dialogues(found.valid), tokenizer, repeated)
            }
        };
        Ok(Self { skipped: reader.skipped().clone(), ..data })
    }

    fn of_rows(
        [train, valid]: [TokenRows; 2],
        held_out: HeldOut,
        tokenizer: &Tokenizer,
        repeated: Vec<RepeatedExample>,
    ) -> Self {
        let left_out = train.left_out() + valid.left_out();
        let shortened = train.shortened() + valid.shortened();
        let read = train.examples() + valid.examples() + left_out;
        let (tokenizer, skipped) = (tokenizer.clone(), SkippedExamples::default());
        let tokens = TokenData { tokenizer, train: train.into(), valid: valid.into() };
        Self { tokens, held_out, read, left_out, shortened, skipped, repeated }
    }

    /// Has samples continue the first held-out prompt that fits the context.
    fn choose_prompt(&self, config: &mut RunConfig) -> Result<(), TrainError> {
        for prompt in self.held_out.prompts() {
            config.sample.prompt = prompt.to_owned();
            let ids = config.sample_prompt(&self.tokens.tokenizer)?;
            if ids.ids().len() < config.model.block_size {
                return Ok(());
            }
        }
        config.sample.prompt.clear();
        Ok(())
    }
}

impl HeldOut {
    /// What a model is asked, in the order of the file.
    pub(crate) fn prompts(&self) -> Vec<&str> {
        match self {
            Self::Dialogues(dialogues) => {
                dialogues.iter().map(|dialogue| dialogue.turns[0].given.as_str()).collect()
            }
            Self::Labelled(texts) => texts.iter().map(|text| text.text.as_str()).collect(),
            Self::Preferences(pairs) => {
                pairs.iter().map(|pair| pair.chosen.turns[0].given.as_str()).collect()
            }
        }
    }
}

impl<T> Gathered<T> {
    /// Examples that say what an earlier one says.
    fn repeated<'a, K: std::hash::Hash + Eq>(
        &'a self,
        key: impl Fn(&'a T) -> K,
        place: impl Fn(&'a T) -> &'a FileLine,
    ) -> Vec<RepeatedExample> {
        let train = self.train.iter().flat_map(|(_, _, examples)| examples);
        let all: Vec<&T> = train.chain(&self.valid).collect();
        let learnt = all.len() - self.valid.len();
        let of = |[earlier, later]: [usize; 2]| RepeatedExample {
            earlier: place(all[earlier]).clone(),
            later: place(all[later]).clone(),
            is_leaked: earlier < learnt && later >= learnt,
        };
        repeated(all.iter().copied(), key).into_iter().map(of).collect()
    }

    /// The examples as tokens: those of all sources together, and those that are held out.
    fn rows<R>(
        &self,
        of_examples: impl Fn(&[T], &std::path::Path) -> Result<R, DataError>,
        joined: impl Fn(Vec<(R, f64)>) -> R,
    ) -> Result<[R; 2], DataError> {
        let of_source = |(name, weight, examples): &(PathBuf, f64, Vec<T>)| {
            Ok((of_examples(examples, name)?, *weight))
        };
        let train = self.train.iter().map(of_source).collect::<Result<_, DataError>>()?;
        Ok([joined(train), of_examples(&self.valid, &self.valid_name)?])
    }
}

/// The rows of each source with several examples in a row.
fn packed(sources: Vec<(TokenRows, f64)>, length: usize) -> Vec<(TokenRows, f64)> {
    sources.into_iter().map(|(rows, weight)| (rows.packed(length), weight)).collect()
}

/// The examples of all sources. What is held out is a source of its own, what each source has for it, or its last
/// tenth.
fn gather<T>(
    config: &RunConfig,
    finetune: &FinetuneConfig,
    mut read: impl FnMut(&Source) -> Result<SplitExamples<T>, DataError>,
) -> Result<Gathered<T>, TrainError> {
    let sources = match &finetune.sources[..] {
        [] => vec![WeightedSource::from(config.data.source.clone())],
        sources => sources.to_vec(),
    };
    let name = |source: &Source| PathBuf::from(source.to_string());
    let (mut train, mut valid) = (Vec::new(), Vec::new());
    for WeightedSource { source, weight } in &sources {
        if *source == Source::Embedded {
            return Err(TrainError::NoExampleFile { source_name: source.to_string() });
        }
        let SplitExamples { train: mut learnt, valid: own } = read(source)?;
        match (config.data.valid.is_some(), own) {
            (true, own) => learnt.extend(own.unwrap_or_default()),
            (false, Some(own)) => valid.extend(own),
            (false, None) => {
                let [first, held_out] = last_tenth(learnt, &name(source))?;
                learnt = first;
                valid.extend(held_out);
            }
        }
        train.push((name(source), *weight, learnt));
    }
    let mut valid_name = train[0].0.clone();
    if let Some(source) = &config.data.valid {
        let SplitExamples { train, valid: own } = read(source)?;
        valid = train.into_iter().chain(own.unwrap_or_default()).collect();
        valid_name = name(source);
    }
    Ok(Gathered { train, valid, valid_name })
}
