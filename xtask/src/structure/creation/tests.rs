use super::*;

#[test]
fn calls_that_make_files_are_found_outside_of_tests_and_comments() {
    let text =
        "/// fs_err::write(a, b)\nfn f() {\n    fs_err::write(a, b)?;\n    File::create(c)?;\n}\n";
    assert_eq!(calls(text), ["fs_err::write(", "File::create("]);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{text}}}\n");
    assert!(calls(&tests).is_empty());
}

#[test]
fn no_crate_of_ours_makes_files_past_minigpt_files() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    for (own, _) in OWN {
        let (name, place) = own.split_once('/').unwrap();
        let path = crates.join(name).join("src").join(place);
        assert!(!calls(&fs_err::read_to_string(path).unwrap()).is_empty(), "{own} makes no file");
    }
    for entry in fs_err::read_dir(crates).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        assert_eq!(of_crate(&name, &entry.path().join("src")).unwrap(), [""; 0]);
    }
}
