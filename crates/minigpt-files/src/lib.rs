//! The one border between minigpt and the file system: what others wrote is read within bounds, what
//! we write is never seen half-written.
//!
//! ```text
//!  a file of somebody's ──► read, read_text, map, open ──► Bounded ──► a library, in caught()
//!  bytes of ours ─────────► write, write_with, NewFolder ──► temporary name, sync, rename, sync
//!  to a user's path ──────► write_named, named_file ────────► the same; devices and pipes are written into
//! ```
//!
//! The order to read in: [`Limit`] and [`read()`] (whole files), [`Bounded`] (streams), [`caught`]
//! (libraries that panic), [`excerpt()`] (foreign text in our messages), [`write()`] and [`NewFolder`]
//! (what we write), [`write_named`] (where a user says), [`leftovers`] (of processes that died), [`sha256`], [`size_below`].
//!
//! For every crate of minigpt but `minigpt-ops`: it stands below them all and needs none of them. A program
//! that reads files of strangers can use it alone.
//!
//! Errors are [`std::io::Error`]s whose one line names the path, what was found and what was expected.
//! Deliberately absent: formats, printing, and anything that a caller would have to configure.
//!
//! # Example
//!
//! ```
//! use minigpt_files::{Limit, read_text, sha256_file, write};
//!
//! const SETTINGS: Limit = Limit::new(1 << 20, "settings");
//!
//! # fn main() -> std::io::Result<()> {
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("settings.toml");
//! write(&path, "seed = 7")?; // whole or not at all
//! assert_eq!(read_text(&path, SETTINGS)?, "seed = 7");
//! assert_eq!(sha256_file(&path)?, minigpt_files::sha256("seed = 7"));
//!
//! let error = read_text(&path, Limit::new(4, "a word")).unwrap_err();
//! assert!(error.to_string().contains("settings.toml"));
//! # Ok(())
//! # }
//! ```

mod caught;
mod checksum;
mod excerpt;
mod leftovers;
mod named;
mod read;
mod size;
mod write;

pub use caught::{caught, is_caught};
pub use checksum::{Checksum, sha256, sha256_file};
pub use excerpt::excerpt;
pub use leftovers::{is_left, leftovers};
pub use named::{check_named, named_file, write_named};
pub use read::{Bounded, Limit, is_file_name, is_folder, map, open, read, read_text};
pub use size::{FolderSize, size_below};
pub use write::{NewFolder, is_temporary, open_lock, sync_folder, write, write_with};

/// Compiles and runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
