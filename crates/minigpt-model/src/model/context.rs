//! What one pass through the model carries from module to module.

use super::segments::Apart;
use crate::model::rotary::Rotation;
use crate::ops::{DropoutState, Precision};

/// What one pass through the model carries from module to module besides the residual stream.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// Hands out the dropout masks.
    pub(crate) dropout: DropoutState,
    /// What matrix products are computed in.
    pub(crate) precision: Precision,
    /// By what queries and keys are turned, where positions are rotary.
    pub(crate) rotation: Option<Rotation>,
    /// What attends to itself alone, where a row has several examples.
    pub(crate) apart: Option<Apart>,
}
