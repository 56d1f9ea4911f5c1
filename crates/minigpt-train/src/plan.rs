//! What a run would be and cost before it starts: its plan, a proposal for a budget, what a device can do.

pub(crate) mod cost;
pub(crate) mod device_check;
pub(crate) mod measure;
pub(crate) mod proposal;
pub(crate) mod workload;
