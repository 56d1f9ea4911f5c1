//! Models that are trained further: on text, instructions, summaries and labels.

use minigpt_train::{RowSplit, RunFolder, Summary};
use serde_json::{Value, json};

use crate::support::{Sandbox, checksums, losses, prose, train_losses};

/// A sandbox with a small base in `runs/base`, whose context is 64 bytes-and-merges long.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let train = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu --max-steps 20 \
        --set model.block_size=64 --name base";
    sandbox.succeeds(&train.split_whitespace().collect::<Vec<_>>());
    sandbox
}

fn finetune<'a>(task: &'a str, data: &'a str, more: &'a str) -> Vec<&'a str> {
    let common = ["finetune", "runs/base", "--device", "cpu", "--task", task, "--data", data];
    common.into_iter().chain(more.split_whitespace()).collect()
}

fn lines(records: impl IntoIterator<Item = Value>) -> String {
    records.into_iter().map(|record| format!("{record}\n")).collect()
}

/// Forty questions with one answer.
fn instructions() -> String {
    let places = ["Bath", "the sea", "London", "the garden"];
    lines((0..40).map(|number| {
        let place = places[number % 4];
        json!({"instruction": format!("Where is {place}?"), "input": "", "output": "In the morning."})
    }))
}

/// Sixty sentences that one word tells apart.
fn opinions() -> String {
    let places = ["the village", "the sea", "the old house", "Bath", "the garden", "London"];
    lines((0..60).map(|number| {
        let (word, label) = [("good", "yes"), ("bad", "no")][number % 2];
        json!({"text": format!("{} is {word}.", places[number / 2 % 6]), "label": label})
    }))
}

fn summary(output: &str) -> Summary {
    let events = output.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut event = events.into_iter().find(|event| event["event"] == "summary").unwrap();
    event.as_object_mut().unwrap().remove("event");
    serde_json::from_value(event).unwrap()
}

fn task(output: &str) -> Value {
    serde_json::from_str(output.lines().last().unwrap()).unwrap()
}

