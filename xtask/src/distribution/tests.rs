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

/// Read by somebody else's code.
#[test]
fn a_zipped_folder_is_read_by_python() {
    let folder = std::env::temp_dir().join(format!("minigpt-zip-{}", std::process::id()));
    fs_err::create_dir_all(folder.join("minigpt-x/man")).unwrap();
    fs_err::write(folder.join("minigpt-x/minigpt"), b"program").unwrap();
    fs_err::write(folder.join("minigpt-x/man/minigpt.1"), "page\n".repeat(100)).unwrap();
    let file = zipped(&folder, "minigpt-x").unwrap();
    let list = Command::new("python3").args(["-m", "zipfile", "--list"]).arg(&file).output();
    fs_err::remove_dir_all(&folder).unwrap();
    // Not every machine has a Python.
    if let Ok(list) = list {
        let list = String::from_utf8(list.stdout).unwrap();
        assert!(list.contains("minigpt-x/man/minigpt.1") && list.contains(" 500"), "{list}");
    }
}
