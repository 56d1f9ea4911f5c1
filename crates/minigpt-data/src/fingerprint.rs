//! What a source's files hold, in one hash: a token store is found by it.

use std::io::{Read, Seek, SeekFrom};

use minigpt_files::{sha256, sha256_file};

use crate::DataError;
use crate::files::DataFile;
use crate::input::Input;

/// Bytes that are read as a whole for it: under a second.
const WHOLE: u64 = 256 << 20;

/// Samples of each file where there are more, and bytes of each.
const SAMPLES: u64 = 16;
const SAMPLE_BYTES: u64 = 4096;

/// SHA-256 in hexadecimal of what the files of each split hold, and of `options`.
///
/// Up to [`WHOLE`] bytes it is the contents that count, and neither place nor date: a copy of a text is
/// the same text, and another text of the same size and date is not. Beyond it is where the files lie,
/// samples of them, and when they were changed as the file system has it, which no program can set back:
/// not by the date that `cp -p`, `rsync -t` and `tar` keep.
pub(crate) fn fingerprint(splits: [&[Input]; 3], options: &str) -> Result<String, DataError> {
    let mut total = 0_u64;
    for input in splits.iter().copied().flatten() {
        total = total.saturating_add(length(input)?);
    }
    let mut keys = options.to_owned();
    for (number, inputs) in splits.into_iter().enumerate() {
        for input in inputs {
            let key = match input {
                Input::Embedded { name, bytes } => format!("{name} {}", sha256(bytes)),
                Input::File(file) if total <= WHOLE || file.is_copy() => whole(file)?,
                Input::File(file) => sampled(file)?,
            };
            keys += &format!("{number} {key}\n");
        }
    }
    Ok(sha256(keys))
}

fn length(input: &Input) -> Result<u64, DataError> {
    Ok(match input {
        Input::Embedded { bytes, .. } => bytes.len() as u64,
        Input::File(file) => fs_err::metadata(&file.path)?.len(),
    })
}

/// The contents, and the name, whose end tells the format.
fn whole(file: &DataFile) -> Result<String, DataError> {
    let name = file.name.file_name().unwrap_or_default();
    Ok(format!("{name:?} {}", sha256_file(&file.path)?))
}

fn sampled(file: &DataFile) -> Result<String, DataError> {
    let (mut reader, metadata) = (minigpt_files::open(&file.path)?, fs_err::metadata(&file.path)?);
    let modified = metadata.modified()?.duration_since(std::time::UNIX_EPOCH);
    let modified = modified.unwrap_or_default().as_nanos();
    let (path, changed) = (fs_err::canonicalize(&file.path)?, changed(&metadata));
    let length = metadata.len();
    let mut samples = Vec::new();
    for number in 0..SAMPLES {
        let last = length.saturating_sub(SAMPLE_BYTES);
        reader.seek(SeekFrom::Start(last / (SAMPLES - 1) * number))?;
        (&mut reader).take(SAMPLE_BYTES).read_to_end(&mut samples)?;
    }
    Ok(format!("{path:?} {length} {modified} {changed} {}", sha256(samples)))
}

/// Which file it is, and when it last changed, contents or place.
#[cfg(unix)]
fn changed(metadata: &std::fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!("{} {} {}.{}", metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

/// When it was made: other systems tell no more.
#[cfg(not(unix))]
fn changed(metadata: &std::fs::Metadata) -> String {
    format!("{:?}", metadata.created().ok())
}

#[cfg(test)]
mod tests;
