//! Writing with a trained model and looking into it, as users type it.

use std::process::Stdio;

use serde_json::Value;

use crate::support::{Sandbox, prose};

/// A run that has learnt the prose a little, with a context of 32 tokens.
fn trained() -> Sandbox {
    trained_with("")
}

fn trained_with(options: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let train = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu --max-steps 150 --eval-every 150 --name run";
    let words = train.split(' ').chain(options.split_whitespace());
    sandbox.succeeds(&words.collect::<Vec<_>>());
    sandbox
}

/// Options that a word each, and the prompt last.
fn generate(sandbox: &Sandbox, options: &str) -> String {
    let words = options.split_whitespace();
    let args: Vec<&str> =
        ["generate", "runs/run", "--device", "cpu"].into_iter().chain(words).collect();
    sandbox.succeeds(&[&args[..], &["--prompt", "In the morning"]].concat())
}

fn records(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn texts_end_where_they_shall() {
    let sandbox = trained();
    let text = generate(&sandbox, "--greedy --max-tokens 60 --stop .");
    assert!(text.starts_with("In the morning") && !text.contains('.'), "{text}");
    let stopped = &records(&generate(&sandbox, "--greedy --max-tokens 60 --stop . --json"))[0];
    assert_eq!(
        (&stopped["end"], stopped["text"].as_str().unwrap()),
        (&"stop".into(), text.trim_end_matches('\n'))
    );
    let short = &records(&generate(&sandbox, "--greedy --max-tokens 3 --json"))[0];
    assert_eq!((&short["end"], &short["tokens"]), (&"length".into(), &3.into()));
}

#[test]
fn several_texts_are_those_of_their_seeds() {
    let sandbox = trained();
    let texts = records(&generate(&sandbox, "-n 3 --max-tokens 20 --seed 7 --json"));
    assert_eq!(texts.len(), 3);
    for (number, text) in texts.iter().enumerate() {
        assert_eq!(text["slides"], 0);
        let seed = (7 + number).to_string();
        let alone = records(&generate(&sandbox, &format!("--max-tokens 20 --seed {seed} --json")));
        assert_eq!(alone[0]["text"], text["text"]);
        assert_eq!(text["seed"], 7 + number as u64);
    }
    assert_ne!(texts[0]["text"], texts[1]["text"]);

    sandbox.write("prompts.txt", "In the\n\nHer sister spoke of\n");
    let both = ["generate", "runs/run", "--prompts", "prompts.txt", "--device", "cpu", "--json"];
    let both = records(&sandbox.succeeds(&both));
    let prompts: Vec<_> = both.iter().map(|text| text["prompt"].as_str().unwrap()).collect();
    assert_eq!(prompts, ["In the", "Her sister spoke of"]);
}

/// A model of prose writes JSON, and nothing else.
#[test]
fn texts_keep_to_a_json_schema() {
    let sandbox = trained();
    let schema = r#"{"type": "object", "properties": {"mood": {"enum": ["calm", "wild"]}, "hour":
        {"type": "integer", "minimum": 0, "maximum": 23}}, "required": ["mood", "hour"], "additionalProperties": false}"#;
    sandbox.write("schema.json", schema);
    let check = |text: &str| {
        let value: Value =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(value["mood"] == "calm" || value["mood"] == "wild", "{value}");
        assert!(value["hour"].as_u64().is_some_and(|hour| hour < 24), "{value}");
        assert_eq!(value.as_object().unwrap().len(), 2);
    };
    let common = ["generate", "runs/run", "--device", "cpu", "--prompt", "In the morning"];
    fn with<'a>(common: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
        [common, more].concat()
    }
    check(&sandbox.succeeds(&with(&common, &["--json-schema", schema])));
    check(
        &sandbox.succeeds(&with(&common, &["--json-schema", "schema.json", "--temperature", "3"])),
    );
    let several = with(&common, &["--json-schema", "schema.json", "-n", "3", "--json"]);
    for record in records(&sandbox.succeeds(&several)) {
        assert_eq!(record["end"], "end-of-text");
        check(record["text"].as_str().unwrap().strip_prefix("In the morning").unwrap());
    }
    let short = sandbox.minigpt(&with(&common, &["--json-schema", schema, "--max-tokens", "5"]));
    let said = String::from_utf8(short.stderr).unwrap();
    assert!(said.contains("ended before its JSON was complete: raise --max-tokens"), "{said}");

    let refused = |schema: &str| sandbox.fails(&with(&common, &["--json-schema", schema]));
    assert!(refused("nowhere.json").contains("nowhere.json does not exist"));
    let said = refused(r#"{"type": "array", "uniqueItems": true}"#);
    assert!(
        said.contains("--json-schema: the JSON schema is not supported")
            && said.contains("uniqueItems"),
        "{said}"
    );
    let beams = sandbox.minigpt(&with(&common, &["--json-schema", schema, "--beams", "2"]));
    let said = String::from_utf8(beams.stderr).unwrap();
    assert!(!beams.status.success() && said.contains("--json-schema"), "{said}");
}

