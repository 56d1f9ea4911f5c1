//! Several devices in one run, and what is said of devices that are not there.

use crate::support::{Sandbox, assert_close, losses, prose, train_losses};
use minigpt_train::RowSplit;

const RUN: &str =
    "train --preset tiny --data prose.txt --tokenizer bpe:300 --max-steps 8 --eval-every 4";

#[test]
fn two_devices_with_half_of_each_batch_train_as_one_with_the_whole() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let run = |rest: &str| {
        sandbox.succeeds(&format!("{RUN} {rest}").split(' ').collect::<Vec<_>>());
    };
    run("--name one --device cpu --batch-size 6");
    run("--name two --devices cpu,cpu --batch-size 6");
    run("--name three --devices cpu,cpu,cpu --batch-size 6 --set training.accumulation=2");
    let one = sandbox.path("runs/one");
    assert_eq!(train_losses(&one).len(), 8);
    for name in ["two", "three"] {
        let several = sandbox.path("runs").join(name);
        assert_close(&train_losses(&several), &train_losses(&one), 1e-5);
        assert_close(&losses(&several, RowSplit::Valid), &losses(&one, RowSplit::Valid), 1e-5);
    }

    // And a run of one device goes on with two.
    fs_err::remove_dir_all(one.join("checkpoints/step-000008")).unwrap();
    sandbox.succeeds(&["train", "--resume", "runs/one", "--devices", "cpu,cpu"]);
    assert_close(&train_losses(&one), &train_losses(&sandbox.path("runs/two")), 1e-5);
}

#[test]
fn a_device_that_is_not_there_is_named_with_the_processor_beside_it() {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    let error = |rest: &[&str]| {
        let output = sandbox.minigpt(&[&RUN.split(' ').collect::<Vec<_>>(), rest].concat());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for option in ["--device", "--devices"] {
        let (code, text) = error(&[option, "gpu:99"]);
        assert_eq!(code, Some(1), "{text}");
        let last = text.trim_end().lines().last().unwrap_or_default();
        assert!(last.starts_with("error: --device gpu:99: ") && last.contains("cpu"), "{text}");
    }
    for wrong in ["gpu:one", "cpu,", "cpu,cuda"] {
        let (code, text) = error(&["--devices", wrong]);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("expected auto, cpu, gpu"), "{text}");
    }
}
