#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::{TokenRow, TokenRows, TooLong};
use crate::{ChatTemplate, Dialogue, LabelledText, Template, TextCounts, Tokenizer, Turn};
use proptest::prelude::*;

fn dialogue(line: u64, turns: &[(&str, &str)]) -> Dialogue {
    let turn = |(given, answer): &(&str, &str)| Turn {
        given: (*given).to_owned(),
        answer: (*answer).to_owned(),
    };
    Dialogue { line, turns: turns.iter().map(turn).collect() }
}

fn rows(dialogues: &[Dialogue], block_size: usize, too_long: TooLong) -> Result<TokenRows, String> {
    let tokenizer = Tokenizer::bytes().unwrap();
    let (template, path) = (ChatTemplate::from(Template::instruct()), Path::new("F"));
    let rows =
        TokenRows::of_dialogues(&tokenizer, &template, dialogues, path, block_size, too_long);
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
        line: 5,
        text: text.to_owned(),
        label: label.to_owned(),
    });
    let labels = ["no".to_owned(), "yes".to_owned()];
    let read = |labels: &[String]| {
        TokenRows::of_labelled(&tokenizer, &texts, labels, Path::new("F"), 8, TooLong::Refused)
    };
    let rows = read(&labels).unwrap();
    let row = &rows.rows()[0];
    assert_eq!(text(row).0, "good$");
    assert_eq!(row.targets, [None, None, None, None, Some(1)]);
    let error = read(&labels[..1]).unwrap_err().to_string();
    assert_eq!(error, "F, line 5: unknown label \"yes\": expected one of no");
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
