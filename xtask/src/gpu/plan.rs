//! What is measured in which order, and what a device cannot do.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::part::{Part, Step};
use crate::bench::shapes::{Group, SMALL, Shape};

/// Short, narrow and one block: a driver on the processor takes a minute to compile its kernels.
const TINY: Shape =
    Shape { vocab: 512, context: 32, layers: 1, heads: 4, width: 64, batch: 2, ..SMALL };

/// A device as `minigpt devices --json` lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Adapter {
    device: String,
    name: String,
    kind: String,
    driver: String,
    api: String,
    max_buffer: u64,
    types: Vec<String>,
}

impl Adapter {
    /// The one that `--device` takes.
    pub(super) fn chosen(listed: &Value, device: &str) -> Option<Self> {
        let all: Vec<Self> = listed
            .as_array()?
            .iter()
            // The processor has fewer fields.
            .filter_map(|value| serde_json::from_value(value.clone()).ok())
            .collect();
        let of = |kind: &str| all.iter().find(|adapter| adapter.kind == kind);
        let found = match device {
            "gpu" | "auto" => of("discrete").or_else(|| of("integrated")).or_else(|| of("virtual")),
            "gpu:software" => of("software"),
            number => all.iter().find(|adapter| adapter.device == number),
        };
        found.cloned()
    }

    /// True where it is a driver that computes on the processor.
    pub(super) fn is_software(&self) -> bool {
        self.kind == "software"
    }
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kind, api, driver, max_buffer, types, .. } = self;
        let buffer = *max_buffer as f64 / f64::from(1 << 30);
        let types = types.join(", ");
        write!(f, "{name} ({kind}, {api}, {driver}; {types}; buffers up to {buffer:.1} GiB)")
    }
}

/// What matters most comes first: time may be short.
pub(super) fn parts(is_quick: bool, has_peer: bool) -> Vec<Part> {
    let large = Group::Large.shapes();
    let shapes = if is_quick { vec![TINY] } else { [Group::Article.shapes(), large].concat() };
    let steps = |is_fused: bool| {
        let both = |shape: &Shape| {
            let shape = *shape;
            [false, true].map(|is_16_bits| Step { shape, is_16_bits, is_fused })
        };
        shapes.iter().flat_map(both).collect::<Vec<_>>()
    };
    let mut parts = vec![Part::Parity(1), Part::Parity(2)];
    for step in steps(true) {
        parts.push(Part::Step(step));
        if has_peer {
            parts.push(Part::Peer(step));
        }
    }
    parts.push(Part::Launches { is_quick });
    // The two vocabularies of the tutorial's model decode alike.
    let decoded = shapes.iter().filter(|shape| shape.vocab != SMALL.vocab);
    parts.extend(decoded.map(|shape| Part::Decode(*shape)));
    parts.extend(steps(false).into_iter().map(Part::Step));
    parts
}

/// What a part may take where all have so many minutes, and would have `seconds` of five.
pub(super) fn limit(seconds: u64, minutes: u32) -> Duration {
    Duration::from_secs(seconds) * minutes / 5
}

/// Why a part is not even begun.
pub(super) fn why_not(part: &Part, adapter: Option<&Adapter>, limit: Duration) -> Option<String> {
    /// Less is no time for any part.
    const LEAST: Duration = Duration::from_secs(1);
    if limit < LEAST {
        return Some("no time left: give more with --minutes".to_owned());
    }
    let Part::Step(step) = part else { return None };
    let has_f16 = |adapter: &Adapter| adapter.types.iter().any(|name| name == "f16");
    // Where nothing is known of it, the program says what is wrong.
    (step.is_16_bits && adapter.is_some_and(|adapter| !has_f16(adapter)))
        .then(|| "the device has no f16".to_owned())
}

#[cfg(test)]
mod tests;
