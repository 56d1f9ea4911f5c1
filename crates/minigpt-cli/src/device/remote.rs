//! Devices of other machines, and this machine's for others.

use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};
use burn::remote::RemoteHost;
use burn::server::{
    AllowAll, AuthorizationRequest, ClientId, PeerAuthorizer, RemoteServer, TokenAuthorizer,
    WebSocketTransport,
};
use burn::tensor::Device;
use socket2::{SockRef, TcpKeepalive};

use super::WORKER_THREAD;
use super::gate::{Clients, Gate, listener_inside, secret};
use super::probe::{Found, find};
use super::silence::{self, Watch};
use crate::terminal::ending::end_with;
use crate::terminal::output::say;
use crate::terminal::signals::Signals;

/// Where a run finds the secret of its workers.
const TOKEN: &str = "MINIGPT_TOKEN";

/// How long a worker that answers may take to admit the run.
const ADMISSION: Duration = Duration::from_secs(20);

/// How long a worker may take to say that it is there still, once its device has failed.
const LAST_QUESTION: Duration = Duration::from_secs(2);

/// The workers that the program was connected to.
static WORKERS: Mutex<Vec<Found>> = Mutex::new(Vec::new());

/// The watches over the workers that the program needs.
static WATCHES: Mutex<Vec<Watch>> = Mutex::new(Vec::new());

/// Watches the workers no longer: they have done what they were needed for, and may end.
pub(crate) fn leave_workers() {
    WATCHES.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// The first of the workers that does not answer any more, as an error: asked where a device has failed.
pub(crate) fn lost_worker() -> Option<Error> {
    let workers = WORKERS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    workers.iter().find_map(|worker| {
        let reason = worker.answers_within(LAST_QUESTION).err()?;
        let address = worker.address();
        Some(anyhow!(
            "remote:{address}: the worker went away ({reason}): start it again by `minigpt worker --listen \
             {address}`, or take another device"
        ))
    })
}

/// The device that a worker lends at `address`. The program ends with an error where the worker falls silent before
/// [`leave_workers`].
pub(super) fn connect(address: &str) -> Result<Device> {
    say(format_args!("connecting to the worker at {address}"));
    let failed = |reason: String| {
        anyhow!(
            "remote:{address}: {reason}; expected `minigpt worker --listen {address}` there, of the \
             same version, with the same {TOKEN} or none"
        )
    };
    let token = std::env::var(TOKEN).ok();
    let token = secret(token.as_deref()).map_err(|reason| anyhow!(reason))?;
    let patience = std::env::var(silence::TIMEOUT).ok();
    let patience = silence::patience(patience.as_deref()).map_err(|reason| anyhow!(reason))?;
    let worker = find(address).map_err(failed)?;
    let host = RemoteHost::websocket(&format!("ws://{address}"));
    let host = match token {
        Some(token) => host.with_credential(token),
        None => host,
    };
    // burn waits for as long as it takes: on a thread of its own, which ends with the program.
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // Nobody waits any more for an answer that comes too late.
        let _ = sender.send(Device::remote_options(&host).init());
    });
    let device = match receiver.recv_timeout(ADMISSION) {
        Ok(connected) => connected.map_err(|error| failed(error.to_string()))?,
        Err(_) => return Err(failed(format!("no admission within {} s", ADMISSION.as_secs()))),
    };
    WORKERS.lock().unwrap_or_else(PoisonError::into_inner).push(worker.clone());
    let place = address.to_owned();
    let ask = move |patience| worker.answers_within(patience);
    let watch = silence::watch(patience, ask, move |reason| {
        end_with(&anyhow!("remote:{place}: {reason}"));
    })?;
    WATCHES.lock().unwrap_or_else(PoisonError::into_inner).push(watch);
    Ok(device)
}

/// Lends `device` to whoever connects to `address` and knows `token`, until a signal comes.
pub(crate) fn serve(
    device: Device,
    address: &str,
    token: Option<&str>,
    signals: &Signals,
) -> Result<()> {
    let token = secret(token).map_err(|reason| anyhow!("--listen {address}: {reason}"))?;
    let refused =
        |error| anyhow!("--listen {address}: {error}; expected HOST:PORT of this machine");
    let addresses: Vec<_> = address.to_socket_addrs().map_err(refused)?.collect();
    if token.is_none() && addresses.iter().any(|address| !address.ip().is_loopback()) {
        bail!(
            "--listen {address}: other machines reach this address, and whoever does could use the \
             device; set a secret by {TOKEN}, here and where the run starts"
        );
    }
    let listener = TcpListener::bind(&*addresses).map_err(refused)?;
    let listens_at = listener.local_addr()?;
    let inside = listener_inside().context("no address for burn's server")?;
    let gate = Gate::new(inside.local_addr()?, listens_at.ip());
    let clients = gate.clients();
    thread::Builder::new()
        .name("gate".to_owned())
        .spawn(move || gate.serve(&listener, notice_dead_peers))?;
    say(format_args!("worker: listening at {listens_at}, Ctrl-C ends it"));

    let server = RemoteServer::new([device]);
    let server = match token {
        Some(token) => {
            server.with_authorizer(Announced { asked: TokenAuthorizer::new(token)?, clients })
        }
        None => server.with_authorizer(Announced { asked: AllowAll, clients }),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name(WORKER_THREAD)
        .build()?;
    runtime.block_on(async {
        let serving = server.serve_async(WebSocketTransport::from_listener(inside));
        tokio::select! {
            served = serving => served.context("the worker broke"),
            () = asked_to_end(signals) => Ok(()),
        }
    })
}

async fn asked_to_end(signals: &Signals) {
    while signals.exit_code().is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A client that vanished without a word is noticed in half a minute, as burn's own server does it.
fn notice_dead_peers(client: &TcpStream) {
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(10))
        .with_interval(Duration::from_secs(5))
        .with_retries(4);
    // Where the system has no such thing, the connection works without.
    let _ = SockRef::from(client).set_tcp_keepalive(&keepalive);
}

/// Says who connects and who is refused, and tells the gate.
struct Announced<A> {
    asked: A,
    clients: Clients,
}

impl<A: PeerAuthorizer> PeerAuthorizer for Announced<A> {
    fn authorize(&self, request: AuthorizationRequest<'_>) -> Result<(), String> {
        let Some((inside, client)) = self.client(&request) else {
            say("worker: refused a program of this machine that came past the gate");
            return Err("it came past the gate".to_owned());
        };
        let answer = self.asked.authorize(request);
        match &answer {
            Ok(()) => {
                self.clients.admit(inside);
                say(format_args!("worker: {client} connected"));
            }
            Err(_) => say(format_args!("worker: refused {client}: another secret or none")),
        }
        answer
    }
}

impl<A> Announced<A> {
    /// Where a request comes from: inside, and at the gate.
    fn client(&self, request: &AuthorizationRequest<'_>) -> Option<(SocketAddr, SocketAddr)> {
        let ClientId::WebSocket(inside) = request.client else { return None };
        Some((inside, self.clients.address_of(inside)?))
    }
}
