//! What one step does: the model's loss and gradients, their limit, the optimiser, the learning rate, the moving
//! average.

pub(crate) mod adamw;
pub(crate) mod average;
pub(crate) mod clip;
pub(crate) mod in_memory;
pub(crate) mod loss_scale;
pub(crate) mod muon;
pub(crate) mod optimizer;
pub(crate) mod schedule;
pub(crate) mod step;
pub(crate) mod teachers;
#[cfg(test)]
mod tests;
pub(crate) mod trainee;
