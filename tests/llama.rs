//! Models in today's shape, from their first step to other programs and back.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Sandbox, prose, skipped};

const PROMPT: &str = "In the morning";

/// A run of the smallest shape that has learnt the prose a little.
pub(crate) fn trained(model: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let train = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu --set model.block_size=96 --max-steps 100 --eval-every 100 --name run --model";
    let words: Vec<&str> = train.split(' ').chain([model]).collect();
    sandbox.succeeds(&words);
    sandbox
}

/// What a command prints on the processor.
#[track_caller]
pub(crate) fn run(sandbox: &Sandbox, words: &str) -> String {
    let words: Vec<&str> = words.split(' ').chain(["--device", "cpu"]).collect();
    sandbox.succeeds(&words)
}

/// The greedy text of a model.
#[track_caller]
fn greedy(sandbox: &Sandbox, model: &str) -> String {
    let args = ["generate", model, "--prompt", PROMPT, "--greedy", "--max-tokens", "12", "--json"];
    let record = sandbox.succeeds(&[&args[..], &["--device", "cpu"]].concat());
    serde_json::from_str::<Value>(&record).unwrap()["text"].as_str().unwrap().to_owned()
}

#[test]
fn a_llama_goes_through_every_command() {
    let sandbox = trained("tiny-llama");
    let config = fs_err::read(sandbox.path("runs/run/config.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["model"]["mlp"], "swiglu");
    assert_eq!(config["model"]["n_kv_head"], 2);
    let run = |words: &str| run(&sandbox, words);

    assert!(greedy(&sandbox, "runs/run").starts_with("In the morning "));
    assert!(run("ask Who? --run runs/run --max-tokens 5").starts_with("Q: Who?\nA:"));
    let attention = run("attention runs/run Anne --tokens 2 --windows 4 --json");
    let attention: Value = serde_json::from_str(&attention).unwrap();
    // Two blocks of four heads, whatever their keys are shared by.
    assert_eq!(attention["habits"].as_array().unwrap().len(), 8);
    assert!(
        run("attention runs/run Anne --tokens 1 --layer 1 --head 3 --windows 0").contains("head-3")
    );
    let eval = run("eval runs/run --stride 8 --resamples 0 --json");
    let eval: Value = serde_json::from_str(&eval).unwrap();
    assert!(eval["token_perplexity"]["value"].as_f64().unwrap() < 150.0, "{eval}");
    sandbox.write("choices.jsonl", include_str!("../crates/minigpt-eval/tasks/choices.jsonl"));
    assert!(run("eval runs/run --tasks choices.jsonl").contains("acc"));
    assert!(run("compare runs/run --resamples 0").contains("runs/run"));
    sandbox.succeeds(&["index", "prose.txt", "--out", "prose.index"]);
    assert!(run("ask --index prose.index Anne --run runs/run").contains("[1] prose.txt"));
    assert!(
        run("bench --model tiny-llama --vocab 300 --context 16 --steps 2 --batch 2")
            .contains("parameters")
    );
    let dry_run = run(
        "train --preset tiny --data prose.txt --tokenizer bpe:300 --dry-run --model smollm2-135m --set \
         model.block_size=64 --json",
    );
    let dry_run: Value = serde_json::from_str(&dry_run).unwrap();
    assert_eq!(dry_run["parameters"]["mlp"], 30 * 3 * 576 * 1536);
}

#[test]
fn a_llama_is_tuned_for_every_task_with_and_without_an_adapter() {
    let sandbox = trained("tiny-llama");
    let run = |words: &str| run(&sandbox, words);
    let instruction = r#"{"instruction": "Who?", "output": "Anne."}"#;
    sandbox.write("instructions.json", format!("[{instruction}, {instruction}, {instruction}]"));
    sandbox.write("reviews.csv", "text,label\ngood,yes\nbad,no\ngood,yes\nbad,no\n");
    let summary = r#"{"document": "Anne walked.", "summary": "Anne."}"#;
    sandbox.write("summaries.jsonl", format!("{summary}\n{summary}\n{summary}\n"));
    run("finetune runs/run --task lm --data prose.txt --max-steps 2 --name text");
    run("finetune runs/run --task instruct --data instructions.json --max-steps 2 --name tuned");
    run(
        "finetune runs/run --task summarize --data summaries.jsonl --max-steps 2 --name short --skip-long",
    );
    run("finetune runs/run --task classify --data reviews.csv --max-steps 2 --name reviews");
    assert!(run("classify runs/reviews good").contains("good"));
    assert!(run("ask Who? --run runs/tuned --max-tokens 3").starts_with("### Instruction:\nWho?"));
    run(
        "finetune runs/run --task instruct --data instructions.json --max-steps 2 --lora 2 --name adapted",
    );
    run("generate runs/run --adapter runs/adapted/adapter --prompt Anne --max-tokens 3");
    run("export runs/run --adapter runs/adapted/adapter --out merged");
    assert_eq!(greedy(&sandbox, "merged").split(' ').next(), Some("In"));
}

#[test]
fn a_llama_writes_the_same_from_a_folder_and_from_a_gguf_file() {
    let sandbox = trained("tiny-llama");
    let (text, run) = (greedy(&sandbox, "runs/run"), |words: &str| run(&sandbox, words));
    run("export runs/run --out folder --gguf run.gguf");
    assert_eq!(greedy(&sandbox, "folder"), text);
    assert_eq!(greedy(&sandbox, "run.gguf"), text);
    let modelfile = fs_err::read_to_string(sandbox.path("Modelfile")).unwrap();
    assert!(
        modelfile.contains("FROM ./run.gguf\n") && modelfile.contains("stop \"<|endoftext|>\"")
    );
    let card = fs_err::read_to_string(sandbox.path("folder/README.md")).unwrap();
    assert!(
        card.contains("\n- llama\n") && card.contains("heads (2 of keys and values)"),
        "{card}"
    );

    run("export run.gguf --out again");
    for file in ["model.safetensors", "config.json", "tokenizer_config.json"] {
        let read = |folder: &str| fs_err::read(sandbox.path(folder).join(file)).unwrap();
        assert!(read("folder") == read("again"), "{file}");
    }
    let size = |name: &str| fs_err::metadata(sandbox.path(name)).unwrap().len();
    for (dtype, part) in [("bf16", 0.6), ("f16", 0.6), ("q8_0", 0.45), ("q4_1", 0.4), ("q4_0", 0.4)]
    {
        run(&format!("export runs/run --gguf {dtype}.gguf --dtype {dtype}"));
        assert!(
            (size(&format!("{dtype}.gguf")) as f64) < part * size("run.gguf") as f64,
            "{dtype}"
        );
        assert!(greedy(&sandbox, &format!("{dtype}.gguf")).starts_with(PROMPT));
    }
    run("export runs/run --out half --dtype bf16");
    assert!(size("half/model.safetensors") < size("folder/model.safetensors") * 6 / 10);
    assert!(greedy(&sandbox, "half").starts_with(PROMPT));
    let args = ["export", "runs/run", "--out", "small", "--dtype", "q8_0", "--device", "cpu"];
    assert!(sandbox.fails(&args).contains("--dtype q8_0: transformers has no such type"));
    let args = ["export", "runs/run", "--out", "small", "--dtype", "int4", "--device", "cpu"];
    let errors = sandbox.minigpt(&args).stderr;
    assert!(
        String::from_utf8_lossy(&errors).contains("expected f32, f16, bf16, q8_0, q4_0 or q4_1")
    );
}

/// As SmolLM2's, with the one special token of a tokenizer trained here.
const TEMPLATE: &str = "{% if messages[0].role != 'system' %}You are kind.{{ eos_token }}{% endif %}\
    {% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}\
    {% if add_generation_prompt %}assistant: {% endif %}";

/// A model folder with a chat template.
fn chat_folder() -> Sandbox {
    let sandbox = trained("tiny");
    run(&sandbox, "export runs/run --out chat");
    sandbox.write("chat/chat_template.jinja", TEMPLATE);
    sandbox
}

const ASKED: &str = "You are kind.<|endoftext|>user: Who?<|endoftext|>assistant: ";

#[test]
fn a_model_with_a_chat_template_is_asked_by_it() {
    let sandbox = chat_folder();
    let record = |words: &str| serde_json::from_str::<Value>(&run(&sandbox, words)).unwrap();
    let asked = record("ask Who? --run chat --max-tokens 4 --json");
    assert_eq!(asked["prompt"], ASKED);
    let generated = record("generate chat --chat --prompt Who? --max-tokens 4 --json");
    assert_eq!(generated["prompt"], ASKED);
    assert_eq!(generated["text"], asked["text"]);
    assert_eq!(record("generate chat --prompt Who? --max-tokens 4 --json")["prompt"], "Who?");
    // Of a conversation the answer alone is shown.
    let text = run(&sandbox, "ask Who? --run chat --max-tokens 4");
    assert!(!text.contains("user: "), "{text}");
    assert_eq!(format!("{ASKED}{}", text.strip_suffix('\n').unwrap()), asked["text"]);
    let many = run(&sandbox, "generate chat --chat --prompt Who? --max-tokens 4 -n 2");
    assert!(!many.contains("user: ") && many.contains("--- 2\n"), "{many}");

    let args = ["generate", "runs/run", "--chat", "--prompt", "Who?", "--device", "cpu"];
    assert!(sandbox.fails(&args).contains("--chat: run has no chat template"));
    sandbox.write("chat/chat_template.jinja", "{{ raise_exception('nobody is asked') }}");
    let args = ["ask", "Who?", "--run", "chat", "--device", "cpu"];
    assert!(sandbox.fails(&args).contains("nobody is asked"));
}

#[test]
fn turns_of_a_conversation_are_put_by_the_template() {
    let sandbox = chat_folder();
    let repl = ["repl", "chat", "--greedy", "--max-tokens", "4", "--device", "cpu"];
    let mut child = sandbox.command(&repl);
    child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"Who?\nAnd?\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written = String::from_utf8(output.stdout).unwrap();
    let first = run(&sandbox, "ask Who? --run chat --greedy --max-tokens 4");
    assert!(written.starts_with(&first), "{written:?} does not begin with {first:?}");
    assert!(!written.contains("user: "), "{written}");
}

#[test]
fn a_models_own_defaults_are_taken_and_said() {
    let sandbox = chat_folder();
    let config = sandbox.path("chat/generation_config.json");
    let plain: Value = serde_json::from_slice(&fs_err::read(&config).unwrap()).unwrap();
    let mut with = plain.clone();
    with["do_sample"] = true.into();
    with["temperature"] = 0.25.into();
    with["top_k"] = 3.into();
    with["num_beams"] = 4.into();
    fs_err::write(&config, with.to_string()).unwrap();
    let errors = |more: &[&str]| {
        let args = ["generate", "chat", "--prompt", "Who?", "--max-tokens", "6", "--device", "cpu"];
        let output = sandbox.minigpt(&[&args[..], more].concat());
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (own, said) = errors(&[]);
    assert!(said.contains("sampling: temperature 0.25, top-k 3, as "), "{said}");
    assert!(said.contains("asks for num_beams, which minigpt does not do"), "{said}");
    let (same, said) = errors(&["--temperature", "0.25", "--top-k", "3"]);
    assert!(!said.contains("sampling: "), "{said}");
    assert_eq!(own, same);
    // They go with the model into every export.
    run(&sandbox, "export chat --out again --gguf chat.gguf");
    let again = fs_err::read(sandbox.path("again/generation_config.json")).unwrap();
    let again: Value = serde_json::from_slice(&again).unwrap();
    assert_eq!((&again["temperature"], &again["top_k"]), (&json!(0.25), &json!(3)));
    let modelfile = fs_err::read_to_string(sandbox.path("Modelfile")).unwrap();
    assert!(modelfile.contains("PARAMETER temperature 0.25\n"), "{modelfile}");

    with["temperature"] = "hot".into();
    fs_err::write(&config, with.to_string()).unwrap();
    let args = ["generate", "chat", "--prompt", "Who?", "--device", "cpu"];
    let error = sandbox.fails(&args);
    assert!(error.contains("generation_config.json") && error.contains("temperature"), "{error}");
}

#[test]
fn a_tuned_models_texts_are_drawn_as_its_bases() {
    let sandbox = chat_folder();
    sandbox.write("chat/generation_config.json", r#"{"do_sample": true, "temperature": 0.25}"#);
    let example = r#"{"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Anne."}]}"#;
    sandbox.write("chats.jsonl", format!("{example}\n").repeat(8));
    run(&sandbox, "finetune chat --task instruct --data chats.jsonl --max-steps 2 --name tuned");
    let args = ["ask", "Who?", "--run", "runs/tuned", "--max-tokens", "4", "--device", "cpu"];
    let said = String::from_utf8(sandbox.minigpt(&args).stderr).unwrap();
    assert!(said.contains("sampling: temperature 0.25, as "), "{said}");
    run(&sandbox, "export runs/tuned --out out");
    let written = fs_err::read(sandbox.path("out/generation_config.json")).unwrap();
    let written: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(written["temperature"], json!(0.25));
}

#[test]
fn a_model_is_tuned_by_its_own_template_which_every_export_has() {
    let sandbox = chat_folder();
    let example = r#"{"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Anne."}]}"#;
    sandbox.write("chats.jsonl", format!("{example}\n").repeat(8));
    run(
        &sandbox,
        "finetune chat --task instruct --data chats.jsonl --max-steps 60 --batch-size 4 --learning-rate 0.003 --dropout 0 --eval-every 20 --name tuned",
    );
    let config = fs_err::read(sandbox.path("runs/tuned/config.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["finetune"]["template"]["jinja"], TEMPLATE);
    assert_eq!(config["sample"]["prompt"], ASKED);
    let answer = run(&sandbox, "ask Who? --run runs/tuned --greedy");
    assert_eq!(answer, "Anne.\n");
    run(&sandbox, "export runs/tuned --out out --gguf tuned.gguf");
    let written = fs_err::read_to_string(sandbox.path("out/chat_template.jinja")).unwrap();
    assert_eq!(written, TEMPLATE);
    for model in ["out", "tuned.gguf"] {
        assert_eq!(run(&sandbox, &format!("ask Who? --run {model} --greedy")), answer, "{model}");
    }
}

/// A template of ours goes with the model in Jinja, by which the same prompts are the same tokens.
#[test]
fn a_run_that_was_tuned_by_our_template_is_exported_with_it() {
    let sandbox = trained("tiny");
    let example = r#"{"instruction": "Who?", "output": "Anne."}"#;
    sandbox.write("instructions.jsonl", format!("{example}\n").repeat(8));
    run(
        &sandbox,
        "finetune runs/run --task instruct --data instructions.jsonl --max-steps 60 --batch-size 4 --learning-rate 0.003 --dropout 0 --eval-every 20 --name tuned",
    );
    let asked = run(&sandbox, "ask Who? --run runs/tuned --greedy");
    assert_eq!(asked, "### Instruction:\nWho?\n\n### Response:\nAnne.\n");
    run(&sandbox, "export runs/tuned --out out --gguf tuned.gguf");
    for model in ["out", "tuned.gguf"] {
        assert_eq!(run(&sandbox, &format!("ask Who? --run {model} --greedy")), "Anne.\n");
    }
    let modelfile = fs_err::read_to_string(sandbox.path("Modelfile")).unwrap();
    assert!(modelfile.contains("### Instruction:\n{{ .Content }}\n\n"), "{modelfile}");
}

#[test]
fn a_model_larger_than_the_memory_is_refused_before_it_is_read() {
    let sandbox = trained("tiny");
    run(&sandbox, "export runs/run --out folder");
    let path = sandbox.path("folder/config.json");
    let mut config: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    // Nearly forty gigabytes.
    (config["n_embd"], config["n_inner"], config["n_layer"]) =
        (4096.into(), Value::Null, 48.into());
    fs_err::write(&path, config.to_string()).unwrap();
    let free = fs_err::read_to_string("/proc/meminfo").unwrap_or_default();
    let free = free.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let free: Option<u64> = free.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    if free.is_none_or(|kibibytes| kibibytes > 38 << 20) {
        return skipped(
            "a model larger than the memory: this machine has too much, or does not tell",
        );
    }
    let args = ["generate", "folder", "--prompt", "Who?", "--device", "cpu", "--weights", "f32"];
    for args in [&args[..], &["export", "folder", "--gguf", "run.gguf", "--device", "cpu"]] {
        let error = sandbox.fails(args);
        assert!(
            error.contains("folder needs 36.") && error.contains("are free: close other"),
            "{error}"
        );
    }
}

#[test]
fn the_hubs_cache_is_listed_and_emptied() {
    let sandbox = Sandbox::new();
    let cached = sandbox.path("home/hub/models--owner--model");
    let (commit, blobs) = ("0123456789".repeat(4), cached.join("blobs"));
    let snapshot = cached.join("snapshots").join(&commit);
    for folder in [&blobs, &snapshot, &cached.join("refs")] {
        fs_err::create_dir_all(folder).unwrap();
    }
    fs_err::write(cached.join("refs/main"), &commit).unwrap();
    fs_err::write(blobs.join("a"), vec![0; 3 << 20]).unwrap();
    #[cfg(unix)]
    fs_err::os::unix::fs::symlink("../../blobs/a", snapshot.join("small.gguf")).unwrap();
    #[cfg(not(unix))]
    fs_err::rename(blobs.join("a"), snapshot.join("small.gguf")).unwrap();
    let models = |args: &[&str]| {
        let mut command = sandbox.command(&[&["models"], args].concat());
        command.env_remove("HF_HUB_CACHE").env("HF_HOME", sandbox.path("home"));
        let output = command.env("HF_HUB_OFFLINE", "1").output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (_, listed, _) = models(&[]);
    assert!(listed.starts_with("hf:owner/model/small.gguf"), "{listed}");
    assert!(listed.lines().all(|line| line.ends_with("3 MiB")), "{listed}");
    let (_, json, _) = models(&["--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json, json!([{ "model": "hf:owner/model/small.gguf", "bytes": 3 << 20 }]));
    let (_, path, _) = models(&["fetch", "hf:owner/model/small.gguf"]);
    assert_eq!(Path::new(path.trim()), snapshot.join("small.gguf"));
    let (fetched, _, error) = models(&["fetch", "hf:owner/model"]);
    assert!(!fetched && error.contains("name one of its GGUF files"), "{error}");
    let (_, _, said) = models(&["remove", "hf:owner/model/small.gguf"]);
    assert!(said.contains("removed: hf:owner/model/small.gguf, 3 MiB"), "{said}");
    let (removed, _, error) = models(&["remove", "hf:owner/model/small.gguf"]);
    assert!(!removed && error.contains("is not in the Hugging Face cache"), "{error}");
    let (removed, _, error) = models(&["remove", "prose.txt"]);
    assert!(!removed && error.contains("prose.txt is no model of the hub"), "{error}");
}
