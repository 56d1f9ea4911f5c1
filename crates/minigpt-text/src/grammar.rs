//! Texts that keep to a JSON schema, by construction: of each token it is known whether it may follow.

use std::fmt;
use std::sync::Arc;
use std::thread;

use llguidance::api::{ParserLimits, StopReason, TopLevelGrammar};
use llguidance::earley::SlicedBiasComputer;
use llguidance::toktrie::{
    ApproximateTokEnv, InferenceCapabilities, SimpleVob, TokEnv, TokRxInfo, TokTrie,
};
use llguidance::{Matcher, ParserFactory};
use minigpt_data::Tokenizer;
use minigpt_files::caught;
use minigpt_model::TokenFilter;
use serde_json::{Value, json};

/// Bytes of a schema at most.
const SCHEMA_BYTES: usize = 64 << 10;

/// Properties of all objects of a schema at most. The time to read it grows with their square: a second for so many.
const PROPERTIES: usize = 1_000;

/// Stack of the thread that reads a schema. Its recursion is bounded by the schema's size alone: a chain of references
/// may have as many links as fit, of a few kilobytes each.
const STACK_BYTES: usize = 256 << 20;

/// States of a grammar's lexer at most, of about two kilobytes each, so that a server may have many grammars; the
/// library's default is 25 times as many.
const LEXER_STATES: usize = 10_000;

/// Work of the lexer and the parser for one token at most: a few milliseconds, since all texts of a batch wait for it. The
/// library's defaults are four times as much.
const STEP_LEXER_FUEL: u64 = 50_000;
const STEP_ITEMS: usize = 12_500;

/// The largest whole number below which a 64-bit float has all of them: 2 to the power of 53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Bytes of the longest token that is offered.
const TOKEN_BYTES: usize = 512;

/// White space between JSON's tokens: a space or nothing. Small models that may indent write little else.
const WHITE_SPACE: &str = r"\x20";

/// A schema that texts cannot be made to keep to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    /// Too many bytes.
    #[error("the JSON schema has {bytes} bytes: expected {SCHEMA_BYTES} at most")]
    TooLong {
        /// Its size.
        bytes: usize,
    },
    /// Too many properties.
    #[error("the JSON schema names {properties} properties: expected {PROPERTIES} at most")]
    TooManyProperties {
        /// How many, of all objects, with those that are required.
        properties: usize,
    },
    /// No JSON, or no schema.
    #[error("the JSON schema is not valid: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
    /// It asks for something that is not done, or for too much.
    #[error("the JSON schema is not supported: {reason}")]
    Unsupported {
        /// What it asks for, in the words of llguidance.
        reason: String,
    },
    /// The tokenizer's tokens cannot be used.
    #[error("the tokenizer cannot be used with a JSON schema: {reason}")]
    Tokenizer {
        /// What is wrong with them.
        reason: String,
    },
}

/// What makes grammars for texts of one tokenizer: its tokens as a tree. To make it takes a while; clones share it.
///
/// ```
/// use std::sync::Arc;
///
/// use burn::tensor::Device;
/// use minigpt_data::Tokenizer;
/// use minigpt_model::{Gpt, GptConfig, Policy, Sampling};
/// use minigpt_text::{Grammars, Prompt, TextEnd, TextGenerator, TextOptions};
///
/// let tokenizer = Tokenizer::bytes()?;
/// let grammar = Grammars::new(&tokenizer)?.of_json_schema(r#"{"enum": ["yes", "no"]}"#)?;
/// let model = Gpt::init(&GptConfig::tiny(tokenizer.vocab_size()), 0, &Device::flex())?;
/// let options = TextOptions {
///     policy: Policy { filter: Some(Arc::new(grammar)), ..Sampling::article().into() },
///     max_tokens: 20,
///     stop: Vec::new(),
///     seed: 42,
///     log_probabilities: false,
///     lookup: false,
/// };
/// let prompt = Prompt::of_text(&tokenizer, "Is it so? ")?;
/// let mut generator = TextGenerator::new(&model, &tokenizer, &prompt, &options)?;
/// let text: String = generator.by_ref().map(|token| Ok(token?.text)).collect::<Result<_, minigpt_text::TextError>>()?;
/// assert!(text == "\"yes\"" || text == "\"no\"", "{text}");
/// assert_eq!(generator.end(), Some(TextEnd::EndOfText));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Grammars {
    factory: Arc<ParserFactory>,
}

