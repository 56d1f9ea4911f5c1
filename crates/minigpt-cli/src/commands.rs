//! One module per subcommand.

pub(crate) mod ask;
pub(crate) mod attention;
pub(crate) mod bench;
pub(crate) mod classify;
pub(crate) mod compare;
mod continuing;
pub(crate) mod data;
pub(crate) mod devices;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod export;
pub(crate) mod finetune;
pub(crate) mod generate;
pub(crate) mod index;
pub(crate) mod models;
pub(crate) mod plan;
pub(crate) mod plot;
pub(crate) mod repl;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod serve;
mod session;
pub(crate) mod sweep;
pub(crate) mod track;
pub(crate) mod train;
pub(crate) mod worker;
