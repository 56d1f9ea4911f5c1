//! Many runs that differ in what a file says, and which of them is the best: the file, the trials that it asks for,
//! which goes on next, and what they came to.

pub(crate) mod design;
mod draw;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod halving;
pub(crate) mod picture;
pub(crate) mod results;
mod values;
pub(crate) mod work;
