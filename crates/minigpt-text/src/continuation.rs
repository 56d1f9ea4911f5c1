//! A model and its tokenizer as writers of text: one text while it grows, or several at once.

use minigpt_data::{StopStrings, TextStream, Tokenizer};
use minigpt_model::{BatchGenerator, DraftCounts, Generator, GptRef, Policy, log_probability};
use serde::Serialize;

use crate::error::TextError;
use crate::prompt::Prompt;

/// How a text is continued.
#[derive(Clone, Debug)]
pub struct TextOptions {
    /// How each token is chosen.
    pub policy: Policy,
    /// Tokens written at most.
    pub max_tokens: usize,
    /// Strings before which the text ends.
    pub stop: Vec<String>,
    /// Seed of the chances.
    pub seed: u64,
    /// Whether each token comes with its log-probability.
    pub log_probabilities: bool,
    /// Whether tokens are [drafted](Generator::with_lookup) from what was there before, for a text that is written
    /// alone.
    pub lookup: bool,
}

/// Why a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextEnd {
    /// It has all the tokens that it may have.
    Length,
    /// The model wrote an [end of text](Tokenizer::ends_of_text), such as `<|endoftext|>`.
    EndOfText,
    /// A stop string came.
    Stop,
}

/// A token of a text that is being written.
#[derive(Clone, Debug, PartialEq)]
pub struct TextToken {
    /// The token.
    pub id: u32,
    /// The text that is certain with it: none while a character or a stop string may be incomplete.
    pub text: String,
    /// Its log-probability in nats, before constraints and sampling, where it was asked for.
    pub log_probability: Option<f64>,
}

/// A complete continuation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Continuation {
    /// The continuation, without the prompt.
    pub text: String,
    /// Tokens written, without a closing end of text.
    pub tokens: usize,
    /// Why it ended.
    pub end: TextEnd,
    /// How often the model's context was full and its last half read again.
    pub slides: usize,
}

/// Continues a text token by token; ends after the last one.
///
/// ```
/// use burn::tensor::Device;
/// use minigpt_data::Tokenizer;
/// use minigpt_model::{Gpt, GptConfig, Sampling};
/// use minigpt_text::{Prompt, TextGenerator, TextOptions};
///
/// let tokenizer = Tokenizer::bytes()?;
/// let config = GptConfig::tiny(tokenizer.vocab_size());
/// let model = Gpt::init(&config, 0, &Device::flex())?;
/// let options = TextOptions {
///     policy: Sampling::article().into(),
///     max_tokens: 20,
///     stop: vec!["\n\n".to_owned()],
///     seed: 42,
///     log_probabilities: false,
///     lookup: false,
/// };
/// let prompt = Prompt::of_text(&tokenizer, "Once")?;
/// let mut generator = TextGenerator::new(&model, &tokenizer, &prompt, &options)?;
/// let mut text = String::new();
/// for token in generator.by_ref() {
///     text += &token?.text;
/// }
/// assert!(generator.end().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TextGenerator<'a> {
    generator: Generator<'a>,
    log_probabilities: bool,
    block_size: usize,
    writer: Writer<'a>,
}

impl<'a> TextGenerator<'a> {
    /// Will continue `prompt`, or what of it is [within](Prompt::within) the model's context.
    ///
    /// # Errors
    /// [`TextError::Sampling`], [`TextError::Data`], or [`TextError::Prompt`] where the model cannot
    /// continue this prompt.
    pub fn new(
        model: impl Into<GptRef<'a>>,
        tokenizer: &'a Tokenizer,
        prompt: &Prompt,
        options: &TextOptions,
    ) -> Result<Self, TextError> {
        let model = model.into();
        options.policy.validate()?;
        let block_size = model.block_size();
        let prompt = prompt.within(block_size);
        let generator = Generator::new(model, &prompt, options.policy.clone(), options.seed)?;
        let generator = if options.lookup { generator.with_lookup() } else { generator };
        let writer = Writer::new(tokenizer, options);
        Ok(Self { generator, log_probabilities: options.log_probabilities, block_size, writer })
    }

    /// Why the text ended; `None` while it goes on.
    pub fn end(&self) -> Option<TextEnd> {
        self.writer.end
    }

