use minigpt_train::Best;

use super::*;

fn listed(name: &str, bits: Option<f64>, bytes: u64) -> Listed {
    let best = bits.map(|bits_per_byte| Best { step: 10, loss: 3.0, bits_per_byte });
    let overview = Overview {
        name: name.to_owned(),
        state: RunState::Finished,
        step: 1456,
        steps: Some(1456),
        parameters: Some(1_118_720),
        layers: Some(4),
        width: Some(128),
        data: Some("a/long/path/to/some/books/of/many/authors.txt".to_owned()),
        best,
        ..Overview::default()
    };
    Listed { overview, path: PathBuf::from("runs").join(name), bytes }
}

fn runs() -> Vec<Listed> {
    vec![listed("new", None, 5), listed("good", Some(1.5), 1 << 20), listed("bad", Some(2.5), 70)]
}

#[test]
fn runs_are_sorted_as_asked_and_those_without_a_figure_come_last() {
    for (order, expected) in [
        (RunOrder::Date, ["new", "good", "bad"]),
        (RunOrder::Name, ["bad", "good", "new"]),
        (RunOrder::Best, ["good", "bad", "new"]),
        (RunOrder::Size, ["good", "bad", "new"]),
    ] {
        let mut listed = runs();
        sort(&mut listed, order);
        let names: Vec<&str> = listed.iter().map(|run| run.overview.name.as_str()).collect();
        assert_eq!(names, expected, "{order:?}");
    }
}

/// Nats per label are no bits per byte, however few they are.
#[test]
fn classifiers_are_ranked_apart() {
    let mut listed = runs();
    for (name, bits, loss) in [("labels", 0.1, 0.7), ("more-labels", 0.05, 0.2)] {
        let mut run = self::listed(name, Some(bits), 7);
        run.overview.is_classifier = true;
        run.overview.best.as_mut().unwrap().loss = loss;
        listed.insert(0, run);
    }
    sort(&mut listed, RunOrder::Best);
    let names: Vec<&str> = listed.iter().map(|run| run.overview.name.as_str()).collect();
    assert_eq!(names, ["good", "bad", "more-labels", "labels", "new"]);
    let table = in_words(&listed[2..3], None);
    assert!(table.contains("0.200") && !table.contains("0.050"), "{table}");
}

/// A folder's name, a file's text and an error may be anybody's.
#[test]
fn a_run_has_one_line_without_control_characters() {
    let mut run = listed("a\u{1b}[31m\nb", None, 5);
    run.overview.data = Some("x\ty\u{7}.txt".to_owned());
    run.overview.problem = Some("first\nsecond".to_owned());
    let told = in_words(&[run], None);
    assert_eq!(told.lines().count(), 4, "{told}");
    for part in ["a\\u{1b}[31m\\nb", "x y\u{fffd}.txt", "first second"] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn the_table_fits_and_says_all_where_nobody_watches() {
    let whole = in_words(&runs(), None);
    assert!(whole.contains("a/long/path/to/some/books/of/many/authors.txt"), "{whole}");
    assert!(whole.contains("1,456  3.000      1.500  1 MiB"), "{whole}");
    assert!(whole.ends_with("3 runs, 1 MiB\n"), "{whole}");
    for width in [60, 80, 100, 140] {
        let fitted = in_words(&runs(), Some(width));
        assert!(fitted.lines().all(|line| line.chars().count() <= width), "{width}:\n{fitted}");
        assert!(fitted.contains("good") && fitted.contains("complete"), "{fitted}");
    }
    assert_eq!(in_words(&[], None), "no runs here yet: minigpt train makes one\n");
}
