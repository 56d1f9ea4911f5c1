use super::*;
use crate::run::row::RowSplit;

fn file(text: impl AsRef<[u8]>) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(file.path(), text).unwrap();
    file
}

fn rows(steps: std::ops::Range<usize>) -> Vec<Row> {
    let row = |step| Row {
        split: if step % 2 == 0 { RowSplit::Train } else { RowSplit::Valid },
        step,
        passes: 0.5,
        tokens: 512,
        loss: 3.25,
        learning_rate: (step % 2 == 0).then_some(1e-3),
        grad_norm: None,
        tokens_per_second: 1e6 / 3.0,
        seconds: 0.1,
        margin: None,
        accuracy: None,
    };
    steps.map(row).collect()
}

#[test]
fn rows_are_read_back_and_a_torn_one_is_left_out() {
    let mut text = to_csv(&rows(1..5)).unwrap();
    assert!(text.starts_with(HEADER.as_bytes()));
    let whole = file(&text);
    assert_eq!(read_metrics(whole.path()).unwrap(), rows(1..5));
    text.truncate(text.len() - 3);
    assert_eq!(read_metrics(file(&text).path()).unwrap(), rows(1..4));
    assert_eq!(read_metrics(file("").path()).unwrap(), []);
}

#[test]
fn a_bad_row_is_named_and_the_others_are_read() {
    let text = String::from_utf8(to_csv(&rows(1..5)).unwrap()).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[2] = "train,two,0.5,512,3.25,,,1,0.1";
    lines[3] = "train";
    let damaged = file(lines.join("\n") + "\n");
    let (found, damage) = read_rows(damaged.path()).unwrap();
    assert_eq!(found, [rows(1..2), rows(4..5)].concat());
    let damage = damage.unwrap();
    assert!(damage.starts_with("line 3: ") && damage.contains("invalid digit"), "{damage}");
    let error = read_metrics(damaged.path()).unwrap_err().to_string();
    assert!(error.contains("is damaged: line 3: "), "{error}");

    // Without the names, the columns are those that there always were.
    let headless = file(text.split_once('\n').unwrap().1);
    let (found, damage) = read_rows(headless.path()).unwrap();
    assert_eq!(found, rows(2..5));
    assert!(damage.unwrap().starts_with("line 1: expected the names split,step,"));
}

#[test]
fn lines_after_some_are_those_that_a_running_run_added() {
    let text = String::from_utf8(to_csv(&rows(1..6)).unwrap()).unwrap();
    let damaged = file(text.replace("train,2,", "train,two,"));
    let read = |after, most| read_metrics_after(damaged.path(), after, most).unwrap();
    let whole = read(0, 9);
    assert_eq!(whole.len(), 5);
    assert!(whole[1].as_ref().unwrap_err().starts_with("line 3: "), "{:?}", whole[1]);
    for after in 0..7 {
        for most in 0..4 {
            let part: Vec<_> = whole.iter().skip(after).take(most).cloned().collect();
            assert_eq!(read(after, most), part, "{most} lines after {after}");
        }
    }
    let torn = file(text.trim_end());
    assert_eq!(read_metrics_after(torn.path(), 3, 9).unwrap(), [Ok(rows(4..5).remove(0))]);
    assert!(read_metrics_after(Path::new("/nowhere"), 0, 1).is_err());
}

#[test]
fn the_last_rows_are_read_from_the_end() {
    let few = file(to_csv(&rows(1..4)).unwrap());
    assert_eq!(read_last_rows(few.path()).unwrap(), rows(1..4));
    let many = file(to_csv(&rows(1..5000)).unwrap());
    let found = read_last_rows(many.path()).unwrap();
    assert!(found.len() > 500 && found.len() < 4999, "{}", found.len());
    assert_eq!(found, rows(5000 - found.len()..5000));
}

#[test]
fn a_line_without_end_is_not_read_to_its_end() {
    let long = [to_csv(&rows(1..3)).unwrap(), vec![0; 1 << 20]].concat();
    let (found, damage) = read_rows(file(long).path()).unwrap();
    assert_eq!(found, rows(1..3));
    assert_eq!(damage.unwrap(), "line 4 has more than 1024 bytes");
    #[cfg(unix)]
    assert!(read_rows(Path::new("/dev/zero")).is_err());
}

#[test]
fn what_is_left_out_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder { path: folder.path().to_owned() };
    assert!(run.unreadable_rows().is_none(), "a run that has just begun");
    let text = String::from_utf8(to_csv(&rows(1..5)).unwrap()).unwrap();
    fs_err::write(run.metrics_path(), &text).unwrap();
    assert!(run.unreadable_rows().is_none());
    for (name, lines) in [("train,2", "a line is"), (",512,", "4 lines are")] {
        fs_err::write(run.metrics_path(), text.replace(name, "rubbish")).unwrap();
        let error = run.unreadable_rows().unwrap().to_string();
        let expected = format!("metrics.csv is damaged: {lines} left out; line ");
        assert!(error.contains(&expected), "{error}");
    }
    fs_err::remove_file(run.metrics_path()).unwrap();
    fs_err::create_dir_all(folder.path().join("checkpoints/step-000010")).unwrap();
    let error = run.unreadable_rows().unwrap().to_string();
    assert!(error.contains("metrics.csv does not exist"), "{error}");
}
