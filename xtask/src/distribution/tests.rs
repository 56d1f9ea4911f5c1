use super::*;

/// A wheel with a script in the place of the program, installed by pip into an empty environment.
#[cfg(unix)]
#[test]
fn a_wheel_is_installed_by_pip_and_its_program_runs() {
    use std::os::unix::fs::PermissionsExt;
    let folder = std::env::temp_dir().join(format!("minigpt-wheel-{}", std::process::id()));
    fs_err::create_dir_all(&folder).unwrap();
    let program = folder.join("minigpt");
    fs_err::write(&program, format!("#!/bin/sh\necho minigpt {}\n", version())).unwrap();
    fs_err::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let wheel = wheel::write(&folder, &program, version(), "any").unwrap();
    let result = try_wheel(&wheel, &folder.join("venv"));
    fs_err::remove_dir_all(&folder).unwrap();
    result.unwrap();
}

#[test]
fn the_same_files_give_the_same_archive() {
    let entries = || {
        vec![zip::Entry {
            name: "a.txt".to_owned(),
            bytes: b"text text text",
            is_executable: false,
        }]
    };
    let archive = zip::archive(&entries()).unwrap();
    assert_eq!(archive, zip::archive(&entries()).unwrap());
    assert!(archive.starts_with(b"PK\x03\x04"));
}
