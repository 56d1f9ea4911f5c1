//! The documents of a source, read as often as they are needed and never all in memory.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use minigpt_files::Limit;
use tempfile::NamedTempFile;

use crate::files::DataFile;
use crate::fingerprint::fingerprint;
use crate::folder::{Split, data_files, find_split, glob_files};
use crate::holdout::{Visit, after, before, tenth_from_the_end};
use crate::input::{Input, stem};
use crate::part::{Part, Sink};
use crate::{Corpus, DataError, Hub, Portion, ReadOptions};

/// Text that is held in memory at most; a token store has no such bound.
const IN_MEMORY: Limit =
    Limit::new(1 << 30, "text that is held in memory as a whole: give a part of it");

/// What standard input is called.
pub(crate) const STANDARD_INPUT: &str = "standard input";

/// The files of a [`Source`](crate::Source) and its splits, found but not read yet.
///
/// [`Documents::read`] reads them into memory; a token store reads them as a stream.
#[derive(Clone, Debug)]
pub struct Documents {
    name: String,
    /// What errors about the whole call it.
    path: PathBuf,
    /// What errors about the held-out part call it, where that is another source.
    valid_path: Option<PathBuf>,
    train: Vec<Input>,
    /// Where there is none, the end of `train` is held out.
    valid: Vec<Input>,
    test: Vec<Input>,
    options: ReadOptions,
    /// Where the held-out part of `train` starts, in bytes; computed when it is needed.
    cut: OnceLock<u64>,
    /// Computed when it is needed.
    fingerprint: OnceLock<String>,
    /// Copies of streams, removed with the last clone.
    copies: Vec<Arc<NamedTempFile>>,
}

impl Documents {
    fn new(name: String, path: &Path, splits: [Vec<Input>; 3], options: &ReadOptions) -> Self {
        let [train, valid, test] = splits;
        Self {
            name,
            path: path.to_owned(),
            valid_path: None,
            train,
            valid,
            test,
            options: options.clone(),
            cut: OnceLock::new(),
            fingerprint: OnceLock::new(),
            copies: Vec::new(),
        }
    }

    pub(crate) fn embedded(options: &ReadOptions) -> Self {
        let train = include_bytes!("../assets/austen-train.txt.xz");
        let valid = include_bytes!("../assets/austen-valid.txt.xz");
        let input = |name, bytes| vec![Input::Embedded { name, bytes }];
        let train = input("austen-train.txt.xz", train);
        let valid = input("austen-valid.txt.xz", valid);
        let splits = [train, valid, Vec::new()];
        Self::new("austen".to_owned(), Path::new("embedded"), splits, options)
    }

    pub(crate) fn in_path(path: &Path, options: &ReadOptions) -> Result<Self, DataError> {
        if is_pipe(path) {
            return Self::in_stream(fs_err::File::open(path)?, path, options);
        }
        let name = name_of(path)?;
        if !path.is_dir() {
            let splits = [vec![path.to_owned()], vec![], vec![]];
            return Ok(Self::of_files(name, path, splits, options));
        }
        let splits = match find_split(path, Split::Train)? {
            train if train.is_empty() => [data_files(path)?, vec![], vec![]],
            train => [train, find_split(path, Split::Valid)?, find_split(path, Split::Test)?],
        };
        Ok(Self::of_files(name, path, splits, options))
    }

    pub(crate) fn in_pattern(pattern: &str, options: &ReadOptions) -> Result<Self, DataError> {
        let files = glob_files(pattern)?;
        let folder = files[0].parent().unwrap_or(Path::new("."));
        let folder = if folder == Path::new("") { Path::new(".") } else { folder };
        let name = name_of(folder)?;
        Ok(Self::of_files(name, Path::new(pattern), [files, vec![], vec![]], options))
    }

    /// Copies a stream to a temporary file, since splitting a text takes more than one look. The end of
    /// `name` tells its format, as with a file.
    pub(crate) fn in_stream(
        mut stream: impl Read,
        name: &Path,
        options: &ReadOptions,
    ) -> Result<Self, DataError> {
        let mut copy = NamedTempFile::new()?;
        std::io::copy(&mut stream, &mut copy)?;
        copy.flush()?;
        let file = DataFile { path: copy.path().to_owned(), name: name.to_owned() };
        let splits = [vec![Input::File(file)], Vec::new(), Vec::new()];
        let short = stem(&name.file_name().unwrap_or_default().to_string_lossy()).to_owned();
        let mut documents = Self::new(short, name, splits, options);
        documents.copies.push(Arc::new(copy));
        Ok(documents)
    }

