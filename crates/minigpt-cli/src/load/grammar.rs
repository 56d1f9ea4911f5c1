//! What a text may be, as people give it: a JSON schema.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use minigpt_data::Tokenizer;
use minigpt_files::{Limit, read_text};
use minigpt_model::{Policy, TokenFilter};
use minigpt_text::{Grammars, TextEnd};

use crate::terminal::output::say;

/// Larger ones are refused by their size as text.
const SCHEMA: Limit = Limit::new(1 << 20, "a JSON schema");

/// The policy with texts that keep to a schema, if one is given.
pub(crate) fn with_schema(
    policy: Policy,
    schema: Option<&str>,
    tokenizer: &Tokenizer,
) -> Result<Policy> {
    let filter = schema.map(|schema| filter(schema, tokenizer)).transpose()?;
    Ok(Policy { filter, ..policy })
}

/// `given` is a schema, which begins with a brace, or the name of a file that has one.
fn filter(given: &str, tokenizer: &Tokenizer) -> Result<Arc<dyn TokenFilter>> {
    let is_text = given.trim_start().starts_with('{');
    let (schema, origin) = match is_text {
        true => (given.to_owned(), "--json-schema"),
        false => (read_text(Path::new(given), SCHEMA)?, given),
    };
    let grammar = Grammars::new(tokenizer)?.of_json_schema(&schema);
    Ok(Arc::new(grammar.with_context(|| origin.to_owned())?))
}

/// Says of texts by a schema that they are not whole.
pub(crate) fn say_unfinished(policy: &Policy, ends: impl IntoIterator<Item = TextEnd>) {
    let unfinished = ends.into_iter().filter(|end| *end != TextEnd::EndOfText).count();
    if policy.filter.is_some() && unfinished > 0 {
        let texts = if unfinished == 1 { "text was" } else { "texts were" };
        say(format_args!(
            "warning: {unfinished} {texts} ended before its JSON was complete: raise --max-tokens"
        ));
    }
}
