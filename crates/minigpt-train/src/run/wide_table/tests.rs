use super::*;
use crate::config::RunConfig;
use crate::run::write_json;

#[test]
fn a_step_is_one_row_with_the_figures_of_all_splits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    fs_err::create_dir(&path).unwrap();
    write_json(&path.join("config.json"), &RunConfig::tiny()).unwrap();
    let header = "split,step,passes,tokens,loss,learning_rate,grad_norm,tokens_per_second,seconds";
    let rows = ["train,1,0.5,64,5,0.001,1.5,100,0.5", "train,2,1,128,4,0.002,1.25,100,1"];
    let valid = "valid,2,1,128,3,,,50,1.5";
    fs_err::write(path.join("metrics.csv"), [header, rows[0], rows[1], valid, ""].join("\n"))
        .unwrap();
    let out = folder.path().join("wide.csv");
    let run = FoundRun::at(&path);
    assert!(run.is_some(), "its metrics show that it is a run");
    assert_eq!(write_wide_table(&run.unwrap(), &out).unwrap(), 2);
    let table = fs_err::read_to_string(out).unwrap();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    let head = [
        "step",
        "timestamp",
        "train/loss",
        "train/rate",
        "train/norm",
        "train/tps",
        "valid/loss",
        "valid/ppl",
        "valid/tps",
    ];
    assert_eq!(lines[0], head);
    assert!(lines[0].iter().all(|name| name.len() <= 10));
    assert_eq!(short("average/loss"), "avg/loss");
    assert_eq!((lines[1][0], &lines[1][2..]), ("1", &["5", "0.001", "1.5", "100", "", "", ""][..]));
    assert_eq!((lines[2][0], lines[2][6], lines[2][8]), ("2", "3", "50"));
    assert!(lines[1][1] < lines[2][1], "time goes on");
}

#[test]
fn times_are_those_of_the_calendar() {
    for (milliseconds, expected) in [
        (0, "1970-01-01T00:00:00.000+00:00"),
        (951_782_399_500, "2000-02-28T23:59:59.500+00:00"),
        (951_782_400_000, "2000-02-29T00:00:00.000+00:00"),
        (1_795_997_300_125, "2026-11-30T00:08:20.125+00:00"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000+00:00"),
    ] {
        assert_eq!(utc(milliseconds), expected);
    }
}

#[test]
fn a_run_without_rows_has_a_table_of_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    fs_err::create_dir(&path).unwrap();
    write_json(&path.join("config.json"), &RunConfig::tiny()).unwrap();
    fs_err::write(path.join("environment.json"), "{}").unwrap();
    let (run, out) = (FoundRun::at(&path).unwrap(), folder.path().join("wide.csv"));
    assert_eq!(write_wide_table(&run, &out).unwrap(), 0);
    assert_eq!(fs_err::read_to_string(&out).unwrap(), "step,timestamp\n");
    fs_err::write(path.join("metrics.csv"), "rubbish\n").unwrap();
    assert_eq!(write_wide_table(&run, &out).unwrap(), 0);
    // Whatever the table says, its times are written.
    assert!(utc(u64::MAX).ends_with("+00:00"));
}