    /// The copies that were made of streams.
    pub(crate) fn copied_files(&self) -> Vec<DataFile> {
        let file = |input: &Input| match input {
            Input::File(file) if file.is_copy() => Some(file.clone()),
            _ => None,
        };
        self.train.iter().filter_map(file).collect()
    }

    /// Copies standard input.
    pub(crate) fn in_standard_input(options: &ReadOptions) -> Result<Self, DataError> {
        let stream = std::io::stdin().lock();
        let documents = Self::in_stream(stream, Path::new(STANDARD_INPUT), options)?;
        Ok(Self { name: "stdin".to_owned(), ..documents })
    }

    /// Takes the files of the train, validation and test splits; where there are none for
    /// validation, the end of the training text is held out.
    pub(crate) fn of_files(
        name: String,
        path: &Path,
        splits: [Vec<PathBuf>; 3],
        options: &ReadOptions,
    ) -> Self {
        let input = |path: PathBuf| Input::File(path.into());
        let splits = splits.map(|files| files.into_iter().map(input).collect());
        Self::new(name, path, splits, options)
    }

    /// Holds out all documents of `valid` and trains on all of these.
    #[must_use]
    pub fn held_out_by(self, valid: Self) -> Self {
        let all =
            |documents: &Self| [&documents.train[..], &documents.valid, &documents.test].concat();
        let splits = [all(&self), all(&valid), Vec::new()];
        Self {
            valid_path: Some(valid.path),
            copies: [self.copies, valid.copies].concat(),
            ..Self::new(self.name, &self.path, splits, &self.options)
        }
    }

    /// A short name for titles and folders, as [`Corpus::name`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 in hexadecimal of what the files hold and of how they are read: of their contents, and
    /// where they are large of samples and of when the file system has seen them change.
    ///
    /// # Errors
    /// [`DataError::Io`].
    pub fn fingerprint(&self) -> Result<&str, DataError> {
        if let Some(known) = self.fingerprint.get() {
            return Ok(known);
        }
        let options = &self.options;
        let separator = options.separator.map_or(String::new(), |given| format!(" {given:?}"));
        let (field, lossy, lines) = (&options.text_field, options.lossy, options.lines);
        let options = format!("{field:?} {lossy} {lines}{separator}\n");
        let found = fingerprint([&self.train, &self.valid, &self.test], &options)?;
        Ok(self.fingerprint.get_or_init(|| found))
    }

    /// Reads all documents into memory.
    ///
    /// # Errors
    /// One for each way in which a text can disappoint: [`DataError::Empty`],
    /// [`DataError::NotText`], [`DataError::BadPacking`], [`DataError::BadLine`],
    /// [`DataError::BadParquet`], [`DataError::BadExample`] for a row of a table, [`DataError::TooSmall`],
    /// [`DataError::Io`].
    pub fn read(&self) -> Result<Corpus, DataError> {
        Ok(Corpus {
            name: self.name.clone(),
            train: self.read_split(Split::Train)?,
            valid: self.read_split(Split::Valid)?,
            test: if self.test.is_empty() { None } else { Some(self.read_split(Split::Test)?) },
        })
    }

    /// Reads the documents of one portion into memory.
    ///
    /// # Errors
    /// As [`Documents::read`], and [`DataError::NoTestSplit`].
    pub fn read_portion(&self, portion: Portion) -> Result<Vec<String>, DataError> {
        match portion {
            Portion::Train => self.read_split(Split::Train),
            Portion::Valid => self.read_split(Split::Valid),
            Portion::Test if self.test.is_empty() => {
                Err(DataError::NoTestSplit { path: self.path.clone() })
            }
            Portion::Test => self.read_split(Split::Test),
            Portion::All => {
                let all = [&self.train[..], &self.valid, &self.test].concat();
                self.collect(&mut |sink| self.visit_inputs(&all, sink))
            }
        }
    }

    /// Whether files of their own are held out for validation, rather than the last tenth.
    #[must_use]
    pub fn has_own_validation(&self) -> bool {
        !self.valid.is_empty()
    }

