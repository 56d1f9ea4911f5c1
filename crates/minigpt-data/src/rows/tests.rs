#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::{Batches, Learnt, RowOptions, TokenRow, TokenRows, TooLong, passages};
use crate::{
    ChatTemplate, Dialogue, FileLine, LabelledText, Template, TextCounts, Tokenizer, Turn,
};
use proptest::prelude::*;

fn place(line: u64) -> FileLine {
    FileLine { path: Path::new("F").into(), line }
}

fn options(block_size: usize, too_long: TooLong) -> RowOptions {
    RowOptions { block_size, too_long, learnt: Learnt::EveryAnswer }
}

fn dialogue(line: u64, turns: &[(&str, &str)]) -> Dialogue {
    let turn = |(given, answer): &(&str, &str)| Turn {
        given: (*given).to_owned(),
        answer: (*answer).to_owned(),
        is_marked: false,
    };
    Dialogue { place: place(line), turns: turns.iter().map(turn).collect() }
}

fn rows(dialogues: &[Dialogue], block_size: usize, too_long: TooLong) -> Result<TokenRows, String> {
    rows_by(dialogues, &options(block_size, too_long))
}

fn rows_by(dialogues: &[Dialogue], options: &RowOptions) -> Result<TokenRows, String> {
    let tokenizer = Tokenizer::bytes().unwrap();
    let (template, path) = (ChatTemplate::from(Template::instruct()), Path::new("F"));
    let rows = TokenRows::of_dialogues(&tokenizer, &template, dialogues, path, options);
    rows.map_err(|error| error.to_string())
}

fn text(row: &TokenRow) -> (String, String) {
    let of = |id: u32| if id == 256 { '$' } else { char::from(id as u8) };
    let targets = row.targets.iter().map(|id| id.map_or('.', of));
    (row.inputs.iter().copied().map(of).collect(), targets.collect())
}

#[test]
fn answers_and_their_ends_are_asked_for_and_nothing_else() {
    let dialogues = [dialogue(1, &[("Q:", "yes")]), dialogue(2, &[("S:Q:", "no"), ("Q:", "ok")])];
    let rows = rows(&dialogues, 20, TooLong::Refused).unwrap();
    let found: Vec<_> = rows.rows().iter().map(text).collect();
    let expected = [("Q:yes", ".yes$"), ("S:Q:no$Q:ok", "...no$..ok$")];
    assert_eq!(found, expected.map(|(inputs, targets)| (inputs.to_owned(), targets.to_owned())));
    assert_eq!((rows.tokens(), rows.predicted()), (16, 10));
    let counts = TextCounts { bytes: 7, words: 3, characters: 7 };
    assert_eq!(rows.counts(), counts);
}

#[test]
fn what_is_too_long_is_refused_with_its_line_or_left_out() {
    let dialogues = [dialogue(1, &[("Q:", "yes")]), dialogue(57, &[("Q:", "certainly")])];
    let error = rows(&dialogues, 8, TooLong::Refused).unwrap_err();
    assert!(
        error.starts_with(
            "F, line 57: a prompt of 2 tokens and 9 more, but the model's context is 8"
        ),
        "{error}"
    );
    let left = rows(&dialogues, 8, TooLong::LeftOut).unwrap();
    assert_eq!((left.len(), left.left_out()), (1, 1));
    let error = rows(&dialogues, 2, TooLong::LeftOut).unwrap_err();
    assert!(error.starts_with("F holds no examples"), "{error}");
}

#[test]
fn a_label_is_asked_for_at_the_end_of_its_text() {
    let tokenizer = Tokenizer::bytes().unwrap();
    let texts = [("good", "yes"), ("bad", "no")].map(|(text, label)| LabelledText {
        place: place(5),
        text: text.to_owned(),
        label: label.to_owned(),
    });
    let labels = ["no".to_owned(), "yes".to_owned()];
    let read = |labels: &[String]| {
        let options = options(8, TooLong::Refused);
        TokenRows::of_labelled(&tokenizer, &texts, labels, Path::new("F"), &options)
    };
    let rows = read(&labels).unwrap();
    let row = &rows.rows()[0];
    assert_eq!(text(row).0, "good$");
    assert_eq!(row.targets, [None, None, None, None, Some(1)]);
    let error = read(&labels[..1]).unwrap_err().to_string();
    assert_eq!(error, "F, line 5: unknown label \"yes\": expected one of no");
}

