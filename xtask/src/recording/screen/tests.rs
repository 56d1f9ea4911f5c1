use super::*;

fn shown(screen: &Screen) -> Vec<String> {
    let text = |line: &Vec<Cell>| line.iter().map(|cell| cell.letter).collect();
    screen.lines.iter().map(text).collect()
}

#[test]
fn a_progress_bar_is_overwritten_in_its_line() {
    let mut screen = Screen::new(20);
    screen.write(b"begin\r\nbar 1 of 10\r\x1b[2Kbar 2");
    assert_eq!(shown(&screen), ["begin", "bar 2"]);
    screen.write(b"\x1b[1A\rBEG\r\n\n");
    assert_eq!(shown(&screen), ["BEGin", "bar 2", ""]);
    screen.write(b"\x1b[1A\rb\x1b[K");
    assert_eq!(shown(&screen), ["BEGin", "b", ""]);
}

#[test]
fn a_long_line_is_wrapped_and_a_full_one_is_not() {
    let mut screen = Screen::new(4);
    screen.write(b"abcd\r\nefghij");
    assert_eq!(shown(&screen), ["abcd", "efgh", "ij"]);
}

/// Wherever a pipe cuts what a program writes, the screen is the same.
#[test]
fn letters_and_sequences_may_come_in_pieces() {
    let bytes = "\x1b[32mgrün\x1b[0m █░\r\n\x1b]0;title\x07\x1b[1mbold".as_bytes();
    let mut whole = Screen::new(20);
    whole.write(bytes);
    for cut in 0..bytes.len() {
        let mut screen = Screen::new(20);
        screen.write(&bytes[..cut]);
        screen.write(&bytes[cut..]);
        assert_eq!(screen.lines, whole.lines, "cut at {cut}");
    }
    assert_eq!(whole.lines[0][0].style, Style { colour: Some(2), bold: false });
    assert_eq!(whole.lines[0][5].style, Style::default());
}

#[test]
fn a_version_is_kept_where_a_line_changed() {
    let mut screen = Screen::new(20);
    screen.write(b"a\r\nb");
    screen.keep(0.0);
    screen.keep(1.0);
    screen.write(b"!\r\n");
    screen.keep(2.0);
    let times: Vec<Vec<f64>> =
        screen.versions().iter().map(|line| line.iter().map(|v| v.from).collect()).collect();
    assert_eq!(times, [vec![0.0], vec![0.0, 2.0], vec![]]);
    assert_eq!(screen.heights(), [(0.0, 2), (2.0, 3)]);
}
