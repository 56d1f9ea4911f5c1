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

/// With a copy of the system's own shell in the place of the program, since the libraries of a script are unknown.
#[cfg(target_os = "linux")]
#[test]
fn a_debian_package_is_unpacked_and_names_its_libraries() {
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !["dpkg-deb", "dpkg-shlibdeps"].into_iter().all(has) {
        println!("SKIPPED: no dpkg-deb and dpkg-shlibdeps here");
        return;
    }
    let folder = std::env::temp_dir().join(format!("minigpt-deb-{}", std::process::id()));
    let packed = folder.join("minigpt-x");
    for inside in ["man", "completions"] {
        fs_err::create_dir_all(packed.join(inside)).unwrap();
    }
    fs_err::copy("/bin/sh", packed.join("minigpt")).unwrap();
    let completions = ["completions/minigpt.bash", "completions/minigpt.zsh"];
    let others = ["completions/minigpt.fish", "man/minigpt.1", "README.md", "CHANGELOG.md"];
    for name in completions.into_iter().chain(others) {
        fs_err::write(packed.join(name), "text\n").unwrap();
    }
    let bill = folder.join("minigpt-x.cdx.json");
    fs_err::write(&bill, "{}").unwrap();
    let package = debian::write(&folder, &packed, &bill, "0.2.0").unwrap();
    let asked = |question: &str| {
        let answer = Command::new("dpkg-deb").arg(question).arg(&package).output().unwrap();
        String::from_utf8(answer.stdout).unwrap()
    };
    let (control, files) = (asked("--field"), asked("--contents"));
    fs_err::remove_dir_all(&folder).unwrap();
    assert!(control.contains("Version: 0.2.0-1\n"), "{control}");
    assert!(control.contains("Depends: libc6 (>= "), "{control}");
    assert!(!control.contains(['{', '}']), "{control}");
    let is_there = |mode: &str, path: &str| {
        files.lines().any(|line| {
            line.starts_with(mode) && line.contains("root/root") && line.ends_with(path)
        })
    };
    assert!(is_there("-rwxr-xr-x", " ./usr/bin/minigpt"), "{files}");
    assert!(is_there("-rw-r--r--", " ./usr/share/man/man1/minigpt.1.gz"), "{files}");
    assert!(is_there("-rw-r--r--", " ./usr/share/zsh/vendor-completions/_minigpt"), "{files}");
    assert!(is_there("-rw-r--r--", " ./usr/share/doc/minigpt/copyright"), "{files}");
}

#[cfg(target_os = "linux")]
#[test]
fn packed_relocations_are_seen_in_a_program() {
    assert!(debian::has_packed_relocations(b"\0GLIBC_2.35\0GLIBC_ABI_DT_RELR\0"));
    assert!(!debian::has_packed_relocations(b"\0GLIBC_2.35\0"));
}
