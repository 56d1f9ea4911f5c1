//! Words for what a run's settings name.

use minigpt_data::Source;
use minigpt_train::RunConfig;

use crate::document::Text;

/// `a, b and c`.
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [name] => (*name).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Where a run's text is from, at the end of a text.
pub(super) fn with_data(text: Text, config: &RunConfig) -> Text {
    with_source(text, &config.data.source)
}

pub(super) fn with_source(text: Text, source: &Source) -> Text {
    match source {
        Source::Embedded => text.plain("the four novels by Jane Austen that come with minigpt"),
        Source::Stdin => text.plain("a text from standard input"),
        source => text.code(source.to_string()),
    }
}

/// The beginning of a long text, for a table or a quotation.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
