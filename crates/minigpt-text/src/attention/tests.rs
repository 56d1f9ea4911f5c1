use burn::tensor::Device;
use minigpt_model::{Gpt, GptConfig, PackedGpt, WeightType};

use super::*;

fn model() -> Gpt {
    Gpt::init(&GptConfig::new(50, 12, 2, 3, 12), 1, &Device::flex()).unwrap()
}

#[test]
fn every_step_has_every_head_and_the_greedy_token() {
    let model = model();
    let steps = record_attention(&model, &[4, 9, 1], 4).unwrap();
    assert_eq!(steps.len(), 4);
    for (number, step) in steps.iter().enumerate() {
        let time = 3 + number;
        assert_eq!((step.tokens.len(), step.maps.len()), (time, 6));
        assert_eq!((step.maps[4].layer, step.maps[4].head), (1, 1));
        assert!(step.maps.iter().all(|map| map.weights.len() == time));
        if let Some(next) = steps.get(number + 1) {
            assert_eq!(next.tokens, [&step.tokens[..], &[step.chosen]].concat());
        }
    }
    let too_long = record_attention(&model, &[1; 10], 4).unwrap_err().to_string();
    assert!(too_long.contains("need a context of 13, and the model's context is 12"), "{too_long}");
    assert_eq!(record_attention(&model, &[1; 10], 3).unwrap().len(), 3);
    assert!(record_attention(&model, &[], 4).is_err());
    assert!(record_attention(&model, &[50], 4).is_err());
}

/// Maps made by hand, each with one habit alone.
#[test]
fn habits_are_told_apart() {
    let tokens: Vec<u32> = (0..24).map(|at| 7 + at % 6).collect();
    let habit = |target: fn(usize) -> usize| {
        let row = |at: usize| {
            let mut row = vec![0.0; tokens.len()];
            row[target(at)] = 1.0;
            row
        };
        let mut sums = HabitSums::default();
        sums.add(&tokens, &(0..tokens.len()).map(row).collect::<Vec<_>>());
        sums.means()
    };
    assert_eq!(habit(|at| at.saturating_sub(1)).habit, Habit::Previous);
    assert_eq!(habit(|at| at).habit, Habit::Itself);
    assert_eq!(habit(|_| 0).habit, Habit::First);
    // The token after the same one, six back.
    let induction = habit(|at| at.saturating_sub(5));
    assert_eq!((induction.habit, induction.induction), (Habit::Induction, 1.0));
    assert_eq!(induction.spread, 0.0);

    let uniform: Vec<Vec<f32>> = (0..40).map(|at| vec![1.0 / (at + 1) as f32; at + 1]).collect();
    let mut sums = HabitSums::default();
    sums.add(&(0..40).collect::<Vec<_>>(), &uniform);
    let spread = sums.means();
    assert_eq!(spread.habit, Habit::Spread);
    assert!((spread.spread - 1.0).abs() < 1e-6);
}

#[test]
fn habits_are_measured_on_the_windows_of_a_text() {
    let split = TokenSplit::from_ids((0..200).map(|id| id % 50).collect(), 0, 0, 0);
    let habits = head_habits(&model(), &split.windows(12).unwrap(), 5);
    assert_eq!(habits.len(), 6);
    for head in habits {
        // Fresh weights attend to all alike.
        assert_eq!(head.habit, Habit::Spread);
        assert!(head.spread > 0.95, "{head:?}");
        assert!(head.previous < 0.3 && head.itself < 0.3, "{head:?}");
    }
}

#[test]
fn a_layer_alone_has_the_maps_it_has_among_all() {
    let model = model();
    let all = record_attention(&model, &[4, 9, 1], 1).unwrap().remove(0).maps;
    assert_eq!(layer_attention(&model, &[4, 9, 1], 1).unwrap(), all[3..]);
    assert_eq!(layer_attention(&model, &[4, 9, 1], 2).unwrap(), []);
    assert!(layer_attention(&model, &[50], 0).is_err());
}

#[test]
fn a_packed_model_attends_as_the_model_it_was_made_of() {
    let model = model();
    let packed = PackedGpt::of(model.clone(), WeightType::F32).unwrap();
    let steps = record_attention(&packed, &[4, 9, 1], 4).unwrap();
    for (found, expected) in steps.iter().zip(record_attention(&model, &[4, 9, 1], 4).unwrap()) {
        assert_eq!((&found.tokens, found.chosen), (&expected.tokens, expected.chosen));
        for (found, expected) in found.maps.iter().zip(&expected.maps) {
            assert_eq!((found.layer, found.head), (expected.layer, expected.head));
            let pairs = found.weights.concat().into_iter().zip(expected.weights.concat());
            assert!(pairs.into_iter().all(|(found, expected)| (found - expected).abs() < 1e-5));
        }
    }
}
