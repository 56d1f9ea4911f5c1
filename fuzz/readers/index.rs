//! An index of passages, damaged on the disk.

use std::path::Path;
use std::sync::OnceLock;

use minigpt_retrieval::{Index, find_texts, update};

/// True where an index answers although one of its files was changed: the first byte chooses the file, the
/// next two are a place in it, and the rest is written there; without a rest, the file ends there.
pub(crate) fn index(bytes: &[u8]) -> bool {
    let Some((&[kind, low, high], bytes)) = bytes.split_first_chunk() else { return false };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let chosen = usize::from(kind) % whole().len();
    for (number, (name, whole)) in whole().iter().enumerate() {
        let mut contents = whole.clone();
        if number == chosen {
            overwrite(&mut contents, usize::from(u16::from_le_bytes([low, high])), bytes);
        }
        fs_err::write(folder.path().join(name), contents).expect("a file");
    }
    answers(folder.path())
}

fn overwrite(contents: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let at = at.min(contents.len());
    let end = (at + bytes.len()).min(contents.len());
    let replaced = if bytes.is_empty() { at..contents.len() } else { at..end };
    contents.splice(replaced, bytes.iter().copied());
}

fn answers(folder: &Path) -> bool {
    let question = "Who walked from the village to the sea?";
    let found = Index::open(folder).and_then(|index| {
        let found = index.search(question, 3)?;
        index.excerpt(question, "Anne walked to the old village by the sea.", 3)?;
        Ok(found)
    });
    found.is_ok()
}

/// The files of a whole index, made once: by the ends of their names, whose beginnings are drawn.
fn whole() -> &'static [(String, Vec<u8>)] {
    static WHOLE: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (text, index) = (folder.path().join("text.txt"), folder.path().join("index"));
        let line = |who| format!("{who} walked from the village to the sea in the morning.\n\n");
        fs_err::write(&text, ["Anne", "Emma", "The captain"].map(line).concat()).expect("a text");
        let texts = find_texts(&[text], &index).expect("a text");
        update(&index, &texts, 20, &mut |_| {}).expect("an index");
        let files = fs_err::read_dir(index).expect("a folder").map(|entry| {
            let entry = entry.expect("a file");
            let name = entry.file_name().into_string().expect("UTF-8");
            (name, fs_err::read(entry.path()).expect("a file"))
        });
        let mut files: Vec<_> = files.filter(|(name, _)| !name.ends_with(".lock")).collect();
        files.sort_by_key(|(name, _)| name.rsplit('.').next().map(str::to_owned));
        files
    })
}
