//! `minigpt eval` and `minigpt compare`, from end to end.

use minigpt_eval::TaskScores;
use minigpt_train::Summary;
use serde_json::Value;

use crate::support::{Sandbox, checksums, prose};

/// A sandbox with a run of some steps, `runs/NAME` each.
fn trained(names: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    for name in names {
        let train =
            "train --preset tiny --data prose.txt --tokenizer bpe:300 --max-steps 30 --device cpu";
        let args: Vec<&str> = train.split(' ').chain(["--name", name]).collect();
        sandbox.succeeds(&args);
    }
    sandbox
}

fn eval(sandbox: &Sandbox, options: &str) -> String {
    let args = ["eval", "runs/run", "--device", "cpu"];
    sandbox.succeeds(&[&args[..], &options.split_whitespace().collect::<Vec<_>>()].concat())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

#[test]
fn a_runs_own_validation_is_measured_as_training_did() {
    let sandbox = trained(&["run"]);
    let summary = fs_err::read(sandbox.path("runs/run/summary.json")).unwrap();
    let summary: Summary = serde_json::from_slice(&summary).unwrap();
    let last = summary.last.unwrap();

    let report = json(&eval(&sandbox, "--json"));
    for (name, expected) in [
        ("token_perplexity", last.token_perplexity),
        ("word_perplexity", last.word_perplexity.unwrap()),
        ("bits_per_byte", last.bits_per_byte),
    ] {
        let measured = &report[name];
        let value = number(&measured["value"]);
        assert!((value / expected - 1.0).abs() < 1e-4, "{name}: {value} is not {expected}");
        assert!(number(&measured["low"]) < value && value < number(&measured["high"]));
    }
    assert_eq!(report["description"], "disjoint windows of 32 tokens, each token predicted once");
    assert_eq!((&report["split"], &report["step"]), (&"validation".into(), &30.into()));
    for file in report["files"].as_array().unwrap() {
        let path = sandbox.path(file.as_str().unwrap());
        assert!(path.starts_with(sandbox.path("runs/run/evaluation")));
        assert!(path.metadata().unwrap().len() > 1000, "{}", path.display());
    }

    // A cache repeats what it has just read, which is no sign of learning.
    let has_recited = |report: &Value| report.get("recited").is_some();
    assert!(has_recited(&report) && !has_recited(&json(&eval(&sandbox, "--cache --json"))));

    let text = eval(&sandbox, "--stride 8 --batch-size 3 --resamples 10");
    for part in [
        "prose.txt, validation split",
        "windows of 32 tokens, stride 8",
        "bits per character",
        "\nrecited: ",
        "10 resamples",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let right = text.lines().find(|line| line.starts_with("tokens predicted right")).unwrap();
    assert_eq!(right.matches(" %").count(), 3, "{right}");
    let many = eval(&sandbox, "--context 8");
    assert!(!many.contains("fewer than"), "{many}");
}

#[test]
fn another_text_is_measured_whole_or_by_its_split() {
    let sandbox = trained(&["run"]);
    sandbox.write("page.txt", " = Page = \n \n A well @-@ known page ( of 1 @,@ 000 words ) . \n");
    let page = |options: &str| json(&eval(&sandbox, &format!("--data page.txt --json {options}")));
    let (plain, detokenized) = (page(""), page("--detokenize wikitext"));
    assert_eq!(plain["split"], "all");
    let few = eval(&sandbox, "--data page.txt --context 8");
    assert!(few.contains("note: intervals from fewer than 20 windows say too little"), "{few}");
    let sums = |report: &Value, name: &str| report["evaluation"][name].as_u64().unwrap();
    for name in ["words", "bytes", "characters"] {
        assert_eq!(sums(&plain, name), sums(&detokenized, name), "{name} of the text as it was");
    }
    assert!(sums(&plain, "tokens") > sums(&detokenized, "tokens"));

    fs_err::create_dir(sandbox.path("folder")).unwrap();
    for split in ["train", "valid", "test"] {
        sandbox.write(&format!("folder/{split}.txt"), format!("The {split} part.\n").repeat(9));
    }
    for (option, split) in [("", "validation"), ("--split test", "test"), ("--split all", "all")] {
        let report = json(&eval(&sandbox, &format!("--data folder --json {option}")));
        assert_eq!(report["split"], split);
        assert_eq!(report["documents"], if split == "all" { 3 } else { 1 });
    }
}

#[test]
fn what_cannot_be_measured_is_told() {
    let sandbox = trained(&["run"]);
    let fails = |options: &str| {
        let args = ["eval", "runs/run", "--device", "cpu"];
        sandbox.fails(&[&args[..], &options.split_whitespace().collect::<Vec<_>>()].concat())
    };
    assert!(fails("--context 33").ends_with("context 33 is out of range: expected 1 to 32"));
    assert!(fails("--stride 33").ends_with("stride 33 is out of range: expected 1 to 32"));
    assert!(fails("--stride 0").ends_with("stride 0 is out of range: expected 1 to 32"));
    assert!(fails("--split test").contains("prose.txt has no test split"));
    assert!(fails("--data nothing.txt").contains("nothing.txt does not exist"));
    sandbox.write("bad.jsonl", "{\"text\": \"two words\"}\n\n{\"text\": \"one\"}\n");
    assert!(fails("--tasks bad.jsonl").contains("bad.jsonl, line 3: expected two words at least"));
    assert!(fails("--tasks nothing.jsonl").contains("nothing.jsonl"));
}

/// More computing makes other protocols: each says its name wherever it is written, and has a file of its own.
#[test]
fn ensembles_caches_and_moving_weights_are_named_everywhere() {
    let sandbox = trained(&["run"]);
    let other = "train --preset tiny --data prose.txt --tokenizer bpe:300 --max-steps 30 --device cpu --name two --seed 2";
    sandbox.succeeds(&other.split(' ').collect::<Vec<_>>());
    let ensemble = |models: &str| {
        let args = ["eval", "--ensemble", models, "--device", "cpu"];
        json(&sandbox.succeeds(&[&args[..], &["--json", "--resamples", "0"]].concat()))
    };
    let plain = json(&eval(&sandbox, "--json --resamples 0"));
    let nats = |report: &Value| number(&report["evaluation"]["nats"]);
    let (twice, both) = (ensemble("runs/run,runs/run"), ensemble("runs/run,runs/two"));
    assert!((nats(&twice) / nats(&plain) - 1.0).abs() < 1e-6);
    assert!((nats(&both) / nats(&plain) - 1.0).abs() > 1e-4);
    let name = "disjoint windows of 32 tokens, ensemble of 2 models, each token predicted once";
    assert_eq!((&both["description"], &both["model"]), (&name.into(), &"runs/run,runs/two".into()));
    assert_eq!(both["protocol"]["models"], 2);
    // An ensemble is not the first run's, and two of them are not each other's.
    let start = "prose.txt-validation-context-32-stride-32-ensemble-of-2-";
    let files = fs_err::read_dir(sandbox.path("evaluation")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let names = names.filter(|name| name.starts_with(start) && name.ends_with(".json"));
    assert_eq!(names.count(), 2);

    for (options, name, file) in [
        (
            "--cache 50 --cache-lambda 0.05 --cache-theta 0.1",
            ", neural cache of 50 tokens (lambda 0.05, theta 0.1)",
            "-cache-50-0.05-0.1",
        ),
        (
            "--dynamic --dynamic-rate 0.002 --dynamic-decay 0.01",
            ", dynamic evaluation (rms, rate 0.002, decay 0.01)",
            "-dynamic-rms-0.002-0.01",
        ),
        (
            "--dynamic --dynamic-rule sgd --dynamic-rate 0.1 --cache 20",
            ", dynamic evaluation (sgd, rate 0.1, decay 0.001)",
            "-cache-20-0.2-0.141-dynamic-sgd-0.1-0.001",
        ),
    ] {
        let before = checksums(&sandbox.path("runs/run"), 30);
        let text = eval(&sandbox, options);
        assert!(text.contains(name), "no {name:?} in\n{text}");
        assert!(text.contains("not to be compared with"), "{text}");
        let path =
            format!("runs/run/evaluation/prose.txt-validation-context-32-stride-32{file}.json");
        let saved = json(&fs_err::read_to_string(sandbox.path(&path)).unwrap());
        assert_ne!(nats(&saved), nats(&plain));
        assert!(saved["description"].as_str().unwrap().contains(name));
        // The weights are those that were trained.
        assert_eq!(checksums(&sandbox.path("runs/run"), 30), before);
        assert_eq!(nats(&json(&eval(&sandbox, "--json --resamples 0"))), nats(&plain));
    }
    // A report of the run shows each by its name, and where the loss comes from by the plain one.
    sandbox.succeeds(&["report", "runs/run"]);
    let report = fs_err::read_to_string(sandbox.path("runs/run/report/report.md")).unwrap();
    assert!(report.contains("neural cache of 50 tokens") && report.contains("dynamic evaluation"));
    let caption = report.lines().find(|line| line.contains("Loss by position in the context and"));
    assert!(!caption.unwrap().contains("cache"), "{caption:?}");
}

#[test]
fn what_no_ensemble_cache_or_moving_weights_can_be_is_told() {
    let sandbox = trained(&["run"]);
    let other = "train --preset tiny --data prose.txt --tokenizer byte --max-steps 2 --device cpu --name bytes";
    sandbox.succeeds(&other.split(' ').collect::<Vec<_>>());
    let fails = |line: &str| sandbox.fails(&line.split_whitespace().collect::<Vec<_>>());
    let error = fails("eval --ensemble runs/run,runs/bytes --device cpu");
    let expected = "--ensemble: runs/bytes has another tokenizer (257 ids) than runs/run (300 ids): expected models of one tokenizer";
    assert!(error.ends_with(expected), "{error}");
    for line in [
        "eval",
        "eval runs/run --ensemble runs/run",
        "eval runs/run --dynamic --tasks lambada",
        "eval runs/run --dynamic --dynamic-rule adam",
    ] {
        let output = sandbox.minigpt(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(2), "{line}");
    }
    let error = fails("eval runs/run --cache 0 --device cpu");
    assert!(error.ends_with("cache 0 is out of range: expected 1 to 1048576"), "{error}");
    let error = fails("eval runs/run --cache --cache-lambda 1 --device cpu");
    assert!(error.contains("cache lambda 1 is out of range"), "{error}");
    let error =
        fails("eval runs/run --dynamic --dynamic-rule sgd --dynamic-rate 1e30 --device cpu");
    assert!(error.contains("expected a learning rate below"), "{error}");
    let error = fails("eval runs/run --dynamic --weights q8_0 --device cpu");
    assert!(error.contains("--weights q8_0: dynamic evaluation moves the weights"), "{error}");
    sandbox.succeeds(&["export", "runs/run", "--device", "cpu", "--out", "model"]);
    let error = fails("eval model --dynamic --data prose.txt --device cpu");
    assert!(error.contains("--dynamic-rule sgd needs none"), "{error}");
}

#[test]
fn questions_are_answered() {
    let sandbox = trained(&["run"]);
    sandbox.write("cloze.jsonl", "{\"text\": \"In the morning Emma spoke of the garden\"}\n");
    sandbox.write(
        "choices.jsonl",
        "{\"question\": \"In the\", \"choices\": [\"zzz\", \"morning\"], \"answer\": 1}\n",
    );
    let text = eval(&sandbox, "--tasks choices.jsonl --tasks cloze.jsonl");
    assert!(text.contains("choices.jsonl: 1 questions, multiple choice by likelihood"), "{text}");
    assert!(text.contains("cloze.jsonl: 1 questions, last word from all before it"), "{text}");
    let report = json(&eval(&sandbox, "--tasks choices.jsonl --json"));
    let scores: &Value = &report["scores"];
    assert_eq!(scores["kind"], "multiple-choice");
    assert_eq!(number(&scores["acc"]["value"]), 1.0, "the text begins each sentence so: {report}");
    let likelihoods = report["answers"][0]["log_likelihoods"].as_array().unwrap();
    assert!(number(&likelihoods[1]) > number(&likelihoods[0]));
    let chance = TaskScores::MultipleChoice {
        acc: minigpt_eval::Accuracy { value: 1.0, standard_error: None },
        acc_norm: minigpt_eval::Accuracy { value: 1.0, standard_error: None },
        chance: 0.5,
    };
    assert_eq!(serde_json::to_value(chance).unwrap(), *scores);
}

#[test]
fn models_are_compared_in_every_format() {
    let sandbox = trained(&["one", "two"]);
    let compare = |options: &str| {
        let args = ["compare", "runs/one", "runs/two", "--device", "cpu"];
        sandbox.succeeds(&[&args[..], &options.split_whitespace().collect::<Vec<_>>()].concat())
    };
    let text = compare("--quoted");
    for part in ["runs/two", "32/32", "quoted: GPT-2 XL [1]", "18.34", "35–45", "table 3", "[4] "]
    {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    assert!(sandbox.path("comparison.png").metadata().unwrap().len() > 5000);
    let markdown = compare("--format markdown --out two.svg");
    assert!(markdown.contains("| model | parameters | token perplexity |"), "{markdown}");
    assert!(!markdown.contains("quoted"));
    assert!(fs_err::read_to_string(sandbox.path("two.svg")).unwrap().contains("runs/one"));

    let csv = compare("--format csv --quoted");
    let mut rows = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = rows.next().unwrap();
    assert_eq!((head[0], head[head.len() - 1], csv.lines().count()), ("model", "quoted_from", 13));

    // The same model twice: what the command says is what `eval` says.
    let json = json(&compare("--json --stride 16"));
    let models = json["models"].as_array().unwrap();
    let [one, two] =
        [&models[0], &models[1]].map(|model| number(&model["token_perplexity"]["value"]));
    assert_eq!(one, two, "the same seed gives the same model");
    let alone =
        sandbox.succeeds(&["eval", "runs/one", "--stride", "16", "--device", "cpu", "--json"]);
    let alone: Value = serde_json::from_str(&alone).unwrap();
    assert_eq!(number(&alone["token_perplexity"]["value"]), one);
    assert!(number(&models[0]["training"]["seconds"]) > 0.0);
    assert_eq!(json["has_comparable_tokens"], true);
}

#[test]
fn a_text_without_spaces_has_no_word_perplexity_and_its_run_can_be_read() {
    let sandbox = Sandbox::new();
    let lines =
        ["春眠不觉晓处处闻啼鸟夜来风雨声花落知多少", "床前明月光疑是地上霜举头望明月低头思故乡"];
    sandbox.write("poems.txt", format!("{}\n", lines.concat().repeat(4)).repeat(20));
    let train = "train --preset tiny --data poems.txt --tokenizer bpe:300 --max-steps 3 --device cpu --name run";
    let said = sandbox.succeeds(&train.split(' ').collect::<Vec<_>>());
    assert!(said.contains("bits per byte") && !said.contains("word perplexity"), "{said}");
    let summary = fs_err::read_to_string(sandbox.path("runs/run/summary.json")).unwrap();
    assert!(!summary.contains("null") || !summary.contains("word"), "{summary}");

    let report = eval(&sandbox, "--json");
    assert!(!report.contains("word_perplexity"), "{report}");
    let report = json(&report);
    for name in ["bits_per_byte", "bits_per_character", "token_perplexity"] {
        for part in ["value", "low", "high"] {
            assert!(number(&report[name][part]).is_finite(), "{name}");
        }
    }
    let text = eval(&sandbox, "");
    assert!(text.contains("bits per character") && !text.contains("word perplexity"), "{text}");
    assert!(!text.contains("inf") && !text.contains("NaN"), "{text}");

    let compare = ["compare", "runs/run", "runs/run", "--device", "cpu", "--format", "csv"];
    let table = sandbox.succeeds(&compare);
    let mut rows = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let (head, row) = (rows.next().unwrap(), rows.next().unwrap());
    let cell = |name: &str| row[head.iter().position(|column| *column == name).unwrap()];
    assert_eq!((cell("word_perplexity"), cell("word_perplexity_low")), ("", ""));
    assert!(cell("bits_per_byte").parse::<f64>().unwrap().is_finite());
    sandbox.succeeds(&["export", "runs/run", "--out", "exported"]);
    let card = fs_err::read_to_string(sandbox.path("exported/README.md")).unwrap();
    assert!(card.contains("bits per byte") && !card.contains("word perplexity"), "{card}");
}
