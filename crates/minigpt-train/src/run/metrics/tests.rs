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
fn a_line_without_end_is_not_read_to_its_end() {
    let long = [to_csv(&rows(1..3)).unwrap(), vec![0; 1 << 20]].concat();
    let (found, damage) = read_rows(file(long).path()).unwrap();
    assert_eq!(found, rows(1..3));
    assert_eq!(damage.unwrap(), "line 4 has more than 1024 bytes");
    #[cfg(unix)]
    assert!(read_rows(Path::new("/dev/zero")).is_err());
}
