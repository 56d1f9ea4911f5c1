use minigpt_data::TokenSplit;
use minigpt_model::{Gpt, GptConfig};

use super::*;

fn split(tokens: u32) -> TokenSplit {
    TokenSplit::from_ids((0..tokens).collect(), 0, 0, 0)
}

fn ids(batches: &Arc<dyn DataLoader<TokenBatch>>) -> Vec<Vec<i64>> {
    let ids = |batch: TokenBatch| batch.tokens.into_data().iter::<i64>().collect();
    batches.iter().map(|batch| ids(batch.unwrap())).collect()
}

#[test]
fn a_step_has_the_same_windows_whatever_came_before() {
    let device = Device::flex();
    let passes = Passes::new(split(101).windows(8).unwrap(), 7);
    let load = |steps| ids(&train_loader(passes.clone(), 5, steps, &device));
    let straight = load(0..9);
    assert_eq!(straight.len(), 9);
    assert_eq!(straight[4..], load(4..9));
    let first: Vec<i64> = (0..5).flat_map(|at| passes.get(at).inputs).map(i64::from).collect();
    assert_eq!(straight[0], first);
}

/// Rows of 3, 9 and 5 inputs; the last inputs are answered.
fn rows() -> TokenRows {
    let tokenizer = minigpt_data::Tokenizer::bytes().unwrap();
    let dialogue = |(given, answer): (&str, &str)| minigpt_data::Dialogue {
        place: minigpt_data::FileLine { path: std::path::Path::new("").into(), line: 1 },
        turns: vec![minigpt_data::Turn {
            given: given.to_owned(),
            answer: answer.to_owned(),
            is_marked: false,
        }],
    };
    let dialogues = [("a", "bc"), ("Who are", "ho"), ("Q:", "yes")].map(dialogue);
    let path = std::path::Path::new("");
    let (too_long, learnt) = (minigpt_data::TooLong::Refused, minigpt_data::Learnt::EveryAnswer);
    let options = minigpt_data::RowOptions { block_size: 32, too_long, learnt };
    let template = minigpt_data::Template::instruct().into();
    TokenRows::of_dialogues(&tokenizer, &template, &dialogues, path, &options).unwrap()
}

#[test]
fn a_row_loses_in_a_batch_what_it_loses_alone() {
    let device = Device::flex();
    let model = Gpt::init(&GptConfig::tiny(257), 1, &device).unwrap();
    let loss = |rows: &[TokenRow]| {
        let batch = TokenBatch::of_rows(rows, &device);
        model.loss_sum(batch.tokens, batch.targets).into_scalar::<f32>()
    };
    let rows = rows();
    let batch = TokenBatch::of_rows(rows.rows(), &device);
    assert_eq!((batch.tokens.dims(), batch.predicted), ([3, 9], 3 + 3 + 4));
    let alone: f32 = rows.rows().iter().map(|row| loss(std::slice::from_ref(row))).sum();
    let together = loss(rows.rows());
    assert!((alone - together).abs() < 1e-4, "{alone} alone, {together} together");
}

#[test]
fn a_step_has_the_same_rows_whatever_came_before() {
    let device = Device::flex();
    let load = |steps| ids(&train_row_loader(rows(), 2, 7, steps, &device));
    let straight = load(0..9);
    assert_eq!(straight.len(), 9);
    assert_eq!(straight[3..], load(3..9));
    let all = ids(&valid_row_loader(rows(), 2, &device));
    assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [2 * 5, 9]);
}

#[test]
fn an_evaluation_has_every_window_in_order_each_time() {
    let device = Device::flex();
    let windows = split(42).windows(8).unwrap();
    let batches = valid_loader(windows, 4, &device);
    let all = ids(&batches);
    assert_eq!((all.len(), all[0][..3].to_vec(), all[1].len()), (2, vec![0, 1, 2], 16));
    assert_eq!(all, ids(&batches));
    let predicted: usize = batches.iter().map(|batch| batch.unwrap().predicted).sum();
    assert_eq!(predicted, 41);
}