impl fmt::Debug for Grammars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grammars({} ids)", self.factory.tok_env().tok_trie().vocab_size())
    }
}

impl Grammars {
    /// Of texts of this tokenizer. Takes some tenths of a second for a vocabulary of 150,000 tokens.
    ///
    /// # Errors
    /// [`GrammarError::Tokenizer`].
    pub fn new(tokenizer: &Tokenizer) -> Result<Self, GrammarError> {
        let tokenizer_error = |reason| GrammarError::Tokenizer { reason };
        let factory =
            caught(|| factory(tokenizer)).and_then(|made| made).map_err(tokenizer_error)?;
        Ok(Self { factory: Arc::new(factory) })
    }

    /// The grammar of the texts that are JSON and valid by `schema` ([JSON Schema](https://json-schema.org), draft
    /// 2020-12 and those before), in one line, and nothing around it. Properties come in the schema's order. What a
    /// schema asks for that is not done is refused, such as `if` or `uniqueItems`; `title`, `description` and other
    /// annotations are for the reader alone, and so are keywords that no draft knows.
    ///
    /// Takes milliseconds, and of a schema that is made to take long some tenths of a second.
    ///
    /// # Errors
    /// [`GrammarError`].
    pub fn of_json_schema(&self, schema: &str) -> Result<Grammar, GrammarError> {
        if schema.len() > SCHEMA_BYTES {
            return Err(GrammarError::TooLong { bytes: schema.len() });
        }
        let schema = serde_json::from_str(schema)
            .map_err(|error| GrammarError::Invalid { reason: error.to_string() })?;
        self.of_value(schema)
    }

    /// The grammar of all JSON objects.
    ///
    /// # Errors
    /// As [`of_json_schema`](Self::of_json_schema), which is not known to happen.
    pub fn of_json_objects(&self) -> Result<Grammar, GrammarError> {
        self.of_value(json!({ "type": "object" }))
    }

    fn of_value(&self, schema: Value) -> Result<Grammar, GrammarError> {
        if let Some(number) = too_large(&schema) {
            return Err(GrammarError::Unsupported {
                reason: format!(
                    "{number} is too large: expected numbers of at most {EXACT:e} in size"
                ),
            });
        }
        let properties = properties(&schema);
        if properties > PROPERTIES {
            return Err(GrammarError::TooManyProperties { properties });
        }
        let mut schema = match schema {
            Value::Object(fields) => fields,
            Value::Bool(true) => serde_json::Map::new(),
            other => {
                let reason = format!("it is {other}: expected an object");
                return Err(GrammarError::Invalid { reason });
            }
        };
        // How the library is told of its options. It replaces what a schema says there itself.
        schema.insert("x-guidance".to_owned(), json!({ "whitespace_pattern": WHITE_SPACE }));
        let grammar = TopLevelGrammar::from_json_schema(schema.into());
        let matcher = thread::scope(|scope| {
            let reader = thread::Builder::new().stack_size(STACK_BYTES);
            let reader = reader.spawn_scoped(scope, || self.matcher(grammar));
            reader.map_err(|error| error.to_string())?.join().unwrap_or_else(|_| Err(BROKEN.into()))
        });
        matcher
            .map(|matcher| Grammar { matcher })
            .map_err(|reason| GrammarError::Unsupported { reason })
    }

    /// The error is the reason alone.
    fn matcher(&self, grammar: TopLevelGrammar) -> Result<Matcher, String> {
        let parser = self.factory.create_parser(grammar).map_err(|error| one_line(&error))?;
        let matcher = Matcher::new(Ok(parser));
        // A schema that refers to itself alone has no texts, which is found out by the first token.
        let begins = matcher.clone().compute_mask().map_err(|error| one_line(&error));
        match begins {
            Ok(_) => Ok(matcher),
            Err(reason) if reason == StopReason::NoExtensionBias.to_string() => {
                Err("no text is valid by it".to_owned())
            }
            Err(reason) => Err(reason),
        }
    }
}

/// The first number in a schema that a 64-bit float has not exactly: the library would round it, or, at the ends of its
/// integers, break.
fn too_large(schema: &Value) -> Option<&Value> {
    match schema {
        Value::Number(number) => {
            let is_exact = number.as_f64().is_some_and(|number| number.abs() <= EXACT);
            (!is_exact).then_some(schema)
        }
        Value::Array(values) => values.iter().find_map(too_large),
        Value::Object(fields) => fields.values().find_map(too_large),
        _ => None,
    }
}

