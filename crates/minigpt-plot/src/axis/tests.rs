use super::*;

fn labels(axis: &Axis, values: &[f64], most: usize) -> Vec<String> {
    let ticks = axis.span(values.iter().copied(), 0.06).ticks(most);
    ticks.into_iter().map(|tick| tick.label).collect()
}

fn linear() -> Axis {
    Axis::new("")
}

fn log() -> Axis {
    Axis::new("").scale(Scale::Log)
}

#[test]
fn ticks_are_round_and_say_no_more_than_they_must() {
    assert_eq!(
        labels(&linear().from_zero(), &[0.0, 1456.0], 7),
        ["0", "250", "500", "750", "1000", "1250", "1500"]
    );
    assert_eq!(labels(&linear(), &[4.36, 5.03], 5), ["4.4", "4.6", "4.8", "5.0"]);
    assert_eq!(labels(&linear().from_zero(), &[0.0, 3e-3], 4), ["0", "0.001", "0.002", "0.003"]);
    assert_eq!(labels(&linear().from_zero(), &[3e-4], 4), ["0", "1e-4", "2e-4", "3e-4"]);
    assert_eq!(labels(&linear().from_zero(), &[2.4e6], 4), ["0", "1M", "2M"]);
    assert_eq!(labels(&linear().from_zero(), &[51_200.0], 4), ["0", "20k", "40k"]);
    assert_eq!(labels(&linear(), &[-1.0, 1.0], 5), ["-1.0", "-0.5", "0", "0.5", "1.0"]);
}

#[test]
fn ticks_of_a_logarithmic_axis() {
    assert_eq!(labels(&log(), &[1.0, 1e6], 8), ["1", "10", "100", "1000", "10k", "100k", "1M"]);
    assert_eq!(labels(&log(), &[4.0, 8.0], 8), ["4", "5", "6", "7", "8"]);
    assert_eq!(
        labels(&log(), &[1e-4, 1e-2], 8),
        ["1e-4", "2e-4", "5e-4", "0.001", "0.002", "0.005", "0.01"]
    );
    // Less than a digit apart.
    assert_eq!(labels(&log(), &[4.0, 4.4], 5), ["4.0", "4.1", "4.2", "4.3", "4.4"]);
}

/// Whatever the values, an axis has a height, ticks on it and not too many of them.
#[test]
fn every_axis_has_ticks_within() {
    let extremes = [
        0.0,
        1.0,
        -1.0,
        1e-300,
        -1e300,
        1e300,
        3.5,
        3.5 + 1e-12,
        f64::MIN_POSITIVE,
        1e15,
        0.1 + 0.2,
    ];
    for axis in [linear(), linear().from_zero(), log()] {
        for low in extremes {
            for high in extremes {
                let values = [low.min(high), low.max(high)];
                let held = values.into_iter().filter(|value| axis.holds(*value));
                let span = axis.span(held.clone(), 0.06);
                assert!(span.high > span.low, "{axis:?} {values:?}: {span:?}");
                for value in held {
                    let part = span.part(value);
                    assert!((-1e-9..=1.0 + 1e-9).contains(&part), "{axis:?} {values:?}: {part}");
                }
                let ticks = span.ticks(6);
                assert!(ticks.len() <= 14, "{axis:?} {values:?}: {ticks:?}");
                assert!(ticks.iter().all(|tick| tick.value.is_finite()), "{values:?}: {ticks:?}");
            }
        }
    }
}

#[test]
fn an_axis_without_values_and_with_one() {
    assert_eq!(labels(&linear(), &[], 2), ["0", "1"]);
    let flat = linear().span([4.5, 4.5].into_iter(), 0.06);
    assert!(flat.part(4.5) > 0.4 && flat.part(4.5) < 0.6, "{flat:?}");
    // What is never below 0 is not drawn below it.
    assert_eq!(linear().span([0.1, 9.0].into_iter(), 0.06).low, 0.0);
    assert!(linear().span([-0.1, 9.0].into_iter(), 0.06).low < -0.1);
}

#[test]
fn a_logarithmic_axis_to_the_largest_number_has_no_infinite_ticks() {
    for low in [1.0, 1e300, 1e307, f64::MAX] {
        let span = log().span([low, f64::MAX].into_iter(), 0.06);
        let ticks = span.ticks(6);
        let mut values = ticks.iter().map(|tick| tick.value).chain(span.between());
        assert!(values.all(f64::is_finite), "{low}: {ticks:?}");
    }
}
