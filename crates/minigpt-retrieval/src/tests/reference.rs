//! Scores that another program computed.

use serde::Deserialize;

use super::*;

/// By tests/fixtures/make_bm25.py.
const SCORES: &str = include_str!("../../tests/fixtures/bm25.json");

const PARAGRAPHS: &str = include_str!("../../tests/fixtures/paragraphs.txt");

#[derive(Deserialize)]
struct Scored {
    question: String,
    /// Of each paragraph.
    scores: Vec<f64>,
}

#[test]
fn scores_are_those_of_bm25s() {
    let place = Place::new();
    let named = |(number, text)| Text::given(format!("{number}"), text);
    let texts: Vec<Text> = PARAGRAPHS.lines().enumerate().map(named).collect();
    let changes = update(&place.index(), &texts, Some(1000), &mut |_| {}).unwrap();
    assert_eq!(changes.passages, texts.len());
    let all: Vec<Scored> = serde_json::from_str(SCORES).unwrap();
    for Scored { question, scores } in all {
        let found = place.search(&question);
        assert!(!found.is_empty());
        assert_eq!(found.len(), scores.iter().filter(|score| **score > 0.0).count(), "{question}");
        for Found { passage, score } in found {
            let expected = scores[passage.source.parse::<usize>().unwrap()];
            let difference = (f64::from(score) - expected).abs();
            assert!(difference < 1e-5 * expected, "{question}: {score} is not {expected}");
        }
    }
}
