//! Quantised weights: kept as their file has them, exported, measured and timed.

use serde_json::Value;

use crate::exchange::python;
use crate::families::script;
use crate::llama::{run, trained};
use crate::support::Sandbox;

const TYPES: [&str; 6] = ["f32", "f16", "bf16", "q8_0", "q4_0", "q4_1"];

/// The greedy text after a prompt.
fn greedy(sandbox: &Sandbox, model: &str, options: &str) -> String {
    let generate =
        format!("generate {model} --prompt Anne --max-tokens 60 --greedy --json{options}");
    let json = run(sandbox, &generate);
    serde_json::from_str::<Value>(&json).unwrap()["text"].as_str().unwrap().to_owned()
}

fn perplexity(sandbox: &Sandbox, model: &str, weights: &str) -> f64 {
    let eval = format!("eval {model} --data prose.txt --json --weights {weights} --context 64");
    let report: Value = serde_json::from_str(&run(sandbox, &eval)).unwrap();
    report["token_perplexity"]["value"].as_f64().unwrap()
}

#[test]
fn each_type_of_weights_is_written_read_and_measured_as_what_it_stands_for() {
    let sandbox = trained("tiny-llama");
    let exact = perplexity(&sandbox, "runs/run", "f32");
    for (dtype, cost) in TYPES.into_iter().zip([1e-4, 1e-3, 3e-3, 3e-3, 0.1, 0.1]) {
        run(&sandbox, &format!("export runs/run --gguf {dtype}.gguf --dtype {dtype}"));
        let file = format!("{dtype}.gguf");
        let [as_it_is, dequantised] =
            ["auto", "f32"].map(|weights| perplexity(&sandbox, &file, weights));
        let difference = (as_it_is / dequantised - 1.0).abs();
        assert!(difference < 3e-3, "{dtype}: {as_it_is}, and {dequantised} dequantised");
        let cost_found = (as_it_is / exact - 1.0).abs();
        assert!(cost_found < cost, "{dtype}: {as_it_is}, and {exact} in 32 bits");
        // The same bits, whether they come from a file or are made at load.
        let at_load = perplexity(&sandbox, "runs/run", dtype);
        assert!((at_load / as_it_is - 1.0).abs() < 1e-4, "{dtype}: {at_load} at load, {as_it_is}");
    }
    let wrong = sandbox.minigpt(&["generate", "runs/run", "--prompt", "x", "--weights", "q3"]);
    let error = String::from_utf8_lossy(&wrong.stderr);
    assert!(error.contains("expected auto, f32, f16, bf16, q8_0, q4_0 or q4_1"), "{error}");
}

#[test]
fn lookup_changes_no_text() {
    let sandbox = trained("tiny-llama");
    for options in ["", " --weights q8_0", " --weights q4_1"] {
        let expected = greedy(&sandbox, "runs/run", options);
        assert_eq!(greedy(&sandbox, "runs/run", &format!("{options} --lookup")), expected);
    }
    let args = "generate runs/run --prompt Anne --max-tokens 200 --greedy --lookup --device cpu";
    let output = sandbox.minigpt(&args.split(' ').collect::<Vec<_>>());
    // A model of a hundred steps repeats itself.
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = said.lines().find_map(|line| line.strip_prefix("lookup: ")).unwrap();
    let accepted: usize = line.split(' ').next().unwrap().parse().unwrap();
    assert!(accepted > 0, "{line}");
    let several = ["generate", "runs/run", "--prompt", "Anne", "--lookup", "-n", "2"];
    assert!(sandbox.fails(&several).contains("--lookup: expected one text"));
}

#[test]
fn llama_cpp_reads_weights_of_four_bits() {
    let Some(python) = python("weights of 4 bits in llama.cpp") else { return };
    let sandbox = trained("tiny-llama");
    for dtype in ["q4_0", "q4_1"] {
        run(&sandbox, &format!("export runs/run --gguf {dtype}.gguf --dtype {dtype}"));
        let file = sandbox.path(&format!("{dtype}.gguf"));
        let write = ["with_llama_cpp.py", file.to_str().unwrap(), "In the morning", "24"];
        let theirs = script(&python, &write)["text"].as_str().unwrap().to_owned();
        // Activations are rounded there too, but not to the same bits: the first decisions are clear ones.
        let generate = format!("generate {dtype}.gguf --max-tokens 24 --greedy --json --prompt");
        let args = generate.split(' ').chain(["In the morning", "--device", "cpu"]);
        let record = sandbox.succeeds(&args.collect::<Vec<_>>());
        let ours: Value = serde_json::from_str(&record).unwrap();
        let ours = ours["text"].as_str().unwrap();
        let same = ours.chars().zip(theirs.chars()).take_while(|(a, b)| a == b).count();
        assert!(same > "In the morning".len() + 6, "{ours:?}, and there {theirs:?}");
    }
}

#[test]
fn a_file_is_timed() {
    let sandbox = trained("tiny-llama");
    run(&sandbox, "export runs/run --gguf run.gguf --dtype q8_0");
    let bench = "bench --decode --model run.gguf --prompt 40 --tokens 20 --texts 3 --json";
    let found: Value = serde_json::from_str(&run(&sandbox, bench)).unwrap();
    for figure in [
        "weight_bytes",
        "first_token_seconds",
        "prompt_tokens_per_second",
        "tokens_per_second",
        "texts_tokens_per_second",
    ] {
        assert!(found[figure].as_f64().unwrap() > 0.0, "{figure}: {found}");
    }
    let lengths =
        "bench --decode --model run.gguf --lengths 80,30 --tokens 8 --out speed.png --json";
    let found: Value = serde_json::from_str(&run(&sandbox, lengths)).unwrap();
    let speeds = found["contexts"].as_array().unwrap();
    assert_eq!(speeds.iter().map(|speed| &speed["length"]).collect::<Vec<_>>(), [30, 80]);
    assert!(
        speeds.iter().all(|speed| speed["tokens_per_second"].as_f64().unwrap() > 0.0),
        "{found}"
    );
    assert!(sandbox.path("speed.png").is_file());
    for (options, found) in [
        ("--model run.gguf --lengths 8,90 --tokens 8", "more than the 8 tokens that are timed"),
        ("--model run.gguf --lengths 97", "at most the 96 of the model's context"),
        ("--model tiny --lengths 8", "--lengths: expected a file"),
        ("--model tiny --weights q8_0", "--weights: expected a file"),
        ("--model run.gguf --context 12", "--context: the shape is the file's"),
    ] {
        let words = format!("bench --decode {options} --device cpu");
        let error = sandbox.fails(&words.split(' ').collect::<Vec<_>>());
        assert!(error.contains(found), "{error}");
    }
    let long = "bench --decode --model run.gguf --prompt 4000 --device cpu";
    let error = sandbox.fails(&long.split(' ').collect::<Vec<_>>());
    assert!(error.contains("the model's context has 96 tokens"), "{error}");
    let wrong = "bench --decode --model no.gguf --device cpu";
    let error = sandbox.fails(&wrong.split(' ').collect::<Vec<_>>());
    assert!(error.contains("--model no.gguf is not there"), "{error}");
    let peer = "bench --decode --model runs/run --peer python --prompt 9 --tokens 9 --device cpu";
    let error = sandbox.fails(&peer.split(' ').collect::<Vec<_>>());
    assert!(error.contains("is no GGUF file of this machine"), "{error}");
}
