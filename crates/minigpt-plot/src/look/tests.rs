use super::*;

#[test]
fn names_are_read_back_and_others_refused() {
    assert_eq!(Size::NAMES.map(|name| name.parse::<Size>().unwrap()).len(), 3);
    assert_eq!("dark".parse::<Theme>().unwrap(), Theme::Dark);
    let error = "poster".parse::<Size>().unwrap_err().to_string();
    assert_eq!(error, "unknown size `poster`: expected one of column, page, slide");
    assert!("blue".parse::<Theme>().is_err());
}

/// Part of the light that a colour reflects, as WCAG 2 has it.
fn luminance(Colour(red, green, blue): Colour) -> f64 {
    let linear = |channel: u8| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

fn contrast(a: Colour, b: Colour) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn text_and_lines_stand_out_from_both_backgrounds() {
    for theme in [Theme::Light, Theme::Dark] {
        let background = theme.background();
        assert!(contrast(theme.ink(), background) > 7.0);
        assert!(contrast(theme.muted(), background) > 4.5);
        for number in 0..COLOURS {
            assert!(contrast(theme.line(number), background) > 2.2, "{theme:?} {number}");
        }
    }
}

#[test]
fn twenty_lines_all_differ() {
    let looks: Vec<_> =
        (0..20).map(|n| (format!("{:?}", Theme::Light.line(n)), dash(n), mark(n))).collect();
    for (index, look) in looks.iter().enumerate() {
        assert!(!looks[..index].contains(look), "{index}");
        // Neighbours differ without colours too.
        assert!(index == 0 || look.1 != looks[index - 1].1, "{index}");
    }
}

#[test]
fn letters_are_as_large_as_promised() {
    for (size, points) in [(Size::Column, 8.0), (Size::Page, 8.0), (Size::Slide, 16.0)] {
        let inches = size.em() / size.dots_per_inch();
        assert!((inches * 72.0 - points).abs() < 0.2, "{size:?}");
    }
}
