//! Whatever a model would like to write, what it writes is valid.

use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use minigpt_data::Tokenizer;
use minigpt_model::{Draw, Gpt, GptConfig, PackedGpt, Policy, Sampling, WeightType};
use serde_json::{Value, json};

use super::*;
use crate::{Continuation, Prompt, TextEnd, TextGenerator, TextOptions, write_texts};

const MAX_TOKENS: usize = 1500;

/// A model that knows nothing, of bytes.
fn model() -> (Gpt, Tokenizer) {
    let tokenizer = Tokenizer::bytes().unwrap();
    let config = GptConfig::tiny(tokenizer.vocab_size());
    (Gpt::init(&config, 1, &Device::flex()).unwrap(), tokenizer)
}

fn options(grammar: &Grammar, seed: u64) -> TextOptions {
    TextOptions {
        policy: Policy {
            filter: Some(Arc::new(grammar.clone())),
            ..Sampling::Draw(Draw::default()).into()
        },
        max_tokens: MAX_TOKENS,
        stop: Vec::new(),
        seed,
        log_probabilities: false,
        lookup: false,
    }
}

/// Texts by a schema, each of chances of its own.
fn written(schema: &str, texts: usize) -> Vec<Continuation> {
    let (model, tokenizer) = model();
    let grammar = Grammars::new(&tokenizer).unwrap().of_json_schema(schema).unwrap();
    let prompts = vec![Prompt::of_text(&tokenizer, "Once").unwrap(); texts];
    write_texts(&model, &tokenizer, &prompts, &options(&grammar, 7), &mut |_| ()).unwrap()
}

/// The texts as values; not one need be complete, but most should.
fn values(schema: &str) -> Vec<Value> {
    let texts = written(schema, 12);
    let complete: Vec<_> = texts.iter().filter(|text| text.end == TextEnd::EndOfText).collect();
    assert!(complete.len() * 2 > texts.len(), "{schema}: {} complete", complete.len());
    for text in &texts {
        assert!(text.end == TextEnd::EndOfText || text.tokens == MAX_TOKENS, "{text:?}");
    }
    let value = |text: &&Continuation| {
        serde_json::from_str(&text.text).unwrap_or_else(|error| panic!("{error}: {:?}", text.text))
    };
    complete.iter().map(value).collect()
}

#[track_caller]
fn check(schema: &str, is_valid: impl Fn(&Value) -> bool) {
    for value in values(schema) {
        assert!(is_valid(&value), "{schema}: {value}");
    }
}

fn characters(value: &Value) -> usize {
    value.as_str().unwrap().chars().count()
}

#[test]
fn objects_have_their_properties_in_order_and_no_other() {
    let schema = r#"{"type": "object", "required": ["name", "age", "born"], "additionalProperties": false,
        "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 12},
            "age": {"type": "integer", "minimum": 0, "maximum": 130},
            "born": {"type": "string", "format": "date"}, "is_here": {"type": "boolean"}}}"#;
    check(schema, |value| {
        let names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let born = value["born"].as_str().unwrap();
        let is_here = value.get("is_here").is_none_or(Value::is_boolean);
        names[..3] == ["name", "age", "born"]
            && names[3..].iter().all(|name| *name == "is_here")
            && (1..=12).contains(&characters(&value["name"]))
            && (0..=130).contains(&value["age"].as_i64().unwrap())
            && born.len() == 10
            && born.as_bytes()[4] == b'-'
            && is_here
    });
}

#[test]
fn arrays_have_as_many_items_as_they_may() {
    let schema = r#"{"type": "array", "items": {"type": "number", "minimum": -8, "maximum": 8.5},
        "minItems": 2, "maxItems": 4}"#;
    check(schema, |value| {
        let items = value.as_array().unwrap();
        let is_within = |item: &Value| (-8.0..=8.5).contains(&item.as_f64().unwrap());
        (2..=4).contains(&items.len()) && items.iter().all(is_within)
    });
    let schema = r#"{"type": "array", "prefixItems": [{"const": "a"}, {"type": "null"}], "items": false,
        "minItems": 2}"#;
    check(schema, |value| *value == json!(["a", null]));
}

