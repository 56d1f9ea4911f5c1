use minigpt_data::{Message, Template, Tokenizer};
use minigpt_model::{Policy, Sampling};
use minigpt_text::{Prompt, TextGenerator, TextOptions};
use serde_json::{Value, json};

use crate::testing::{Server, tiny};
use crate::{Limits, Settings};

const COMPLETIONS: &str = "/v1/completions";
const CHAT: &str = "/v1/chat/completions";

fn options(policy: Policy, max_tokens: usize, seed: u64) -> TextOptions {
    let stop = Vec::new();
    TextOptions { policy, max_tokens, stop, seed, log_probabilities: true, lookup: false }
}

/// What a generator writes alone.
fn alone(prompt: &Prompt, options: &TextOptions) -> (String, Vec<f64>) {
    let (tokenizer, model) = (Tokenizer::bytes().unwrap(), tiny());
    let tokens = TextGenerator::new(&model, &tokenizer, prompt, options).unwrap();
    let tokens: Vec<_> = tokens.map(Result::unwrap).collect();
    let log_probabilities = tokens.iter().filter_map(|token| token.log_probability).collect();
    (tokens.into_iter().map(|token| token.text).collect(), log_probabilities)
}

/// JSON's decimal numbers are read with an error in the last place.
#[track_caller]
fn assert_close(found: &[&Value], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found.as_f64().unwrap() - expected).abs() < 1e-9, "{found}, not {expected}");
    }
}

fn of_text(text: &str) -> Prompt {
    Prompt::of_text(&Tokenizer::bytes().unwrap(), text).unwrap()
}

#[test]
fn a_completion_is_what_the_model_writes_alone() {
    let server = Server::start();
    let asked = json!({"model": "tiny", "prompt": "Once", "max_tokens": 20, "temperature": 0, "logprobs": 2});
    let answer = server.post(COMPLETIONS, &asked);
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    let (text, log_probabilities) =
        alone(&of_text("Once"), &options(Sampling::Greedy.into(), 20, 0));
    let choice = &answer["choices"][0];
    assert_eq!(
        (answer["object"].as_str(), answer["model"].as_str()),
        (Some("text_completion"), Some("tiny"))
    );
    assert_eq!(
        (choice["text"].as_str(), choice["finish_reason"].as_str()),
        (Some(&text[..]), Some("length"))
    );
    let told = &choice["logprobs"];
    let found: Vec<&Value> = told["token_logprobs"].as_array().unwrap().iter().collect();
    assert_close(&found, &log_probabilities);
    // Greedy: the token is the most probable one.
    let (token, top) = (told["tokens"][3].as_str().unwrap(), &told["top_logprobs"][3]);
    assert_close(&[&top[token]], &log_probabilities[3..4]);
    assert_eq!(told["text_offset"][0], 4);
    assert_eq!(
        answer["usage"],
        json!({"prompt_tokens": 4, "completion_tokens": 20, "total_tokens": 24,
            "prompt_tokens_details": {"cached_tokens": 0}})
    );
    assert_eq!(
        (answer["timings"]["prompt_n"].as_u64(), answer["timings"]["predicted_n"].as_u64()),
        (Some(4), Some(20))
    );
}

#[test]
fn several_prompts_have_several_texts_each_with_a_seed_of_its_own() {
    let server = Server::start();
    let ids = Tokenizer::bytes().unwrap().encode("At noon").unwrap();
    let asked = json!({"model": "tiny", "prompt": ["Once", ids], "n": 2, "seed": 5, "max_tokens": 8, "echo": true});
    let answer = server.post(COMPLETIONS, &asked).json();
    let draw = Sampling::Draw(minigpt_model::Draw::default());
    let mut tokens = 0;
    for (number, prompt) in ["Once", "Once", "At noon", "At noon"].into_iter().enumerate() {
        let (text, told) =
            alone(&of_text(prompt), &options(draw.clone().into(), 8, 5 + number as u64));
        tokens += told.len();
        let choice = &answer["choices"][number];
        assert_eq!(choice["index"], number);
        assert_eq!(choice["text"], format!("{prompt}{text}"));
    }
    assert_eq!(answer["usage"]["prompt_tokens"], 11);
    assert_eq!(answer["usage"]["completion_tokens"], tokens);
}

