//! A text while a model writes it.

use minigpt_data::Tokenizer;
use minigpt_model::{DraftCounts, Generator, GptRef, log_probability};

use crate::error::TextError;
use crate::prompt::Prompt;
use crate::writer::{TextEnd, TextOptions, TextToken, Writer};

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
    #[must_use]
    pub fn end(&self) -> Option<TextEnd> {
        self.writer.end
    }

    /// The stop string before which the text ended, where it was one.
    #[must_use]
    pub fn stopped_by(&self) -> Option<&str> {
        self.writer.stopped_by.as_deref()
    }

    /// Tokens written so far, without those of the prompt.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.writer.tokens
    }

    /// How often the context was full and its last half read again.
    #[must_use]
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
    #[must_use]
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

#[cfg(test)]
mod tests;
