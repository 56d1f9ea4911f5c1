//! How fast a model of a file writes where a text has more and more tokens, beside llama.cpp where that is there.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use minigpt_data::ModelSource;
use minigpt_model::{AnyGpt, PackedCache, PackedGpt, TextInput};
use minigpt_plot::{Axis, Chart, Figure, Form, Line, Look, Note};
use serde::{Deserialize, Serialize};

use super::peer::Peer;
use super::writing::{ids, median, most_probable, open};
use crate::args::BenchArgs;
use crate::outputs;
use crate::terminal::format::bytes;
use crate::terminal::output::say;

/// Tokens that are timed of each length.
const TOKENS: usize = 16;

/// A model's speeds, and llama.cpp's with the same file.
#[derive(Serialize)]
pub(super) struct Contexts {
    model: String,
    weight_bytes: usize,
    cache_type: &'static str,
    threads: usize,
    /// Of each length, how many tokens were timed.
    tokens: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    llama_cpp: Option<String>,
    contexts: Vec<Speed>,
}

/// How fast the last tokens of a text were written.
#[derive(Serialize)]
struct Speed {
    /// Tokens of the text.
    length: usize,
    tokens_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    llama_cpp_tokens_per_second: Option<f64>,
    /// Of keys and values.
    cache_bytes: usize,
}

#[derive(Deserialize)]
struct TimedPeer {
    /// What llama.cpp says of the machine.
    system: String,
    /// For each length.
    tokens_per_second: Vec<f64>,
}

pub(super) fn run(args: &BenchArgs, source: &ModelSource) -> Result<Contexts> {
    let picture = args.out.as_ref().map(|path| outputs::picture("--out", path)).transpose()?;
    let peer = Peer::of(args, source)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let model = open(args, source)?;
    let AnyGpt::Packed(packed) = &model.model else { unreachable!("on the processor") };
    let tokens = args.tokens.map_or(TOKENS, |tokens| tokens as usize);
    let mut lengths: Vec<usize> = args.lengths.iter().map(|length| *length as usize).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let room = packed.block_size();
    ensure!(
        lengths.iter().all(|length| (tokens + 1..=room).contains(length)),
        "--lengths {lengths:?}: expected more than the {tokens} tokens that are timed, and at most the {room} of the \
         model's context"
    );
    let mut cache = packed.new_cache();
    let mut contexts: Vec<Speed> =
        lengths.iter().map(|length| time(packed, &mut cache, *length, tokens)).collect();
    drop(cache);
    let numbers = [&[tokens][..], &lengths[..]].concat();
    let theirs = peer.map(|peer| peer.time::<TimedPeer>("contexts", threads, packed, &numbers));
    let theirs = theirs.transpose()?;
    if let Some(theirs) = &theirs {
        for (speed, theirs) in contexts.iter_mut().zip(&theirs.tokens_per_second) {
            speed.llama_cpp_tokens_per_second = Some(*theirs);
        }
    }
    let found = Contexts {
        model: model.name(),
        weight_bytes: packed.weight_bytes(),
        cache_type: packed.cache_type().name(),
        threads,
        tokens,
        llama_cpp: theirs.map(|theirs| theirs.system),
        contexts,
    };
    if let Some(path) = &picture {
        found.draw(path)?;
        say(format_args!("written: {}", path.display()));
    }
    Ok(found)
}

/// Reads what a text of so many tokens has before the last ones, and times these.
fn time(model: &PackedGpt, cache: &mut PackedCache, length: usize, tokens: usize) -> Speed {
    let before = ids(model, 0, length - tokens);
    cache.truncate(before.len() - 1);
    let unread = before[cache.len()..].to_vec();
    let logits = model.forward(&mut [TextInput { tokens: &unread, cache: &mut *cache }]);
    let first = most_probable(&logits);
    let read = cache.clone();
    let tokens_per_second = median(|_| {
        let (mut cache, mut token) = (read.clone(), first);
        let began = Instant::now();
        for _ in 0..tokens {
            let read = &mut [TextInput { tokens: &[token], cache: &mut cache }];
            token = most_probable(&model.forward(read));
        }
        tokens as f64 / began.elapsed().as_secs_f64()
    });
    let cache_bytes = read.bytes();
    Speed { length, tokens_per_second, llama_cpp_tokens_per_second: None, cache_bytes }
}

impl Contexts {
    pub(super) fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let Self { model, weight_bytes, cache_type, threads, tokens, llama_cpp, contexts } = self;
        let size = bytes(*weight_bytes as u64);
        writeln!(out, "{model}, {size} of weights, a cache in {cache_type}, {threads} threads")?;
        writeln!(out, "one text, its last {tokens} tokens, tokens/s")?;
        if let Some(system) = llama_cpp {
            writeln!(out, "llama.cpp: {}", system.trim())?;
            writeln!(out, "{:<18}{:>10}{:>12}{:>8}", "", "minigpt", "llama.cpp", "ratio")?;
        }
        for speed in contexts {
            let own = speed.tokens_per_second;
            write!(out, "{:<18}{own:>10.2}", format!("of {} tokens", speed.length))?;
            if let Some(theirs) = speed.llama_cpp_tokens_per_second {
                write!(out, "{theirs:>12.2}{:>8.2}", own / theirs)?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    /// The speeds over the lengths.
    fn draw(&self, path: &Path) -> Result<()> {
        type Of = fn(&Speed) -> Option<f64>;
        let all: [(&str, Of); 2] = [
            ("minigpt", |speed| Some(speed.tokens_per_second)),
            ("llama.cpp", |speed| speed.llama_cpp_tokens_per_second),
        ];
        // From 0 on: the height of a speed is how fast it is.
        let y = Axis::new("tokens per second").from_zero();
        let mut chart = Chart::new("", Axis::new("tokens of the text"), y);
        for (number, (label, of)) in all.into_iter().enumerate() {
            let point = |speed: &Speed| Some((speed.length as f64, of(speed)?));
            let points: Vec<(f64, f64)> = self.contexts.iter().filter_map(point).collect();
            chart.notes.extend(points.iter().map(|at| Note {
                at: *at,
                text: format!("{:.1}", at.1),
                number,
                on_right: false,
                ring: false,
            }));
            chart.lines.push(Line::new(label, number, Form::Marks, points));
        }
        let title = format!("{}: writing one text on {} threads", self.model, self.threads);
        let figure = Figure { title, charts: vec![chart], remark: String::new() };
        Ok(figure.draw(path, Look::default())?)
    }
}
