//! Event files that TensorBoard and the dashboards compatible with it read.
//!
//! A file is a sequence of protobuf messages of [`event.proto`](https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto),
//! each framed as a [`TFRecord`](https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details).
//! Only what a scalar needs is here: the crates that write more are unmaintained, or want a
//! protobuf compiler where they are built.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use fs_err::File;
use prost::Message;

use crate::error::TrainError;
use crate::run::EVENTS;
use crate::run::row::{Row, RowSplit};

/// Appends the scalars of rows to an event file.
pub(crate) struct EventWriter(File);

impl EventWriter {
    /// Starts a file of this process beside those of earlier ones. TensorBoard forgets what it has
    /// read of the steps after `step`, which a resumed run takes again.
    pub(crate) fn create(folder: &Path, step: usize) -> Result<Self, TrainError> {
        let now = since_epoch();
        // TensorBoard reads a folder's files in the order of their names.
        let name = format!("{EVENTS}tfevents.{:010}.{:09}", now.as_secs(), now.subsec_nanos());
        let mut writer = Self(File::create(folder.join(name))?);
        let version = "brain.Event:2".to_owned();
        writer.write_event(Event { file_version: Some(version), ..Event::now(0) })?;
        let session_log = Some(SessionLog { status: SessionLog::START });
        writer.write_event(Event { session_log, ..Event::now(step + 1) })?;
        Ok(writer)
    }

    /// Adds what a row says.
    pub(crate) fn write(&mut self, row: &Row) -> Result<(), TrainError> {
        self.write_event(Event { summary: Some(Summary::of(row)), ..Event::now(row.step) })
    }

    fn write_event(&mut self, event: Event) -> Result<(), TrainError> {
        Ok(self.0.write_all(&record(&event.encode_to_vec()))?)
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Length, its checksum, data, their checksum.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length), data, &masked_crc(data)].concat()
}

fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    session_log: Option<SessionLog>,
}

impl Event {
    fn now(step: usize) -> Self {
        let wall_time = since_epoch().as_secs_f64();
        Self { wall_time, step: step as i64, ..Self::default() }
    }
}

#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

impl SessionLog {
    const START: i32 = 1;
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

impl Summary {
    fn of(row: &Row) -> Self {
        let scalar = |(tag, value)| Scalar { tag, simple_value: Some(value as f32) };
        Self { value: scalars(row).map(scalar).collect() }
    }
}

/// What a row says, by the names that trackers know it by, as `train/loss`.
pub(crate) fn scalars(row: &Row) -> impl Iterator<Item = (String, f64)> {
    let split = match row.split {
        RowSplit::Train => "train",
        RowSplit::Valid => "valid",
        RowSplit::Average => "average",
    };
    let perplexity = (row.split != RowSplit::Train).then(|| row.loss.exp());
    let values = [
        ("loss", Some(row.loss)),
        ("perplexity", perplexity),
        ("learning_rate", row.learning_rate),
        ("grad_norm", row.grad_norm),
        ("tokens_per_second", Some(row.tokens_per_second)),
        ("margin", row.margin),
        ("accuracy", row.accuracy),
    ];
    let named = move |(name, value): (&str, Option<f64>)| Some((format!("{split}/{name}"), value?));
    values.into_iter().filter_map(named)
}

#[cfg(test)]
mod tests;
