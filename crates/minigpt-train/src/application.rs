//! The article's three small applications: what their users type, and what the model continues.

/// What a prompt is made for; the texts and lengths are the article's.
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
    /// use minigpt_train::Application;
    ///
    /// assert_eq!(Application::Ask.prompt("Why?"), "Q: Why?\nA:");
    /// ```
    pub fn prompt(self, text: &str) -> String {
        match self {
            Self::Complete => text.to_owned(),
            Self::Story => format!("Write a short story about {text}. Once upon a time,"),
            Self::Ask => format!("Q: {text}\nA:"),
        }
    }

    /// Tokens written at most.
    pub fn max_tokens(self) -> usize {
        match self {
            Self::Complete => 50,
            Self::Story => 200,
            Self::Ask => 100,
        }
    }

    /// Strings before which the text ends: an answer, before the next question.
    pub fn stop(self) -> Vec<String> {
        match self {
            Self::Complete | Self::Story => Vec::new(),
            Self::Ask => vec!["\nQ:".to_owned()],
        }
    }
}