#[test]
fn probabilities_are_shown_per_token() {
    let sandbox = trained();
    let lines = generate(&sandbox, "--greedy --logprobs --max-tokens 5");
    let first: f64 = lines.split_whitespace().next().unwrap().parse().unwrap();
    assert!(lines.lines().count() == 5 && first < 0.0, "{lines}");
    let text = &records(&generate(&sandbox, "--greedy --logprobs --max-tokens 5 --json"))[0];
    let tokens = text["log_probabilities"].as_array().unwrap();
    assert_eq!(tokens.len(), 5);
    assert!((tokens[0]["log_probability"].as_f64().unwrap() - first).abs() < 1e-3);
    let together: String = tokens.iter().map(|token| token["token"].as_str().unwrap()).collect();
    assert_eq!(format!("In the morning{together}"), text["text"].as_str().unwrap());
}

#[test]
fn constraints_and_beams_change_what_is_written() {
    let sandbox = trained();
    let plain = &records(&generate(&sandbox, "--greedy --logprobs --max-tokens 6 --json"))[0];
    let first = plain["log_probabilities"][0]["id"].as_u64().unwrap();
    let banned =
        generate(&sandbox, &format!("--greedy --max-tokens 6 --ban {first} --logprobs --json"));
    assert_ne!(records(&banned)[0]["log_probabilities"][0]["id"], first);
    let allowed = generate(&sandbox, &format!("--max-tokens 4 --allow {first} --logprobs --json"));
    for token in records(&allowed)[0]["log_probabilities"].as_array().unwrap() {
        assert_eq!(token["id"], first);
    }
    for options in [
        "--repetition-penalty 2",
        "--presence-penalty 5",
        "--frequency-penalty 3",
        "--no-repeat-ngram 1",
    ] {
        let penalised = generate(&sandbox, &format!("--greedy --max-tokens 60 --json {options}"));
        let unpenalised = generate(&sandbox, "--greedy --max-tokens 60 --json");
        assert_ne!(records(&penalised)[0]["text"], records(&unpenalised)[0]["text"], "{options}");
    }
    let beams = records(&generate(&sandbox, "--beams 3 --max-tokens 6 --json"));
    assert_eq!(beams.len(), 3);
    let score = |beam: &Value| beam["log_probability"].as_f64().unwrap();
    let greedy: f64 = plain["log_probabilities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["log_probability"].as_f64().unwrap())
        .sum();
    assert!(score(&beams[0]) >= greedy - 1e-3);
    let text = beams[0]["text"].as_str().unwrap();
    let cut = records(&generate(&sandbox, "--beams 3 --max-tokens 6 --stop e --json"));
    assert_eq!(cut[0]["end"], "stop");
    let written = text.strip_prefix("In the morning").unwrap();
    let expected = written.split('e').next().unwrap();
    assert_eq!(cut[0]["text"], format!("In the morning{expected}"));
}

#[test]
fn the_applications_have_the_articles_prompts_and_find_the_newest_run() {
    // The tutorial's prompts have more than 32 of this tokenizer's tokens.
    let sandbox = trained_with("--set model.block_size=96");
    for (command, prompt, most) in [
        ("complete", "The key to success is ", 50),
        ("story", "Write a short story about a magical forest. Once upon a time,", 200),
        ("ask", "Q: What is machine learning?\nA:", 100),
    ] {
        let text = &records(&sandbox.succeeds(&[command, "--device", "cpu", "--json"]))[0];
        assert_eq!(text["prompt"], prompt);
        let tokens = text["tokens"].as_u64().unwrap();
        assert!(tokens <= most && (tokens == most || text["end"] != "length"), "{command}: {text}");
    }
    let mine = ["story", "Bath", "--run", "runs/run", "--max-tokens", "5", "--device", "cpu"];
    assert!(sandbox.succeeds(&mine).starts_with("Write a short story about Bath."));
}

#[test]
fn a_conversation_remembers_and_forgets() {
    let sandbox = trained();
    let talk = |lines: &str| {
        sandbox.write("lines.txt", lines);
        let input = std::fs::File::from(fs_err::File::open(sandbox.path("lines.txt")).unwrap());
        let args = ["repl", "--greedy", "--max-tokens", "8", "--device", "cpu"];
        let output = sandbox.command(&args).stdin(Stdio::from(input)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let first = talk("In the morning\n/quit\nnot read\n");
    let remembered = talk("In the morning\nIn the morning Emma\n");
    assert!(remembered.starts_with(&first) && remembered.len() > first.len());
    let forgotten = talk("In the morning\n/reset\nIn the morning\n");
    assert_eq!(forgotten, first.repeat(2));
}

#[test]
fn attention_is_drawn_for_every_token_and_every_head_has_a_habit() {
    let sandbox = trained();
    let args = ["attention", "runs/run", "In the morning", "--tokens", "3", "--device", "cpu"];
    let report = sandbox.succeeds(&[&args[..], &["--json"]].concat());
    let report: Value = serde_json::from_str(&report).unwrap();
    let files: Vec<&str> =
        report["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    assert_eq!(files.len(), 4);
    assert!(files.iter().all(|file| sandbox.path(file).metadata().unwrap().len() > 5_000));
    let page = fs_err::read_to_string(sandbox.path("runs/run/attention/attention.html")).unwrap();
    assert!(page.contains("In the morning"));
    let habits = report["habits"].as_array().unwrap();
    assert_eq!(habits.len(), 2 * 4);
    assert!(habits.iter().all(|head| head["habit"].is_string()));

    let one =
        [&args[..], &["--layer", "1", "--head", "2", "--windows", "0", "--out", "one"]].concat();
    assert!(sandbox.succeeds(&one).contains("token-3-layer-1-head-2.png"));
    let error = sandbox.fails(&[&args[..], &["--layer", "2"]].concat());
    assert!(error.contains("--layer 2: expected 0 to 1"), "{error}");
    let long = "word ".repeat(40);
    let error = sandbox.fails(&["attention", "runs/run", &long, "--device", "cpu"]);
    assert!(error.contains("the model's context is 32"), "{error}");
    let error = sandbox.fails(&["attention", "runs/run", "In", "--tokens", "500"]);
    assert!(error.contains("record fewer tokens"), "{error}");
}

#[test]
fn what_cannot_be_written_is_told() {
    let sandbox = trained();
    let fails = |options: &str| {
        let args = ["generate", "runs/run", "--device", "cpu", "--prompt", "In"];
        let words: Vec<&str> = options.split_whitespace().collect();
        sandbox.fails(&[&args[..], &words].concat())
    };
    assert!(fails("--temperature -1").contains("temperature -1 is out of range"));
    assert!(fails("--top-p 0").contains("top-p 0 is out of range"));
    assert!(fails("--top-p 1.1").contains("top-p 1.1 is out of range"));
    assert!(fails("--min-p 2").contains("min-p 2 is out of range"));
    assert!(fails("--repetition-penalty 0").contains("repetition penalty 0 is out of range"));
    assert!(
        fails("--allow 9999").contains("--allow 9999: expected ids of the tokenizer, 0 to 299")
    );
    assert!(fails("--ban 5,300").contains("--ban 300: expected ids of the tokenizer, 0 to 299"));
    sandbox.write("empty.txt", "\n\n");
    let error = sandbox.fails(&["generate", "runs/run", "--prompts", "empty.txt"]);
    assert!(error.contains("expected a line of text"), "{error}");
    for stop in ["", r"\x"] {
        let args = ["generate", "runs/run", "--prompt", "In", "--stop", stop];
        assert_eq!(sandbox.minigpt(&args).status.code(), Some(2), "{stop:?}");
    }
    // A policy of its own cannot be had together with a beam.
    let both = ["generate", "runs/run", "--prompt", "In", "--beams", "2", "--top-p", "0.5"];
    assert_eq!(sandbox.minigpt(&both).status.code(), Some(2));
    // More candidates than there are tokens are all tokens, and so are 0, as other programs have it.
    let all = generate(&sandbox, "--top-k 100000 --max-tokens 9");
    assert_eq!(generate(&sandbox, "--top-k 0 --max-tokens 9"), all);
    let greedy = generate(&sandbox, "--greedy --max-tokens 9");
    assert_eq!(generate(&sandbox, "--temperature 0 --max-tokens 9"), greedy);

    let alone = Sandbox::new();
    assert!(alone.fails(&["story"]).contains("no run that writes text in runs/"));
}

/// Output and messages of a command that must succeed.
fn said(sandbox: &Sandbox, args: &[&str]) -> (String, String) {
    let output = sandbox.minigpt(args);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    (String::from_utf8(output.stdout).unwrap(), errors)
}

#[test]
fn zero_is_off_and_greedy_as_others_have_it() {
    let sandbox = trained();
    let greedy = generate(&sandbox, "--greedy --max-tokens 12");
    assert_eq!(generate(&sandbox, "--temperature 0 --max-tokens 12"), greedy);
    let all = generate(&sandbox, "--top-k 300 --top-p 1 --max-tokens 12");
    assert_eq!(generate(&sandbox, "--top-k 0 --top-p 1 --max-tokens 12"), all);
}

#[test]
fn any_prompt_is_continued_and_what_is_left_of_it_said() {
    let sandbox = trained();
    let base = ["generate", "runs/run", "--device", "cpu", "--greedy", "--max-tokens", "6"];
    let with = |prompt: &str| said(&sandbox, &[&base[..], &["--prompt", prompt]].concat());
    let (text, _) = with("");
    assert!(!text.trim().is_empty(), "a text from its start");

    let end = "In the morning Emma";
    let long = format!("{}{end}", "In the morning Anne walked to the sea. ".repeat(20));
    let (text, errors) = with(&long);
    assert!(text.starts_with(&long) && text.len() > long.len() + 1, "{text}");
    assert!(
        errors.contains("warning: the prompt has ") && errors.contains("context is 32"),
        "{errors}"
    );
    sandbox.write("prompts.txt", format!("\u{feff}{end}\n{long}\n{long}\n"));
    let prompts = ["--prompts", "prompts.txt", "--json"];
    let (output, errors) = said(&sandbox, &[&base[..], &prompts].concat());
    assert_eq!(records(&output)[0]["prompt"], end, "a byte order mark is no text");
    assert!(errors.contains("warning: 2 prompts have more tokens"), "{errors}");

    let (_, errors) = with("In the morning ");
    assert!(errors.contains("hint: the prompt ends in a space"), "{errors}");
    let (_, errors) = with("In the morning");
    assert!(!errors.contains("hint"), "{errors}");
    let (text, _) = with("- In the");
    assert!(text.starts_with("- In the"), "{text}");
}

#[test]
fn a_stop_string_has_escapes() {
    let sandbox = trained();
    let stopped = &records(&generate(&sandbox, r"--greedy --max-tokens 60 --stop \n --json"))[0];
    let text = stopped["text"].as_str().unwrap();
    assert!(stopped["end"] == "stop" && !text.contains('\n'), "{stopped}");
}

#[test]
fn a_classifier_is_not_the_newest_run() {
    let sandbox = trained();
    let examples: String = (0..20)
        .map(|n| format!("In the morning Emma {n},{}\n", if n % 2 == 0 { "a" } else { "b" }))
        .collect();
    sandbox.write("labels.csv", format!("text,label\n{examples}"));
    let finetune = "finetune runs/run --task classify --data labels.csv --name labels --device cpu --max-steps 2";
    sandbox.succeeds(&finetune.split(' ').collect::<Vec<_>>());
    let (_, errors) =
        said(&sandbox, &["complete", "In the", "--max-tokens", "3", "--device", "cpu"]);
    assert!(
        errors.contains("model: runs/run, ") || errors.contains("model: runs\\run, "),
        "{errors}"
    );
    let error = sandbox.fails(&["complete", "In", "--run", "runs/labels", "--device", "cpu"]);
    assert!(error.contains("ask it with `minigpt classify`"), "{error}");
}

#[test]
fn a_line_that_is_no_text_ends_no_conversation() {
    let sandbox = trained();
    sandbox.write("lines.txt", b"In the morning\n\xff\xfe\nIn the morning Emma\n");
    let input = std::fs::File::from(fs_err::File::open(sandbox.path("lines.txt")).unwrap());
    let args = ["repl", "--greedy", "--max-tokens", "4", "--device", "cpu"];
    let output = sandbox.command(&args).stdin(Stdio::from(input)).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    assert!(errors.contains("warning: line 2 is not UTF-8 and is left out"), "{errors}");
    assert!(String::from_utf8(output.stdout).unwrap().lines().count() >= 2);
}
