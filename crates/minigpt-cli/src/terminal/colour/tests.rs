use super::coloured;

#[test]
fn the_colour_tells_the_probability() {
    assert_eq!(coloured("the", None), "the");
    let code = |probability: f64| coloured("x", Some(probability.ln()));
    assert_eq!(code(0.9), "\u{1b}[32mx\u{1b}[0m");
    assert_eq!(code(0.2), "\u{1b}[33mx\u{1b}[0m");
    assert_eq!(code(0.01), "\u{1b}[31mx\u{1b}[0m");
}
