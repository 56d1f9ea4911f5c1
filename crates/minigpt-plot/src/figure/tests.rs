use super::*;
use crate::axis::Scale;
use crate::look::{Size, Theme};

fn falling(points: u32, above: f64) -> Vec<(f64, f64)> {
    (1..=points).map(|x| (f64::from(x), 8.0 / f64::from(x) + above)).collect()
}

fn chart(lines: Vec<Line>) -> Chart {
    Chart { lines, ..Chart::new("a caption", Axis::new("step"), Axis::new("nats")) }
}

fn figure(charts: Vec<Chart>) -> Figure {
    Figure { title: "a title".to_owned(), charts, remark: String::new() }
}

fn looks() -> impl Iterator<Item = Look> {
    [Size::Column, Size::Page, Size::Slide].into_iter().flat_map(|size| {
        [Theme::Light, Theme::Dark].into_iter().map(move |theme| Look { size, theme })
    })
}

/// The values of an attribute in an SVG's elements of that name.
fn attributes<'a>(svg: &'a str, element: &str, name: &str) -> Vec<&'a str> {
    let elements = svg.lines().filter(|line| line.starts_with(&format!("<{element} ")));
    let start = format!(" {name}=\"");
    elements.filter_map(|line| line.split(&start).nth(1)?.split('"').next()).collect()
}

/// What might come: nothing, one point, flat lines, no numbers, many and long names.
fn odd_charts() -> Vec<Chart> {
    let line = |points| Line::new("a line", 0, Form::Line, points);
    let long = "a-name-of-a-run-that-goes-on-and-on-".repeat(6);
    let many = (0..20).map(|n| {
        let form = [Form::Line, Form::Marks, Form::OpenMarks, Form::Pale][n % 4];
        Line::new(format!("{long}{n}"), n, form, falling(50, n as f64))
    });
    let log = |chart: Chart| Chart {
        x: chart.x.clone().scale(Scale::Log),
        y: chart.y.clone().scale(Scale::Log),
        ..chart
    };
    let odd = [(0.0, f64::NAN), (1.0, f64::INFINITY), (2.0, 0.0), (3.0, -1.0), (4.0, 2.0)];
    let mut charts = vec![
        chart(Vec::new()),
        chart(vec![line(Vec::new())]),
        chart(vec![line(vec![(0.0, 0.0)])]),
        chart(vec![line(vec![(5.0, 3.0)])]),
        chart(vec![line(vec![(1.0, 4.0), (2.0, 4.0), (3.0, 4.0)])]),
        chart(vec![line(odd.to_vec())]),
        chart(vec![line(vec![(1.0, 1e300), (2.0, 1e-300)])]),
        chart(many.collect()),
        chart(vec![line(falling(30_000, 0.0))]),
    ];
    for index in 0..charts.len() {
        let mut noted = log(charts[index].clone());
        noted.right = Some(Axis::new("another").from_zero());
        for (x, on_right) in [(1.0, false), (2.0, true), (f64::NAN, false)] {
            let text = "a note of some length".repeat(4);
            noted.notes.push(Note { at: (x, 4.0), text, number: 1, on_right, ring: true });
        }
        charts.push(noted);
    }
    charts
}

#[test]
fn odd_points_and_names_draw_within_the_picture_at_every_size() {
    for look in looks() {
        for chart in odd_charts() {
            let (lines, points) =
                (chart.lines.len(), chart.lines.first().map_or(0, |line| line.points.len()));
            let svg = figure(vec![chart]).to_svg(look);
            let context = format!("{look:?}, {lines} lines, {points} points");
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{context}");
            let width = look.size.width();
            for x in attributes(&svg, "text", "x") {
                assert!((0.0..=width).contains(&x.parse().unwrap()), "{context}: {x}");
            }
            for points in attributes(&svg, "polyline", "points") {
                for point in points.split(' ') {
                    let x: f64 = point.split(',').next().unwrap().parse().unwrap();
                    assert!((0.0..=width).contains(&x), "{context}: {point}");
                }
            }
        }
    }
}

#[test]
fn a_slide_is_a_slide_and_a_longer_legend_makes_a_page_longer() {
    let lines = |count: usize| {
        (0..count).map(|n| {
            Line::new(format!("a run with a name {n}"), n, Form::Line, falling(9, n as f64))
        })
    };
    let height = |size, count| {
        let look = Look { size, theme: Theme::Light };
        let svg = figure(vec![chart(lines(count).collect())]).to_svg(look);
        let size = attributes(&svg, "svg", "viewBox")[0].rsplit(' ').next().unwrap();
        size.parse::<f64>().unwrap()
    };
    assert_eq!([height(Size::Slide, 1), height(Size::Slide, 20)], [1080.0; 2]);
    assert!(height(Size::Page, 20) > height(Size::Page, 1) + 100.0);
}

