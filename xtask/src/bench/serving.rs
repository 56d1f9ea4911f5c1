//! How `minigpt serve` holds out under load, alone or beside llama.cpp's server.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::PROGRAM;

/// The clients, and llama.cpp's server.
const LOAD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/peers/serve_load.py");
const LLAMA_CPP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/peers/llama_server.py");

#[derive(Args)]
pub(crate) struct Serving {
    /// The model, a GGUF file
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The Python that plays the clients
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Serve the same file with llama.cpp (xllamacpp in that Python), in turn with ours
    #[arg(long)]
    peer: bool,
    /// Numbers of clients
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 16])]
    clients: Vec<usize>,
    /// Seconds of load
    #[arg(long, default_value_t = 20)]
    seconds: usize,
    /// Where serving.json goes
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

/// What the clients saw.
#[derive(Debug, Serialize, Deserialize)]
struct Load {
    clients: usize,
    seconds: f64,
    requests: usize,
    refused: usize,
    errors: Vec<String>,
    tokens_per_second: f64,
    first_token_seconds: f64,
    first_token_seconds_95: f64,
    fewest_of_a_client: usize,
}

#[derive(Serialize)]
struct Row {
    program: &'static str,
    /// Of the server's process, at the end.
    resident_mebibytes: Option<f64>,
    load: Load,
}

pub(crate) fn run(bench: &Serving) -> Result<()> {
    let mut rows = Vec::new();
    println!(
        "{:10} {:>7} {:>8} {:>9} {:>11} {:>9} {:>7} {:>7}",
        "program", "clients", "tokens/s", "first, s", "95 % of it", "requests", "refused", "MiB"
    );
    for &clients in &bench.clients {
        rows.push(measure(bench, "minigpt", clients)?);
        if bench.peer {
            rows.push(measure(bench, "llama.cpp", clients)?);
        }
    }
    fs_err::create_dir_all(&bench.out)?;
    let json = bench.out.join("serving.json");
    fs_err::write(&json, serde_json::to_string_pretty(&rows)?)?;
    println!("wrote {}", json.display());
    Ok(())
}

/// One server under the load of so many clients.
fn measure(bench: &Serving, program: &'static str, clients: usize) -> Result<Row> {
    let mut command = match program {
        "minigpt" => {
            let mut command = Command::new(PROGRAM);
            command.arg("serve").arg(&bench.model).args(["--listen", "127.0.0.1:0"]);
            command
        }
        _ => {
            let threads = std::thread::available_parallelism().map_or(1, usize::from).to_string();
            let mut command = Command::new(&bench.python);
            command.arg(LLAMA_CPP).arg(&bench.model);
            command.args([&threads, &clients.to_string(), "1024"]);
            command
        }
    };
    let mut server = Server::start(&mut command)?;
    let url = server.url()?;
    let mut load = Command::new(&bench.python);
    load.args([LOAD, &url, &clients.to_string(), &bench.seconds.to_string()]);
    let output = load.stderr(Stdio::inherit()).output().context("the clients' Python")?;
    let load: Load = serde_json::from_slice(&output.stdout).context("the clients' figures")?;
    let resident_mebibytes = server.resident_mebibytes();
    if !load.errors.is_empty() {
        bail!("{program} with {clients} clients: {}", load.errors.join(", "));
    }
    println!(
        "{program:10} {clients:>7} {:>8.1} {:>9.3} {:>11.3} {:>9} {:>7} {:>7.0}",
        load.tokens_per_second,
        load.first_token_seconds,
        load.first_token_seconds_95,
        load.requests,
        load.refused,
        resident_mebibytes.unwrap_or(f64::NAN)
    );
    Ok(Row { program, resident_mebibytes, load })
}

/// A server's process, which ends with this.
struct Server(Child);

impl Server {
    fn start(command: &mut Command) -> Result<Self> {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(Self(piped.spawn().with_context(|| format!("cannot start {command:?}"))?))
    }

    /// The first address that it prints, on either stream.
    fn url(&mut self) -> Result<String> {
        let (found, urls) = channel();
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            self.0.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
            self.0.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        ];
        for stream in streams.into_iter().flatten() {
            let found = found.clone();
            // To the end, or the server would wait for a reader.
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let url = line.find("http://").map(|start| &line[start..]);
                    let url = url.and_then(|url| url.split([' ', ',']).next());
                    if let Some(url) = url {
                        found.send(url.trim_end_matches('/').to_owned()).ok();
                    }
                }
            });
        }
        drop(found);
        urls.recv().context("the server ended before it had an address")
    }

    /// Memory that is held, where Linux tells.
    fn resident_mebibytes(&self) -> Option<f64> {
        let path = Path::new("/proc").join(self.0.id().to_string()).join("status");
        let status = fs_err::read_to_string(path).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kibibytes / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
