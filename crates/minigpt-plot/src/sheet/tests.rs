use super::*;

const RED: Colour = Colour(255, 0, 0);
const WHITE: Colour = Colour(255, 255, 255);

fn sheet(draw: impl FnOnce(&mut Sheet)) -> Sheet {
    let mut sheet = Sheet::new((40, 20), 100.0, WHITE, "a <title>");
    draw(&mut sheet);
    sheet
}

/// The pixels of the PNG, by row.
fn pixels(sheet: &Sheet) -> Vec<[u8; 3]> {
    let bytes = raster::png(sheet).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    assert_eq!(reader.info().pixel_dims.unwrap().xppu, 3937);
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    pixels.chunks_exact(3).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect()
}

/// How much of the sheet is red, in pixels.
fn red(sheet: &Sheet) -> f64 {
    pixels(sheet).iter().map(|pixel| f64::from(255 - pixel[1]) / 255.0).sum()
}

#[test]
fn shapes_cover_what_they_should() {
    let area = |draw: fn(&mut Sheet)| red(&sheet(draw));
    assert_eq!(area(|sheet| sheet.rectangle((3.0, 4.0), (13.0, 9.0), RED)), 50.0);
    let half = area(|sheet| sheet.rectangle((3.5, 4.0), (13.0, 9.0), RED.opacity(0.5)));
    assert!((half - 23.75).abs() < 0.2, "{half}");
    let circle = area(|sheet| sheet.circle((10.0, 10.0), 5.0, RED));
    assert!((circle - 78.5).abs() < 1.5, "{circle}");
    let ring = area(|sheet| sheet.ring((10.0, 10.0), 6.0, Stroke::solid(RED, 2.0)));
    assert!((ring - 75.4).abs() < 2.5, "{ring}");
    let line = area(|sheet| sheet.path(vec![(2.0, 3.0), (32.0, 13.0)], Stroke::solid(RED, 2.0)));
    assert!((line - 2.0 * 1000f64.sqrt()).abs() < 1.0, "{line}");
}

#[test]
fn dashes_take_the_part_that_they_should() {
    let stroke = Stroke { dash: &[3.0, 1.0], ..Stroke::solid(RED, 1.0) };
    // Corners do not begin a dash anew.
    let path = vec![(2.0, 2.5), (18.0, 2.5), (18.0, 18.5)];
    let dashed = red(&sheet(|sheet| sheet.path(path, stroke)));
    assert!((dashed - 24.0).abs() < 1.0, "{dashed}");
}

#[test]
fn nothing_is_drawn_beside_the_sheet_and_nothing_panics() {
    let far = sheet(|sheet| {
        sheet.rectangle((-50.0, -50.0), (100.0, 5.0), RED);
        sheet.circle((f64::NAN, 3.0), 2.0, RED);
        sheet.path(vec![(-1e12, 10.0), (1e12, 10.0)], Stroke::solid(WHITE, 1e3));
        sheet.text("far away", (-400.0, 900.0), Letters::new(12.0, RED));
        sheet.area(Vec::new(), RED);
        sheet.path(Vec::new(), Stroke::solid(RED, 1.0));
    });
    assert_eq!(pixels(&far).len(), 800);
}

#[test]
fn a_rule_has_sharp_edges() {
    let ruled = sheet(|sheet| sheet.rule((5.3, 2.0), (5.3, 12.0), Stroke::solid(RED, 1.0)));
    assert_eq!(pixels(&ruled).iter().filter(|pixel| **pixel == [255, 0, 0]).count(), 10);
    assert_eq!(red(&ruled), 10.0);
}

#[test]
fn letters_have_pixels_in_every_direction() {
    for turn in [Turn::None, Turn::Up, Turn::Down] {
        let letters = Letters { turn, ..Letters::new(10.0, RED) };
        let written =
            sheet(|sheet| sheet.text("l", (20.0, 12.0), letters.anchored(Anchor::Middle)));
        let inked = red(&written);
        assert!((5.0..12.0).contains(&inked), "{turn:?}: {inked}");
    }
    assert!(text_width("wide", 10.0) > text_width("ill", 10.0));
    assert_eq!(text_width("", 10.0), 0.0);
}

#[test]
fn an_svg_is_text_that_is_escaped() {
    let written = sheet(|sheet| {
        sheet.text("a <b> & \"c\" \u{1} é", (1.04, 2.0), Letters::new(9.0, RED));
        let stroke = Stroke { dash: &[3.0, 1.0], ..Stroke::solid(RED.opacity(0.25), 2.0) };
        sheet.path(vec![(1.0, 2.0), (3.26, 4.0)], stroke);
    });
    let svg = written.to_svg();
    for part in [
        "<title>a &lt;title&gt;</title>",
        ">a &lt;b&gt; &amp; &quot;c&quot; \u{FFFD} é</text>",
        r#"<text x="1" y="2" font-size="9" fill="\#FF0000">"#.replace('\\', "").as_str(),
        r#"points="1,2 3.3,4""#,
        r#"stroke-opacity="0.25" stroke-dasharray="6 2""#,
        r#"width="10.2mm""#,
    ] {
        assert!(svg.contains(part), "no {part} in {svg}");
    }
}
