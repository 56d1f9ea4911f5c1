//! What a model continues.

use minigpt_data::{ChatOptions, ChatTemplate, Message, Tokenizer};

use crate::error::TextError;

/// What a model continues, as text and as tokens.
///
/// ```
/// use minigpt_data::{Message, Template, Tokenizer};
/// use minigpt_text::Prompt;
///
/// let tokenizer = Tokenizer::bytes()?;
/// let prompt = Prompt::of_text(&tokenizer, "Once")?;
/// assert_eq!(prompt.ids(), tokenizer.encode("Once")?);
/// // Of nothing, what documents begin with.
/// assert_eq!(Prompt::of_text(&tokenizer, "")?.ids(), [tokenizer.separator()]);
///
/// let template = Template::instruct().into();
/// let prompt = Prompt::of_messages(&tokenizer, &template, &[Message::user("Why?")])?;
/// assert_eq!(prompt.text(), "### Instruction:\nWhy?\n\n### Response:\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    text: String,
    ids: Vec<u32>,
    /// First of the ids, which stay where the others are too many.
    before: usize,
}

impl Prompt {
    /// A text, after what its tokenizer's file puts before texts. Special tokens' names in it are text.
    ///
    /// # Errors
    /// [`TextError::Data`].
    pub fn of_text(tokenizer: &Tokenizer, text: &str) -> Result<Self, TextError> {
        let before = tokenizer.before_text();
        let mut ids = [before, &tokenizer.encode(text)?].concat();
        if ids.is_empty() {
            ids.push(tokenizer.separator());
        }
        Ok(Self { text: text.to_owned(), ids, before: before.len() })
    }

    /// A conversation as the model was taught to read it, up to the start of the model's next message.
    ///
    /// # Errors
    /// [`TextError::Data`] where the template refuses the messages.
    pub fn of_messages(
        tokenizer: &Tokenizer,
        template: &ChatTemplate,
        messages: &[Message],
    ) -> Result<Self, TextError> {
        let options = ChatOptions::default();
        let text = template.prompt(messages, &options)?;
        let ids = template.prompt_ids(tokenizer, messages, &options)?;
        let before = template.named().map_or(0, |_| tokenizer.before_text().len());
        Ok(Self { text, ids, before })
    }

    /// The text that a chat template wrote, as [`of_messages`](Self::of_messages) reads it.
    ///
    /// # Errors
    /// [`TextError::Data`].
    pub fn of_template(
        tokenizer: &Tokenizer,
        template: &ChatTemplate,
        text: &str,
    ) -> Result<Self, TextError> {
        if template.named().is_some() {
            let ids = [tokenizer.before_text(), &tokenizer.encode(text)?].concat();
            return Ok(Self { text: text.to_owned(), ids, before: tokenizer.before_text().len() });
        }
        let ids = tokenizer.encode_with_special(text)?;
        Ok(Self { text: text.to_owned(), ids, before: 0 })
    }

    #[cfg(test)]
    pub(crate) fn of_ids(ids: Vec<u32>) -> Self {
        Self { text: String::new(), ids, before: 0 }
    }

    /// The text, without the names of tokens that a tokenizer puts before it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All token ids: the marks before the text, then its own.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The tokens that a model with this context reads: where they are too many, the last, after what the
    /// tokenizer puts before texts.
    #[must_use]
    pub fn within(&self, context: usize) -> Vec<u32> {
        let excess = self.ids.len().saturating_sub(context);
        let before = self.before.min(context.saturating_sub(1));
        [&self.ids[..before], &self.ids[before + excess..]].concat()
    }
}