    /// The stop string before which the text ended, where it was one.
    pub fn stopped_by(&self) -> Option<&str> {
        self.writer.stopped_by.as_deref()
    }

    /// Tokens written so far.
    pub fn tokens(&self) -> usize {
        self.writer.tokens
    }

    /// How often the context was full and its last half read again.
    pub fn slides(&self) -> usize {
        self.generator.slides()
    }

    /// Goes on after `text`, said by somebody else: the next turn of a conversation, for which the model
    /// need not read the turns before again.
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use minigpt_data::Tokenizer;
    /// use minigpt_model::{Gpt, GptConfig, Sampling};
    /// use minigpt_text::{Prompt, TextGenerator, TextOptions};
    ///
    /// let tokenizer = Tokenizer::bytes()?;
    /// let model = Gpt::init(&GptConfig::tiny(tokenizer.vocab_size()), 0, &Device::flex())?;
    /// let options = TextOptions {
    ///     policy: Sampling::Greedy.into(),
    ///     max_tokens: 5,
    ///     stop: Vec::new(),
    ///     seed: 42,
    ///     log_probabilities: false,
    ///     lookup: false,
    /// };
    /// let prompt = Prompt::of_text(&tokenizer, "Good morning.")?;
    /// let mut talk = TextGenerator::new(&model, &tokenizer, &prompt, &options)?;
    /// talk.by_ref().try_for_each(|token| token.map(|token| print!("{}", token.text)))?;
    /// talk.say("\nAnd good night.", &options)?;
    /// assert_eq!(talk.by_ref().count(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TextError::Data`].
    pub fn say(&mut self, text: &str, options: &TextOptions) -> Result<(), TextError> {
        let tokenizer = self.writer.tokenizer;
        self.generator.extend(&tokenizer.encode_continuation(text)?)?;
        self.writer = Writer::new(tokenizer, options);
        Ok(())
    }

    /// Goes on after `prompt`, a conversation that mostly begins with what was read and written here: the model need
    /// not read that again. Where it does not, because its first turns were left out, a model whose weights are packed
    /// need not read again what both begin with.
    ///
    /// # Errors
    /// [`TextError::Prompt`].
    pub fn go_on(&mut self, prompt: &Prompt, options: &TextOptions) -> Result<(), TextError> {
        match prompt.ids().strip_prefix(self.generator.tokens()) {
            None | Some([]) => self.generator.replace(&prompt.within(self.block_size))?,
            Some(rest) => self.generator.extend(rest)?,
        }
        self.writer = Writer::new(self.writer.tokenizer, options);
        Ok(())
    }

    /// How many tokens were [drafted](TextOptions::lookup), and how many of these came.
    pub fn draft_counts(&self) -> DraftCounts {
        self.generator.draft_counts()
    }
}

impl Iterator for TextGenerator<'_> {
    type Item = Result<TextToken, TextError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.writer.has_ended() {
            return None;
        }
        let id = match self.generator.next()? {
            Ok(id) => id,
            Err(error) => return Some(Err(error.into())),
        };
        let log_probability =
            self.log_probabilities.then(|| log_probability(self.generator.logits(), id));
        Some(self.writer.write(id).map(|text| TextToken { id, text, log_probability }))
    }
}

