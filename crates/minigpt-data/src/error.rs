//! What can be wrong with the data, each in one line that says what to do about it.

use std::path::PathBuf;

use crate::quote::shortened;

/// Everything that can go wrong between a path and a window of tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Nothing exists at the path.
    #[error("{path} does not exist: expected a file with text or a folder of such files", path = path.display())]
    Missing {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The file or folder holds no text but white space.
    #[error("{path} is empty: expected UTF-8 text; give a file with some text in it", path = path.display())]
    Empty {
        /// The file or folder.
        path: PathBuf,
    },
    /// The folder has no file that looks like text.
    #[error("{path} holds no text files: expected .txt, .md, .jsonl or .parquet files, plain or packed as .gz, .xz or .zst; name a file of another kind directly", path = path.display())]
    NoTextFiles {
        /// The folder.
        path: PathBuf,
    },
    /// The folder has two candidates for one split, such as `train.txt` and `train.txt.xz`.
    #[error("{path} holds more than one {split} file ({files}): expected one; remove the others or name the file directly", path = path.display())]
    AmbiguousSplit {
        /// The folder.
        path: PathBuf,
        /// Which split: "train", "validation" or "test".
        split: &'static str,
        /// The names of the candidates, joined with commas.
        files: String,
    },
    /// The file is not UTF-8 text, or holds a NUL byte.
    #[error("{path} is not text: {found} at byte {offset}; expected UTF-8: convert the file, or read it as lossy", path = path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// What was found there.
        found: &'static str,
        /// Byte offset in the file (in a packed file, of the unpacked text).
        offset: usize,
    },
    /// The file's name says that it is packed, but it cannot be unpacked.
    #[error("{path} cannot be unpacked: {reason}; expected a complete {extension} file; check it with `{tool} -t`", path = path.display(), reason = shortened(reason))]
    BadPacking {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        reason: String,
        /// The end of its name, ".xz" for instance.
        extension: &'static str,
        /// The program that packs such files.
        tool: &'static str,
    },
    /// A line of a `.jsonl` file, or an object of a list in a `.json` file, that holds no text.
    #[error("{path}, line {line}: {reason}; expected a JSON object with the text in {field:?}: correct the line or name another field", path = path.display(), reason = shortened(reason), field = shortened(field))]
    BadLine {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
        /// The field that should hold the text.
        field: String,
    },
    /// A row of a table that cannot be read, or a record that is no example of the task.
    #[error("{path}, {unit} {line}: {reason}", path = path.display(), unit = unit_of(path))]
    BadExample {
        /// The file.
        path: PathBuf,
        /// The line in which it begins, or the row of a `.parquet` file, counted from 1.
        line: u64,
        /// What is wrong with it, and what was expected.
        reason: String,
    },
    /// A file without an example that can be used.
    #[error("{path} holds no examples: expected JSON lines, a JSON list, or a .csv or .tsv table with column names in its first line; examples must fit the model's context", path = path.display())]
    NoExamples {
        /// The file.
        path: PathBuf,
    },
    /// No template has this name.
    #[error("unknown template `{name}`: expected one of {known}, or a Jinja file")]
    UnknownTemplate {
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A source's weight that is not possible.
    #[error(
        "{given}: the weight after the last colon is out of range: expected a number above 0 and at most 1000"
    )]
    BadWeight {
        /// What was given.
        given: String,
    },
    /// A folder without files of examples.
    #[error("{path} has no files of examples: expected .jsonl, .json, .csv, .tsv or .parquet, also as .gz, .xz or .zst", path = path.display())]
    NoExampleFiles {
        /// The folder.
        path: PathBuf,
    },
    /// All examples are invalid.
    #[error("{path}: all {number} examples are invalid; the most frequent reason: {reason}", path = path.display())]
    OnlyBadExamples {
        /// The file.
        path: PathBuf,
        /// How many there are.
        number: usize,
        /// What is wrong with most of them.
        reason: String,
    },
    /// Too few examples to hold some out.
    #[error("{path} holds {number} example{s}, too few to hold one out for validation: give more examples, or separate validation examples", path = path.display(), s = if *number == 1 { "" } else { "s" })]
    TooFewExamples {
        /// The file.
        path: PathBuf,
        /// How many there are.
        number: usize,
    },
    /// A character that cannot stand between the values of a table.
    #[error("separator {given:?}: expected one ASCII character other than a letter, digit, space or quote, such as \";\", \"|\" or \"tab\"", given = shortened(given))]
    BadSeparator {
        /// The separator as given.
        given: String,
    },
    /// Labelled texts that are all the same.
    #[error("{path}: all training texts have the label {label:?}: expected at least two labels; the last tenth is held out, so shuffle the lines", path = path.display(), label = shortened(label))]
    OneLabel {
        /// The file.
        path: PathBuf,
        /// The label.
        label: String,
    },
    /// A `.parquet` file that is damaged or has no such column.
    #[error("{path} cannot be read: {reason}; expected a complete .parquet file with a column of text", path = path.display(), reason = shortened(reason))]
    BadParquet {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Some of the numbered parts of a split are missing.
    #[error("{path} is one of {expected} parts, but only {found} exist: expected all of them; get the missing parts or rename this one", path = path.display())]
    MissingParts {
        /// The first part that is there.
        path: PathBuf,
        /// How many parts are there.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A pattern that is malformed or matches nothing.
    #[error(
        "pattern {pattern:?}: {reason}; expected a pattern that matches files, such as \"books/*.txt\""
    )]
    BadPattern {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No part of the text can be held out and leave something to train on.
    #[error("{path} is too small: {bytes} bytes cannot be cut into a training part and a held-out tenth; give a longer text", path = path.display())]
    TooSmall {
        /// The file or folder.
        path: PathBuf,
        /// Bytes of text in it.
        bytes: u64,
    },
    /// Fewer tokens than one window needs.
    #[error("too little text: {tokens} tokens, but one window of {block_size} tokens needs {needed}; give more text or a shorter context", needed = block_size + 1)]
    TooFewTokens {
        /// Tokens in the split, with its `<|endoftext|>` tokens.
        tokens: usize,
        /// Window length asked for, in tokens.
        block_size: usize,
    },
    /// A window length of zero.
    #[error("block size 0 is too small: expected at least 1 token per window")]
    ZeroBlockSize,
    /// A stride that leaves tokens out, or none at all.
    #[error("stride {stride} is out of range: expected 1 to the context of {block_size}")]
    Stride {
        /// The stride asked for.
        stride: usize,
        /// Tokens in a window.
        block_size: usize,
    },
    /// A name of a split that is not understood.
    #[error("unknown split {given:?}: expected \"train\", \"valid\", \"test\" or \"all\"")]
    UnknownPortion {
        /// The name as given.
        given: String,
    },
    /// The source has no test split.
    #[error("{path} has no test split: expected a file named test.*; choose another split, or give the file itself", path = path.display())]
    NoTestSplit {
        /// The file or folder.
        path: PathBuf,
    },
    /// A detokenizer's name that is not understood.
    #[error("unknown detokenizer {given:?}: expected \"wikitext\"")]
    UnknownDetokenizer {
        /// The name as given.
        given: String,
    },
    /// A tokenizer name that is not understood.
    #[error(
        "unknown tokenizer {given:?}: expected \"gpt2\", \"bpe:<size>\" such as \"bpe:4096\", \"char\", \"byte\", \"file:<tokenizer.json>\" or \"hf:<owner>/<model>\""
    )]
    UnknownTokenizer {
        /// The name as given.
        given: String,
    },
    /// A vocabulary size below 257 or above 65,536.
    #[error("vocabulary size {given} is out of range: expected {min} (the 256 bytes and <|endoftext|>) to {max}", min = crate::VOCAB_SIZES.start(), max = crate::VOCAB_SIZES.end())]
    VocabularySize {
        /// The size asked for.
        given: usize,
    },
    /// A tokenizer file that is damaged, or of a family this crate does not handle.
    #[error("{path} is not a usable tokenizer: {reason}; expected a tokenizer.json of a byte-level BPE, or of a BPE with byte fallback", path = path.display(), reason = shortened(reason))]
    BadTokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file beside a tokenizer that is damaged, or does not belong to it.
    #[error("{path}: {reason}; expected the file that came with the model's tokenizer.json", path = path.display(), reason = shortened(reason))]
    BadTokenizerConfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A tokenizer that GGUF files cannot describe.
    #[error(
        "the tokenizer cannot be written as GGUF: {reason}; llama.cpp reads SentencePiece's BPE, and byte-level BPE with known split patterns"
    )]
    NotForGguf {
        /// What is in the way.
        reason: String,
    },
    /// A chat template that is damaged, asks for what it should not, or refuses the messages.
    #[error("chat template of {origin}: {reason}", reason = shortened(reason))]
    ChatTemplate {
        /// Where it comes from.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder has no tokenizer's files.
    #[error("{path} has no tokenizer: expected tokenizer.json, or vocab.json and merges.txt", path = path.display())]
    NoTokenizer {
        /// The folder.
        path: PathBuf,
    },
    /// A character that a tokenizer of characters has no id for.
    #[error("character {character:?} (U+{code:04X}) is not in the vocabulary: the char tokenizer knows the {known} characters of its corpus; remove the character from the text, or use the tokenizer \"byte\" or \"bpe:<size>\"", code = u32::from(*character))]
    UnknownCharacter {
        /// The character.
        character: char,
        /// How many characters there are in the vocabulary.
        known: usize,
    },
    /// An id outside the vocabulary.
    #[error(
        "token id {id} is out of range: the tokenizer knows ids below {vocab_size}; use the tokenizer that the model was trained with"
    )]
    UnknownId {
        /// The id.
        id: u32,
        /// Size of the vocabulary.
        vocab_size: usize,
    },
    /// A dataset name that is not understood.
    #[error(
        "unknown dataset \"hf:{given}\": expected \"hf:<owner>/<dataset>\", then \"/<config>\" and \"@<revision>\" if needed, such as \"hf:Salesforce/wikitext/wikitext-2-v1\""
    )]
    UnknownDataset {
        /// The name as given, without "hf:".
        given: String,
    },
    /// A model's name that is not understood.
    #[error(
        "unknown model \"hf:{given}\": expected \"hf:<owner>/<model>\", then \"/<file>.gguf\" and \"@<revision>\" if needed, such as \"hf:openai-community/gpt2\""
    )]
    UnknownModel {
        /// The name as given, without "hf:".
        given: String,
    },
    /// A model is not in the hub's cache.
    #[error("hf:{model} is not in the Hugging Face cache: expected the name of a cached model")]
    NotCached {
        /// The name as given, without "hf:".
        model: String,
    },
    /// The hub does not give a file, and the cache does not have it.
    #[error(
        "{file} cannot be fetched from {address}: {reason}; without a network, give a folder with the files"
    )]
    Hub {
        /// The file, or the dataset or model as a whole.
        file: String,
        /// Where it was asked for.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// A token store that was changed by hand, or written by another version.
    #[error("{path} is not a usable token store: {reason}; remove the store's folder, and the text is tokenized again", path = path.display(), reason = shortened(reason))]
    BadStore {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The tokenizers library failed.
    #[error("the tokenizer failed: {0}")]
    Tokenizers(#[from] tokenizers::Error),
    /// The operating system failed; the message names the file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What examples of a file are counted in.
pub(crate) fn unit_of(path: &std::path::Path) -> &'static str {
    if crate::input::is_parquet(path) { "row" } else { "line" }
}