#[test]
fn instructions_are_learnt_and_asked_as_they_were_learnt() {
    let sandbox = sandbox();
    sandbox.write("instructions.jsonl", instructions());
    let more = "--name tuned --epochs 12 --learning-rate 3e-3 --json";
    let output = sandbox.succeeds(&finetune("instruct", "instructions.jsonl", more));
    let (summary, figures) = (summary(&output), task(&output));
    let (before, after) = (summary.base.unwrap(), summary.best.unwrap());
    assert_eq!(before.step, 0);
    assert!(after.token_perplexity < before.token_perplexity / 2.0, "{before:?} to {after:?}");
    assert_eq!(figures["base_perplexity"], before.token_perplexity);
    assert_eq!(figures["answers"][0]["expected"], "In the morning.");
    assert_eq!(figures["answers"][0]["line"], 37);
    let run = sandbox.path("runs/tuned");
    assert_eq!(losses(&run, RowSplit::Valid).len(), 1 + train_losses(&run).len() / 3);
    assert!(run.join("evaluation/instruct.json").is_file());

    let ask =
        ["ask", "Where is Bath?", "--run", "runs/tuned", "--device", "cpu", "--greedy", "--json"];
    let record: Value = serde_json::from_str(&sandbox.succeeds(&ask)).unwrap();
    assert_eq!(record["prompt"], "### Instruction:\nWhere is Bath?\n\n### Response:\n");
    let generate =
        ["generate", "runs/tuned", "--device", "cpu", "--greedy", "--json", "--prompt", "Bath"];
    let prompt = |args: &[&str]| -> Value {
        serde_json::from_str::<Value>(&sandbox.succeeds(args)).unwrap()["prompt"].clone()
    };
    assert_eq!(prompt(&generate), "### Instruction:\nBath\n\n### Response:\n");
    assert_eq!(prompt(&[&generate[..], &["--raw"]].concat()), "Bath");
    sandbox.succeeds(&["export", "runs/tuned", "--out", "exported", "--device", "cpu"]);
    let template = fs_err::read_to_string(sandbox.path("exported/chat_template.jinja")).unwrap();
    assert!(
        template.contains(r####"{{ "### Instruction:\n" + message['content']"####),
        "{template}"
    );
    let card = fs_err::read_to_string(sandbox.path("exported/README.md")).unwrap();
    assert!(card.contains("tuned from `runs/base`"), "{card}");
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_weights() {
    let sandbox = sandbox();
    sandbox.write("instructions.jsonl", instructions());
    let all = "--epochs 4 --set training.keep_last=20 --name straight";
    sandbox.succeeds(&finetune("instruct", "instructions.jsonl", all));
    sandbox.succeeds(&finetune(
        "instruct",
        "instructions.jsonl",
        &all.replace("straight", "broken"),
    ));
    let broken = sandbox.path("runs/broken");
    // As if it had been killed after its second checkpoint, and after the base's.
    for kept in [3, 0] {
        for step in [3, 6, 9, 12].into_iter().filter(|step| *step > kept) {
            fs_err::remove_dir_all(broken.join(format!("checkpoints/step-{step:06}"))).unwrap();
        }
        sandbox.succeeds(&["train", "--resume", "runs/broken", "--device", "cpu"]);
        let straight = sandbox.path("runs/straight");
        assert_eq!(train_losses(&straight), train_losses(&broken));
        assert_eq!(losses(&straight, RowSplit::Valid), losses(&broken, RowSplit::Valid));
        assert_eq!(checksums(&straight, 12), checksums(&broken, 12));
    }
}

#[test]
fn labels_are_learnt_and_told() {
    let sandbox = sandbox();
    sandbox.write("opinions.jsonl", opinions());
    let more = "--name tuned --epochs 20 --learning-rate 3e-3 --set training.patience=none --json";
    let output = sandbox.succeeds(&finetune("classify", "opinions.jsonl", more));
    let figures = task(&output);
    assert_eq!(figures["accuracy"], 1.0, "{figures}");
    assert_eq!(figures["confusion"]["labels"], json!(["no", "yes"]));
    assert_eq!(figures["confusion"]["counts"], json!([[3, 0], [0, 3]]));
    // Before it learnt anything, both labels were as probable.
    let before = summary(&output).base.unwrap();
    assert!((before.loss - 2f64.ln()).abs() < 1e-6, "{before:?}");
    assert!(sandbox.path("runs/tuned/evaluation/confusion.png").is_file());

    let classify = ["classify", "runs/tuned", "--device", "cpu", "Bath is bad.", "London is good."];
    let lines = sandbox.succeeds(&classify);
    let labels: Vec<&str> = lines.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(labels, ["no", "yes"]);
    let error = sandbox.fails(&["generate", "runs/tuned", "--prompt", "x", "--device", "cpu"]);
    assert!(
        error.ends_with("is a classifier, which writes nothing: ask it with `minigpt classify`")
    );
    let error = sandbox.fails(&["classify", "runs/base", "--device", "cpu", "x"]);
    assert!(error.contains("runs/base is not a classifier"), "{error}");

    let last = "--name again --epochs 1";
    let advice = sandbox.succeeds(&finetune("classify", "opinions.jsonl", last));
    assert!(advice.contains("next: minigpt classify runs/again \"...\""), "{advice}");
    assert!(!advice.contains("minigpt generate"), "{advice}");
    for (command, why) in [
        ("export runs/tuned --out exported", "cannot be exported: transformers' GPT2LMHeadModel"),
        (
            "export runs/tuned --gguf tuned.gguf",
            "cannot be exported: transformers' GPT2LMHeadModel",
        ),
        ("compare runs/base runs/tuned", "has no perplexity"),
        ("eval runs/tuned", "has no perplexity"),
    ] {
        let error = sandbox.fails(&command.split(' ').collect::<Vec<_>>());
        let whole = format!("runs/tuned is a classifier and {why}");
        assert!(error.contains(&whole), "{command}: {error}");
        assert!(error.ends_with("use it with `minigpt classify runs/tuned`"), "{command}: {error}");
    }
    assert!(!sandbox.path("exported").exists() && !sandbox.path("tuned.gguf").exists());
}

#[test]
fn summaries_are_measured_and_text_is_learnt_further() {
    let sandbox = sandbox();
    let record = |number: usize| json!({"document": format!("In the morning Anne walked to place {number}."), "summary": "Anne walked."});
    sandbox
        .write("summaries.json", Value::from((0..40).map(record).collect::<Vec<_>>()).to_string());
    let more = "--name tuned --epochs 12 --learning-rate 3e-3 --json";
    let figures = task(&sandbox.succeeds(&finetune("summarize", "summaries.json", more)));
    assert!(figures["rouge_l"].as_f64().unwrap() > 50.0, "{figures}");

    let more = "--name text --max-steps 4 --eval-every 2 --json";
    let summary = summary(&sandbox.succeeds(&finetune("lm", "prose.txt", more)));
    let base = RunFolder::open(&sandbox.path("runs/base")).unwrap().summary().unwrap().unwrap();
    // Where the base ended is where it goes on.
    assert!((summary.base.unwrap().loss - base.last.unwrap().loss).abs() < 1e-5);
    assert!(summary.last.unwrap().loss < summary.base.unwrap().loss);
}

#[test]
fn bad_examples_are_one_clear_line() {
    let sandbox = sandbox();
    let record = json!({"instruction": "Where?", "output": "Here."});
    let with =
        |bad: Value| lines((0..60).map(|n| if n == 56 { bad.clone() } else { record.clone() }));
    let refuses = |task: &str, text: &str, message: &str| {
        sandbox.write("bad.jsonl", text);
        let error = sandbox.fails(&finetune(task, "bad.jsonl", "--name bad"));
        assert!(error.contains(message), "`{message}` is not in:\n{error}");
        assert!(!sandbox.path("runs/bad").exists(), "a run folder was left behind");
    };
    let missing = "bad.jsonl, line 57: no field \"output\" among [\"instruction\"]";
    refuses("instruct", &with(json!({"instruction": "Where?"})), missing);
    let empty = with(json!({"instruction": "Where?", "output": ""}));
    refuses("instruct", &empty, "bad.jsonl, line 57: an empty \"output\"");
    let long = with(json!({"instruction": "Where? ".repeat(40), "output": "Here."}));
    refuses("instruct", &long, "but the model's context is 64: shorten it");
    let label = |n: usize| if n == 59 { "perhaps" } else { ["yes", "no"][n % 2] };
    let labels = lines((0..60).map(|n| json!({"text": "Bath", "label": label(n)})));
    refuses(
        "classify",
        &labels,
        "bad.jsonl, line 60: unknown label \"perhaps\": expected one of no, yes",
    );
    let same = lines((0..60).map(|n| json!({"text": "Bath", "label": n / 54})));
    refuses("classify", &same, "all training texts have the label \"0\"");
    refuses("classify", "", "bad.jsonl holds no examples");
    fs_err::create_dir(sandbox.path("empty")).unwrap();
    let error = sandbox.fails(&finetune("instruct", "empty", ""));
    assert!(error.contains("empty has no files of examples: expected .jsonl"), "{error}");
    let error = sandbox.fails(&finetune("instruct", "embedded", ""));
    assert!(error.contains("embedded holds no examples: expected a .jsonl"), "{error}");
    let error = sandbox.fails(&finetune("instruct", "missing.jsonl", ""));
    assert!(error.contains("missing.jsonl does not exist"), "{error}");
    let wide = finetune("instruct", "bad.jsonl", "--set model.n_embd=32");
    sandbox.write("bad.jsonl", lines(vec![record; 20]));
    assert!(sandbox.fails(&wide).contains("the base model's shape differs from the configuration"));
    let unknown = sandbox.minigpt(&finetune("translate", "bad.jsonl", ""));
    let errors = String::from_utf8_lossy(&unknown.stderr);
    assert!(errors.contains(
        "unknown task `translate`: expected one of lm, instruct, summarize, classify, prefer"
    ));
}

#[test]
fn a_dry_run_says_how_much_it_has_and_whence() {
    let sandbox = sandbox();
    let long = json!({"instruction": "Where? ".repeat(40), "output": "Here."});
    sandbox.write("instructions.jsonl", lines([long]) + &instructions());
    let said = |args: &[&str]| {
        let output = sandbox.minigpt(args);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{errors}");
        errors.lines().find(|line| line.starts_with("data: ")).unwrap().to_owned()
    };
    let examples = said(&finetune("instruct", "instructions.jsonl", "--dry-run --skip-long"));
    let expected = "data: instructions.jsonl, read now: 36 examples to learn, 4 held out, 1 longer \
        than the context left out";
    assert_eq!(examples, expected);

    sandbox.write(
        "pages.jsonl",
        lines((0..40).map(|number| json!({"text": format!("Page {number} of the book.")}))),
    );
    let train = "train --preset tiny --data pages.jsonl --tokenizer byte --device cpu --dry-run";
    let words: Vec<&str> = train.split(' ').collect();
    let fresh = said(&words);
    let expected =
        "data: pages.jsonl: 36 documents to learn, 4 held out; tokenizer byte (257 ids); ";
    assert!(fresh.starts_with(&format!("{expected}tokenized now, in ")), "{fresh}");
    let cached = said(&words);
    assert!(cached.starts_with(&format!("{expected}tokens from the cache, ")), "{cached}");
    assert!(!sandbox.path("runs/tiny").exists());
}

/// As spreadsheets of half of Europe write them, in an old encoding.
#[test]
fn tables_with_another_separator_and_bad_bytes_are_read_where_it_is_asked_for() {
    let sandbox = sandbox();
    let row = |number: usize| {
        let (word, label) = [("sch\u{f6}n", "ja"), ("schlecht", "nein")][number % 2];
        format!("Bath, nun ja, ist {word}.;{label}\n")
    };
    let table = format!("text;label\n{}", (0..20).map(row).collect::<String>());
    let latin_1: Vec<u8> = table.chars().map(|character| character as u8).collect();
    sandbox.write("table.csv", &latin_1);
    let error = sandbox.fails(&finetune("classify", "table.csv", "--dry-run"));
    assert!(error.contains("table.csv, line 2: more values than the 1"), "{error}");
    let error = sandbox.fails(&finetune("classify", "table.csv", "--dry-run --separator ;"));
    assert!(error.contains("table.csv, line 2: invalid UTF-8 at byte 21 of \"text\""), "{error}");
    let more = "--dry-run --separator ; --lossy";
    let output = sandbox.minigpt(&finetune("classify", "table.csv", more));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("18 examples to learn, 2 held out"), "{errors}");
    let wrong = sandbox.minigpt(&finetune("classify", "table.csv", "--separator ;;"));
    let errors = String::from_utf8_lossy(&wrong.stderr);
    assert!(
        wrong.status.code() == Some(2) && errors.contains("expected one ASCII character"),
        "{errors}"
    );
    // The same words where a text is read.
    let stats = "data stats table.csv --preset tiny --tokenizer byte --separator ; --lossy --json";
    let figures = sandbox.succeeds(&stats.split(' ').collect::<Vec<_>>());
    let figures: Value = serde_json::from_str(&figures).unwrap();
    let documents = |split: usize| figures["splits"][split]["documents"].as_u64().unwrap();
    assert_eq!(documents(0) + documents(1), 20);
}

/// A file that is sorted by label holds out one label alone; and a run of few steps has no warm-up of twenty.
#[test]
fn a_classifier_that_learnt_nothing_says_so() {
    let sandbox = sandbox();
    let said = |args: &[&str]| {
        let output = sandbox.minigpt(args);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{errors}");
        errors
    };
    let sorted = (0..40).map(|n| json!({"text": format!("Place {n}."), "label": n / 20}));
    sandbox.write("sorted.jsonl", lines(sorted));
    let once = "--name sorted --max-steps 6 --set sample.max_tokens=4";
    let errors = said(&finetune("classify", "sorted.jsonl", once));
    assert!(errors.contains("loading "), "{errors}");
    assert!(
        errors.contains("warm-up: shortened from 20 to 1 step: the whole run has only 6 steps"),
        "{errors}"
    );
    assert!(errors.contains("warning: all held-out texts have the same label"), "{errors}");
    assert!(errors.contains("if it is sorted by label, shuffle it"), "{errors}");
    let run = RunFolder::open(&sandbox.path("runs/sorted")).unwrap();
    assert_eq!(run.config().unwrap().schedule.warmup_steps, 1);

    // A rate at which nothing is learnt; and a warm-up that was asked for stays.
    sandbox.write("opinions.jsonl", opinions());
    let still = "--name still --max-steps 2 --learning-rate 1e-9 --set schedule.warmup_steps=9 \
        --valid opinions.jsonl";
    let errors = said(&finetune("classify", "opinions.jsonl", still));
    assert!(
        errors.contains("warning: the learning rate rises over 9 steps, and the run has 2"),
        "{errors}"
    );
    assert!(errors.contains("no better than always giving the most frequent label"), "{errors}");
    assert!(!errors.contains("shuffle"), "{errors}");
}
