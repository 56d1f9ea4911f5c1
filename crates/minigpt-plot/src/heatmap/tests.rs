use super::*;

/// Each token attends to the one before.
fn weights(time: usize) -> Vec<Vec<f32>> {
    let row =
        |at: usize| (0..time).map(move |key| f32::from(u8::from(key == at.saturating_sub(1))));
    (0..time).map(|at| row(at).collect()).collect()
}

fn maps(weights: &[Vec<f32>]) -> Vec<Heatmap<'_>> {
    (0..6).map(|n| Heatmap { layer: n / 3, head: n % 3, weights }).collect()
}

#[test]
fn a_figure_has_every_head_and_every_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("attention.svg");
    let labels = ["The", " scientist", " found"].map(str::to_owned);
    draw_heatmaps(&path, "a title", &labels, &maps(&weights(3)), 3).unwrap();
    let text = fs_err::read_to_string(&path).unwrap();
    for part in ["a title", "layer 1, head 2", " scienti…", "0.5"] {
        assert!(text.contains(part), "no {part}");
    }
    assert_eq!(text.matches("scienti…").count(), 2 * 6);
    // A full weight in each row of each map, and the scale's end.
    assert_eq!(text.matches("#FDE725").count(), 3 * 6 + 1);
}

#[test]
fn one_map_alone_is_large() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("attention.png");
    draw_heatmaps(&path, "", &vec!["x".to_owned(); 40], &maps(&weights(40))[..1], 1).unwrap();
    let file = std::io::BufReader::new(fs_err::File::open(&path).unwrap());
    let reader = png::Decoder::new(file).read_info().unwrap();
    assert_eq!(reader.info().width, LARGE + LABELS + SCALE);
}

#[test]
fn the_scale_rises() {
    let brightness = |weight: f32| {
        let RGBColor(r, g, b) = shade(weight);
        2 * u32::from(r) + 5 * u32::from(g) + u32::from(b)
    };
    assert!((0..100).all(|n| brightness(n as f32 / 100.0) < brightness((n + 1) as f32 / 100.0)));
    assert_eq!(shade(1.0), RGBColor(253, 231, 37));
}
