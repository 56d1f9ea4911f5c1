//! Texts that are written together, and join and leave the batch as they like.

use minigpt_data::Tokenizer;
use minigpt_model::{BatchGenerator, GptRef, PackedCache, log_probability};
use serde::Serialize;

use crate::error::TextError;
use crate::prompt::Prompt;
use crate::writer::{TextEnd, TextOptions, TextToken, Writer};

/// Texts that share each pass over a model's weights, each the one that a [`TextGenerator`](crate::TextGenerator) writes
/// alone.
///
/// ```
/// use burn::tensor::Device;
/// use minigpt_data::Tokenizer;
/// use minigpt_model::{Gpt, GptConfig, Sampling};
/// use minigpt_text::{TextBatch, TextOptions};
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
/// let mut batch = TextBatch::new(&model);
/// batch.join(&tokenizer, tokenizer.encode("Once")?, &options, None)?;
/// batch.step(64);
/// batch.join(&tokenizer, tokenizer.encode("At noon")?, &options, None)?;
/// while batch.end(0).is_none() {
///     assert_eq!(batch.step(64).len(), 2);
/// }
/// batch.leave(0);
/// assert_eq!((batch.len(), batch.tokens(0)), (1, 4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TextBatch<'a> {
    generator: BatchGenerator<'a>,
    texts: Vec<Text<'a>>,
}

struct Text<'a> {
    writer: Writer<'a>,
    log_probabilities: bool,
}

impl<'a> TextBatch<'a> {
    /// A batch without a text yet: texts join it while others run.
    pub fn new(model: impl Into<GptRef<'a>>) -> Self {
        Self { generator: BatchGenerator::new(model), texts: Vec::new() }
    }

    /// Continues one more prompt, as the last of the texts. `cache` may have what was read of its beginning, and tells
    /// with which adapter it is read ([`BatchGenerator::join`]). Nothing is drafted here.
    ///
    /// # Errors
    /// [`TextError`] where the model cannot continue it, or the policy cannot be followed.
    pub fn join(
        &mut self,
        tokenizer: &'a Tokenizer,
        prompt: Vec<u32>,
        options: &TextOptions,
        cache: Option<PackedCache>,
    ) -> Result<(), TextError> {
        self.generator.join(prompt, options.policy.clone(), options.seed, cache)?;
        let writer = Writer::new(tokenizer, options);
        self.texts.push(Text { writer, log_probabilities: options.log_probabilities });
        Ok(())
    }

    /// The next token of each text whose prompt is read, once about so many tokens more were read of those that are not.
    /// A text that [ended](Self::end), or failed, has to [leave](Self::leave).
    pub fn step(&mut self, tokens: usize) -> Vec<Option<Result<TextToken, TextError>>> {
        let chosen = self.generator.step(tokens);
        let mut row = 0;
        let write = |(id, text): (Option<Result<u32, _>>, &mut Text<'a>)| {
            let logits = self.generator.logits(row);
            row += 1;
            let id = match id? {
                Ok(id) => id,
                Err(error) => return Some(Err(TextError::from(error))),
            };
            let log_probability = text.log_probabilities.then(|| log_probability(logits, id));
            let written = text.writer.write(id);
            Some(written.map(|text| TextToken { id, text, log_probability }))
        };
        chosen.into_iter().zip(&mut self.texts).map(write).collect()
    }

    /// Why a text ended; nothing while it goes on.
    ///
    /// # Panics
    /// As all that follow, where there is no such text.
    #[must_use]
    pub fn end(&self, row: usize) -> Option<TextEnd> {
        self.texts[row].writer.end
    }

    /// Tokens written of a text, without a closing end.
    #[must_use]
    pub fn tokens(&self, row: usize) -> usize {
        self.texts[row].writer.tokens
    }

    /// How often the context of a text was full and its last half read again.
    #[must_use]
    pub fn slides(&self, row: usize) -> usize {
        self.generator.slides()[row]
    }

    /// The text that waited to become certain, of one that is to end before its time.
    pub fn cut(&mut self, row: usize) -> String {
        self.texts[row].writer.held_back()
    }

    /// Ends a text: its tokens from where its context begins, and of a model whose weights are packed what was read of
    /// them.
    pub fn leave(&mut self, row: usize) -> (Vec<u32>, Option<PackedCache>) {
        self.texts.remove(row);
        self.generator.leave(row)
    }

    /// The model's logits from which the last token of a text was chosen, before any constraint.
    #[must_use]
    pub fn logits(&self, row: usize) -> &[f32] {
        self.generator.logits(row)
    }

    /// What was read of a text, where its model's weights are packed, and the cache that has it.
    #[must_use]
    pub fn has_read(&self, row: usize) -> Option<(&[u32], &PackedCache)> {
        self.generator.has_read(row)
    }

    /// Whether a text's prompt has been read.
    #[must_use]
    pub fn is_writing(&self, row: usize) -> bool {
        self.generator.is_writing(row)
    }

    /// Number of texts in the batch now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// True where no text is in the batch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

/// A complete continuation: its text, counts and why it ended.
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

impl Continuation {
    fn empty() -> Self {
        Self { text: String::new(), tokens: 0, end: TextEnd::Length, slides: 0 }
    }
}

/// Continues each of `prompts` in one batch, number `n` with the seed
/// `options.seed + n`; `progress` hears of the tokens written so far. The same texts as from a
/// [`TextGenerator`](crate::TextGenerator) each.
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
/// As [`TextGenerator`](crate::TextGenerator).
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
    let mut texts: Vec<Continuation> = prompts.iter().map(|_| Continuation::empty()).collect();
    let mut batch = TextBatch::new(model);
    // The texts that grow, in the batch's order.
    let mut growing = Vec::new();
    for (number, ids) in ids.into_iter().enumerate().filter(|_| options.max_tokens > 0) {
        let options = TextOptions { seed: seeds[number], ..options.clone() };
        batch.join(tokenizer, ids, &options, None)?;
        growing.push(number);
    }
    let mut written = 0;
    while !growing.is_empty() {
        let tokens = batch.step(usize::MAX);
        written += tokens.iter().flatten().count();
        for (number, token) in growing.iter().zip(tokens) {
            let text: Option<TextToken> = token.transpose()?;
            texts[*number].text += &text.map(|token| token.text).unwrap_or_default();
        }
        progress(written);
        for row in (0..growing.len()).rev() {
            if let Some(end) = batch.end(row) {
                let text = &mut texts[growing.remove(row)];
                (text.end, text.tokens, text.slides) = (end, batch.tokens(row), batch.slides(row));
                batch.leave(row);
            }
        }
    }
    Ok(texts)
}
