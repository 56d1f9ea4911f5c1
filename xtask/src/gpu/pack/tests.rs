use std::process::Command;

use super::*;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("minigpt-{name}-{}", std::process::id()));
    fs_err::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn an_archive_has_all_that_the_other_machine_needs() {
    let folder = folder("packed");
    let program = folder.join("program");
    fs_err::write(&program, "the program").unwrap();
    let file = folder.join("card.tar.gz");
    let size = pack_in(&folder.join("scratch"), &file, &program, &program, LARGEST).unwrap();
    assert_eq!(size, fs_err::metadata(&file).unwrap().len());
    let list = Command::new("tar").arg("-tzf").arg(&file).output().unwrap();
    let read = Command::new("tar").arg("-xzOf").arg(&file).arg("card/READ-ME").output().unwrap();
    fs_err::remove_dir_all(&folder).unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let suffix = std::env::consts::EXE_SUFFIX;
    for name in [&format!("minigpt{suffix}"), &format!("xtask{suffix}"), PEER, "READ-ME"] {
        assert!(list.lines().any(|line| line == format!("card/{name}")), "{name}: {list}");
    }
    assert_eq!(String::from_utf8(read.stdout).unwrap().lines().count(), 5);
}

#[test]
fn too_large_an_archive_and_another_ending_are_refused() {
    let folder = folder("unpacked");
    let program = folder.join("program");
    fs_err::write(&program, "the program").unwrap();
    let error = |name: &str| {
        let packed = pack_in(&folder.join("scratch"), &folder.join(name), &program, &program, 10);
        assert!(!folder.join(name).exists());
        packed.unwrap_err().to_string()
    };
    let (large, ending) = (error("card.tar.gz"), error("card.zip"));
    fs_err::remove_dir_all(&folder).unwrap();
    assert!(large.starts_with("the archive has 0.0 MiB, at most 0"), "{large}");
    assert!(ending.ends_with("card.zip: expected a name with .tar.gz"), "{ending}");
}
