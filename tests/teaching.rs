//! Distillation: `minigpt train --teacher`, from end to end.

use minigpt_train::RowSplit;
use serde_json::Value;

use crate::support::{Sandbox, checksums, losses, prose, train_losses};

const TRAIN: &str = "train --preset tiny --data prose.txt --device cpu --max-steps 20 --eval-every 20 --save-every 10";

fn train(sandbox: &Sandbox, options: &str) {
    let line = format!("{TRAIN} {options}");
    sandbox.succeeds(&line.split_whitespace().collect::<Vec<_>>());
}

fn refuses(sandbox: &Sandbox, options: &str) -> String {
    let line = format!("{TRAIN} {options}");
    sandbox.fails(&line.split_whitespace().collect::<Vec<_>>())
}

/// A sandbox with two teachers.
fn taught() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("prose.txt", prose());
    train(&sandbox, "--tokenizer bpe:300 --name one --seed 1");
    train(&sandbox, "--tokenizer bpe:300 --name two --seed 2");
    sandbox
}

#[test]
fn a_student_of_two_runs_says_so_and_goes_on_bit_for_bit() {
    let sandbox = taught();
    let options = "--tokenizer bpe:300 --name student --set model.resid_pdrop=0.1 \
                   --teacher runs/one,runs/two --teacher-weight 0.7 --teacher-temperature 2";
    let line = format!("{TRAIN} {options}");
    let output = sandbox.minigpt(&line.split_whitespace().collect::<Vec<_>>());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    assert!(errors.contains("of that, teachers: 2 with "), "{errors}");

    let run = sandbox.path("runs/student");
    let config: Value =
        serde_json::from_slice(&fs_err::read(run.join("config.json")).unwrap()).unwrap();
    let teacher = &config["training"]["teacher"];
    assert_eq!((&teacher["weight"], &teacher["temperature"]), (&0.7.into(), &2.0.into()));
    let named = |name: &str, at: usize| {
        let model = &teacher["models"][at];
        assert_eq!((&model["run"], &model["step"]), (&name.into(), &20.into()));
        let weights = &checksums(&sandbox.path(name), 20)["model.bpk"];
        assert_eq!(model["sha256"], weights.as_str());
    };
    named("runs/one", 0);
    named("runs/two", 1);

    let (sums, rows) = (checksums(&run, 20), train_losses(&run));
    fs_err::remove_dir_all(run.join("checkpoints/step-000020")).unwrap();
    sandbox.succeeds(&["train", "--resume", "runs/student", "--device", "cpu"]);
    assert_eq!((checksums(&run, 20), train_losses(&run)), (sums, rows));

    // Another run of the teacher's name is not the teacher.
    fs_err::remove_dir_all(sandbox.path("runs/two")).unwrap();
    train(&sandbox, "--tokenizer bpe:300 --name two --seed 3");
    fs_err::remove_dir_all(run.join("checkpoints/step-000020")).unwrap();
    let error = sandbox.fails(&["train", "--resume", "runs/student", "--device", "cpu"]);
    let expected = "teacher runs/two: the weights of its checkpoint of step 20 are not those that this run began with";
    assert!(error.contains(expected), "{error}");
}

/// A share of nothing is no teacher; what is reported is always the cross-entropy of the text.
#[test]
fn without_a_share_a_teacher_changes_nothing_and_with_all_of_it_the_text_does_not_count() {
    let sandbox = taught();
    train(&sandbox, "--tokenizer bpe:300 --name alone");
    train(&sandbox, "--tokenizer bpe:300 --name same --teacher runs/one --teacher-weight 0");
    let found = |name: &str| train_losses(&sandbox.path(&format!("runs/{name}")));
    for (alone, same) in found("alone").iter().zip(found("same")) {
        assert!((alone - same).abs() < 2e-3, "{same} is not {alone}");
    }
    let steps = "--max-steps 60 --eval-every 60";
    let student = "--teacher runs/one/checkpoints/step-000020 --teacher-weight 1";
    train(&sandbox, &format!("--tokenizer bpe:300 --name copy {steps} {student}"));
    let valid = |name: &str| {
        *losses(&sandbox.path(&format!("runs/{name}")), RowSplit::Valid).last().unwrap()
    };
    // Nearer to its teacher than to what it knew at first.
    let (teacher, copy) = (valid("one"), valid("copy"));
    let first = 300f64.ln();
    assert!(copy - teacher < 0.5 * (first - teacher), "{copy} of {first} is not near {teacher}");
}

#[test]
fn what_cannot_teach_is_told_in_one_line() {
    let sandbox = taught();
    let error = refuses(&sandbox, "--tokenizer byte --teacher runs/one");
    let expected = "teacher runs/one: its tokenizer (300 ids) is not this run's (257 ids): expected a run with the same text and tokenizer";
    assert!(error.contains(expected), "{error}");
    let student = "--tokenizer bpe:300 --teacher";
    let error = refuses(&sandbox, &format!("{student} runs/one --set model.block_size=64"));
    assert!(
        error.contains(
            "teacher runs/one: its context is 32 tokens: expected at least this run's 64"
        ),
        "{error}"
    );
    let error = refuses(&sandbox, &format!("{student} runs/nobody"));
    assert!(error.contains("teacher runs/nobody: "), "{error}");
    let error = refuses(&sandbox, &format!("{student} runs/one --teacher-weight 1.5"));
    assert!(error.contains("training.teacher.weight is out of range: expected 0 to 1"), "{error}");
    let error = refuses(&sandbox, &format!("{student} runs/one --teacher-temperature 0"));
    assert!(error.contains("training.teacher.temperature is out of range"), "{error}");
    let error =
        refuses(&sandbox, &format!("{student} runs/one --set training.label_smoothing=0.1"));
    assert!(error.contains("training.label_smoothing is out of range"), "{error}");
    let several =
        format!("{TRAIN} {student} runs/one --devices cpu,cpu").replace("--device cpu ", "");
    let error = sandbox.fails(&several.split_whitespace().collect::<Vec<_>>());
    assert!(error.contains("a run with teachers has 2 devices: expected one"), "{error}");
}
