use super::*;

#[test]
fn features_are_named_with_commas() {
    assert_eq!("cpu".parse(), Ok(Features(vec![])));
    assert_eq!("all".parse(), Ok(Features::all()));
    assert_eq!("gpu, remote".parse(), Ok(Features(vec!["gpu", "remote"])));
    for text in ["", "cuda", "gpu,,remote", "cpu,gpu"] {
        assert!(text.parse::<Features>().unwrap_err().starts_with("expected cpu, all"), "{text}");
    }
}

#[test]
fn flags_name_the_package_so_that_a_workspace_understands_them() {
    let flags: Features = "gpu,remote".parse().unwrap();
    let expected =
        ["--no-default-features", "--features=minigpt-cli/gpu", "--features=minigpt-cli/remote"];
    assert_eq!(flags.flags(), expected);
    assert_eq!(flags.missing(), [""; 0]);
    assert!(flags.require("gpu").is_ok());
    let cpu: Features = "cpu".parse().unwrap();
    assert_eq!(cpu.missing(), ["gpu", "remote"]);
    let error = cpu.require("gpu").unwrap_err().to_string();
    assert!(error.contains("--features gpu"), "{error}");
}

#[test]
fn a_loader_is_found_in_a_folder() {
    let folder = std::env::temp_dir().join(format!("xtask-loader-{}", std::process::id()));
    fs_err::create_dir_all(&folder).unwrap();
    assert!(!is_in([&folder].into_iter()));
    fs_err::write(folder.join(LOADER), "").unwrap();
    assert!(is_in([&folder].into_iter()));
    fs_err::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_combination_names_features_that_exist() {
    let of_the_program = OF_THE_PROGRAM.map(|features| ("minigpt-cli", features));
    for (package, features) in of_the_program.into_iter().chain(OF_PACKAGES) {
        let manifest = format!("{}/../crates/{package}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
        let manifest = fs_err::read_to_string(manifest).unwrap();
        for feature in features {
            assert!(manifest.contains(&format!("\n{feature} = [")), "{package}: {feature}");
        }
    }
}
