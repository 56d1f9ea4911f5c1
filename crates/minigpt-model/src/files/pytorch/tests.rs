use super::*;

/// An archive of these files, stored as they are.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut list) = (Vec::new(), Vec::new());
    for (name, contents) in files {
        let start = bytes.len() as u32;
        let (length, name_length) = (contents.len() as u32, name.len() as u16);
        let sizes = [length.to_le_bytes(), length.to_le_bytes()].concat();
        bytes.extend(
            [b"PK\x03\x04", &[0; 14][..], &sizes, &name_length.to_le_bytes(), &[0; 2]].concat(),
        );
        bytes.extend([name.as_bytes(), contents].concat());
        list.extend([b"PK\x01\x02", &[0; 16][..], &sizes, &name_length.to_le_bytes()].concat());
        list.extend([&[0; 12][..], &start.to_le_bytes(), name.as_bytes()].concat());
    }
    let (start, length) = (bytes.len() as u32, list.len() as u32);
    bytes.extend(&list);
    bytes.extend(
        [b"PK\x05\x06", &[0; 8][..], &length.to_le_bytes(), &start.to_le_bytes(), &[0; 2]].concat(),
    );
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

/// The pickle of a dictionary in which each name is a view of all `elements` of the one storage.
fn views(names: &[&str], elements: u16) -> Vec<u8> {
    let size = [b"M", &elements.to_le_bytes()[..]].concat();
    let kind = [b"(", &text("storage")[..], b"ctorch\nFloatStorage\n"].concat();
    let storage = [&kind[..], &text("0"), &text("cpu"), &size, b"tQ"].concat();
    let view = [&storage[..], b"K\0", &size, b"\x85K\x01\x85\x89}tRq\0"].concat();
    let rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n(";
    let mut pickle = [b"\x80\x02", &rebuild[..], &view, b"}("].concat();
    names.iter().for_each(|name| pickle.extend([&text(name)[..], b"h\0"].concat()));
    pickle.extend(b"u.");
    pickle
}

fn read(names: &[&str], elements: u16, numbers: &[u8]) -> Result<usize, String> {
    let pickle = views(names, elements);
    let file = archive(&[("m/data.pkl", &pickle), ("m/data/0", numbers)]);
    let read = tensors(&file).map(|tensors| tensors.len());
    read.map_err(|error| match error {
        PickleError::Code(reason) | PickleError::Damaged(reason) => reason,
    })
}

#[test]
fn tensors_are_no_more_than_their_file() {
    let numbers = [0; 4000];
    assert_eq!(read(&["wte.weight", "lm_head.weight"], 1000, &numbers), Ok(2));
    let error = read(&["wte.weight"], 1001, &numbers).unwrap_err();
    assert_eq!(error, "wte.weight has more numbers than the file");
    let names: Vec<String> = (0..40).map(|number| format!("h.{number}.ln_1.weight")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let error = read(&names, 1000, &numbers).unwrap_err();
    assert_eq!(error, "its tensors have more numbers together than the file");
}

#[test]
fn a_name_stands_once_and_is_cut_in_the_error() {
    let long = "x".repeat(4000);
    let error = read(&[&long, &long], 1, &[0; 4]).unwrap_err();
    assert!(error.len() < 300 && error.ends_with("… twice"), "{error}");
}

#[test]
fn a_list_of_files_without_end_is_not_read() {
    let name = "n".repeat(60_000);
    let files: Vec<(&str, &[u8])> = (0..80).map(|_| (name.as_str(), &b""[..])).collect();
    let Err(PickleError::Damaged(reason)) = tensors(&archive(&files)) else { panic!("read") };
    assert!(reason.starts_with("it claims a list of files of 480"), "{reason}");
}