#[test]
fn a_stream_has_the_same_text_in_chunks() {
    let server = Server::start();
    let mut asked = json!({"model": "tiny", "prompt": "Once", "max_tokens": 30, "n": 2, "seed": 9,
        "logprobs": 1, "echo": false});
    let whole = server.post(COMPLETIONS, &asked).json();
    asked["stream"] = true.into();
    asked["stream_options"] = json!({"include_usage": true});
    let answer = server.post(COMPLETIONS, &asked);
    assert!(answer.head.contains("content-type: text/event-stream"));
    let chunks = answer.chunks();
    let (last, others) = chunks.split_last().unwrap();
    assert!(others.iter().all(|chunk| chunk["usage"].is_null() && chunk["id"] == last["id"]));
    assert_eq!(
        (&last["choices"], &last["usage"]),
        (&json!([]), &{
            // The second time, the prompt has been read.
            let mut usage = whole["usage"].clone();
            usage["prompt_tokens_details"] = last["usage"]["prompt_tokens_details"].clone();
            usage
        })
    );
    assert!(last["timings"]["predicted_per_second"].as_f64().unwrap() > 0.0);
    for number in 0..2 {
        let own = others.iter().map(|chunk| &chunk["choices"][0]).filter(|c| c["index"] == number);
        let own: Vec<&Value> = own.collect();
        let text: String = own.iter().filter_map(|choice| choice["text"].as_str()).collect();
        assert_eq!(text, whole["choices"][number]["text"]);
        let reason = &whole["choices"][number]["finish_reason"];
        assert_eq!(&own.last().unwrap()["finish_reason"], reason);
        let told = own.iter().filter_map(|choice| choice["logprobs"]["text_offset"].as_array());
        let offsets: Vec<&Value> = told.flatten().collect();
        assert_eq!(json!(offsets), whole["choices"][number]["logprobs"]["text_offset"]);
    }
}

#[test]
fn a_prompt_is_scored_where_it_is_echoed() {
    let server = Server::start();
    let ids = Tokenizer::bytes().unwrap().encode("A hat 🙂.").unwrap();
    let mut asked = json!({"model": "tiny", "prompt": ids, "max_tokens": 1, "logprobs": 1, "echo": true, "temperature": 0});
    let whole = server.post(COMPLETIONS, &asked).json();
    let told = &whole["choices"][0]["logprobs"];
    assert_eq!(told["tokens"].as_array().unwrap().len(), ids.len() + 1);
    assert_eq!(
        (&told["token_logprobs"][0], &told["top_logprobs"][0]),
        (&json!(null), &json!(null))
    );
    let read = minigpt_text::read_text(&tiny(), &Tokenizer::bytes().unwrap(), &ids).unwrap();
    let expected: Vec<f64> =
        read.tokens[1..].iter().map(|token| -token.surprise.unwrap().nats).collect();
    let found: Vec<&Value> =
        told["token_logprobs"].as_array().unwrap()[1..ids.len()].iter().collect();
    assert_close(&found, &expected);
    // The greedy token after the prompt is the most probable one.
    let last = &told["top_logprobs"][ids.len()];
    assert_eq!(last.as_object().unwrap().values().next(), told["token_logprobs"].get(ids.len()));
    // The smile has four bytes, each a token that begins where it does.
    assert_eq!(
        told["text_offset"].as_array().unwrap()[5..11],
        [5, 6, 6, 6, 6, 7].map(|n| json!(n))
    );

    asked["stream"] = true.into();
    let chunks = server.post(COMPLETIONS, &asked).chunks();
    let told = &chunks[0]["choices"][0];
    assert_eq!(told["text"], "A hat 🙂.");
    assert_eq!(told["logprobs"]["tokens"].as_array().unwrap().len(), ids.len());
    assert_eq!(chunks[1]["choices"][0]["logprobs"]["text_offset"], json!([8]));

    let asked =
        json!({"model": "tiny", "prompt": "A hat", "max_tokens": 0, "logprobs": 0, "echo": true});
    let choice = &server.post(COMPLETIONS, &asked).json()["choices"][0];
    assert_eq!(choice["logprobs"]["tokens"], json!(["A", " ", "h", "a", "t"]));
}

