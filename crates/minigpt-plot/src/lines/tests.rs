use super::*;

fn panel(style: Style) -> Panel {
    let points =
        |above: f64| (1..200).map(|x| (f64::from(x), 8.0 / f64::from(x) + above)).collect();
    let series = |label: &str, colour, above| Series {
        label: label.to_owned(),
        colour,
        style,
        points: points(above),
    };
    let series = vec![series("one", 0, 3.0), series("two", 1, 4.0)];
    Panel { caption: "a caption", x: "steps", y: "nats", series }
}

#[test]
fn a_picture_holds_the_series_colours() {
    let folder = tempfile::tempdir().unwrap();
    for style in [Style::Line, Style::Smoothed, Style::Marks, Style::OpenMarks] {
        let path = folder.path().join(format!("{style:?}.png"));
        draw_lines(&path, "two runs", &[panel(style)]).unwrap();

        let file = std::io::BufReader::new(fs_err::File::open(&path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(info.width, 1800);
        // The second series, which is drawn over the first: vermilion.
        let [r, g, b] = [213, 94, 0];
        let found = pixels.chunks_exact(3).filter(|pixel| *pixel == [r, g, b]).count();
        assert!(found > 300, "{style:?}: {found} pixels of colour {r} {g} {b}");
    }
}

#[test]
fn an_svg_holds_the_labels_and_the_axes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("loss.svg");
    let empty = Panel { series: Vec::new(), ..panel(Style::Line) };
    draw_lines(&path, "two runs", &[panel(Style::Smoothed), empty]).unwrap();
    let text = fs_err::read_to_string(&path).unwrap();
    for part in ["<svg", "two runs", "one", "two", "#0072B2", "steps", "no validation yet"] {
        assert!(text.contains(part), "no {part}");
    }
}

#[test]
fn an_unknown_format_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("loss.jpeg");
    let error = draw_lines(&path, "", &[panel(Style::Line)]).unwrap_err();
    assert!(error.to_string().ends_with("loss.jpeg: expected a name that ends in .png or .svg"));
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
}
