use super::*;

#[test]
fn a_runs_name_is_one_folders() {
    let runs = Path::new("runs");
    for name in ["austen", "a b", ".hidden", "ночь", &"x".repeat(200)] {
        assert_eq!(named_run(runs, name).unwrap(), runs.join(name));
    }
    let long = "x".repeat(1 << 20);
    for name in ["", ".", "..", "../esc", "/abs", "a/b", "a\\b", "a\nb", "a\0", &long[..201], &long]
    {
        let error = named_run(runs, name).unwrap_err().to_string();
        assert!(error.starts_with("--name ") && error.len() < 400, "{error}");
        assert!(error.contains("expected the name of one folder, of 1 to 200 bytes"), "{error}");
    }
}
