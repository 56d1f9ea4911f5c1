//! `minigpt export`: what it writes over, what its errors name, and a vocabulary that is padded.

#[cfg(unix)]
use std::process::Command;

use minigpt_model::GptConfig;
use serde_json::Value;

use crate::exchange::{export, greedy, trained};
use crate::support::{Sandbox, prose, train_losses};

/// The names under which files are written first are gone when somebody looks.
#[test]
fn errors_of_an_export_name_what_was_asked_for_and_leave_nothing() {
    let sandbox = trained("bpe:300");
    let train = "train --preset tiny --data prose.txt --tokenizer bpe:300 --device cpu --max-steps 1 --set model.qk_norm=true --name odd";
    sandbox.succeeds(&train.split(' ').collect::<Vec<_>>());
    for (command, expected) in [
        (
            "export runs/odd --out out",
            "error: cannot write out/model.safetensors: gpt2, the nearest",
        ),
        ("export runs/odd --gguf run.gguf", "error: cannot write run.gguf: gpt2, the nearest"),
        ("export runs/run --gguf no/run.gguf", "error: no/run.gguf: No such file or directory"),
    ] {
        let args: Vec<&str> = command.split(' ').chain(["--device", "cpu"]).collect();
        let error = sandbox.fails(&args);
        assert!(error.starts_with(expected), "{command}: {error}");
    }
    #[cfg(unix)]
    for (option, file) in
        [("--out out", "`out/model.safetensors`"), ("--gguf run.gguf", "`run.gguf`")]
    {
        let program = env!("CARGO_BIN_EXE_minigpt");
        let full = format!(
            "ulimit -f 64; trap '' XFSZ; exec {program} export runs/run {option} --device cpu"
        );
        let output =
            Command::new("bash").args(["-c", &full]).current_dir(sandbox.path("")).output();
        let errors = String::from_utf8(output.unwrap().stderr).unwrap();
        let expected = format!("error: failed to write to file {file}: File too large");
        assert!(errors.contains(&expected), "{errors}");
    }
    let entries = fs_err::read_dir(sandbox.path(".")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["cache", "prose.txt", "runs"]);
}

#[test]
fn a_modelfile_that_somebody_edited_is_kept() {
    let sandbox = trained("bpe:300");
    let export = || {
        let args = ["export", "runs/run", "--gguf", "run.gguf", "--device", "cpu"];
        let output = sandbox.minigpt(&args);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{errors}");
        errors.contains("warning: Modelfile is left as it is")
    };
    assert!(!export() && !export());
    let edited = fs_err::read_to_string(sandbox.path("Modelfile")).unwrap() + "PARAMETER seed 7\n";
    sandbox.write("Modelfile", &edited);
    assert!(export());
    assert_eq!(fs_err::read_to_string(sandbox.path("Modelfile")).unwrap(), edited);
    fs_err::remove_file(sandbox.path("Modelfile")).unwrap();
    assert!(!export() && sandbox.path("Modelfile").is_file());
}

#[test]
fn a_vocabulary_that_is_asked_for_is_padded_from_the_first_step_to_the_export() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    sandbox.write("settings.toml", "[model]\nvocab_size = 400\n");
    let train = "train --preset tiny --data prose.txt --tokenizer bpe:300 --config settings.toml --device cpu --max-steps 4 --eval-every 2 --name run";
    let words: Vec<&str> = train.split(' ').collect();
    let plan = sandbox.succeeds(&[&words[..], &["--dry-run", "--json"]].concat());
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert!((plan["first_loss"].as_f64().unwrap() - 300_f64.ln()).abs() < 1e-9, "{plan}");
    sandbox.succeeds(&words);
    let loss = train_losses(&sandbox.path("runs/run"))[0];
    assert!((loss - 300_f64.ln()).abs() < 0.1, "{loss} is not that of 300 ids");
    fs_err::remove_dir_all(sandbox.path("runs/run/checkpoints/step-000004")).unwrap();
    sandbox.succeeds(&["train", "--resume", "runs/run", "--device", "cpu"]);
    let folder = export(&sandbox, "runs/run", "out");
    let config = GptConfig::read_hugging_face(&folder.join("config.json")).unwrap();
    assert_eq!(config.vocab_size, 400);
    assert_eq!(greedy(&sandbox, "out"), greedy(&sandbox, "runs/run"));
}
