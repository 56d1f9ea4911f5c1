use serde_json::{from_value, json, to_value};

use super::*;

#[test]
fn figures_of_a_task_are_read_as_they_were_written() {
    let answer = json!({"line": 3, "prompt": "Who?", "expected": "Emma.", "written": "Anne."});
    let answers = json!({
        "base_perplexity": 30.5, "perplexity": 4.25, "rouge_l": null, "answers": [answer],
    });
    let confusion = json!({"labels": ["no", "yes"], "counts": [[3, 1], [0, 4]]});
    let labels = json!({
        "accuracy": 0.875, "macro_f1": 0.87, "majority": 0.5, "confusion": confusion,
        "picture": "confusion.png",
    });
    for written in [answers, labels] {
        let figures: TaskFigures = from_value(written.clone()).unwrap();
        assert_eq!(to_value(&figures).unwrap(), written);
    }
}

#[test]
fn an_evaluation_of_an_earlier_version_is_read() {
    let measured = json!({"value": 2.5, "low": null, "high": null});
    let written = json!({
        "model": "runs/tiny", "step": 200, "parameters": 7, "data": "embedded", "split": "validation",
        "detokenizer": null, "documents": 1, "description": "windows", "tokens_per_second": 9.0,
        "files": ["a.png", "a.json"], "protocol": {"context": 4, "stride": 2},
        "bootstrap": {"resamples": 10, "unit": "windows", "seed": 42}, "parts": 1, "padding": 0,
        "evaluation": {"nats": 5.0, "tokens": 4, "words": 1, "bytes": 8, "characters": 8},
        "token_perplexity": measured, "bits_per_byte": measured, "bits_per_character": measured,
        "accuracy": measured, "by_context": [], "by_frequency": [], "seconds": 0.5,
    });
    let read: SavedEvaluation = from_value(written).unwrap();
    assert_eq!((read.report.word_perplexity, read.command.len()), (None, 0));
    assert_eq!(read.report.protocol.stride, 2);
}
