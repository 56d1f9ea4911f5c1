use super::*;

#[test]
fn a_shape_without_a_figure_has_no_bar() {
    let ratios = |f32, any, memory| Ratios { f32: Some(f32), any: Some(any), memory };
    let shapes = [
        ("50257 ids, 4x256, 8 heads, 128 long, batch 16", ratios(2.23, 1.63, Some(2.3))),
        ("66 ids, 4x128, 4 heads, 64 long, batch 12", ratios(2.63, 2.10, Some(7.2))),
        ("smollm2-135m, 512 long, batch 4", ratios(1.2, 0.97, None)),
        ("4096 ids, 4x256, 8 heads, 1024 long, batch 16", Ratios::default()),
        ("16384 ids, 12x768, 12 heads, 1024 long, batch 16", ratios(3.64, 3.98, Some(0.9))),
    ]
    .map(|(name, ratios)| (name.to_owned(), ratios));
    let path = std::env::temp_dir().join(format!("minigpt-ratios-{}.png", std::process::id()));
    draw(&shapes, &path).unwrap();
    let mut image = png::Decoder::new(std::io::BufReader::new(fs_err::File::open(&path).unwrap()));
    let header = image.read_header_info().unwrap();
    assert_eq!((header.width, header.height), (WIDTH, ABOVE + 5 * ROW + BELOW));
    fs_err::remove_file(path).unwrap();
}
