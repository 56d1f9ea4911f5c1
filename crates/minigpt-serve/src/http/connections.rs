//! Connections: as many as are good for all, none for ever.

mod places;

use std::future::Future;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::places::{Place, Places};
use crate::app::{App, Settings};

/// Connections at once; others wait until one of these ends. Each holds a request of a mebibyte at most.
const CONNECTIONS: usize = 256;

/// Time for what is around an answer: its request's body, and its last bytes.
const AROUND: Duration = Duration::from_secs(60);

/// Accepts connections until `until` is done, then waits for those that are in the middle of something.
pub(super) async fn accept(
    listener: TcpListener,
    router: Router,
    app: &App,
    until: impl Future<Output = ()>,
) {
    let (slots, places) = (Arc::new(Semaphore::new(CONNECTIONS)), Places::default());
    let (stop, stopped) = watch::channel(false);
    let Settings { patience, time_limit, stop_within, .. } = *app.settings();
    let mut connections = JoinSet::new();
    let mut until = pin!(until);
    loop {
        let (stream, address, slot) = tokio::select! {
            next = next(&listener, &slots) => next,
            () = &mut until => break,
        };
        // Whoever has too many already is cut off at once, and takes no slot of others.
        let Some(place) = places.take(address) else { continue };
        let connection = Connection { stream, patience, time_limit, _slot: slot, _place: place };
        connections.spawn(connection.serve(router.clone(), stopped.clone()));
        // Those that have ended are forgotten.
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    app.stop();
    let _ = stop.send(true);
    let all = async { while connections.join_next().await.is_some() {} };
    // Whoever is not done then is cut off.
    let _ = timeout(stop_within, all).await;
}

async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, IpAddr, Option<OwnedSemaphorePermit>) {
    let slot = slots.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, address)) => return (stream, address.ip(), slot),
            // Of one client, not of the listener.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionAborted
                        | ErrorKind::ConnectionRefused
                        | ErrorKind::ConnectionReset
                ) => {}
            // The system has no more files for it: perhaps in a while.
            Err(_) => sleep(Duration::from_secs(1)).await,
        }
    }
}

struct Connection {
    stream: TcpStream,
    patience: Duration,
    time_limit: Duration,
    /// Its place among those at once, free when it ends.
    _slot: Option<OwnedSemaphorePermit>,
    /// Its place among those of its address.
    _place: Place,
}

impl Connection {
    /// Answers request after request. After the time of an answer, or when the server stops, no further one is taken;
    /// whoever does not read their answer is left after as long again.
    async fn serve(self, router: Router, mut stopped: watch::Receiver<bool>) {
        let Self { stream, patience, time_limit, _slot, _place } = self;
        // Tokens are small, and somebody waits for each.
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // Of idle connections too.
            .header_read_timeout(patience)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        let mut connection = pin!(connection);
        tokio::select! {
            _ = &mut connection => return,
            _ = stopped.wait_for(|stopped| *stopped) => {}
            () = sleep(time_limit + AROUND) => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = timeout(time_limit + AROUND, connection).await;
    }
}
