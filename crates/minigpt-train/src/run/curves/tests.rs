use super::*;
use crate::run::row::RowSplit;

pub(super) fn row(split: RowSplit, step: usize, loss: f64) -> Row {
    Row {
        split,
        step,
        passes: step as f64 / 100.0,
        tokens: 2048 * step as u64,
        loss,
        learning_rate: (split == RowSplit::Train).then_some(1e-3 / step.max(1) as f64),
        grad_norm: (split == RowSplit::Train).then_some(2.0),
        tokens_per_second: 5000.0,
        seconds: 0.5 * step as f64,
        margin: None,
        accuracy: None,
    }
}

fn curves() -> [Curve; 2] {
    let mut rows: Vec<_> =
        (1..200).map(|step| row(RowSplit::Train, step, 8.0 / step as f64 + 3.0)).collect();
    rows.push(row(RowSplit::Valid, 100, 3.4));
    rows.push(row(RowSplit::Valid, 200, 3.3));
    let higher = rows.iter().map(|row| Row { loss: row.loss + 1.0, ..row.clone() }).collect();
    let curve = |name: &str, rows| Curve { name: name.to_owned(), rows };
    [curve("one", rows), curve("two", higher)]
}

#[test]
fn every_quantity_is_drawn_over_every_axis() {
    let folder = tempfile::tempdir().unwrap();
    for quantity in Quantity::ALL {
        for axis in [Axis::Steps, Axis::Tokens, Axis::Passes, Axis::Minutes] {
            let path = folder.path().join(quantity.name()).with_extension("svg");
            draw_curves(&path, "two runs", &curves(), quantity, axis).unwrap();
            let text = fs_err::read_to_string(&path).unwrap();
            // The second run, which is drawn over the first.
            assert!(text.contains("#D55E00"), "{quantity:?}");
            assert!(text.contains(axis.unit()), "{quantity:?}, {axis:?}");
        }
    }
}

#[test]
fn an_svg_holds_both_runs_and_the_axis() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("loss.svg");
    draw_curves(&path, "two runs", &curves(), Quantity::Loss, Axis::Tokens).unwrap();
    let text = fs_err::read_to_string(&path).unwrap();
    for part in [
        "<svg",
        "two runs",
        "one, best 3.3000",
        "two, best 4.3000",
        "mean of 5 steps",
        "#0072B2",
        "tokens",
    ] {
        assert!(text.contains(part), "no {part}");
    }
}

#[test]
fn nothing_to_draw_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("loss.png");
    let empty = [Curve { name: "empty".to_owned(), rows: Vec::new() }];
    let drawn = draw_curves(&path, "", &empty, Quantity::Loss, Axis::Steps);
    assert!(matches!(drawn, Err(TrainError::NoMetrics { .. })));
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn names_are_read_back() {
    for quantity in Quantity::ALL {
        assert_eq!(quantity.name().parse::<Quantity>().unwrap(), quantity);
    }
    let error = "lose".parse::<Quantity>().unwrap_err().to_string();
    assert!(error.contains("expected one of loss, perplexity,"), "{error}");
    assert!("epochs".parse::<Axis>().is_err());
}
