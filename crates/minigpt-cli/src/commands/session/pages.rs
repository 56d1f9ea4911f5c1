//! The pages of `--serve`: the run in a browser, for as long as it trains.

use std::net::TcpListener;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use minigpt_serve::{App, Engine, Limits, Settings, serve};
use tokio::sync::oneshot;

use crate::commands::serve::{listen, shown};
use crate::terminal::output::say;

/// The secret that whoever asks must know, as for `minigpt serve`.
const KEY: &str = "MINIGPT_API_KEY";

/// A run that has ended waits no longer for a page that is still being answered.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// An address that is taken: nobody listens at it yet.
pub(crate) struct Pages {
    listener: TcpListener,
    host: Option<String>,
    key: Option<String>,
}

impl Pages {
    /// Takes an address. That is done before a run reads its text: one that is in use is told at once.
    ///
    /// # Errors
    /// For what is no address, is another program's, or is reached from other machines without a key.
    pub(crate) fn at(address: &str) -> Result<Self> {
        let key = std::env::var(KEY).ok();
        let listener = listen("--serve", address, key.as_deref())?;
        // Whoever names the machine means it.
        let host = address.rsplit_once(':').map(|(host, _)| host.to_owned());
        Ok(Self { listener, host, key })
    }

    /// Serves the runs of the folder that `run` is in, this one first, on a thread of its own.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub(crate) fn serve(self, run: &Path) -> Result<Serving> {
        let Self { listener, host, key } = self;
        let address = listener.local_addr()?;
        let parent = run.parent().filter(|parent| *parent != Path::new(""));
        let settings = Settings {
            api_key: key,
            allowed_hosts: host.into_iter().collect(),
            stop_within: STOP_WITHIN,
            runs: parent.unwrap_or(Path::new(".")).to_owned(),
            run: run.file_name().map(|name| name.to_string_lossy().into_owned()),
            ..Settings::default()
        };
        let app = App::new(Engine::start(Vec::new(), Limits::default())?, None, settings);
        let (stop, stopped) = oneshot::channel::<()>();
        let until = async move {
            // It ends where the sender is dropped.
            let _ = stopped.await;
        };
        let thread = thread::Builder::new().name("minigpt-pages".to_owned()).spawn(move || {
            if let Err(error) = serve(listener, app, until) {
                say(format_args!("warning: the pages of --serve are gone: {error}"));
            }
        })?;
        say(format_args!("pages: http://{}/runs", shown(address)));
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
