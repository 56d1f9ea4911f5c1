use super::*;

#[test]
fn text_of_any_origin_is_no_markup() {
    let mut document = Document { title: "# a\n# b".to_owned(), ..Document::default() };
    document.paragraph(Text::from("<script>*x* [y](z) `q` a|b").code("a`b|c"));
    document.verbatim("As it is:", "```\n<b>\n````x");
    document.table("C", vec!["h|1".to_owned()], vec![vec![Text::default().code("a|b")]]);
    let markdown = markdown(&document);
    assert!(markdown.starts_with("# \\# a \\# b\n\n"), "{markdown}");
    assert!(markdown.contains(r"\<script\>\*x\* \[y\](z) \`q\` a\|b``a`b|c``"), "{markdown}");
    assert!(markdown.contains("`````text\n```\n<b>\n````x\n`````"), "{markdown}");
    assert!(markdown.contains("| h\\|1 |\n| --- |\n| `a\\|b` |"), "{markdown}");
}

#[test]
fn pictures_stand_beside_the_text() {
    let (alt, caption) = ("two [curves]".to_owned(), "Loss".to_owned());
    let picture = Picture { name: "loss".to_owned(), is_vector: true, alt, caption };
    assert_eq!(figure(&picture), "![two \\[curves\\]](pictures/loss.png)\n\n*Loss*");
}