#[test]
fn values_are_of_their_enum_type_and_pattern() {
    check(r#"{"enum": ["red", "grün", 3, null, {"a": [1]}]}"#, |value| {
        [json!("red"), json!("grün"), json!(3), Value::Null, json!({"a": [1]})].contains(value)
    });
    check(r#"{"type": ["boolean", "null"]}"#, |value| value.is_boolean() || value.is_null());
    check(r#"{"type": "integer", "minimum": -3, "exclusiveMaximum": 3}"#, |value| {
        // -0 is an integer too.
        let number = value.as_f64().unwrap();
        (-3.0..3.0).contains(&number) && number.fract() == 0.0
    });
    check(r#"{"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"}"#, |value| {
        let text = value.as_str().unwrap();
        text.len() == 6 && text[..2].bytes().all(|byte| byte.is_ascii_uppercase())
    });
}

#[test]
fn references_go_round_and_alternatives_are_taken() {
    let tree = r##"{"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "required": ["leaf"],
        "properties": {"leaf": {"type": "integer", "maximum": 9, "minimum": 0},
            "left": {"$ref": "#/$defs/tree"}}, "additionalProperties": false}}}"##;
    fn is_tree(value: &Value) -> bool {
        value["leaf"].is_u64() && value.get("left").is_none_or(is_tree)
    }
    check(tree, is_tree);
    let either = r#"{"anyOf": [{"type": "object", "required": ["kind"], "additionalProperties": false,
            "properties": {"kind": {"const": "point"}, "x": {"type": "number", "minimum": 0, "maximum": 1}}},
        {"type": "string", "maxLength": 3}]}"#;
    check(either, |value| match value {
        Value::Object(_) => value["kind"] == "point" && value.get("x").is_none_or(Value::is_number),
        text => characters(text) <= 3,
    });
    check(r#"{"allOf": [{"type": "integer", "minimum": 5}, {"maximum": 7}]}"#, |value| {
        (5..=7).contains(&value.as_i64().unwrap())
    });
}

#[test]
fn any_object_is_one() {
    let (model, tokenizer) = model();
    let grammar = Grammars::new(&tokenizer).unwrap().of_json_objects().unwrap();
    let prompts = vec![Prompt::of_text(&tokenizer, "Once").unwrap(); 8];
    let texts =
        write_texts(&model, &tokenizer, &prompts, &options(&grammar, 3), &mut |_| ()).unwrap();
    for text in texts {
        assert!(text.text.starts_with('{'));
        if text.end != TextEnd::EndOfText {
            continue;
        }
        match serde_json::from_str::<Value>(&text.text) {
            Ok(value) => assert!(value.is_object()),
            // JSON's numbers may be larger than a program's.
            Err(error) => assert!(error.to_string().starts_with("number out of range"), "{error}"),
        }
    }
}

