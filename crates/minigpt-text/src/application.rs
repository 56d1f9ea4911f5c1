//! What a model is asked, as a prompt: the tutorial's three small applications, and answers from passages.

use minigpt_data::{ChatTemplate, Message, Tokenizer};

use crate::error::TextError;
use crate::prompt::Prompt;

/// What a prompt is made for; the texts and lengths are the tutorial's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// Continues a text as it is.
    Complete,
    /// Tells a story about a theme.
    Story,
    /// Answers a question.
    Ask,
}

impl Application {
    /// What the model continues.
    ///
    /// ```
    /// use minigpt_text::Application;
    ///
    /// assert_eq!(Application::Ask.prompt("Why?"), "Q: Why?\nA:");
    /// ```
    #[must_use]
    pub fn prompt(self, text: &str) -> String {
        match self {
            Self::Complete => text.to_owned(),
            Self::Story => format!("Write a short story about {text}. Once upon a time,"),
            Self::Ask => format!("Q: {text}\nA:"),
        }
    }

    /// The most tokens that are written: 50, 200 or 100.
    #[must_use]
    pub fn max_tokens(self) -> usize {
        match self {
            Self::Complete => 50,
            Self::Story => 200,
            Self::Ask => 100,
        }
    }

    /// Strings before which the text ends: an answer, before the next question.
    #[must_use]
    pub fn stop(self) -> Vec<String> {
        match self {
            Self::Complete | Self::Story => Vec::new(),
            Self::Ask => vec!["\nQ:".to_owned()],
        }
    }
}

/// A question after the passages that may answer it. They come best first and stand best last, next to
/// the question, where a model makes most of them
/// ([Liu et al., 2023](https://arxiv.org/abs/2307.03172)). A model with a chat template is asked by it: a
/// named one has a part for passages, in others they stand before the question in one message.
///
/// ```
/// use minigpt_data::Tokenizer;
/// use minigpt_text::grounded_prompt;
///
/// let passages = ["Anne walked home.", "Anne likes the sea."].map(str::to_owned);
/// let prompt = grounded_prompt(&Tokenizer::bytes()?, None, &passages, "Who walked home?")?;
/// assert_eq!(prompt.text(), "Anne likes the sea.\n\nAnne walked home.\n\nQ: Who walked home?\nA:");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Prompt::of_messages`].
pub fn grounded_prompt(
    tokenizer: &Tokenizer,
    template: Option<&ChatTemplate>,
    passages: &[String],
    question: &str,
) -> Result<Prompt, TextError> {
    let texts: Vec<&str> = passages.iter().rev().map(|passage| passage.trim()).collect();
    let texts = texts.join("\n\n");
    let asked = Application::Ask.prompt(question);
    match template {
        Some(template) => {
            Prompt::of_messages(tokenizer, template, &[Message::user_about(question, &texts)])
        }
        None if texts.is_empty() => Prompt::of_text(tokenizer, &asked),
        None => Prompt::of_text(tokenizer, &format!("{texts}\n\n{asked}")),
    }
}
