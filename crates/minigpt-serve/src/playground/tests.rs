//! The answers against what minigpt-text says of the same model.

use minigpt_data::Tokenizer;
use minigpt_model::{GptConfig, GptRef};
use minigpt_text::{embedded_windows, head_habits, record_attention};
use serde_json::{Value, json};

use super::*;
use crate::app::Settings;
use crate::engine::{Engine, Limits};
use crate::testing::{models, tiny};

const TEXT: &str = "Anne walked to Bath. Anne walked";

fn app() -> App {
    let engine = Engine::start(models(), Limits::default()).unwrap();
    App::new(engine, None, Settings::default())
}

fn config() -> GptConfig {
    GptRef::from(&tiny()).config().clone()
}

/// What a handler answers, as JSON: the answer, or the error.
fn answer<Q: serde::de::DeserializeOwned, A: Serialize, F>(
    handler: impl FnOnce(State<App>, Posted<Q>) -> F,
    request: Value,
) -> Value
where
    F: Future<Output = Result<Json<A>, ApiError>>,
{
    let request = serde_json::from_value(request).unwrap();
    let answer = runtime().block_on(handler(State(app()), Posted(request)));
    match answer {
        Ok(Json(answer)) => serde_json::to_value(answer).unwrap(),
        Err(error) => error.body(),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn message(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap_or_else(|| panic!("no error: {answer}"))
}

fn ids() -> Vec<u32> {
    Tokenizer::bytes().unwrap().encode(TEXT).unwrap()
}

#[test]
fn a_text_is_read_as_minigpt_text_reads_it() {
    let found = answer(read, json!({"model": "tiny", "text": TEXT}));
    let tokenizer = Tokenizer::bytes().unwrap();
    let expected = read_text(&tiny(), &tokenizer, &ids()).unwrap();
    assert_eq!(found["tokens"], serde_json::to_value(&expected.tokens).unwrap());
    assert!(found["tokens"][0].get("nats").is_none());
    assert_eq!((&found["text"], &found["context"]), (&json!(TEXT), &json!(config().block_size)));
    let bytes = STANDARD.decode(found["logits"].as_str().unwrap()).unwrap();
    let logits = bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
    assert_eq!(logits.collect::<Vec<_>>(), expected.logits);
    let best = &found["labels"][0];
    assert_eq!(
        best["logit"].as_f64().unwrap() as f32,
        expected.logits[best["id"].as_u64().unwrap() as usize]
    );
    assert_eq!(answer(read, json!({"model": "tiny", "tokens": ids()})), found);
}

#[test]
fn attention_has_a_row_for_each_token_up_to_itself() {
    let found = answer(attention, json!({"model": "tiny", "tokens": ids(), "layer": 1}));
    let maps = record_attention(&tiny(), &ids(), 1).unwrap().remove(0).maps;
    let expected = maps.iter().filter(|map| map.layer == 1);
    let heads = found["heads"].as_array().unwrap();
    for (found, expected) in heads.iter().zip(expected) {
        for (position, row) in expected.weights.iter().enumerate() {
            assert_eq!(found[position], json!(row[..=position]));
        }
    }
    assert_eq!(heads.len(), config().n_head);
}

#[test]
fn the_lens_tells_of_every_layer_at_the_positions() {
    let found = answer(lens, json!({"model": "tiny", "tokens": ids(), "from": 3, "to": 5}));
    let layers = found["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 1 + config().n_layer);
    assert_eq!(layers[0]["name"], "embedding");
    let lengths = layers.iter().flat_map(|layer| layer["positions"].as_array().unwrap());
    assert!(lengths.map(|best| best.as_array().unwrap().len()).all(|length| length == LENS_TOKENS));
}

#[test]
fn habits_are_those_of_the_embedded_novel_and_are_kept() {
    let (app, cache) = (app(), Arc::new(HabitCache::default()));
    let ask = || async {
        let query = InQuery(HabitsQuery { model: "tiny".to_owned() });
        let Json(found) = habits(State(app.clone()), Extension(cache.clone()), query).await?;
        Ok::<_, ApiError>(found)
    };
    let (first, second) =
        runtime().block_on(async { (ask().await.unwrap(), ask().await.unwrap()) });
    assert_eq!(first.heads, second.heads);
    let windows = embedded_windows(&Tokenizer::bytes().unwrap(), config().block_size).unwrap();
    assert_eq!(first.heads, head_habits(&tiny(), &windows, first.windows));
}

#[test]
fn what_cannot_be_looked_at_is_told() {
    let refused = |request: Value| message(&answer(read, request)).to_owned();
    assert!(refused(json!({"model": "large", "text": "Anne"})).contains("`large` does not exist"));
    assert!(refused(json!({"model": "tiny"})).contains("either text or tokens"));
    assert!(refused(json!({"model": "tiny", "tokens": []})).contains("the prompt is empty"));
    assert!(refused(json!({"model": "tiny", "tokens": [257]})).contains("token id 257"));
    let long = "Anne ".repeat(1000);
    assert!(refused(json!({"model": "tiny", "text": long})).contains("at most 512"));
    let long = "Anne ".repeat(80);
    assert!(refused(json!({"model": "tiny", "text": long})).contains("shorten the prompt"));

    let asked =
        |tokens: Vec<u32>, layer| json!({"model": "tiny", "tokens": tokens, "layer": layer});
    let refused = |request: Value| message(&answer(attention, request)).to_owned();
    assert!(refused(asked(ids(), 99)).contains("layer is 99: expected 0 to"));
    assert!(refused(asked(vec![1; 257], 0)).contains("at most 256"));

    let refused = |from, to| {
        let request = json!({"model": "tiny", "tokens": ids(), "from": from, "to": to});
        message(&answer(lens, request)).to_owned()
    };
    for (from, to) in [(2, 2), (3, 2), (0, 17), (ids().len(), ids().len() + 1)] {
        assert!(refused(from, to).contains("is not a range of"), "{from} to {to}");
    }
}
