use super::super::Line;
use super::*;
use crate::axis::Axis;

const AREA: Cell = Cell { left: 10.0, top: 10.0, width: 300.0, height: 200.0 };

#[test]
fn of_a_long_line_no_more_places_count_than_are_drawn() {
    for form in [Form::Line, Form::Marks] {
        let points = (0..200_000).map(|x| (f64::from(x), f64::from(x % 7) * 1e-3)).collect();
        let line = Line::new("a", 0, form, points);
        let span =
            |axis: &Axis, of: fn(&(f64, f64)) -> f64| axis.span(line.points.iter().map(of), 0.0);
        let chart = Chart::new("", Axis::new("x"), Axis::new("y"));
        let (x, y) = (span(&chart.x, |point| point.0), span(&chart.y, |point| point.1));
        let frame = Frame { area: AREA, x, y, right: None };
        let chart = Chart { lines: vec![line], ..chart };
        let drawn = drawn_places(&chart, &frame, 20.0).len();
        assert!((300..100_000).contains(&drawn), "{drawn}");
    }
}

#[test]
fn words_wider_than_the_axes_begin_where_these_do() {
    let cell = best_cell((20.0, 100.0), (400.0, 20.0), AREA, &[], &[], 20.0);
    assert!((cell.left - 16.0).abs() < 1e-9, "{cell:?}");
}
