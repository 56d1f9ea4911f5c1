use serde_json::json;

use super::*;
use crate::testing::models;
use crate::{Engine, Limits, Settings};

fn taken(json: Value, generation: GenerationDefaults) -> Result<GenerationParameters, ApiError> {
    let Value::Object(fields) = json else { panic!("no object") };
    let mut fields = Fields::new(fields);
    let mut models = models();
    models[0].card.generation = generation;
    let engine = Engine::start(models, Limits::default()).unwrap();
    let generation =
        GenerationParameters::take(&mut fields, &App::new(engine, None, Settings::default()), 0)?;
    fields.finish()?;
    Ok(generation)
}

fn refusal(json: Value) -> String {
    let error = taken(json, GenerationDefaults::default()).unwrap_err();
    error.body()["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_request_that_says_nothing_has_the_makers_defaults_or_openais() {
    let plain = taken(json!({}), GenerationDefaults::default()).unwrap();
    assert_eq!(plain.policy.sampling, Sampling::Draw(Draw::default()));
    assert_eq!((plain.n, plain.stream.is_none()), (1, true));
    let makers = GenerationDefaults {
        is_greedy: true,
        temperature: Some(0.5),
        top_k: Some(7),
        repetition_penalty: Some(1.1),
        ..GenerationDefaults::default()
    };
    let said = taken(json!({"temperature": null}), makers.clone()).unwrap();
    assert_eq!(said.policy.sampling, Sampling::Greedy);
    assert_eq!(said.policy.constraints.repetition_penalty, 1.1);
    // Whoever says how to draw wants draws.
    let said = taken(json!({"top_p": 0.9, "top_k": -1}), makers).unwrap();
    let draw = Draw { temperature: 0.5, top_p: Some(0.9), ..Draw::default() };
    assert_eq!(said.policy.sampling, Sampling::Draw(draw));
    let said = taken(json!({"top_p": 0}), GenerationDefaults::default()).unwrap();
    assert_eq!(said.policy.sampling, Sampling::Greedy);
}

#[test]
fn each_text_has_a_seed_of_its_own() {
    let generation = taken(
        json!({
            "n": 3, "best_of": 3, "seed": -1, "stop": "\n", "logit_bias": {"97": -100, "5": 1.5},
            "presence_penalty": 0.5, "temperature": 0, "stream": true,
            "stream_options": {"include_usage": true},
        }),
        GenerationDefaults::default(),
    )
    .unwrap();
    let options = generation.options(2, 10, true);
    assert_eq!((options.seed, options.max_tokens), (1, 10));
    assert_eq!(options.stop, ["\n"]);
    assert_eq!(options.policy.sampling, Sampling::Greedy);
    let mut bias = options.policy.constraints.bias;
    bias.sort_by_key(|(id, _)| *id);
    assert_eq!(bias, [(5, 1.5), (97, -100.0)]);
    assert!(generation.stream.unwrap().include_usage);
    let without = || taken(json!({}), GenerationDefaults::default()).unwrap().seed;
    assert_ne!(without(), without());
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    let refused = [
        (
            json!({"best_of": 2}),
            "the field `best_of` is not supported here: ask for as many texts by `n`",
        ),
        (
            json!({"ignore_eos": true}),
            "the field `ignore_eos` is not supported here: a text ends where its model ends it",
        ),
        (json!({"n": 65}), "`n` is 65: expected a whole number from 1 to 64"),
        (json!({"temperature": 2.5}), "`temperature` is 2.5: expected a number from 0 to 2"),
        (json!({"top_k": -2}), "`top_k` is -2: expected a whole number; 0 or -1 for all"),
        (
            json!({"logit_bias": {"300": 1}}),
            "`logit_bias` is {\"300\":1}: expected token ids from 0 to 256 with numbers from -100 to 100",
        ),
        (
            json!({"stop": ["a", ""]}),
            "`stop` is [\"a\",\"\"]: expected a string or up to 16 of them, of 1 to 1024 bytes each",
        ),
        (
            json!({"response_format": {"type": "xml"}}),
            "`response_format.type` is \"xml\": expected text, json_object or json_schema",
        ),
        (json!({"stream_options": {"a": 1}}), "the field `a` is not supported here: leave it out"),
    ];
    for (json, expected) in refused {
        assert_eq!(refusal(json), expected);
    }
}

#[test]
fn a_form_that_is_asked_for_is_a_filter() {
    let filter = |format: Value| {
        let taken = taken(json!({"response_format": format}), GenerationDefaults::default());
        taken.unwrap().policy.filter.is_some()
    };
    assert!(!filter(json!({"type": "text"})));
    assert!(filter(json!({"type": "json_object"})));
    let schema = json!({"enum": ["yes", "no"]});
    assert!(filter(
        json!({"type": "json_schema", "json_schema": {"name": "a", "strict": true, "schema": schema}})
    ));
    let of_schema =
        |schema: Value| json!({"response_format": {"type": "json_schema", "json_schema": schema}});
    assert!(refusal(of_schema(json!({}))).contains("schema` is missing"));
    assert!(refusal(of_schema(json!({"schema": {"type": 7}}))).contains("JSON schema"));
}
