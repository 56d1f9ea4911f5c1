#![allow(clippy::unwrap_used)]

use super::*;

/// What lm-evaluation-harness makes of the same records (`tests/fixtures/make_named_tasks.py`).
#[test]
fn questions_are_put_as_lm_evaluation_harness_does() {
    let all: Value =
        serde_json::from_str(include_str!("../../tests/fixtures/named_tasks.json")).unwrap();
    let mut number = 0;
    for (name, cases) in all.as_object().unwrap() {
        let task: NamedTask = name.parse().unwrap();
        for case in cases.as_array().unwrap() {
            let (record, expected) = (case["record"].as_object().unwrap(), &case["expected"]);
            let question = match task {
                NamedTask::HellaSwag => hellaswag(record),
                NamedTask::ArcEasy | NamedTask::ArcChallenge => arc(record),
                NamedTask::Piqa => piqa(record),
                NamedTask::Lambada => {
                    let text = text(record, "text").unwrap();
                    let at = text.rfind(' ').unwrap();
                    assert_eq!(expected["question"], text[..at], "{record:?}");
                    assert_eq!(expected["target"], text[at..], "{record:?}");
                    number += 1;
                    continue;
                }
            };
            let question = question.unwrap();
            assert_eq!(expected["question"], question.question, "{record:?}");
            let choices: Vec<String> = serde_json::from_value(expected["choices"].clone()).unwrap();
            assert_eq!(choices, question.choices, "{record:?}");
            assert_eq!(expected["answer"], question.answer, "{record:?}");
            number += 1;
        }
    }
    assert_eq!(number, 9);
}

#[test]
fn what_is_no_record_of_the_set_is_told() {
    let record = |json: &str| serde_json::from_str::<Record>(json).unwrap();
    let wrong = piqa(&record(r#"{"goal": "a", "sol1": "b", "sol2": "c", "label": 2}"#));
    assert_eq!(wrong.unwrap_err(), "the answer 2 is out of range: expected 0 to 1");
    assert_eq!(piqa(&record("{}")).unwrap_err(), "no text in the field \"sol1\"");
    let error = "hellaswagg".parse::<NamedTask>().unwrap_err().to_string();
    assert!(error.contains("one of hellaswag, arc_easy, arc_challenge, piqa, lambada"), "{error}");
    assert_eq!("lambada_openai".parse::<NamedTask>().unwrap(), NamedTask::Lambada);
}
