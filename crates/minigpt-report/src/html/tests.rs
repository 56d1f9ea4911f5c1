use proptest::prelude::*;

use super::*;

fn page(document: &Document) -> String {
    html(document, Path::new(".")).unwrap()
}

/// A document that has `text` wherever text can be.
fn everywhere(text: &str) -> Document {
    let mut document = Document { title: text.to_owned(), ..Document::default() };
    document.heading(text);
    document.subheading(text);
    document.paragraph(Text::from(text).strong(text).code(text));
    document.note(text);
    document.list(vec![text.into()]);
    document.table(text, vec![text.to_owned()], vec![vec![text.into()]]);
    document.verbatim(text, text);
    document
}

/// The elements of a page in order, without the one attribute that has a text of ours.
fn tags(page: &str) -> Vec<String> {
    const LABEL: &str = " aria-label=\"";
    let tag = |rest: &str| {
        let tag = rest.split('>').next().unwrap_or(rest);
        match tag.split_once(LABEL) {
            Some((before, label)) => format!("{before}{}", label.split_once('"').unwrap().1),
            None => tag.to_owned(),
        }
    };
    page.split('<').skip(1).map(tag).collect()
}

#[test]
fn text_of_any_origin_is_no_markup() {
    let plain = page(&everywhere("x"));
    let hostile =
        "</style></title><script>alert(1)</script><img src=x onerror='alert(1)'>\" & \u{1b}[31m";
    let page = page(&everywhere(hostile));
    assert_eq!(tags(&page), tags(&plain));
    assert!(!page.contains("<script") && !page.contains('\u{1b}'), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
}

proptest! {
    #[test]
    fn no_text_changes_the_elements_of_a_page(text in "\\PC*") {
        let (page, plain) = (page(&everywhere(&text)), page(&everywhere("x")));
        prop_assert_eq!(tags(&page), tags(&plain));
    }
}

#[test]
fn a_picture_has_its_text_and_stands_in_the_page() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::create_dir(folder.path().join("pictures")).unwrap();
    fs_err::write(folder.path().join("pictures/loss.svg"), "<svg></svg>").unwrap();
    let mut document = Document::default();
    let (alt, caption) = ("a \"curve\"".to_owned(), "Loss".to_owned());
    document.picture(Picture { name: "loss".to_owned(), is_vector: true, alt, caption });
    let page = html(&document, folder.path()).unwrap();
    assert!(page.contains("alt=\"a &quot;curve&quot;\""), "{page}");
    assert!(page.contains("src=\"data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=\""), "{page}");
    assert!(page.contains("<figcaption>Loss</figcaption>"), "{page}");
}

#[test]
fn a_vector_picture_of_too_many_bytes_is_shown_in_pixels() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::create_dir(folder.path().join("pictures")).unwrap();
    let large = fs_err::File::create(folder.path().join("pictures/loss.svg")).unwrap();
    large.set_len(PICTURE.bytes() + 1).unwrap();
    fs_err::write(folder.path().join("pictures/loss.png"), "pixels").unwrap();
    let mut document = Document::default();
    let (alt, caption) = ("a curve".to_owned(), "Loss".to_owned());
    document.picture(Picture { name: "loss".to_owned(), is_vector: true, alt, caption });
    let page = html(&document, folder.path()).unwrap();
    assert!(page.contains("src=\"data:image/png;base64,cGl4ZWxz\""), "{page}");
}

#[test]
fn numbers_stand_on_the_right_and_rows_are_named() {
    let mut document = Document::default();
    let head = ["name", "value"].map(str::to_owned).to_vec();
    document.table(
        "T",
        head,
        vec![vec!["a".into(), "1.5 (1.0 – 2.0)".into()], vec!["b".into(), None.into()]],
    );
    let page = page(&document);
    assert!(
        page.contains("<th scope=\"row\">a</th><td class=\"number\">1.5 (1.0 – 2.0)</td>"),
        "{page}"
    );
    assert!(page.contains("<caption>T</caption>"), "{page}");
}

/// Relative luminance and contrast as WCAG 2.2 defines them.
fn contrast(one: &str, other: &str) -> f64 {
    let luminance = |colour: &str| {
        let digits: Vec<char> = colour.trim_start_matches('#').chars().collect();
        let part = |index: usize| {
            let digits: String = match digits.len() {
                3 => [digits[index]; 2].iter().collect(),
                _ => digits[2 * index..2 * index + 2].iter().collect(),
            };
            let value = f64::from(u8::from_str_radix(&digits, 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(0) + 0.7152 * part(1) + 0.0722 * part(2)
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn every_colour_of_text_can_be_read_on_every_background() {
    assert!((contrast("#fff", "#000000") - 21.0).abs() < 1e-9);
    let of = |property: &str| -> Vec<&str> {
        let after = STYLE.split(property).skip(1);
        after.filter_map(|rest| rest.trim_start().split([';', ' ', '}']).next()).collect()
    };
    let backgrounds = of(" background:");
    let colours: Vec<&str> = of(" color:");
    assert!(backgrounds.len() >= 3 && colours.len() >= 3, "{backgrounds:?} {colours:?}");
    for colour in colours.into_iter().filter(|colour| colour.starts_with('#')) {
        for background in &backgrounds {
            let contrast = contrast(colour, background);
            assert!(contrast >= 4.5, "{colour} on {background}: {contrast:.2}");
        }
    }
}