#[test]
fn the_last_answer_alone_can_be_learnt() {
    let dialogues = [dialogue(1, &[("Q:", "no"), ("R:", "ok")])];
    let learnt = RowOptions { learnt: Learnt::LastAnswer, ..options(20, TooLong::Refused) };
    let rows = rows_by(&dialogues, &learnt).unwrap();
    assert_eq!(text(&rows.rows()[0]), ("Q:no$R:ok".to_owned(), "......ok$".to_owned()));
    assert_eq!((rows.predicted(), rows.counts().bytes), (3, 2));
}

#[test]
fn a_conversation_loses_whole_turns_and_is_counted() {
    let long = [("Q:", "yes"), ("R:", "no"), ("S:", "perhaps")];
    let dialogues = [dialogue(1, &long), dialogue(2, &[("Q:", "certainly not")])];
    // Ten tokens are read, and the eleventh is predicted.
    let kept = rows(&dialogues, 10, TooLong::Shortened).unwrap();
    assert_eq!(text(&kept.rows()[0]), ("Q:yes$R:no".to_owned(), ".yes$..no$".to_owned()));
    assert_eq!((kept.len(), kept.shortened(), kept.left_out()), (1, 1, 1));
    assert_eq!(kept.counts().bytes, 5);
    let shorter = rows(&dialogues[..1], 9, TooLong::Shortened).unwrap();
    assert_eq!(text(&shorter.rows()[0]).0, "Q:yes");
    // The last answer alone is learnt: without it, nothing is.
    let learnt = RowOptions { learnt: Learnt::LastAnswer, ..options(10, TooLong::Shortened) };
    assert!(rows_by(&dialogues, &learnt).unwrap_err().contains("holds no examples"));
}

