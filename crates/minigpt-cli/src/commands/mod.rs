//! One module per subcommand.

pub(crate) mod data;
pub(crate) mod devices;
pub(crate) mod generate;
pub(crate) mod plot;
pub(crate) mod train;
