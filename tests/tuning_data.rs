//! Examples as people have them, preferences, and what is measured beside the base.

use minigpt_train::{RowSplit, read_metrics};
use serde_json::{Value, json};

use crate::hub_server::Server;
use crate::support::{Sandbox, checksums, prose, train_losses};

/// A sandbox with a small base in `runs/base`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let train = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu --max-steps 20 \
        --set model.block_size=64 --name base";
    sandbox.succeeds(&train.split_whitespace().collect::<Vec<_>>());
    sandbox
}

fn finetune(sandbox: &Sandbox, words: &str) -> (bool, String, String) {
    let words: Vec<&str> = ["finetune", "runs/base", "--device", "cpu"]
        .into_iter()
        .chain(words.split_whitespace())
        .collect();
    let output = sandbox.minigpt(&words);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[track_caller]
fn succeeds(sandbox: &Sandbox, words: &str) -> (String, String) {
    let (succeeded, out, errors) = finetune(sandbox, words);
    assert!(succeeded, "finetune {words}:\n{errors}");
    (out, errors)
}

fn lines(records: impl IntoIterator<Item = Value>) -> String {
    records.into_iter().map(|record| format!("{record}\n")).collect()
}

#[test]
fn sources_are_mixed_skipped_repeated_and_shown() {
    let sandbox = sandbox();
    let chat = |number: usize| {
        json!({"conversations": [{"from": "human", "value": format!("Where is {number}?")},
            {"from": "gpt", "value": "Here."}]})
    };
    sandbox.write("chats:1.jsonl", lines((0..20).map(chat)));
    fs_err::create_dir(sandbox.path("more")).unwrap();
    let ask = |number: usize| json!({"prompt": format!("Who is {number}?"), "completion": "Emma."});
    let bad = json!({"prompt": "Who?"});
    sandbox.write("more/a.json", Value::from((0..10).map(ask).collect::<Vec<_>>()).to_string());
    sandbox.write("more/b.jsonl", lines([bad.clone(), ask(3), bad, ask(77)]));
    let sources = "--task instruct --data chats:1.jsonl:2 --data more";

    let (succeeded, _, errors) = finetune(&sandbox, &format!("{sources} --dry-run"));
    assert!(!succeeded && errors.contains("b.jsonl, line 1: no field \"completion\""), "{errors}");
    let (_, errors) = succeeds(&sandbox, &format!("{sources} --skip-bad --dry-run"));
    let expected = "data: chats:1.jsonl:2, more, read now: 29 examples to learn, 3 held out\n";
    assert!(errors.contains(expected), "{errors}");
    assert!(
        errors.contains("left out: 2 invalid examples\n  2 for no field \"completion\""),
        "{errors}"
    );
    assert!(errors.contains("; the first is more/b.jsonl, line 1"), "{errors}");
    assert!(errors.contains("warning: 1 examples say what an earlier one says"), "{errors}");
    assert!(errors.contains("more/b.jsonl, line 2 says what more/a.json, line 1 says"), "{errors}");
    // Eighteen of the chats twice, and eleven others: 47 rows, in batches of 16.
    assert!(errors.contains("15 steps of 16 windows, 3 steps a pass"), "{errors}");

    let (out, _) = succeeds(&sandbox, &format!("{sources} --skip-bad --show 1"));
    let ask = "### Instruction:\nWhere is 0?\n\n### Response:\n⟦Here.<|endoftext|>⟧";
    assert!(out.starts_with("-- example 1: ") && out.contains(ask), "{out}");
    assert!(!sandbox.path("runs/instruct").exists());
    let chatml = format!("{sources} --skip-bad --show 1 --template chatml");
    let (out, _) = succeeds(&sandbox, &chatml);
    let ask =
        "<|im_start|>user\nWhere is 0?<|endoftext|>\n<|im_start|>assistant\n⟦Here.<|endoftext|>⟧";
    assert!(out.contains(ask), "{out}");
    let (succeeded, _, errors) = finetune(&sandbox, &format!("{sources} --template x --dry-run"));
    assert!(
        !succeeded && errors.contains("unknown template `x`: expected one of instruct"),
        "{errors}"
    );

    // All of it trains, and is the same when it goes on.
    let mixed = format!("{sources} --skip-bad --epochs 2 --set training.keep_last=9 --name mixed");
    succeeds(&sandbox, &mixed);
    let straight =
        (train_losses(&sandbox.path("runs/mixed")), checksums(&sandbox.path("runs/mixed"), 6));
    assert_eq!(straight.0.len(), 6);
    fs_err::remove_dir_all(sandbox.path("runs/mixed/checkpoints/step-000006")).unwrap();
    sandbox.succeeds(&["train", "--resume", "runs/mixed", "--device", "cpu"]);
    let resumed =
        (train_losses(&sandbox.path("runs/mixed")), checksums(&sandbox.path("runs/mixed"), 6));
    assert_eq!(straight, resumed);
}

#[test]
fn long_conversations_are_shortened_by_turns_and_the_last_answer_can_be_all() {
    let sandbox = sandbox();
    let said = |role: &str, content: &str| json!({"role": role, "content": content});
    let turns = |number: usize| {
        let turn = [said("user", "Where?"), said("assistant", "Here.")];
        json!({"messages": vec![turn; number].concat()})
    };
    sandbox
        .write("chats.jsonl", lines((0..10).map(|number| turns(if number == 4 { 9 } else { 2 }))));
    let (succeeded, _, errors) =
        finetune(&sandbox, "--task instruct --data chats.jsonl --template plain --dry-run");
    assert!(!succeeded && errors.contains("chats.jsonl, line 5: a prompt of"), "{errors}");
    let (_, errors) = succeeds(
        &sandbox,
        "--task instruct --data chats.jsonl --template plain --dry-run --shorten-long",
    );
    assert!(errors.contains("shortened: 1 conversations lost their last turns"), "{errors}");
    assert!(errors.contains("9 examples to learn, 1 held out\n"), "{errors}");
    let shown = "--task instruct --data chats.jsonl --template plain --skip-long --show 1";
    let marks = |more: &str| succeeds(&sandbox, &format!("{shown} {more}")).0.matches('⟦').count();
    assert_eq!((marks(""), marks("--last-answer")), (2, 1));
}

/// Examples that share rows have the losses of examples that do not, and a pass has fewer rows.
#[test]
fn examples_are_packed_into_rows() {
    let sandbox = sandbox();
    let ask = |number: usize| {
        let answer = "She walked ".repeat(1 + number % 3);
        json!({"prompt": format!("Who is {number}?"), "completion": answer})
    };
    sandbox.write("asks.jsonl", lines((0..24).map(ask)));
    let common =
        "--task instruct --template plain --data asks.jsonl --batch-size 64 --dropout 0 --epochs 2";
    succeeds(&sandbox, &format!("{common} --name apart"));
    let (_, errors) = succeeds(&sandbox, &format!("{common} --pack 60 --name packed"));
    let packed = errors.lines().find(|line| line.starts_with("packed: 22 examples in ")).unwrap();
    let rows: usize = packed.split(' ').nth(4).unwrap().parse().unwrap();
    assert!(rows < 14, "{packed}");
    let (shown, _) = succeeds(&sandbox, &format!("{common} --pack 60 --show 3"));
    let whole = |line: &&str| line.starts_with("Who is ") && line.ends_with('⟧');
    assert_eq!(shown.lines().filter(whole).count(), 3, "{shown}");
    // All examples are in each of the two steps, whichever rows they stand in.
    let losses = |name: &str| train_losses(&sandbox.path(&format!("runs/{name}")));
    for (packed, apart) in losses("packed").iter().zip(losses("apart")) {
        assert!((packed - apart).abs() < 1e-4, "{packed} is not {apart}");
    }
    let resumed = sandbox.minigpt(&["train", "--resume", "runs/packed", "--device", "cpu"]);
    let said = String::from_utf8_lossy(&resumed.stderr).into_owned();
    assert!(said.contains("complete"), "{said}");
    let (succeeded, _, errors) = finetune(&sandbox, &format!("{common} --pack 65"));
    assert!(!succeeded && errors.contains("--pack 65: expected 1 to 64"), "{errors}");
    let (succeeded, _, errors) = finetune(&sandbox, "--task lm --data prose.txt --pack 60");
    assert!(!succeeded && errors.contains("--pack is for --task instruct"), "{errors}");
}

#[test]
fn recipes_set_what_is_not_given() {
    let sandbox = sandbox();
    let ask = |number: usize| json!({"prompt": format!("Who is {number}?"), "completion": "Emma."});
    sandbox.write("asks.jsonl", lines((0..24).map(ask)));
    let (_, errors) = succeeds(
        &sandbox,
        "--recipe chat --data asks.jsonl --max-steps 2 --batch-size 4 --name chat",
    );
    assert!(errors.contains("adapter: "), "{errors}");
    let config = fs_err::read(sandbox.path("runs/chat/config.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    let finetune_config = &config["finetune"];
    assert_eq!(finetune_config["recipe"], "chat");
    assert_eq!(
        (&finetune_config["task"], &finetune_config["lora"]["rank"]),
        (&"instruct".into(), &16.into())
    );
    assert_eq!(config["schedule"]["learning_rate"], 5e-4);
    assert_eq!(config["training"]["batch_size"], 4);

    let (succeeded, _, errors) = finetune(&sandbox, "--recipe chat --task lm --data prose.txt");
    assert!(!succeeded && errors.contains("--recipe chat is for --task instruct"), "{errors}");
    // A text is learnt in shorter windows than the context, which stays the model's.
    let domain = "--recipe domain --data prose.txt --max-steps 1 --context 16 --name domain";
    let (_, errors) = succeeds(&sandbox, domain);
    assert!(errors.contains("context 64"), "{errors}");
    let config = fs_err::read(sandbox.path("runs/domain/config.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["finetune"]["context"], 16);
    assert_eq!(config["model"]["block_size"], 64);
    let (succeeded, _, errors) = finetune(&sandbox, "--recipe chat --data asks.jsonl --context 16");
    assert!(!succeeded && errors.contains("--context is for --task lm"), "{errors}");
    let (succeeded, _, errors) = finetune(&sandbox, "--recipe poems --data prose.txt");
    assert!(!succeeded && errors.contains("chat, classify, domain, code"), "{errors}");
    let page = sandbox.succeeds(&["topics", "tuning"]);
    assert!(page.contains("--recipe domain") && page.contains("schedule.learning_rate"), "{page}");
}

/// Forty questions of which one answer is always the better.
fn preferences() -> String {
    let places = ["Bath", "the sea", "London", "the garden"];
    lines((0..40).map(|number| {
        json!({"prompt": format!("Where is {}?", places[number % 4]), "chosen": "In the morning.",
            "rejected": "Emma walked."})
    }))
}

#[test]
fn preferences_are_learnt_measured_reported_and_resumed() {
    let sandbox = sandbox();
    sandbox.write("pairs.jsonl", preferences());
    let learnt = "--task prefer --data pairs.jsonl --epochs 6 --batch-size 8 --learning-rate 3e-3 \
        --set training.keep_last=20 --name preferred --json --forgetting prose.txt";
    let (out, _) = succeeds(&sandbox, learnt);
    let run = sandbox.path("runs/preferred");
    let rows = read_metrics(&run.join("metrics.csv")).unwrap();
    let valid: Vec<_> = rows.iter().filter(|row| row.split == RowSplit::Valid).collect();
    let (first, last) = (valid[0], valid[valid.len() - 1]);
    assert!((first.loss - 2f64.ln()).abs() < 1e-4, "{first:?}");
    assert!(first.margin.unwrap().abs() < 1e-3, "{first:?}");
    assert!(last.loss < 0.5 && last.accuracy == Some(1.0), "{last:?}");
    assert!(rows.iter().all(|row| row.margin.is_some()));
    let task: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&task["preferences"]["pairs"], &task["preferences"]["accuracy"]),
        (&4.into(), &1.0.into())
    );
    assert_eq!(task["answers"][0]["expected"], "In the morning.");
    assert!(task["answers"][0]["base"].is_string(), "{task}");
    assert!(
        task["forgotten"]["perplexity"].as_f64() > task["forgotten"]["base_perplexity"].as_f64()
    );

    sandbox.succeeds(&["report", "runs/preferred"]);
    let report = fs_err::read_to_string(run.join("report/report.md")).unwrap();
    assert!(report.contains("prefer the better of two answers"), "{report}");
    assert!(report.contains("loss of 4 held-out preferences"), "{report}");
    assert!(report.contains("which was not learnt"), "{report}");

    // Killed in the middle, it goes on with the references that it began with.
    let end = rows.last().unwrap().step;
    let straight = (train_losses(&run), checksums(&run, end));
    for step in (1..=end).filter(|step| *step > end / 2) {
        let _ = fs_err::remove_dir_all(run.join(format!("checkpoints/step-{step:06}")));
    }
    sandbox.succeeds(&["train", "--resume", "runs/preferred", "--device", "cpu"]);
    assert_eq!(straight, (train_losses(&run), checksums(&run, end)));

    let (succeeded, _, errors) =
        finetune(&sandbox, "--task prefer --data pairs.jsonl --beta 0 --dry-run");
    assert!(
        !succeeded && errors.contains("finetune.beta: expected a number above 0")
            || errors.contains("finetune.beta"),
        "{errors}"
    );
    let (succeeded, _, errors) =
        finetune(&sandbox, "--task lm --data prose.txt --beta 1 --dry-run");
    assert!(!succeeded && errors.contains("--beta is for --task prefer"), "{errors}");
}

#[test]
fn an_adapter_learns_preferences_and_questions_are_put_to_both() {
    let sandbox = sandbox();
    sandbox.write("pairs.jsonl", preferences());
    sandbox.write("cloze.jsonl", "{\"text\": \"In the morning Anne walked to the sea\"}\n");
    let learnt = "--task prefer --data pairs.jsonl --epochs 3 --batch-size 8 --lora 4 \
        --learning-rate 1e-2 --name adapted --set training.gradient_checkpointing=true --tasks cloze.jsonl";
    let (out, errors) = succeeds(&sandbox, learnt);
    assert!(errors.contains("the base has read 40 preferences"), "{errors}");
    assert!(out.contains("held-out preferences: 100.0 % of 4 preferred right"), "{out}");
    assert!(out.contains("cloze.jsonl") && out.contains("perplexity"), "{out}");
    assert!(sandbox.path("runs/adapted/adapter/adapter_model.safetensors").is_file());
}

#[test]
fn tasks_are_known_by_name_and_come_from_the_hub() {
    let sandbox = sandbox();
    let hellaswag = json!({"activity_label": "Walking", "ctx_a": "Anne walked to", "ctx_b": "the",
        "endings": ["sea.", "garden [step] now.", "captain."], "label": "1"});
    let arc = json!({"question": "Where?", "choices": {"text": ["Bath", "the sea"], "label": ["A", "B"]},
        "answerKey": "B"});
    let piqa = json!({"goal": "To walk", "sol1": "go.", "sol2": "sleep.", "label": 0});
    let server = Server::new(&[
        ("datasets/Rowan/hellaswag/data/validation.jsonl", lines([hellaswag]).as_bytes()),
        ("datasets/Rowan/hellaswag/data/train.jsonl", b"{}"),
        ("datasets/allenai/ai2_arc/ARC-Easy/test.jsonl", lines([arc]).as_bytes()),
        ("datasets/baber/piqa/data/validation.jsonl", lines([piqa]).as_bytes()),
        (
            "datasets/EleutherAI/lambada_openai/default/test.jsonl",
            b"{\"text\": \"In the morning Anne walked to the sea\"}\n",
        ),
    ]);
    let eval = |tasks: &str| {
        let args = ["eval", "runs/base", "--device", "cpu", "--json", "--tasks", tasks];
        let mut command = sandbox.command(&args);
        command.env("HF_ENDPOINT", &server.address).env("HF_HOME", sandbox.path("hf"));
        command.env_remove("HF_HUB_OFFLINE").output().unwrap()
    };
    let output = eval("hellaswag,arc_easy,piqa,lambada");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let reports: Vec<Value> = serde_json::Deserializer::from_slice(&output.stdout)
        .into_iter::<Value>()
        .collect::<Result<_, _>>()
        .unwrap();
    let names: Vec<&str> = reports.iter().map(|report| report["task"].as_str().unwrap()).collect();
    assert_eq!(names, ["hellaswag", "arc_easy", "piqa", "lambada"]);
    // A question in a file of our own is the same question.
    let same = json!({"question": "Walking: Anne walked to The", "choices": ["sea.", "garden now.", "captain."],
        "answer": 1});
    sandbox.write("same.jsonl", lines([same]));
    let own: Value = serde_json::from_slice(&eval("same.jsonl").stdout).unwrap();
    assert_eq!(own["answers"], reports[0]["answers"]);
    assert!(own["scores"]["acc"].is_object() && reports[3]["scores"]["perplexity"].is_number());
    let output = eval("hellaswagg");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.contains("unknown task `hellaswagg`: expected a file of questions, or one of"),
        "{errors}"
    );
}