/// Continues each of `prompts` in one batch, the text of number `n` with the chances of
/// `options.seed + n`; `progress` hears of the tokens written so far. The same texts as from a
/// [`TextGenerator`] each.
///
/// ```
/// use burn::tensor::Device;
/// use minigpt_data::Tokenizer;
/// use minigpt_model::{Gpt, GptConfig, Sampling};
/// use minigpt_text::{Prompt, TextOptions, write_texts};
///
/// let tokenizer = Tokenizer::bytes()?;
/// let config = GptConfig::tiny(tokenizer.vocab_size());
/// let model = Gpt::init(&config, 0, &Device::flex())?;
/// let options = TextOptions {
///     policy: Sampling::Greedy.into(),
///     max_tokens: 5,
///     stop: Vec::new(),
///     seed: 42,
///     log_probabilities: false,
///     lookup: false,
/// };
/// let prompts = [Prompt::of_text(&tokenizer, "Once")?, Prompt::of_text(&tokenizer, "At noon")?];
/// let texts = write_texts(&model, &tokenizer, &prompts, &options, &mut |_tokens| ())?;
/// assert_eq!(texts.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`TextGenerator`].
pub fn write_texts<'a>(
    model: impl Into<GptRef<'a>>,
    tokenizer: &Tokenizer,
    prompts: &[Prompt],
    options: &TextOptions,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Continuation>, TextError> {
    let model = model.into();
    options.policy.validate()?;
    let ids: Vec<_> = prompts.iter().map(|prompt| prompt.within(model.block_size())).collect();
    let seeds: Vec<u64> =
        (0..prompts.len() as u64).map(|number| options.seed.wrapping_add(number)).collect();
    let mut generator = BatchGenerator::new(model, &ids, options.policy.clone(), &seeds)?;
    let mut texts = vec![String::new(); prompts.len()];
    let mut writers: Vec<_> = prompts.iter().map(|_| Writer::new(tokenizer, options)).collect();
    let mut slides = vec![0; prompts.len()];
    // The texts that still grow, in the order of the generator's rows.
    let mut growing: Vec<usize> = (0..prompts.len()).collect();
    growing.retain(|number| !writers[*number].has_ended());
    let mut written = 0;
    while !growing.is_empty() {
        let Some(tokens) = generator.next() else { break };
        for ((number, id), slid) in growing.iter().zip(tokens?).zip(generator.slides()) {
            texts[*number] += &writers[*number].write(id)?;
            slides[*number] = *slid;
        }
        written += growing.len();
        progress(written);
        let goes_on = |row: &usize| !writers[growing[*row]].has_ended();
        let rows: Vec<usize> = (0..growing.len()).filter(goes_on).collect();
        if !rows.is_empty() && rows.len() < growing.len() {
            generator.select(&rows);
        }
        growing = rows.into_iter().map(|row| growing[row]).collect();
    }
    let text = |((text, writer), slides): ((String, Writer<'_>), usize)| Continuation {
        text,
        tokens: writer.tokens,
        end: writer.end.unwrap_or(TextEnd::Length),
        slides,
    };
    Ok(texts.into_iter().zip(writers).zip(slides).map(text).collect())
}

/// Turns the tokens of one text into characters, and knows when it ends.
struct Writer<'a> {
    tokenizer: &'a Tokenizer,
    stream: TextStream<'a>,
    stop: StopStrings,
    tokens: usize,
    max_tokens: usize,
    end: Option<TextEnd>,
    stopped_by: Option<String>,
}

impl<'a> Writer<'a> {
    fn new(tokenizer: &'a Tokenizer, options: &TextOptions) -> Self {
        Self {
            tokenizer,
            stream: TextStream::new(tokenizer),
            stop: StopStrings::new(options.stop.clone()),
            tokens: 0,
            max_tokens: options.max_tokens,
            end: (options.max_tokens == 0).then_some(TextEnd::Length),
            stopped_by: None,
        }
    }

    fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// The text that is certain with one more token.
    fn write(&mut self, id: u32) -> Result<String, TextError> {
        if self.tokenizer.ends_of_text().contains(&id) {
            self.end = Some(TextEnd::EndOfText);
            return Ok(self.held_back());
        }
        self.tokens += 1;
        let piece = self.stream.push(id)?.unwrap_or_default();
        let (mut text, stop) = self.stop.push(&piece);
        if let Some(stop) = stop {
            self.stopped_by = Some(stop.to_owned());
            self.end = Some(TextEnd::Stop);
        } else if self.tokens == self.max_tokens {
            self.end = Some(TextEnd::Length);
            text += &self.held_back();
        }
        Ok(text)
    }

    /// What waited for more.
    fn held_back(&mut self) -> String {
        let stream = std::mem::replace(&mut self.stream, TextStream::new(self.tokenizer));
        let stop = std::mem::replace(&mut self.stop, StopStrings::new(Vec::new()));
        stop.finish() + &stream.finish()
    }
}

#[cfg(test)]
mod tests;
