//! What `--precision` says, and what it means on a device.

use std::str::FromStr;

use burn::tensor::Device;
use minigpt_model::Precision;
use minigpt_train::RunConfig;

use crate::terminal::output::say;

/// What the user asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrecisionChoice {
    /// bf16 where the device has it, else f16 where it has that, f32 elsewhere.
    Auto,
    /// This one.
    Given(Precision),
}

impl FromStr for PrecisionChoice {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "auto" => Ok(Self::Auto),
            name => {
                name.parse().map(Self::Given).map_err(|error: String| format!("{error}, or auto"))
            }
        }
    }
}

impl PrecisionChoice {
    /// What matrix products on `device` will be in.
    pub(crate) fn resolve(self, device: &Device) -> Precision {
        match self {
            Self::Auto => [Precision::Bf16, Precision::F16]
                .into_iter()
                .find(|precision| precision.is_native(device))
                .unwrap_or_default(),
            Self::Given(precision) => precision,
        }
    }
}

/// Puts the choice, if there is one, into the configuration, and says what matrix products on `device`
/// will be in.
pub(crate) fn apply(choice: Option<PrecisionChoice>, config: &mut RunConfig, device: &Device) {
    if let Some(choice) = choice {
        config.training.precision = choice.resolve(device);
    }
    let precision = config.training.precision;
    if precision.is_native(device) {
        say(format_args!("precision: {precision}"));
    } else {
        say(format_args!("precision: f32, for this device has no instructions for {precision}"));
    }
}
