use super::*;

fn faults_of(name: &str, text: &str) -> Vec<String> {
    let document = Document::parse(name, text);
    let mut faults = headings(&document);
    faults.extend(lines(&document));
    let documents = BTreeMap::from([(name.to_owned(), document)]);
    faults.extend(links(&documents[name], &documents));
    faults
}

#[test]
fn anchors_are_githubs() {
    assert_eq!(anchor("What `--data` takes"), "what---data-takes");
    assert_eq!(anchor("A run's end, and more"), "a-runs-end-and-more");
    assert_eq!(anchor("In bf16"), "in-bf16");
}

#[test]
fn headings_begin_at_the_first_level_and_pass_over_none() {
    assert!(faults_of("a.md", "# One\n\n## Two\n\n### Three\n\n## Four\n").is_empty());
    assert!(faults_of("a.md", "## Two\n")[0].contains("first level"));
    assert!(faults_of("a.md", "# One\n\n### Three\n")[0].contains("level 3"));
    assert!(faults_of("a.md", "# One\n\n# Two\n")[0].contains("second"));
    assert!(faults_of("a.md", "# One\n\n```text\n### code\n```\n").is_empty());
}

#[test]
fn links_lead_to_headings_that_are_there() {
    assert!(faults_of("a.md", "# One\n\n[see](#one), `[code](#none)`\n").is_empty());
    assert!(faults_of("a.md", "# One\n\n[see](#two)\n")[0].contains("#two"));
    assert!(
        faults_of("a.md", "# One\n\n[see](none/none.md)\n")[0].contains("no file none/none.md")
    );
    assert!(
        faults_of("a.md", "# One\n\n![](https://example.org/x.png)\n")[0].contains("description")
    );
}

#[test]
fn long_lines_long_sentences_and_riddles_are_named() {
    let long = "word ".repeat(WIDTH / 4);
    assert!(faults_of("a.md", &format!("# One\n\n{long}\n"))[0].contains("columns"));
    assert!(faults_of("a.md", &format!("# One\n\n| {long} |\n")).is_empty());
    let sentence = "word \n".repeat(WORDS + 1);
    assert!(faults_of("docs/guide/a.md", &format!("# One\n\n{sentence}"))[0].contains("sentence"));
    assert!(faults_of("a.md", &format!("# One\n\n{sentence}")).is_empty());
    assert!(faults_of("a.md", "# One\n\nas the article says\n")[0].contains("the tutorial"));
}

#[test]
fn a_path_is_of_the_root() {
    assert_eq!(beside("docs/guide/a.md", "../../README.md"), "README.md");
    assert_eq!(beside("docs/guide/a.md", "b.md"), "docs/guide/b.md");
    assert_eq!(beside("README.md", "docs/guide/b.md"), "docs/guide/b.md");
}

#[test]
fn a_session_that_ends_otherwise_than_the_readme_says_is_a_fault() {
    let readme = "It ends with\n\nlast validation (step 2): loss 4.5\n";
    assert_eq!(session(readme, "<text>last validation (step 2): loss 4.5</text>"), None);
    let fault = session(readme, "<text>last validation (step 2): loss 4.4</text>").unwrap();
    assert!(fault.contains("loss 4.5") && fault.contains("cargo xtask recording"), "{fault}");
    assert!(session("no figures", "").unwrap().contains("expected the line"));
}
