//! The table at the end: what, figure, and PyTorch beside it; below it why something has no figure.

use super::part::Part;
use super::record::{Record, milliseconds};

/// In the place of a figure.
const FAILED: &str = "failed";

/// The rows with their heads, a line each.
pub(super) fn of(records: &[Record]) -> String {
    let has_peer = records.iter().any(|record| matches!(record.part, Part::Peer(_)));
    let heads = if has_peer {
        ["what", "minigpt", "PyTorch", "ratio"]
    } else {
        ["what", "minigpt", "", ""]
    };
    let heads = heads.map(str::to_owned);
    let is_ours = |record: &&Record| !matches!(record.part, Part::Devices | Part::Peer(_));
    let rows: Vec<_> = std::iter::once(heads)
        .chain(records.iter().filter(is_ours).map(|record| row(record, records)))
        .collect();
    let width = |column: usize| {
        rows.iter().map(|row: &[String; 4]| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths = [0, 1, 2].map(width);
    let lines = rows.iter().map(|[what, ours, peer, ratio]| {
        let [a, b, c] = widths;
        let line = format!("{what:a$}  {ours:b$}  {peer:c$}  {ratio}");
        line.trim_end().to_owned() + "\n"
    });
    let mut text: String = lines.collect();
    text += &reasons(records);
    if has_peer {
        text += "A ratio above 1 means that minigpt is faster. PyTorch: eager, f32 without TF32, 16 bits as bf16.\n";
    }
    text
}

/// Why some have no figure, each reason once.
fn reasons(records: &[Record]) -> String {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for record in records {
        let Some(reason) = record.failed.as_deref() else { continue };
        match reasons.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, parts)) => parts.push(&record.what),
            None => reasons.push((reason, vec![&record.what])),
        }
    }
    let lines = reasons.iter().map(|(reason, parts)| match parts.as_slice() {
        [one] => format!("{one}: {reason}\n"),
        [one, others @ ..] => format!("{one}, and {} more: {reason}\n", others.len()),
        [] => String::new(),
    });
    lines.collect()
}

fn row(record: &Record, records: &[Record]) -> [String; 4] {
    let peer = peer_of(record, records);
    let seconds = |record: &Record| record.number("seconds_per_step");
    let ratio = peer.and_then(seconds).zip(seconds(record)).map(|(peer, own)| peer / own);
    [
        record.what.clone(),
        if record.failed.is_some() { FAILED.to_owned() } else { record.to_string() },
        peer.map(beside).unwrap_or_default(),
        ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
    ]
}

/// The same step in PyTorch. One without fusion stands beside it too: that is what a card gives in the worst case.
fn peer_of<'a>(record: &Record, records: &'a [Record]) -> Option<&'a Record> {
    let Part::Step(step) = record.part else { return None };
    records.iter().find(|other| match other.part {
        Part::Peer(peer) => peer.shape == step.shape && peer.is_16_bits == step.is_16_bits,
        _ => false,
    })
}

fn beside(peer: &Record) -> String {
    match (&peer.failed, peer.number("seconds_per_step")) {
        (None, Some(seconds)) => milliseconds(seconds),
        (Some(_), _) => FAILED.to_owned(),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests;
