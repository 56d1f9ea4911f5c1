use super::*;

/// The words of the lines that a picture of these outputs would show last.
fn last_lines(outputs: &[Output]) -> Vec<String> {
    let mut screen = Screen::new(COLUMNS);
    play(&mut screen, outputs, 0.0, 1.0);
    let last = screen.versions().iter().map(|versions| versions.last());
    last.map(|version| {
        version.map_or_else(String::new, |version| {
            version.cells.iter().map(|cell| cell.letter).collect()
        })
    })
    .collect()
}

#[test]
fn a_program_is_recorded_as_in_a_terminal() {
    if Command::new("script").arg("--version").output().is_err() {
        println!("SKIPPED: no script of util-linux here");
        return;
    }
    let folder = std::env::temp_dir();
    let shell = Path::new("/bin/sh");
    let command = "sh -c 'test -t 1 && printf \"to a terminal\\nold\\rnew\\n\"; stty size'";
    let outputs = outputs(command, shell, &folder).unwrap();
    assert_eq!(last_lines(&outputs)[..3], ["to a terminal", "new", "28 112"]);
    assert!(super::outputs("false", shell, &folder).is_err());
}

#[test]
fn what_is_written_within_a_frame_is_one_frame() {
    let output = |at: f64, text: &str| Output { at, bytes: text.as_bytes().to_vec() };
    let mut screen = Screen::new(COLUMNS);
    let outputs = [output(0.0, "1"), output(0.1, "2"), output(1.1, "3"), output(1.2, "4")];
    let end = play(&mut screen, &outputs, 10.0, 1.0);
    let versions: Vec<_> = screen.versions()[0].iter().map(|v| (v.from, v.cells.len())).collect();
    assert_eq!(versions, [(10.0, 2), (11.0, 4)]);
    assert_eq!(end, 11.25);
}
