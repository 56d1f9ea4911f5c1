use super::*;

fn sources(texts: &[Text]) -> Vec<String> {
    texts.iter().map(|text| text.source.replace('\\', "/")).collect()
}

#[test]
fn a_folder_is_its_files_without_the_hidden_and_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["b.txt", "a/c.md", ".git/config", "index/meta.json", ".hidden"] {
        fs_err::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs_err::write(root.join(name), "text").unwrap();
    }
    let paths = [root.to_owned(), root.join("b.txt")];
    let texts = find_texts(&paths, &root.join("index")).unwrap();
    let prefix = format!("{}/", root.display()).replace('\\', "/");
    let names: Vec<String> =
        sources(&texts).iter().map(|source| source.replace(&prefix, "")).collect();
    assert_eq!(names, ["a/c.md", "b.txt"]);
    assert_eq!(texts[0].bytes(), 4);
}

#[test]
fn what_is_not_text_is_told_by_its_place() {
    assert_eq!(text_of(b"ab\0".to_vec()).unwrap_err(), "a NUL byte at byte 2");
    assert_eq!(text_of(b"abc\xff".to_vec()).unwrap_err(), "invalid UTF-8 at byte 3");
    assert_eq!(text_of("\u{feff}é".as_bytes().to_vec()).unwrap(), "é");
}

#[test]
fn a_file_with_a_hole_is_read_no_further() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse");
    fs_err::write(&path, "word ".repeat(BLOCK)).unwrap();
    let file = fs_err::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    let bytes = read_text(&path).unwrap();
    assert!(bytes.len() <= 6 * BLOCK, "{}", bytes.len());
    assert!(text_of(bytes).unwrap_err().contains("a NUL byte"));
}

#[test]
fn a_path_that_is_not_there_is_named() {
    let error = find_texts(&[PathBuf::from("nowhere")], Path::new("index")).unwrap_err();
    assert!(error.to_string().starts_with("nowhere does not exist"), "{error}");
}
