use super::*;

#[test]
fn three_things_are_proposed_and_with_a_run_they_are_about_it() {
    let proposed = |text: &str| text.lines().filter(|line| line.starts_with("  minigpt ")).count();
    let first = introduction(None);
    assert_eq!(proposed(&first), 3, "{first}");
    let later = introduction(Some("runs/austen"));
    assert_eq!(proposed(&later), 3, "{later}");
    assert_eq!(later.matches("runs/austen").count(), 3, "{later}");
}

#[test]
fn each_topic_has_a_page_that_fits_a_terminal() {
    for topic in Topic::value_variants() {
        let page = page(*topic);
        assert!(page.lines().count() > 10 && page.ends_with('\n'), "{topic:?}");
        for line in page.lines() {
            assert!(line.chars().count() <= 100, "{topic:?}: {line}");
        }
    }
}
