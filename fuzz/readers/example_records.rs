//! Examples to tune a model with: a table, JSON lines, a JSON list or rows of Parquet.

use minigpt_data::{
    Dialogue, ExampleReader, LabelledText, ReadOptions, Source, Template, Tokenizer,
};

/// The names that say what a file of examples is.
const NAMES: [&str; 3] = ["examples.csv", "examples.tsv", "examples.jsonl"];

/// What the first byte is of Parquet; of others, it chooses among [`NAMES`].
const PARQUET: u8 = b'p';

/// True where the bytes after the first are examples of some task.
pub(crate) fn example_records(bytes: &[u8]) -> bool {
    let Some((kind, bytes)) = bytes.split_first() else { return false };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(match *kind {
        PARQUET => "examples.parquet",
        kind => NAMES[usize::from(kind) % NAMES.len()],
    });
    fs_err::write(&path, bytes).expect("a file");
    let tokenizer = Tokenizer::bytes().expect("a tokenizer");
    let options = ReadOptions::default();
    let [instruct, summarize] = [Template::instruct().into(), Template::summarize().into()];
    let instructions = Dialogue::read_instructions(&path, &options, &instruct, &tokenizer);
    let summaries = Dialogue::read_summaries(&path, &options, &summarize, &tokenizer);
    let labelled = LabelledText::read(&path, &options);
    let mut reader = ExampleReader::new(options, true);
    let source = Source::Path(path);
    let preferences = reader.preferences(&source, &instruct, &tokenizer, &mut |_| {});
    instructions.is_ok() || summaries.is_ok() || labelled.is_ok() || preferences.is_ok()
}
