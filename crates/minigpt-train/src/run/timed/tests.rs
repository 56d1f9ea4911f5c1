use super::*;
use crate::config::continued::Origin;
use crate::run::write_json;

const HEADER: &str =
    "split,step,passes,tokens,loss,learning_rate,grad_norm,tokens_per_second,seconds\n";

/// The rows of a run that goes on from another after `seam`, if it does, and milliseconds from its begin to each.
fn timed(seam: Option<usize>, rows: &str) -> (usize, Vec<i64>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    fs_err::create_dir(&path).unwrap();
    let mut config = RunConfig::tiny();
    config.continued.extend(seam.map(|step| Origin { run: "other".to_owned(), step }));
    write_json(&path.join("config.json"), &config).unwrap();
    fs_err::write(path.join("metrics.csv"), HEADER.to_owned() + rows).unwrap();
    let run = FoundRun::at(&path).unwrap();
    let timed = TimedRows::read(&run, &run.folder().unwrap(), &config).unwrap();
    let began = milliseconds(began(&run));
    let times = timed.rows.iter().map(|row| timed.time(row).wrapping_sub(began).cast_signed());
    (timed.rows.len(), times.collect())
}

#[test]
fn a_continued_run_begins_at_its_seam() {
    let rows = "train,1,0.5,64,5,,,100,3600\ntrain,2,1,128,4,,,100,7200\nvalid,2,1,128,4,,,100,7201\n\
                train,3,1,128,4,,,100,7210\n";
    assert_eq!(timed(None, rows).1, [3_600_000, 7_200_000, 7_201_000, 7_210_000]);
    assert_eq!(timed(Some(2), rows).1, [-3_600_000, 0, 1000, 10_000]);
}

#[test]
fn rows_that_are_damaged_or_missing_are_left_out() {
    assert_eq!(timed(None, "").0, 0);
    let rows = "train,1,0.5,64,5,,,100,1\nrubbish\ntrain,3,1,128,4,,,100,3\n";
    assert_eq!(timed(None, rows), (2, vec![1000, 3000]));
}

#[test]
fn no_table_makes_a_time_overflow() {
    let rows =
        ["1e300", "NaN", "-5", "inf"].map(|seconds| format!("train,1,1,1,1,,,1,{seconds}\n"));
    let (_, times) = timed(None, &rows.concat());
    assert_eq!((times.len(), &times[1..3]), (4, &[0, 0][..]));
    assert!(times[0] > 0 && times[3] > 0, "{times:?}");
}
