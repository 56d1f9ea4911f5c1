//! What a run learns from and is validated on, as tensors: batches, text in windows or examples in rows, and how
//! many steps they make.

pub(crate) mod batches;
pub(crate) mod examples;
pub(crate) mod length;
pub(crate) mod pairs;
pub(crate) mod token_set;
pub(crate) mod tokens;
