use super::*;

#[test]
fn the_picture_has_every_bar() {
    let bar = |name: &str, value: f64| Bar {
        name: name.to_owned(),
        value,
        interval: Some((value * 0.9, value * 1.1)),
        label: format!("{value:.2}"),
        is_pale: value > 100.0,
    };
    let bars = vec![bar("runs/a-name-that-is-much-too-long", 85.9), bar("other", 220.4)];
    let panel = BarPanel { caption: "a caption", remark: "a remark", bars };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compared.svg");
    draw_bars(&path, "a title", &[panel.clone(), panel]).unwrap();
    let text = fs_err::read_to_string(&path).unwrap();
    for part in ["a title", "a caption", "a remark", "85.90", "220.40", "…"] {
        assert!(text.contains(part), "no {part}");
    }
    assert_eq!(text.matches("220.40").count(), 2);
}

#[test]
fn there_are_never_too_many_ticks() {
    assert_eq!(ticks(10.0, 60.0), [10.0, 20.0, 50.0]);
    // Bits per byte.
    assert_eq!(ticks(0.1, 1.9), [0.1, 0.2, 0.5, 1.0]);
    for end in [1.5, 60.0, 999.0, 1e6, 1e25] {
        let ticks = ticks(1.0, end);
        assert!((1..=9).contains(&ticks.len()), "{ticks:?}");
    }
}
