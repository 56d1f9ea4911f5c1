use super::*;

#[test]
fn the_figures_are_those_computed_by_hand() {
    let ranks = [Some(1), Some(2), None, Some(4), Some(10)];
    let hits = ranks.into_iter().enumerate().map(|(line, rank)| Hit { line, rank });
    let report = report(hits.collect());
    let recall: Vec<(usize, f64)> =
        report.recall.iter().map(|recall| (recall.k, recall.recall)).collect();
    assert_eq!(recall, [(1, 0.2), (3, 0.4), (5, 0.6), (10, 0.8)]);
    assert!((report.mrr - (1.0 + 0.5 + 0.25 + 0.1) / 5.0).abs() < 1e-12);
}

#[test]
fn a_bad_line_is_named() {
    let read = |lines: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), lines).unwrap();
        read_questions(file.path())
            .map_err(|error| error.to_string().replace(&file.path().display().to_string(), "FILE"))
    };
    let good = "{\"question\":\"Who?\",\"source\":\"a/b.txt:3\",\"answer\":\"Anne\"}\n";
    let question = &read(&format!("\n{good}")).unwrap()[0];
    assert_eq!((question.line, question.source_line), (2, 3));
    assert_eq!(question.source, "a/b.txt");
    let refuses = |line: &str, part: &str| {
        let error = read(&format!("{good}{line}")).unwrap_err();
        assert!(error.starts_with("FILE, line 2: ") && error.contains(part), "{error}");
    };
    refuses("{", "EOF while parsing");
    refuses(&good.replace("answer", "gold"), "unknown field `gold`");
    refuses(&good.replace("Anne", " "), "an empty answer");
    refuses(&good.replace(":3", ""), "expected a file and a line of it");
    refuses(&good.replace(":3", ":0"), "expected a file and a line of it");
    assert!(read("\n").unwrap_err().contains("holds no questions"));
}

#[test]
fn a_question_is_answered_by_the_passage_with_its_line() {
    let question = Question {
        line: 1,
        question: String::new(),
        source: "b.txt".to_owned(),
        source_line: 5,
        answer: "to the sea".to_owned(),
    };
    let found = |source: &str, first_line, last_line, text: &str| Found {
        passage: crate::Passage {
            source: source.to_owned(),
            first_line,
            last_line,
            text: text.to_owned(),
        },
        score: 1.0,
    };
    let text = "She walked To the\nsea.";
    assert!(question.is_answered_by(&found("a/b.txt", 1, 5, text)));
    assert!(!question.is_answered_by(&found("a/b.txt", 1, 5, "She walked to the")));
    assert!(!question.is_answered_by(&found("a/b.txt", 6, 9, text)));
    assert!(!question.is_answered_by(&found("ab.txt", 1, 9, text)));
}