/// How many properties a schema names, those that are required without being described among them.
fn properties(schema: &Value) -> usize {
    match schema {
        Value::Object(fields) => {
            let described = fields.get("properties").and_then(Value::as_object);
            let required = fields.get("required").and_then(Value::as_array);
            let is_other = |name: &&Value| {
                let name = name.as_str().unwrap_or_default();
                described.is_none_or(|described| !described.contains_key(name))
            };
            let others = required.map_or(0, |named| named.iter().filter(is_other).count());
            let below: usize = fields.values().map(properties).sum();
            described.map_or(0, serde_json::Map::len) + others + below
        }
        Value::Array(values) => values.iter().map(properties).sum(),
        _ => 0,
    }
}

/// Where the library gives no other reason.
const BROKEN: &str = "llguidance broke on it";

/// The error is the reason alone.
fn factory(tokenizer: &Tokenizer) -> Result<ParserFactory, String> {
    let ends = tokenizer.ends_of_text();
    let special = tokenizer.special_ids();
    let word = |id: u32| {
        let bytes = tokenizer.token_bytes(id).unwrap_or_default();
        match bytes.len() <= TOKEN_BYTES && bytes.first() != Some(&TokTrie::SPECIAL_TOKEN_MARKER) {
            // What no text has cannot be taken for text.
            true if special.contains(&id) => [&[TokTrie::SPECIAL_TOKEN_MARKER], bytes].concat(),
            true => bytes.to_vec(),
            // Nothing that a grammar has: it never follows.
            false => Vec::new(),
        }
    };
    let ids = tokenizer.vocab_size() as u32;
    let words: Vec<Vec<u8>> = (0..ids).map(word).collect();
    let trie = TokTrie::from(&TokRxInfo::new(ids, ends[0]), &words).with_eos_tokens(ends);
    // Not that tokens are forced: which ones a text becomes is the model's choice.
    let environment: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
    let capabilities = InferenceCapabilities::default();
    let slices = SlicedBiasComputer::json_slices();
    let factory = ParserFactory::new(&environment, capabilities, &slices);
    let mut factory = factory.map_err(|error| one_line(&error))?;
    factory.quiet();
    *factory.limits_mut() = ParserLimits {
        max_lexer_states: LEXER_STATES,
        step_lexer_fuel: STEP_LEXER_FUEL,
        step_max_items: STEP_ITEMS,
        verbose_errors: false,
        ..ParserLimits::default()
    };
    Ok(factory)
}

/// What the library says, without its traces: the first line, and of a regular expression the last, which says why.
fn one_line(error: &impl fmt::Display) -> String {
    let said = error.to_string();
    let said = said.split("\n<").next().unwrap_or_default();
    let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    match (lines.next(), lines.next_back()) {
        (None, _) => BROKEN.to_owned(),
        (Some(first), Some(last)) if first.ends_with(':') => format!("{first} {last}"),
        (Some(first), _) => first.to_owned(),
    }
}

/// What a text may be, and how far one is: the filter of a [policy](minigpt_model::Policy). An end of text may follow
/// where the text is complete, and nowhere else; where nothing else may follow it is all that does.
///
/// Clones and [forks](TokenFilter::fork) share what was worked out about the grammar, in up to 20 MB.
#[derive(Clone)]
pub struct Grammar {
    matcher: Matcher,
}

impl fmt::Debug for Grammar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grammar({})", self.matcher.stop_reason())
    }
}

impl TokenFilter for Grammar {
    fn restrict(&mut self, logits: &mut [f32]) -> Result<(), String> {
        let allowed = self.matcher.compute_mask_or_eos().map_err(|error| one_line(&error))?;
        forbid_all_but(&allowed, logits);
        Ok(())
    }

    fn push(&mut self, token: u32) -> Result<(), String> {
        // Where the text is complete, the library is done, and hears of no end.
        if self.matcher.is_stopped() && !self.matcher.is_error() {
            return Ok(());
        }
        self.matcher.consume_token(token).map_err(|error| one_line(&error))
    }

    fn fork(&self) -> Box<dyn TokenFilter> {
        Box::new(self.clone())
    }
}

fn forbid_all_but(allowed: &SimpleVob, logits: &mut [f32]) {
    for (id, logit) in logits.iter_mut().enumerate() {
        if id >= allowed.len() || !allowed.get(id) {
            *logit = f32::NEG_INFINITY;
        }
    }
}

#[cfg(test)]
mod tests;