    fn read_split(&self, split: Split) -> Result<Vec<String>, DataError> {
        self.collect(&mut |sink| self.visit(split, sink))
    }

    fn collect(&self, visit: &mut Visit<'_>) -> Result<Vec<String>, DataError> {
        let (mut documents, mut document, mut bytes) = (Vec::new(), String::new(), 0);
        visit(&mut |part| {
            match part {
                Part::Text(text) => {
                    bytes += text.len() as u64;
                    if bytes > IN_MEMORY.bytes() {
                        return Err(DataError::Io(IN_MEMORY.exceeded(self.path.display())));
                    }
                    document.push_str(text);
                }
                Part::End => documents.push(std::mem::take(&mut document)),
                Part::Missing => {}
            }
            Ok(())
        })?;
        if documents.is_empty() {
            return Err(DataError::Empty { path: self.path.clone() });
        }
        Ok(documents)
    }

    /// Where tokenizers on the hub are to be had.
    pub(crate) fn hub(&self) -> &Hub {
        &self.options.hub
    }

    /// The splits there are, in order.
    pub(crate) fn splits(&self) -> Vec<Split> {
        let mut splits = vec![Split::Train, Split::Valid];
        splits.extend((!self.test.is_empty()).then_some(Split::Test));
        splits
    }

    /// Gives the documents of a split to `sink`; one without any is an error.
    pub(crate) fn visit(&self, split: Split, sink: &mut Sink<'_>) -> Result<(), DataError> {
        let mut found = false;
        let mut sink = |part: Part<'_>| {
            found |= part != Part::Missing;
            sink(part)
        };
        match split {
            Split::Test => self.visit_inputs(&self.test, &mut sink)?,
            Split::Valid if !self.valid.is_empty() => self.visit_inputs(&self.valid, &mut sink)?,
            Split::Train if !self.valid.is_empty() => self.visit_inputs(&self.train, &mut sink)?,
            Split::Train => self.visit_inputs(&self.train, &mut before(self.cut()?, &mut sink))?,
            Split::Valid => self.visit_inputs(&self.train, &mut after(self.cut()?, &mut sink))?,
        }
        if found { Ok(()) } else { Err(DataError::Empty { path: self.place_of(split) }) }
    }

    /// What errors about a split call it.
    fn place_of(&self, split: Split) -> PathBuf {
        let (inputs, whole) = match split {
            Split::Train => (&self.train, None),
            Split::Valid => (&self.valid, self.valid_path.as_ref()),
            Split::Test => (&self.test, None),
        };
        match &inputs[..] {
            [file] => file.name().to_owned(),
            _ => whole.unwrap_or(&self.path).clone(),
        }
    }

    fn visit_inputs(&self, inputs: &[Input], sink: &mut Sink<'_>) -> Result<(), DataError> {
        inputs.iter().try_for_each(|input| input.visit(&self.options, sink))
    }

    fn cut(&self) -> Result<u64, DataError> {
        if let Some(cut) = self.cut.get() {
            return Ok(*cut);
        }
        let (cut, total) = tenth_from_the_end(&mut |sink| self.visit_inputs(&self.train, sink))?;
        match (cut, total) {
            (0, 0) => Err(DataError::Empty { path: self.path.clone() }),
            (0, bytes) => Err(DataError::TooSmall { path: self.path.clone(), bytes }),
            (cut, _) => Ok(*self.cut.get_or_init(|| cut)),
        }
    }
}

/// The last part of the path without extensions: "wikitext-2" for a folder of that name, "input"
/// for `input.txt.xz`. Resolves the path first, so that "." has a name as well.
fn name_of(path: &Path) -> Result<String, DataError> {
    if !path.try_exists()? {
        return Err(DataError::Missing { path: path.to_owned() });
    }
    let resolved = fs_err::canonicalize(path)?;
    let last = resolved.file_name().unwrap_or_default().to_string_lossy();
    Ok(if resolved.is_dir() { last.as_ref() } else { stem(&last) }.to_owned())
}

/// Whether it is a named pipe, or one of the shell's as in `<(command)`.
#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    fs_err::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

/// Other systems have none among their files.
#[cfg(not(unix))]
fn is_pipe(_: &Path) -> bool {
    false
}
