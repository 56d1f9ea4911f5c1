use super::*;

#[test]
fn what_is_damaged_is_set_aside_and_the_rest_kept() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder { path: folder.path().to_owned() };
    let mut heard = Vec::new();
    let mut forget = |step| {
        heard.clear();
        let rows = run.forget_after(step, &mut |message| heard.push(message)).unwrap();
        (rows.len(), heard.join("\n").replace(&folder.path().display().to_string(), "RUN"))
    };
    assert_eq!(forget(9), (0, "RUN/metrics.csv is missing: curves begin anew".to_owned()));
    assert_eq!(forget(9), (0, String::new()));

    let head = "split,step,passes,tokens,loss,learning_rate,grad_norm,tokens_per_second,seconds\n";
    let row = |step: usize| format!("train,{step},0.5,512,3.0,0.001,1.0,1000.0,0.5\n");
    let table = |rows: &[String]| head.to_owned() + &rows.concat();
    let good = [row(1), row(2), row(3)];
    fs_err::write(run.metrics_path(), table(&good)).unwrap();
    let samples = b"## step 2\n\n\xff\n\n## step 4\n\nlater\n\n";
    fs_err::write(run.samples_path(), samples).unwrap();
    let message =
        "RUN/samples.md is damaged: byte 11 is not UTF-8; set aside as samples.md.damaged";
    assert_eq!(forget(2), (2, message.to_owned()));
    let kept = fs_err::read(folder.path().join("samples.md.damaged")).unwrap();
    assert_eq!(kept, samples);
    let left = fs_err::read_to_string(run.samples_path()).unwrap();
    assert_eq!(left, "## step 2\n\n\u{fffd}\n\n");

    for number in ["", "-2"] {
        let damaged = table(&[row(1), "rubbish\n".to_owned(), row(2)]);
        fs_err::write(run.metrics_path(), &damaged).unwrap();
        let (rows, message) = forget(2);
        assert_eq!(rows, 2);
        let aside = format!("metrics.csv.damaged{number}");
        let ending = format!("; set aside as {aside}, and its 2 other rows kept");
        assert!(message.starts_with("RUN/metrics.csv is damaged: line 3: "), "{message}");
        assert!(message.ends_with(&ending), "{message}");
        assert_eq!(fs_err::read_to_string(folder.path().join(aside)).unwrap(), damaged);
        assert_eq!(fs_err::read_to_string(run.metrics_path()).unwrap(), table(&good[..2]));
    }
}

#[cfg(unix)]
#[test]
fn a_file_without_end_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder { path: folder.path().to_owned() };
    for path in [run.metrics_path(), run.samples_path()] {
        std::os::unix::fs::symlink("/dev/zero", path).unwrap();
    }
    let mut heard = Vec::new();
    run.forget_after(1, &mut |message| heard.push(message)).unwrap();
    assert_eq!(heard.len(), 2);
    assert!(heard.iter().all(|message| message.contains("set aside as")), "{heard:?}");
    assert!(run.metrics_path().is_file() && run.samples_path().is_file());
}