#[test]
fn the_legend_stands_above_all_that_is_drawn() {
    let lines: Vec<Line> = (0..20)
        .map(|n| Line::new(format!("run {n}"), n, Form::Marks, falling(40, n as f64)))
        .collect();
    for look in looks() {
        let svg = figure(vec![chart(lines.clone())]).to_svg(look);
        let in_legend = svg.lines().filter(|line| line.contains(">run "));
        let y = |line: &str| -> f64 { attributes(line, "text", "y")[0].parse().unwrap() };
        let lowest = in_legend.map(y).fold(0.0, f64::max);
        // Above each number at the vertical axis.
        let numbers = svg.lines().filter(|line| line.contains(r#"text-anchor="end""#));
        assert!(numbers.map(y).all(|number| number > lowest), "{look:?}");
    }
}

#[test]
fn charts_with_the_same_names_share_a_legend() {
    let line = |name: &str| Line::new(name, 0, Form::Line, falling(9, 0.0));
    let count = |names: [&str; 2]| {
        let charts = names.map(|name| chart(vec![line(name)]));
        let svg = figure(charts.to_vec()).to_svg(Look::default());
        svg.matches(">one</text>").count()
    };
    assert_eq!((count(["one", "one"]), count(["one", "two"])), (1, 1));
}

#[test]
fn a_note_hides_no_line_where_there_is_room() {
    let mut chart = chart(vec![Line::new("a", 0, Form::Marks, falling(9, 3.0))]);
    let at = (9.0, 8.0 / 9.0 + 3.0);
    let text = "best 3.8889".to_owned();
    chart.notes.push(Note { at, text, number: 0, on_right: false, ring: true });
    let svg = figure(vec![chart]).to_svg(Look::default());
    let note = svg.lines().find(|line| line.contains(">best 3.8889<")).unwrap();
    let of = |name| -> f64 { attributes(note, "text", name)[0].parse().unwrap() };
    let (left, bottom, size) = (of("x"), of("y"), of("font-size"));
    let right = left + crate::sheet::text_width("best 3.8889", size);
    let number = |text: &str| text.parse::<f64>().unwrap();
    for (x, y) in attributes(&svg, "circle", "cx").into_iter().zip(attributes(&svg, "circle", "cy"))
    {
        let (x, y) = (number(x), number(y));
        let is_hidden = (left..right).contains(&x) && (bottom - size..bottom).contains(&y);
        assert!(!is_hidden, "{x} {y} by {left} {bottom}");
    }
}

#[test]
fn a_line_of_many_points_keeps_its_peaks_and_stays_small() {
    let mut points: Vec<(f64, f64)> = (0..200_000).map(|x| (f64::from(x), 1.0)).collect();
    points[123_456].1 = 100.0;
    let svg =
        figure(vec![chart(vec![Line::new("a", 0, Form::Pale, points)])]).to_svg(Look::default());
    assert!(svg.len() < 100_000, "{}", svg.len());
    let lines = attributes(&svg, "polyline", "points");
    let longest = lines.iter().max_by_key(|points| points.len()).unwrap();
    let heights: std::collections::BTreeSet<&str> =
        longest.split(' ').filter_map(|point| point.split(',').nth(1)).collect();
    assert_eq!(heights.len(), 2, "{heights:?}");
}

#[test]
fn the_table_has_what_is_drawn_and_nothing_else() {
    let band = vec![(2.0, 4.0), (1.0, 3.0), (0.0, 0.0)];
    let points = vec![(1.0, 3.0), (2.0, 2.0), (3.0, f64::NAN)];
    let line = Line::new("a, \"b\"", 0, Form::Marks, points).with_band(band);
    let rate = Line::new("rate", 1, Form::Pale, vec![(1.0, 0.5)]).unlisted().on_right();
    let mut chart = chart(vec![line, rate]);
    chart.right = Some(Axis::new("rate"));
    let figure = figure(vec![chart]);
    assert_eq!(
        figure.to_csv(),
        "chart,axis,line,form,x,y,low,high\n\
         a caption,nats,\"a, \"\"b\"\"\",marks,1,3,2,4\n\
         a caption,nats,\"a, \"\"b\"\"\",marks,2,2,1,3\n\
         a caption,rate,rate,pale line,1,0.5,,\n"
    );
    assert_eq!(figure.left_out(), LeftOut { not_finite: 1, not_positive: 0 });
}

#[test]
fn what_a_logarithmic_axis_cannot_show_is_counted() {
    let line = Line::new("a", 0, Form::Line, vec![(0.0, 1.0), (1.0, -1.0), (2.0, 3.0)]);
    let mut chart = chart(vec![line]);
    (chart.x.scale, chart.y.scale) = (Scale::Log, Scale::Log);
    let figure = figure(vec![chart]);
    assert_eq!(figure.left_out(), LeftOut { not_finite: 0, not_positive: 2 });
    assert!(!figure.is_empty());
    assert!(figure.to_csv().ends_with(",line,2,3,,\n"));
}

#[test]
fn a_point_whose_band_has_no_place_is_left_out_and_counted() {
    let points = vec![(1.0, 3.0), (2.0, 2.0), (3.0, 2.0)];
    let band = vec![(2.0, 4.0), (-1.0, 5.0), (1.0, f64::INFINITY)];
    let mut chart = chart(vec![Line::new("a", 0, Form::Line, points).with_band(band)]);
    chart.y.scale = Scale::Log;
    let figure = figure(vec![chart]);
    assert_eq!(figure.left_out(), LeftOut { not_finite: 1, not_positive: 1 });
    assert!(figure.to_csv().ends_with("high\na caption,nats,a,line,1,3,2,4\n"));
}