#[test]
fn what_is_too_long_is_cut_where_a_client_says_so() {
    let server = Server::start();
    let mut asked = json!({"model": "tiny", "prompt": ["a".repeat(300), "b"], "max_tokens": 20, "echo": true,
        "temperature": 0, "truncate_prompt": true});
    let whole = server.post(COMPLETIONS, &asked).json();
    assert_eq!((&whole["left_out"], &whole["usage"]["prompt_tokens"]), (&json!(64), &json!(237)));
    assert!(whole["choices"][0]["text"].as_str().unwrap().starts_with(&"a".repeat(236)));
    asked["stream"] = true.into();
    asked["echo"] = false.into();
    let chunks = server.post(COMPLETIONS, &asked).chunks();
    assert_eq!(
        (&chunks[0]["left_out"], &chunks[0]["choices"][0]["text"]),
        (&json!(64), &json!(""))
    );
    assert!(chunks[1].get("left_out").is_none());

    let turn = |role: &str| json!({"role": role, "content": "a".repeat(60)});
    let mut messages = vec![json!({"role": "system", "content": "Be brief."})];
    for _ in 0..4 {
        messages.extend([turn("user"), turn("assistant")]);
    }
    messages.push(json!({"role": "user", "content": "Why?"}));
    let mut asked =
        json!({"model": "instruct", "messages": messages, "max_tokens": 10, "temperature": 0});
    assert_eq!(server.post(CHAT, &asked).status, 400);
    asked["truncate_prompt"] = true.into();
    let whole = server.post(CHAT, &asked).json();
    assert_eq!(whole["left_out"], 6, "{whole}");
    asked["messages"] = json!([messages[0], messages[7], messages[8], messages[9]]);
    let short = server.post(CHAT, &asked).json();
    assert_eq!((&short["left_out"], &short["choices"]), (&json!(0), &whole["choices"]));
    asked["stream"] = true.into();
    assert_eq!(server.post(CHAT, &asked).chunks()[0]["left_out"], 0);
    asked["messages"] = json!([{"role": "user", "content": "a".repeat(300)}]);
    assert_eq!(server.post(CHAT, &asked).status, 400, "the last turn alone does not fit");
}

#[test]
fn texts_end_before_stop_strings_and_so_do_their_tokens() {
    let server = Server::start();
    let asked = |stop: Value| {
        let asked = json!({"model": "tiny", "prompt": "Once", "max_tokens": 60, "seed": 3, "stop": stop, "logprobs": 0});
        server.post(COMPLETIONS, &asked).json()["choices"][0].clone()
    };
    let whole = asked(json!(null))["text"].as_str().unwrap().to_owned();
    let is_new = |(place, letter): &(usize, char)| {
        letter.is_ascii_graphic() && whole.find(*letter) == Some(*place)
    };
    let (place, stop) = whole.char_indices().rfind(is_new).unwrap();
    let ended = asked(json!(["never", stop.to_string()]));
    assert_eq!(ended["finish_reason"], "stop");
    let text = ended["text"].as_str().unwrap();
    assert_eq!(text, &whole[..place]);
    let end = 4 + text.chars().count() as u64;
    let offsets = ended["logprobs"]["text_offset"].as_array().unwrap();
    assert!(!offsets.is_empty() && offsets.iter().all(|offset| offset.as_u64().unwrap() < end));
}

