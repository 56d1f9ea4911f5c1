use super::*;
use crate::run::curves::Curve;
use crate::run::curves::tests::row;

/// 200 steps, and two validations of which the first is better.
fn curve(name: &str, above: f64) -> Curve {
    let mut rows: Vec<_> =
        (1..=200).map(|step| row(RowSplit::Train, step, 8.0 / step as f64 + 3.0 + above)).collect();
    rows.push(row(RowSplit::Valid, 100, 3.25 + above));
    rows.push(row(RowSplit::Valid, 200, 3.5 + above));
    Curve { name: name.to_owned(), rows }
}

fn group(name: &str, curves: Vec<Curve>) -> CurveGroup {
    CurveGroup { name: name.to_owned(), curves }
}

fn drawn(plot: &CurvePlot, groups: &[CurveGroup]) -> Figure {
    plot.figure(Path::new("loss.png"), "a title", groups).unwrap()
}

fn labels(chart: &Chart) -> Vec<&str> {
    chart.lines.iter().filter(|line| line.is_listed).map(|line| line.label.as_str()).collect()
}

fn loss() -> CurvePlot {
    CurvePlot::new(Quantity::Loss, Axis::Steps)
}

#[test]
fn the_charts_of_one_run_say_different_things() {
    let figure = drawn(&loss(), &[curve("run", 0.0).into()]);
    let [left, right] = &figure.charts[..] else { panic!("{figure:?}") };
    assert_eq!(labels(left), ["training, each step", "training, mean of 5 steps", "validation"]);
    assert_eq!(
        labels(right),
        ["norm, each step", "norm, mean of 5 steps", "learning rate (right axis)"]
    );
    let [note] = &left.notes[..] else { panic!("{:?}", left.notes) };
    assert_eq!((note.at, note.text.as_str()), ((100.0, 3.25), "best 3.2500, step 100"));
}

#[test]
fn smoothing_is_named_and_can_be_switched_off() {
    let groups = [curve("run", 0.0).into()];
    for (smooth, expected) in [(0, "training"), (1, "training"), (50, "training, mean of 51 steps")]
    {
        let figure = drawn(&CurvePlot { smooth: Some(smooth), ..loss() }, &groups);
        assert!(labels(&figure.charts[0]).contains(&expected), "{smooth}");
    }
    let figure = drawn(&CurvePlot { smooth: Some(0), ..loss() }, &groups);
    assert_eq!(figure.charts[0].lines[0].points[0], (1.0, 11.0));
}

#[test]
fn several_runs_are_compared_with_one_name_each_and_their_best() {
    let groups = [curve("one", 0.0).into(), curve("two", 1.0).into()];
    let figure = drawn(&loss(), &groups);
    let names = ["one, best 3.2500", "two, best 4.2500"];
    assert_eq!(figure.charts.iter().map(labels).collect::<Vec<_>>(), [names, names]);
    assert_eq!(figure.charts[0].caption, "Training loss, mean of 5 steps");
}

#[test]
fn seeds_are_a_mean_with_its_band() {
    let mut short = curve("c", 2.0);
    short.rows.retain(|row| row.step <= 150);
    let seeds = group("all", vec![curve("a", 0.0), curve("b", 1.0), short]);
    let plot = CurvePlot { smooth: Some(0), ..loss() };
    let figure = drawn(&plot, std::slice::from_ref(&seeds));
    let [training, validation] = &figure.charts[..] else { panic!("{figure:?}") };
    let line = &training.lines[0];
    assert_eq!(line.label, "all (mean of 3 seeds, band: min to max)");
    // Only the steps that all have.
    assert_eq!((line.points.len(), line.points[0], line.band[0]), (150, (1.0, 12.0), (11.0, 13.0)));
    assert_eq!(validation.lines[0].points, [(100.0, 4.25)]);

    let deviation = drawn(&CurvePlot { band: Band::Deviation, ..plot }, &[seeds]);
    let (low, high) = deviation.charts[1].lines[0].band[0];
    assert!((low - 3.25).abs() < 1e-9 && (high - 5.25).abs() < 1e-9, "{low} {high}");
    assert!(deviation.charts[1].lines[0].label.contains("± 1 sd"));
}