#[test]
fn a_text_is_the_same_alone_in_a_batch_and_with_drafts() {
    let (gpt, tokenizer) = model();
    let model = PackedGpt::of(gpt, WeightType::Q8_0).unwrap();
    let schema =
        r#"{"type": "array", "items": {"enum": ["one and two", "one and three"]}, "minItems": 6}"#;
    let grammar = Grammars::new(&tokenizer).unwrap().of_json_schema(schema).unwrap();
    let prompt = Prompt::of_text(&tokenizer, r#"["one and two","one and three","#).unwrap();
    let options = options(&grammar, 5);
    let prompts = [prompt.clone(), prompt.clone()];
    let batch = write_texts(&model, &tokenizer, &prompts, &options, &mut |_| ()).unwrap();
    for lookup in [false, true] {
        let options = TextOptions { lookup, ..options.clone() };
        let mut alone = TextGenerator::new(&model, &tokenizer, &prompt, &options).unwrap();
        let text: String = alone.by_ref().map(|token| token.unwrap().text).collect();
        assert_eq!(text, batch[0].text);
        assert_eq!(alone.draft_counts().accepted > 0, lookup);
    }
    assert_ne!(batch[0].text, batch[1].text);
}

#[test]
fn a_next_turn_begins_the_grammar_anew() {
    let (model, tokenizer) = model();
    let grammar = Grammars::new(&tokenizer).unwrap().of_json_schema(r#"{"const": 12}"#).unwrap();
    let options = options(&grammar, 5);
    let prompt = Prompt::of_text(&tokenizer, "A number: ").unwrap();
    let mut talk = TextGenerator::new(&model, &tokenizer, &prompt, &options).unwrap();
    let mut said = || talk.by_ref().map(|token| token.unwrap().text).collect::<String>();
    assert_eq!(said(), "12");
    talk.say(" Another: ", &options).unwrap();
    assert_eq!(talk.map(|token| token.unwrap().text).collect::<String>(), "12");
}

#[test]
fn constraints_and_a_grammar_that_leave_nothing_are_told() {
    let (model, tokenizer) = model();
    let grammar = Grammars::new(&tokenizer).unwrap().of_json_schema(r#"{"const": 12}"#).unwrap();
    let mut options = options(&grammar, 5);
    options.policy.constraints.banned = vec![u32::from(b'1')];
    let prompt = Prompt::of_text(&tokenizer, "A number: ").unwrap();
    let mut text = TextGenerator::new(&model, &tokenizer, &prompt, &options).unwrap();
    let error = text.next().unwrap().unwrap_err().to_string();
    assert!(error.starts_with("no next token is possible"), "{error}");
}

#[test]
fn padding_and_special_tokens_never_follow() {
    let tokenizer = Tokenizer::gpt2().unwrap();
    let mut grammar =
        Grammars::new(&tokenizer).unwrap().of_json_schema(r#"{"type": "string"}"#).unwrap();
    let mut logits = vec![0.0; tokenizer.vocab_size() + 10];
    grammar.push(tokenizer.encode("\"").unwrap()[0]).unwrap();
    grammar.restrict(&mut logits).unwrap();
    let follows = |id: u32| logits[id as usize] == 0.0;
    assert!(follows(tokenizer.encode(" the").unwrap()[0]));
    assert!(!follows(tokenizer.end_of_text()));
    assert!((tokenizer.vocab_size()..logits.len()).all(|id| !follows(id as u32)));
}

#[test]
fn what_cannot_be_kept_is_refused_in_a_line() {
    let grammars = Grammars::new(&Tokenizer::bytes().unwrap()).unwrap();
    let refusal = |schema: &str| {
        let error = grammars.of_json_schema(schema).unwrap_err().to_string();
        assert!(!error.contains('\n') && error.len() < 400, "{error}");
        error
    };
    assert!(refusal("{").starts_with("the JSON schema is not valid: EOF"));
    assert!(refusal("3").contains("it is 3: expected an object"));
    assert!(refusal(&" ".repeat(70_000)).contains("expected 65536 at most"));
    assert!(refusal(r#"{"if": {"type": "string"}, "then": false}"#).contains("if"));
    assert!(refusal(r#"{"type": "array", "uniqueItems": true}"#).contains("uniqueItems"));
    assert!(refusal(r#"{"type": "text"}"#).contains("text"));
    assert!(refusal(r#"{"type": "string", "format": "riddle"}"#).contains("riddle"));
    assert!(refusal(r#"{"type": "integer", "minimum": 3, "maximum": 2}"#).contains('3'));
    assert!(refusal(r##"{"$ref": "#/$defs/nowhere"}"##).contains("nowhere"));
    assert!(refusal(r#"{"$ref": "https://example.com/schema"}"#).contains("example.com"));
    assert!(refusal("false").contains("expected an object"));
    assert!(refusal(r##"{"$ref": "#"}"##).contains("no text is valid by it"));
    let pattern = refusal(r#"{"type": "string", "pattern": "(a*)*b("}"#);
    assert!(pattern.ends_with("regex parse error: error: unclosed group"), "{pattern}");
    let required: Vec<String> = (0..1_001).map(|n| format!("\"p{n}\"")).collect();
    let required = refusal(&format!(r#"{{"required": [{}]}}"#, required.join(",")));
    assert!(required.contains("names 1001 properties: expected 1000 at most"), "{required}");
    // The library's own integers end here: with both bounds at their end it broke.
    let least =
        format!(r#"{{"type": "integer", "minimum": {}, "maximum": {}}}"#, i64::MIN, i64::MIN);
    for schema in [&least[..], r#"{"const": 18446744073709551617}"#, r#"{"maximum": 1e300}"#] {
        let large = refusal(schema);
        assert!(large.contains("is too large: expected numbers of at most"), "{large}");
    }
}

/// Schemas that ask for more than anybody has: an error or a grammar, soon, and a program that goes on.
#[test]
fn schemas_made_to_break_it_do_not() {
    let chain = |links: usize| {
        let link = |n: usize| format!(r##""d{n}":{{"$ref":"#/$defs/d{}"}}"##, n + 1);
        let links: Vec<String> = (0..links).map(link).collect();
        format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{}}}}}"##, links.join(","))
    };
    let nested = |open: &str, depth: usize, close: &str| {
        format!("{}true{}", open.repeat(depth), close.repeat(depth))
    };
    let wide: Vec<String> = (0..5_000).map(|n| format!("\"{n:09}\"")).collect();
    let properties: Vec<String> =
        (0..2_500).map(|n| format!("\"p{n}\":{{\"type\":\"object\"}}")).collect();
    let schemas = [
        chain(2_500),
        r##"{"$ref": "#"}"##.to_owned(),
        r##"{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}"##.to_owned(),
        r##"{"allOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}],"$defs":{"a":{"properties":{"c":{"$ref":"#/$defs/a"}}},
            "b":{"properties":{"c":{"$ref":"#/$defs/b"}}}}}"##.to_owned(),
        nested(r#"{"items":"#, 120, "}"),
        nested(r#"{"anyOf":["#, 60, "]}"),
        nested(r#"{"not":"#, 120, "}"),
        format!(r#"{{"enum": [{}]}}"#, wide.join(",")),
        format!(r#"{{"properties": {{{}}}}}"#, properties.join(",")),
        format!(r#"{{"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": false, "properties": {{{}}}}}"#, properties.join(",")),
        r#"{"type": "string", "minLength": 1000000000}"#.to_owned(),
        r#"{"type": "string", "maxLength": 18446744073709551615}"#.to_owned(),
        r#"{"type": "array", "minItems": 1000000000, "items": {"type": "object"}}"#.to_owned(),
        r#"{"type": "array", "minItems": 18446744073709551615}"#.to_owned(),
        r#"{"type": "object", "minProperties": 1000000000}"#.to_owned(),
        r#"{"type": "string", "pattern": "((a{1000}){1000}){1000}"}"#.to_owned(),
        r#"{"type": "string", "pattern": "(a*)*b("}"#.to_owned(),
        r#"{"type": "string", "pattern": "^(?=.*[a-z])(?!x).{8,}$"}"#.to_owned(),
        r#"{"type": "string", "pattern": "(.*a){25}.*b.*c.*d.*e"}"#.to_owned(),
        format!(r#"{{"type": "string", "pattern": "{}a{}"}}"#, "(".repeat(20_000), ")".repeat(20_000)),
        r#"{"type": "number", "multipleOf": 1e-300}"#.to_owned(),
        r#"{"type": "number", "multipleOf": 0}"#.to_owned(),
        r#"{"type": "integer", "minimum": -1e308, "maximum": 1e308, "multipleOf": 7919}"#.to_owned(),
        r#"{"allOf": [{"multipleOf": 4294967291}, {"multipleOf": 4294967279}]}"#.to_owned(),
        r#"{"patternProperties": {"(a+)+$": {}, "^(a|b)*c": {}}}"#.to_owned(),
        r#"{"x-guidance": {"whitespace_pattern": "("}}"#.to_owned(),
        r#"{"x-guidance": 3, "type": "null"}"#.to_owned(),
        r#"{"type": [], "required": [3]}"#.to_owned(),
        r#"{"enum": []}"#.to_owned(),
        r##"{"const": {"a": {"$ref": "#"}}}"##.to_owned(),
    ];
    let tokenizer = Tokenizer::bytes().unwrap();
    let grammars = Grammars::new(&tokenizer).unwrap();
    let mut logits = vec![0.0; tokenizer.vocab_size()];
    for schema in &schemas {
        let shown = &schema[..schema.len().min(90)];
        let began = Instant::now();
        if let Ok(mut grammar) = grammars.of_json_schema(schema) {
            // As far as a text is told.
            for _ in 0..30 {
                logits.fill(0.0);
                let Ok(()) = grammar.restrict(&mut logits) else { break };
                let Some(next) = logits.iter().position(|logit| *logit == 0.0) else { break };
                let Ok(()) = grammar.push(next as u32) else { break };
            }
        }
        let took = began.elapsed();
        assert!(took < Duration::from_secs(20), "{took:?}: {shown}");
    }
}

/// A grammar is for the server's thread, and goes from one to another.
#[test]
fn grammars_may_be_sent() {
    fn is_sent<T: Send + Sync + Clone>() {}
    is_sent::<Grammars>();
    is_sent::<Grammar>();
}
