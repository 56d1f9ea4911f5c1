//! The pages of `--serve`: the run in a browser, for as long as it trains.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use minigpt_serve::{App, Engine, Limits, Settings, serve};
use tokio::sync::oneshot;

use crate::terminal::output::say;

/// The secret that whoever asks must know, as for `minigpt serve`.
const KEY: &str = "MINIGPT_API_KEY";

/// A run that has ended waits no longer for a page that is still being answered.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// An address that is taken: nobody listens at it yet.
pub(crate) struct Pages {
    listener: TcpListener,
    address: SocketAddr,
    key: Option<String>,
}

impl Pages {
    /// Takes an address. That is done before a run reads its text: one that is in use is told at once.
    ///
    /// # Errors
    /// For what is no address, is another program's, or would be reached from other machines without a key.
    pub(crate) fn at(address: &str) -> Result<Self> {
        ensure!(
            address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()),
            "--serve {address}: expected HOST:PORT, as 127.0.0.1:8080; a model stands before --serve"
        );
        let listener = TcpListener::bind(address).with_context(|| {
            format!("--serve {address}: cannot listen there; port 0 takes a free one")
        })?;
        let address = listener.local_addr()?;
        let key = std::env::var(KEY).ok().filter(|key| !key.is_empty());
        ensure!(
            address.ip().is_loopback() || key.is_some(),
            "--serve {address}: other machines reach it: set {KEY}, or listen at 127.0.0.1"
        );
        Ok(Self { listener, address, key })
    }

    /// Serves the runs of the folder that `run` is in, this one first, on a thread of its own.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub(crate) fn serve(self, run: &Path) -> Result<Serving> {
        let Self { listener, address, key } = self;
        let parent = run.parent().filter(|parent| *parent != Path::new(""));
        let settings = Settings {
            api_key: key,
            stop_within: STOP_WITHIN,
            runs: parent.unwrap_or(Path::new(".")).to_owned(),
            run: run.file_name().map(|name| name.to_string_lossy().into_owned()),
            ..Settings::default()
        };
        let app = App::new(Engine::start(Vec::new(), Limits::default())?, None, settings);
        let (stop, stopped) = oneshot::channel::<()>();
        let until = async {
            // It ends where the sender is dropped.
            let _ = stopped.await;
        };
        let thread = thread::Builder::new().name("minigpt-pages".to_owned()).spawn(move || {
            if let Err(error) = serve(listener, app, until) {
                say(format_args!("warning: the pages of --serve are gone: {error}"));
            }
        })?;
        say(format_args!("pages: http://{address}/runs"));
        Ok(Serving { stop: Some(stop), thread: Some(thread) })
    }
}

/// Serves until it is dropped.
pub(crate) struct Serving {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.take();
        // A thread that broke has said so.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