#[test]
fn a_chat_is_what_the_template_makes_of_it() {
    let server = Server::start();
    let asked = json!({"model": "instruct", "temperature": 0, "max_completion_tokens": 12, "logprobs": true,
        "top_logprobs": 3, "messages": [{"role": "user", "content": "Why?"}]});
    let answer = server.post(CHAT, &asked).json();
    let template = Template::instruct().into();
    let prompt =
        Prompt::of_messages(&Tokenizer::bytes().unwrap(), &template, &[Message::user("Why?")]);
    let prompt = prompt.unwrap();
    let (text, log_probabilities) = alone(&prompt, &options(Sampling::Greedy.into(), 12, 0));
    let choice = &answer["choices"][0];
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(choice["message"], json!({"role": "assistant", "content": text, "refusal": null}));
    assert_eq!(answer["usage"]["prompt_tokens"], prompt.ids().len());
    let told = choice["logprobs"]["content"].as_array().unwrap();
    let found: Vec<&Value> = told.iter().map(|token| &token["logprob"]).collect();
    assert_close(&found, &log_probabilities);
    assert!(told.iter().all(|token| token["top_logprobs"].as_array().unwrap().len() == 3));

    let mut asked = asked;
    asked["stream"] = true.into();
    let chunks = server.post(CHAT, &asked).chunks();
    assert_eq!(chunks[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    assert_eq!(chunks[0]["object"], "chat.completion.chunk");
    let deltas = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
    assert_eq!(deltas.collect::<String>(), text);
    let last = chunks.last().unwrap();
    assert_eq!(
        (&last["choices"][0]["finish_reason"], last["timings"]["predicted_n"].as_u64()),
        (&json!("length"), Some(12))
    );
    assert!(last.get("usage").is_none());
}

#[test]
fn an_answer_has_what_room_there_is() {
    let server =
        Server::with(Settings { max_tokens: 1000, ..Settings::default() }, Limits::default());
    let message = |length: usize| json!([{"role": "user", "content": "a".repeat(length)}]);
    let asked = |length: usize| {
        server.post(
            CHAT,
            &json!({"model": "instruct", "messages": message(length), "temperature": 0}),
        )
    };
    let usage = asked(100).json()["usage"].clone();
    assert_eq!(usage["total_tokens"], 256, "the model's context");
    let long = asked(300);
    assert_eq!(
        (long.status, &long.json()["error"]["code"]),
        (400, &json!("context_length_exceeded"))
    );
    let long = server.post(COMPLETIONS, &json!({"model": "tiny", "prompt": "a".repeat(257)}));
    assert_eq!(
        long.message(),
        "the prompt has 257 tokens and the context of tiny is 256: shorten it"
    );
    // Past its context a model goes on from the last half, up to the server's limit.
    let asked =
        json!({"model": "tiny", "prompt": "a".repeat(250), "max_tokens": 5000, "temperature": 0});
    assert_eq!(server.post(COMPLETIONS, &asked).json()["usage"]["completion_tokens"], 1000);
    let asked = json!({"model": "tiny", "prompt": "a", "max_tokens": 0});
    let answer = server.post(COMPLETIONS, &asked).json();
    assert_eq!(
        (&answer["choices"][0]["text"], &answer["choices"][0]["finish_reason"]),
        (&json!(""), &json!("length"))
    );
}

#[test]
fn what_is_asked_wrongly_is_told_in_openais_form() {
    let server = Server::start();
    let user = json!([{"role": "user", "content": "Why?"}]);
    let cases = [
        (COMPLETIONS, json!({"prompt": "a"}), 400, "model", "`model` is missing"),
        (COMPLETIONS, json!({"model": "gpt-5"}), 404, "model", "expected tiny or instruct"),
        (
            COMPLETIONS,
            json!({"model": "tiny", "prompt": [1, "a"]}),
            400,
            "prompt",
            "expected a string",
        ),
        (COMPLETIONS, json!({"model": "tiny", "prompt": []}), 400, "prompt", "1 to 64 prompts"),
        (COMPLETIONS, json!({"model": "tiny", "prompt": [999]}), 400, "prompt", "999"),
        (COMPLETIONS, json!({"model": "tiny", "suffix": "a"}), 400, "suffix", "forwards only"),
        (
            COMPLETIONS,
            json!({"model": "tiny", "prompt": ["a", "b"], "n": 40}),
            400,
            "n",
            "too many texts",
        ),
        (COMPLETIONS, json!({"model": "tiny", "logprobs": 6}), 400, "logprobs", "from 0 to 5"),
        (CHAT, json!({"model": "tiny", "messages": user}), 400, "model", "has no chat template"),
        (CHAT, json!({"model": "instruct"}), 400, "messages", "`messages` is missing"),
        (
            CHAT,
            json!({"model": "instruct", "messages": user, "top_logprobs": 2}),
            400,
            "top_logprobs",
            "set `logprobs`",
        ),
        (
            CHAT,
            json!({"model": "instruct", "messages": user, "audio": {}}),
            400,
            "audio",
            "not supported",
        ),
        (
            CHAT,
            json!({"model": "instruct", "messages": user, "passages": 2}),
            400,
            "passages",
            "--index",
        ),
        (
            "/v1/embeddings",
            json!({"model": "tiny", "input": ""}),
            400,
            "input",
            "expected a string",
        ),
        (
            "/v1/embeddings",
            json!({"model": "tiny", "input": "a", "dimensions": 3}),
            400,
            "dimensions",
            "the width",
        ),
        (
            "/v1/embeddings",
            json!({"model": "tiny", "input": "a", "encoding_format": "int8"}),
            400,
            "encoding_format",
            "float or base64",
        ),
    ];
    for (path, body, status, param, message) in cases {
        let answer = server.post(path, &body);
        assert_eq!(answer.status, status, "{body} {answer:?}");
        assert_eq!(answer.json()["error"]["param"], param, "{body}");
        assert!(answer.message().contains(message), "{body}: {}", answer.message());
    }
    let no_json =
        server.ask("POST /v1/completions", &["Content-Type: application/json"], "{\"model\"");
    assert_eq!(no_json.status, 400);
    let no_object = server.post(COMPLETIONS, &json!([]));
    assert_eq!(no_object.status, 400);
    let form = server.ask("POST /v1/completions", &["Content-Type: text/plain"], "{}");
    assert_eq!((form.status, form.message().contains("application/json")), (415, true));
}

#[test]
fn too_many_are_told_to_come_again() {
    let limits = Limits { batch: 1, waiting: 1, ..Limits::default() };
    let server = Server::with(Settings::default(), limits);
    let asked = json!({"model": "tiny", "prompt": ["Once", "At noon"], "n": 2, "max_tokens": 2000});
    let refused = server.post(COMPLETIONS, &asked);
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (429, &json!("rate_limit_exceeded"))
    );
    assert!(refused.head.contains("retry-after: 2"));
    // So many would never find a place.
    let never = json!({"model": "tiny", "prompt": "Once", "n": 3});
    assert_eq!(server.post(COMPLETIONS, &never).status, 400);
    // What was begun of it is cancelled.
    server.wait_until_idle();
    assert!(server.engine.counts().written < 4000);
}

#[test]
fn models_are_told_to_clients_and_pages() {
    let server = Server::start();
    let model =
        |id: &str| json!({"id": id, "object": "model", "created": 0, "owned_by": "minigpt"});
    let list = json!({"object": "list", "data": [model("tiny"), model("instruct")]});
    assert_eq!(server.get("/v1/models").json(), list);
    assert_eq!(server.get("/v1/models/instruct").json(), model("instruct"));
    assert_eq!(server.get("/v1/models/other").status, 404);
    let pages = server.get("/api/models").json();
    assert_eq!(
        (&pages["index"], &pages["models"][1]["has_template"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(pages["models"][0]["context"], 256);
    assert_eq!(pages["models"][0]["defaults"]["temperature"], 1.0);
}

#[test]
fn embeddings_of_texts_and_tokens_are_vectors_of_length_one() {
    let server = Server::start();
    let ids = Tokenizer::bytes().unwrap().encode("the sea").unwrap();
    let asked = json!({"model": "tiny", "input": ["the sea", ids, "a hat"], "user": "me"});
    let answer = server.post("/v1/embeddings", &asked).json();
    let vector = |number: usize| -> Vec<f64> {
        let vector = answer["data"][number]["embedding"].as_array().unwrap();
        vector.iter().map(|value| value.as_f64().unwrap()).collect()
    };
    let product =
        |a: usize, b: usize| -> f64 { vector(a).iter().zip(vector(b)).map(|(a, b)| a * b).sum() };
    assert!((product(0, 0) - 1.0).abs() < 1e-5);
    assert!((product(0, 1) - 1.0).abs() < 1e-5);
    assert!(product(0, 2) < 0.999);
    assert_eq!(answer["usage"], json!({"prompt_tokens": 19, "total_tokens": 19}));
}

#[test]
fn the_description_has_every_route_and_status() {
    let document: Value = serde_json::from_str(super::DESCRIPTION).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let server = Server::start();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            let what = format!("{} {}", method.to_uppercase(), path.replace("{id}", "x"));
            let answer = server.ask(&what, &["Content-Type: application/json"], "{}");
            assert_ne!(answer.status, 405, "{what}");
            let told = operation["responses"].as_object().unwrap();
            assert!(told.contains_key(&answer.status.to_string()), "{what}: {answer:?}");
        }
    }
    assert_eq!(server.get("/openapi.json").json(), document);
}
