//! The documents of a source, read as often as they are needed and never all in memory.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use crate::folder::{Split, data_files, find_split, glob_files};
use crate::holdout::{Visit, after, before, tenth_from_the_end};
use crate::input::{Input, Part, Sink, stem};
use crate::{Corpus, DataError, Hub, Portion, ReadOptions};

/// The files of a [`Source`](crate::Source) and its splits, found but not read yet.
///
/// [`Documents::read`] reads them into memory; a token store reads them as a stream.
#[derive(Clone, Debug)]
pub struct Documents {
    name: String,
    /// What errors about the whole call it.
    path: PathBuf,
    train: Vec<Input>,
    /// Where there is none, the end of `train` is held out.
    valid: Vec<Input>,
    test: Vec<Input>,
    options: ReadOptions,
    /// Where the held-out part of `train` starts, in bytes; computed when it is needed.
    cut: OnceLock<u64>,
    fingerprint: String,
    /// A copy of standard input, removed with the last clone.
    _copy: Option<Arc<tempfile::NamedTempFile>>,
}

impl Documents {
    pub(crate) fn embedded(options: &ReadOptions) -> Self {
        let train = include_bytes!("../assets/austen-train.txt.xz");
        let valid = include_bytes!("../assets/austen-valid.txt.xz");
        let input = |name, bytes| vec![Input::Embedded { name, bytes }];
        Self {
            name: "austen".to_owned(),
            path: PathBuf::from("embedded"),
            train: input("austen-train.txt.xz", train),
            valid: input("austen-valid.txt.xz", valid),
            test: Vec::new(),
            options: options.clone(),
            cut: OnceLock::new(),
            fingerprint: hex(Sha256::new().chain_update(train).chain_update(valid)),
            _copy: None,
        }
    }

    pub(crate) fn in_path(path: &Path, options: &ReadOptions) -> Result<Self, DataError> {
        let name = name_of(path)?;
        if !path.is_dir() {
            return Self::of_files(name, path, [vec![path.to_owned()], vec![], vec![]], options);
        }
        let splits = match find_split(path, Split::Train)? {
            train if train.is_empty() => [data_files(path)?, vec![], vec![]],
            train => [train, find_split(path, Split::Valid)?, find_split(path, Split::Test)?],
        };
        Self::of_files(name, path, splits, options)
    }

    pub(crate) fn in_pattern(pattern: &str, options: &ReadOptions) -> Result<Self, DataError> {
        let files = glob_files(pattern)?;
        let folder = files[0].parent().unwrap_or(Path::new("."));
        let folder = if folder == Path::new("") { Path::new(".") } else { folder };
        let name = name_of(folder)?;
        Self::of_files(name, Path::new(pattern), [files, vec![], vec![]], options)
    }

    /// Copies a stream to a temporary file, since splitting a text takes more than one look.
    pub(crate) fn in_stream(
        mut stream: impl Read,
        name: &str,
        options: &ReadOptions,
    ) -> Result<Self, DataError> {
        let mut copy = tempfile::NamedTempFile::new()?;
        let mut hash = Sha256::new();
        let mut block = vec![0; 1 << 16];
        loop {
            match stream.read(&mut block)? {
                0 => break,
                length => {
                    hash.update(&block[..length]);
                    copy.write_all(&block[..length])?;
                }
            }
        }
        copy.flush()?;
        let splits = [vec![copy.path().to_owned()], vec![], vec![]];
        let documents = Self::of_files(name.to_owned(), Path::new(name), splits, options)?;
        // The copy has another name and date each time.
        hash.update(options_key(options));
        Ok(Self { fingerprint: hex(hash), _copy: Some(Arc::new(copy)), ..documents })
    }

    /// Takes the files of the train, validation and test splits; where there are none for
    /// validation, the end of the training text is held out.
    pub(crate) fn of_files(
        name: String,
        path: &Path,
        splits: [Vec<PathBuf>; 3],
        options: &ReadOptions,
    ) -> Result<Self, DataError> {
        let mut hash = Sha256::new().chain_update(options_key(options));
        for (split, files) in splits.iter().enumerate() {
            for file in files {
                hash.update(file_key(split, file)?);
            }
        }
        let inputs = |files: Vec<PathBuf>| files.into_iter().map(Input::File).collect();
        let [train, valid, test] = splits.map(inputs);
        Ok(Self {
            name,
            path: path.to_owned(),
            train,
            valid,
            test,
            options: options.clone(),
            cut: OnceLock::new(),
            fingerprint: hex(hash),
            _copy: None,
        })
    }

    /// Holds out all documents of `valid` and trains on all of these.
    #[must_use]
    pub fn held_out_by(self, valid: Self) -> Self {
        let all = |documents: Self| {
            let mut inputs = documents.train;
            inputs.extend(documents.valid);
            inputs.extend(documents.test);
            inputs
        };
        let keys = [&self.fingerprint, "\0held out by\0", &valid.fingerprint].concat();
        Self {
            name: self.name.clone(),
            path: self.path.clone(),
            options: self.options.clone(),
            cut: OnceLock::new(),
            fingerprint: hex(Sha256::new().chain_update(keys)),
            _copy: self._copy.clone().or_else(|| valid._copy.clone()),
            train: all(self),
            valid: all(valid),
            test: Vec::new(),
        }
    }

    /// A short name for titles and folders, as [`Corpus::name`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 in hexadecimal of what the files are: where they lie, their sizes and dates, and how
    /// they are read. Costs no look into the files; of standard input it is the contents.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Reads all documents into memory.
    ///
    /// # Errors
    /// One for each way in which a text can disappoint: [`DataError::Empty`],
    /// [`DataError::NotText`], [`DataError::BadPacking`], [`DataError::BadLine`],
    /// [`DataError::BadParquet`], [`DataError::TooSmall`], [`DataError::Io`].
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
        let (mut documents, mut document) = (Vec::new(), String::new());
        visit(&mut |part| {
            match part {
                Part::Text(text) => document.push_str(text),
                Part::End => documents.push(std::mem::take(&mut document)),
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
            found = true;
            sink(part)
        };
        match split {
            Split::Test => self.visit_inputs(&self.test, &mut sink)?,
            Split::Valid if !self.valid.is_empty() => self.visit_inputs(&self.valid, &mut sink)?,
            Split::Train if !self.valid.is_empty() => self.visit_inputs(&self.train, &mut sink)?,
            Split::Train => self.visit_inputs(&self.train, &mut before(self.cut()?, &mut sink))?,
            Split::Valid => self.visit_inputs(&self.train, &mut after(self.cut()?, &mut sink))?,
        }
        if found { Ok(()) } else { Err(DataError::Empty { path: self.path_of(split) }) }
    }

    /// What an error about a split calls it: the file that is held out, where it is one.
    fn path_of(&self, split: Split) -> PathBuf {
        match (split, &self.valid[..]) {
            (Split::Valid, [Input::File(file)]) => file.clone(),
            _ => self.path.clone(),
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

fn options_key(options: &ReadOptions) -> String {
    format!("{:?} {} {}\n", options.text_field, options.lossy, options.lines)
}

fn file_key(split: usize, file: &Path) -> Result<String, DataError> {
    let metadata = fs_err::metadata(file)?;
    let modified = metadata.modified()?.duration_since(std::time::UNIX_EPOCH);
    let modified = modified.unwrap_or_default().as_nanos();
    let path = fs_err::canonicalize(file)?;
    Ok(format!("{split} {path:?} {} {modified}\n", metadata.len()))
}

/// The hash so far in hexadecimal.
pub(crate) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
