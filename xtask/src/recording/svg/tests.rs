use super::super::screen::Screen;
use super::picture;

/// A line that is replaced is hidden at the end, as who sees no animation must not see it; the last one is not.
#[test]
fn the_last_frame_stands_without_animation() {
    let mut screen = Screen::new(20);
    screen.write("a < b █░ 1".as_bytes());
    screen.keep(0.0);
    screen.write("\r\x1b[2Ka < b ██ 2".as_bytes());
    screen.keep(5.0);
    let picture = picture(&screen, 4, 10.0, "5 s");
    let of_text = |text: &str| picture.lines().find(|line| line.contains(text)).unwrap();
    assert!(of_text(">1</text>").starts_with("<g class=\"h\""), "{picture}");
    assert!(of_text(">2</text>").starts_with("<g style"), "{picture}");
    assert!(
        picture.contains(
            "v0{0%{visibility:hidden}0.00%{visibility:visible}50.00%{visibility:hidden}}"
        )
    );
    assert!(picture.contains("v1{0%{visibility:hidden}50.00%{visibility:visible}}"));
    assert!(picture.contains("a &lt; b"));
    // Two letters wide, and no letters.
    assert!(of_text(">2</text>").contains("width=\"16\"") && !picture.contains('█'));
}

#[test]
fn lines_that_do_not_fit_move_up() {
    let mut screen = Screen::new(20);
    screen.write(b"1\r\n2\r\n3");
    screen.keep(0.0);
    screen.write(b"\r\n4\r\n5");
    screen.keep(4.0);
    let picture = picture(&screen, 3, 8.0, "");
    assert!(
        picture.contains("@keyframes s{0%{transform:none}50.00%{transform:translateY(-36px)}}")
    );
    assert!(picture.contains("#s{transform:translateY(-36px)"), "{picture}");
}
