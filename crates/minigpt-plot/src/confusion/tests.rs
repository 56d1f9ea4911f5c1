use super::*;

#[test]
fn a_picture_has_all_counts_and_labels() {
    let labels = ["negative", "positive"].map(str::to_owned);
    let counts = [vec![200, 100], vec![0, 100]];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("confusion.svg");
    draw_confusion(&path, "a title", "400 texts", &labels, &counts).unwrap();
    let text = fs_err::read_to_string(&path).unwrap();
    for part in ["a title", "negative", "positive", "200", "400 texts"] {
        assert!(text.contains(part), "no {part}");
    }
    let path = path.with_extension("png");
    draw_confusion(&path, "a title", "400 texts", &labels, &counts).unwrap();
    let file = std::io::BufReader::new(fs_err::File::open(&path).unwrap());
    let reader = png::Decoder::new(file).read_info().unwrap();
    assert_eq!(reader.info().height, TOP + SIDE + BELOW);
}