#[test]
fn what_is_learnt_is_told_apart() {
    let rows = rows(&[dialogue(1, &[("Q:", "yes"), ("R:", "no")])], 20, TooLong::Refused).unwrap();
    let found = passages(&Tokenizer::bytes().unwrap(), &rows.rows()[0]).unwrap();
    let found: Vec<_> =
        found.iter().map(|part| (part.text.as_str(), part.tokens, part.is_learnt)).collect();
    let end = "<|endoftext|>";
    let expected = [
        ("Q:", 2, false),
        (&format!("yes{end}"), 4, true),
        ("R:", 2, false),
        (&format!("no{end}"), 3, true),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_pass_has_each_source_as_often_as_its_weight_says() {
    let source = |letter: &str, number: usize| {
        let dialogues: Vec<_> = (0..number)
            .map(|index| dialogue(index as u64, &[(&format!("{letter}{index}"), "x")]))
            .collect();
        rows(&dialogues, 64, TooLong::Refused).unwrap()
    };
    let joined = TokenRows::joined(vec![(source("a", 6), 3.0), (source("b", 10), 0.5)]);
    assert_eq!((joined.len(), joined.batches(4), joined.training_batches(4)), (16, 4, 6));
    let pass = |pass: u64| {
        let mut seen = std::collections::BTreeMap::new();
        for batch in 6 * pass..6 * (pass + 1) {
            for row in joined.training_batch(batch, 4, 7) {
                *seen.entry(text(&row).0).or_insert(0) += 1;
            }
        }
        seen
    };
    let (first, second) = (pass(0), pass(1));
    for letter in (0..6).map(|index| format!("a{index}x")) {
        assert_eq!((first[&letter], second[&letter]), (3, 3), "{letter}");
    }
    for letter in (0..10).map(|index| format!("b{index}x")) {
        let times = |pass: &std::collections::BTreeMap<String, i32>| {
            pass.get(&letter).copied().unwrap_or_default()
        };
        assert_eq!(times(&first) + times(&second), 1, "{letter}");
    }
}

proptest! {
    #[test]
    fn each_pass_has_every_row_once_and_an_evaluation_too(
        lengths in prop::collection::vec(1_usize..40, 1..200),
        batch_size in 1_usize..9,
        seed in any::<u64>(),
    ) {
        let texts: Vec<_> = lengths.iter().enumerate().map(|(number, length)| {
            dialogue(number as u64, &[(&format!("{number:03}"), &"x".repeat(*length))])
        }).collect();
        let rows = rows(&texts, 64, TooLong::Refused).unwrap();
        let per_pass = rows.batches(batch_size);
        let all = |batches: Vec<Vec<TokenRow>>| {
            let mut all: Vec<_> = batches.iter().flatten().map(text).collect();
            all.sort();
            all
        };
        let expected = all(vec![rows.rows().to_vec()]);
        let batches = (0..per_pass).map(|number| rows.batch(number, batch_size)).collect();
        prop_assert_eq!(all(batches), expected.clone());
        for pass in 0..3 {
            // Backwards: no batch needs the ones before it.
            let numbers = (pass * per_pass..(pass + 1) * per_pass).rev();
            let batches: Vec<_> = numbers
                .map(|number| rows.training_batch(number as u64, batch_size, seed))
                .collect();
            prop_assert!(batches.iter().all(|batch| (1..=batch_size).contains(&batch.len())));
            prop_assert_eq!(all(batches), expected.clone());
        }
    }
}

#[test]
fn passes_differ_and_batches_are_of_about_one_length() {
    let texts: Vec<_> = (0..1000)
        .map(|number| dialogue(number, &[("Q:", &"x".repeat(1 + (number as usize * 37) % 100))]))
        .collect();
    let rows = rows(&texts, 128, TooLong::Refused).unwrap();
    let pass = |pass: u64| -> Vec<_> {
        (0..125).map(|batch| rows.training_batch(125 * pass + batch, 8, 7)).collect()
    };
    let (first, second) = (pass(0), pass(1));
    assert_eq!(first, pass(0));
    assert!(first.iter().zip(&second).filter(|(a, b)| a == b).count() < 5);
    let tokens = rows.tokens();
    let longest = |batch: &Vec<TokenRow>| batch.iter().map(|row| row.inputs.len()).max().unwrap();
    let padded: usize = first.iter().map(|batch| batch.len() * longest(batch)).sum();
    assert!(padded < tokens * 110 / 100, "{padded} for {tokens} tokens");
    // Not always from short to long.
    let rising = first.windows(2).filter(|pair| longest(&pair[0]) < longest(&pair[1])).count();
    assert!((35..90).contains(&rising), "{rising}");
}

proptest! {
    /// Every example is in one row, as it was, and no row is longer than asked unless an example is.
    #[test]
    fn packed_rows_have_the_same_examples(
        lengths in proptest::collection::vec(1_usize..50, 1..60),
        length in 1_usize..80,
    ) {
        let row = |(number, length): (usize, &usize)| TokenRow {
            inputs: vec![number as u32; *length],
            targets: (0..*length).map(|at| (at > 0).then_some(at as u32)).collect(),
            segments: Vec::new(),
        };
        let rows: Vec<TokenRow> = lengths.iter().enumerate().map(row).collect();
        let batches = Batches::new(lengths.iter().copied(), &[(rows.len(), 1.0)]);
        let counts = TextCounts::default();
        let rows = TokenRows { rows: rows.into(), batches, counts, left_out: 0, shortened: 0 };
        let packed = rows.packed(length);
        let longest = lengths.iter().max().unwrap();
        prop_assert!(packed.len() <= rows.len());
        prop_assert_eq!(packed.examples(), rows.len());
        prop_assert_eq!((packed.tokens(), packed.predicted()), (rows.tokens(), rows.predicted()));
        let mut found = Vec::new();
        for row in packed.rows() {
            prop_assert!(row.inputs.len() <= length.max(*longest));
            prop_assert_eq!(row.segments.iter().sum::<usize>(), row.inputs.len());
            found.extend(row.examples().into_iter().map(|row| (row.inputs, row.targets)));
        }
        let mut expected: Vec<_> =
            rows.rows().iter().map(|row| (row.inputs.clone(), row.targets.clone())).collect();
        expected.sort();
        found.sort();
        prop_assert_eq!(found, expected);
    }
}
