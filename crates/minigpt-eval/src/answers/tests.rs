use std::path::Path;

use serde_json::Value;

use super::*;
use crate::evaluate::tests::random_gpt2;

/// The harness's figures and likelihoods; `make_reference.py` in the folder wrote them.
const REFERENCE: &str = include_str!("../../tests/fixtures/harness/reference.json");

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/harness"))
}

fn report(path: &Path, batch_size: usize) -> TaskReport {
    let tokenizer = Tokenizer::load(&folder().join("tokenizer.json")).unwrap();
    let task = Task::read(path).unwrap();
    answer(&random_gpt2(), &tokenizer, &task, batch_size, &mut |_, _| {}).unwrap()
}

fn check(name: &str, path: &Path) {
    let reference: Value = serde_json::from_str(REFERENCE).unwrap();
    let (scores, answers) = (&reference[name]["scores"], &reference[name]["answers"]);
    let report = report(path, 4);
    let score = |metric: &str| scores[metric].as_f64().unwrap();
    match report.scores {
        TaskScores::MultipleChoice { acc, acc_norm, .. } => {
            assert_eq!((acc.value, acc_norm.value), (score("acc"), score("acc_norm")), "{name}");
        }
        TaskScores::Cloze { acc, perplexity } => {
            assert_eq!(acc.value, score("acc"), "{name}");
            assert!((perplexity.ln() - score("perplexity").ln()).abs() < 1e-4, "{name}");
        }
    }
    let expected = answers.as_array().unwrap();
    assert_eq!(report.answers.len(), expected.len());
    for (answer, expected) in report.answers.iter().zip(expected) {
        let expected = expected.as_array().unwrap();
        assert_eq!(answer.log_likelihoods.len(), expected.len());
        for (value, expected) in answer.log_likelihoods.iter().zip(expected) {
            let difference = (value - expected[0].as_f64().unwrap()).abs();
            assert!(difference < 1e-3, "{name}, line {}: {difference}", answer.line);
        }
    }
}

#[test]
fn the_figures_are_those_of_the_harness() {
    let samples = folder().join("../../../tasks");
    check("choices", &samples.join("choices.jsonl"));
    check("choices-quirks", &folder().join("choices-quirks.jsonl"));
    check("cloze", &samples.join("cloze.jsonl"));
    check("cloze-quirks", &folder().join("cloze-quirks.jsonl"));
    check("cloze-greedy", &folder().join("cloze-greedy.jsonl"));
}

#[test]
fn the_batch_size_changes_nothing() {
    let path = folder().join("choices-quirks.jsonl");
    let (one, many) = (report(&path, 1), report(&path, 64));
    let all = |report: &TaskReport| -> Vec<f64> {
        report.answers.iter().flat_map(|answer| answer.log_likelihoods.clone()).collect()
    };
    assert!(all(&one).iter().zip(all(&many)).all(|(one, many)| (one - many).abs() < 1e-3));
    assert_eq!(one.scores, many.scores);
}

#[test]
fn an_answer_longer_than_the_context_is_refused_with_its_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let long = "é".repeat(40);
    fs_err::write(file.path(), format!("\n{{\"text\":\"A word of {long}\"}}")).unwrap();
    let tokenizer = Tokenizer::bytes().unwrap();
    let task = Task::read(file.path()).unwrap();
    let error = answer(&random_gpt2(), &tokenizer, &task, 1, &mut |_, _| {}).unwrap_err();
    let message = "line 2: 81 tokens to predict, but the model's context is 64";
    assert!(error.to_string().ends_with(message), "{error}");
}
