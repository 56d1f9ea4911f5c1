//! PyTorch's files: read as `torch.save` writes them, and nothing in them run.

use super::*;

#[test]
fn pickles_are_read_as_pytorch_wrote_them() {
    for fixture in ["archive.bin", "parameters.bin", "legacy.bin"] {
        counts(&Folder::pytorch(fixture).load().unwrap(), &small());
    }
}

#[test]
fn a_pickle_in_parts_is_read() {
    let folder = Folder::pytorch("archive.bin");
    let part = "pytorch_model-00001-of-00001.bin";
    fs_err::rename(folder.path("pytorch_model.bin"), folder.path(part)).unwrap();
    let index = serde_json::json!({ "weight_map": { "transformer.wte.weight": part } });
    fs_err::write(folder.path("pytorch_model.bin.index.json"), index.to_string()).unwrap();
    counts(&folder.load().unwrap(), &small());
}

#[test]
fn a_pickle_with_code_in_it_is_refused_and_not_run() {
    for fixture in ["code.bin", "legacy-code.bin"] {
        let reason = "is a pickle that loads the Python object posix.system: expected tensors only";
        Folder::pytorch(fixture).refuses(&["pytorch_model.bin", reason, "no code was run"]);
    }
    assert!(!Path::new("minigpt-was-here").exists());
    Folder::pytorch("strided.bin").refuses(&["transformer.wte.weight is not stored row by row"]);
    Folder::pytorch("untied.bin").refuses(&["lm_head.weight differs from the token embedding"]);
}

#[test]
fn a_pickle_that_is_none_is_named() {
    let folder = Folder::pytorch("archive.bin");
    let path = folder.path("pytorch_model.bin");
    let whole = fs_err::read(&path).unwrap();
    for length in [0, 30, whole.len() / 2, whole.len() - 1] {
        fs_err::write(&path, &whole[..length]).unwrap();
        folder.refuses(&["pytorch_model.bin is damaged: it is no whole ZIP archive"]);
    }
    let legacy = fs_err::read(Path::new(PYTORCH).join("legacy.bin")).unwrap();
    for length in [20, legacy.len() / 3, legacy.len() - 1] {
        fs_err::write(&path, &legacy[..length]).unwrap();
        folder.refuses(&["pytorch_model.bin is damaged: ", "too early"]);
    }
}