#[test]
fn a_learning_rate_has_an_axis_of_its_own() {
    for quantity in Quantity::ALL {
        let plot = CurvePlot { learning_rate: true, ..CurvePlot::new(quantity, Axis::Tokens) };
        for groups in [
            vec![curve("run", 0.0).into()],
            vec![curve("one", 0.0).into(), curve("two", 1.0).into()],
        ] {
            let chart = drawn(&plot, &groups).charts.remove(0);
            let on_right = chart.lines.iter().filter(|line| line.on_right).count();
            let expected = if quantity == Quantity::LearningRate { 0 } else { groups.len() };
            assert_eq!((on_right, chart.right.is_some()), (expected, expected > 0), "{quantity:?}");
        }
    }
}

#[test]
fn values_that_have_no_place_are_told() {
    let mut broken = curve("run", 0.0);
    broken.rows[7].loss = f64::NAN;
    broken.rows[8].loss = f64::INFINITY;
    let figure = drawn(&loss(), &[broken.clone().into()]);
    // Before smoothing and after.
    assert_eq!(figure.remark, "2 NaN or infinite values left out");
    for row in &mut broken.rows {
        (row.loss, row.grad_norm, row.learning_rate) = (f64::NAN, None, None);
    }
    let error = loss().figure(Path::new("a.png"), "", &[broken.into()]).unwrap_err().to_string();
    assert!(error.starts_with("cannot draw a.png: every loss is NaN or infinite"), "{error}");
}

#[test]
fn a_logarithmic_axis_needs_what_is_above_zero() {
    let mut still = curve("run", 0.0);
    for row in &mut still.rows {
        row.learning_rate = Some(0.0);
    }
    let plot =
        CurvePlot { y_scale: Scale::Log, ..CurvePlot::new(Quantity::LearningRate, Axis::Steps) };
    let error = plot.figure(Path::new("a.png"), "", &[still.into()]).unwrap_err().to_string();
    assert!(error.contains("no learning-rate has a place on a logarithmic axis"), "{error}");

    let mut tuned = curve("run", 0.0);
    tuned.rows.push(row(RowSplit::Valid, 0, 4.0));
    let figure = drawn(&CurvePlot { x_scale: Scale::Log, ..loss() }, &[tuned.into()]);
    assert_eq!(figure.remark, "1 value at or below 0 has no place on a logarithmic axis");
}

#[test]
fn names_of_bands_are_read_back() {
    assert_eq!(
        Band::NAMES.map(|name| name.parse::<Band>().unwrap()),
        [Band::MinMax, Band::Deviation]
    );
    assert!("iqr".parse::<Band>().unwrap_err().to_string().contains("min-max, sd"));
}

#[test]
fn what_a_legend_calls_a_band_is_drawn() {
    let averaged = |name: &str, above: f64| {
        let mut curve = curve(name, above);
        curve.rows.push(row(RowSplit::Average, 200, 3.0 + above));
        curve.rows.iter_mut().filter_map(|row| row.learning_rate.as_mut()).for_each(|rate| {
            *rate *= 1.0 + above;
        });
        curve
    };
    let seeds = group("all", vec![averaged("a", 0.0), averaged("b", 1.0)]);
    for quantity in Quantity::ALL {
        let plot = CurvePlot { smooth: Some(0), ..CurvePlot::new(quantity, Axis::Steps) };
        for chart in drawn(&plot, std::slice::from_ref(&seeds)).charts {
            for line in chart.lines.iter().filter(|line| line.label.contains("band: ")) {
                assert_eq!(line.band.len(), line.points.len(), "{}", line.label);
            }
        }
    }
    let rate = CurvePlot::new(Quantity::LearningRate, Axis::Steps);
    let figure = drawn(&rate, &[seeds]);
    let (low, high) = figure.charts[0].lines[0].band[0];
    assert!((low - 1e-3).abs() < 1e-12 && (high - 2e-3).abs() < 1e-12, "{low} {high}");
}
