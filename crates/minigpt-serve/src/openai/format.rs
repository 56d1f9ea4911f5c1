//! The form that a text must have: `response_format`.

use minigpt_text::Grammars;
use serde_json::Value;

use super::fields::{Fields, wrong};
use super::limited_grammar::LimitedGrammar;
use crate::app::App;
use crate::error::ApiError;

const NAME: &str = "response_format";

/// The grammar of the form that a request asks for; nothing where any text will do. What is asked for is kept by
/// construction, whatever `strict` says.
pub(super) fn grammar(
    fields: &mut Fields,
    app: &App,
    model: usize,
) -> Result<Option<LimitedGrammar>, ApiError> {
    let Some(mut format) = fields.object(NAME)? else { return Ok(None) };
    let kind = format.take("type").unwrap_or_default();
    let grammar = match kind.as_str() {
        Some("text") => None,
        Some("json_object") => {
            Some(LimitedGrammar::new(app, model, NAME, Grammars::of_json_objects)?)
        }
        Some("json_schema") => {
            let schema = schema(&mut format)?.to_string();
            let of_schema = |grammars: &Grammars| grammars.of_json_schema(&schema);
            Some(LimitedGrammar::new(app, model, NAME, of_schema)?)
        }
        _ => {
            let expected = "text, json_object or json_schema";
            return Err(wrong("response_format.type", &kind, expected));
        }
    };
    format.finish()?;
    Ok(grammar)
}

/// The schema among what describes it.
fn schema(format: &mut Fields) -> Result<Value, ApiError> {
    let missing = "`response_format.json_schema.schema` is missing: expected a JSON schema";
    let missing = || ApiError::bad_request(missing).at(NAME);
    let mut described = format.object("json_schema")?.ok_or_else(missing)?;
    described.text("name")?;
    described.text("description")?;
    described.flag("strict")?;
    let schema = described.take("schema").ok_or_else(missing)?;
    described.finish()?;
    Ok(schema)
}
