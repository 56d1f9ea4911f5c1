//! A gate in front of burn's server, which would read a frame of a gigabyte before it asks for a secret, and
//! take a connection that a web page opened.
//!
//! ```text
//!  client ──► Gate ── its request, in bounds and of no web page ─────► burn's server, on an
//!                  ── one small frame, until the session is admitted ─►  address of this machine
//!                  ── then all bytes ────────────────────────────────►
//! ```
//!
//! It knows HTTP's request and the headers of WebSocket's frames, and nothing of burn. To the server's answer it adds a
//! header that tells this start of the worker from any other.

mod frames;
mod request;

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::terminal::output::say;

use frames::{Frames, pass_frames, pass_until_data};
use request::{Route, read_request};

/// How long a client may take for its request, and again for its handshake.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections at a time: more than a worker has use for, and few enough threads.
const CONNECTIONS: usize = 256;

/// The header of an answer that names the worker's start.
pub(super) const START: &str = "Minigpt-Start";

/// Bytes of an answer's first line.
const LINE: u64 = 1024;

/// A handshake has a version, two numbers and a secret.
const HANDSHAKE: Frames = Frames { most: 4 << 10 };

/// Who fetches a tensor sends its number alone.
const FETCHES: Frames = Frames { most: 256 };

/// The secret of a worker, if there is one: an empty one is none, and one of blanks a mistake.
pub(crate) fn secret(token: Option<&str>) -> Result<Option<&str>, String> {
    match token.filter(|token| !token.is_empty()) {
        Some(token) if token.trim().is_empty() => {
            Err("MINIGPT_TOKEN has nothing but blanks: expected a secret, or no such variable"
                .to_owned())
        }
        token => Ok(token),
    }
}

/// A listener for the server behind the gate. Other programs of this machine could reach it past the gate, so
/// it is at one of 16 million addresses where the system has them.
pub(crate) fn listener_inside() -> std::io::Result<TcpListener> {
    let [.., b, c, d] = drawn().to_le_bytes();
    let somewhere = Ipv4Addr::new(127, b.max(1), c, d.clamp(1, 254));
    TcpListener::bind((somewhere, 0)).or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
}

/// A number that is another each time.
fn drawn() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Takes connections and passes on those that there is a reason to serve.
#[derive(Clone)]
pub(crate) struct Gate {
    server: SocketAddr,
    is_loopback: bool,
    patience: Duration,
    clients: Clients,
    /// Names this start of the worker.
    start: u64,
}

impl Gate {
    /// For the server at `server`; `listens_at` is where clients come to.
    pub(crate) fn new(server: SocketAddr, listens_at: IpAddr) -> Self {
        let is_loopback = listens_at.is_loopback();
        let (clients, start) = (Clients::default(), drawn());
        Self { server, is_loopback, patience: PATIENCE, clients, start }
    }

    /// Those that it has let through.
    pub(crate) fn clients(&self) -> Clients {
        self.clients.clone()
    }

    /// Serves what comes to `listener` for as long as the program runs, each connection on a thread of its
    /// own; `prepare` may set options of its socket.
    pub(crate) fn serve(&self, listener: &TcpListener, prepare: fn(&TcpStream)) {
        let slot = Arc::new(());
        for client in listener.incoming() {
            let Ok(client) = client else {
                // The system has no more descriptors: others have to end first.
                thread::sleep(Duration::from_millis(50));
                continue;
            };
            if Arc::strong_count(&slot) > CONNECTIONS {
                continue;
            }
            prepare(&client);
            let (gate, slot) = (self.clone(), slot.clone());
            // Without a thread for it, the connection ends.
            let _ = thread::Builder::new().name("gate".to_owned()).spawn(move || {
                gate.take(client);
                drop(slot);
            });
        }
    }

    fn take(&self, mut client: TcpStream) {
        let Ok(address) = client.peer_addr() else { return };
        if let Err(reason) = self.pass(&mut client) {
            say(format_args!("worker: refused {address}: {reason}"));
        }
    }

    /// Everything between a client and the server; an error is why the client was not served.
    fn pass(&self, client: &mut TcpStream) -> Result<(), String> {
        let broken = |error: std::io::Error| error.to_string();
        let address = client.peer_addr().map_err(broken)?;
        let (request, route) = match read_request(client, self.patience, self.is_loopback) {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(reason) => {
                // Whether it hears that or not, it is not served.
                let _ = client.write_all(
                    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                );
                return Err(reason);
            }
        };
        let mut server = TcpStream::connect(self.server).map_err(broken)?;
        // As burn has them: a message waits for no other.
        client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).map_err(broken)?;
        let inside = server.local_addr().map_err(broken)?;
        self.clients.enter(inside, address);
        let answers = self.pass_answers(client, &server, inside).map_err(broken)?;
        server.write_all(&request).map_err(broken)?;
        let outcome = match route {
            Route::Session => self.pass_session(client, &mut server, inside),
            Route::Data => pass_frames(client, &mut server, FETCHES),
        };
        self.clients.leave(inside);
        end(client, &server);
        // It has ended with its sockets.
        let _ = answers.join();
        outcome
    }

    /// Passes what the server says to the client, until either has gone.
    fn pass_answers(
        &self,
        client: &TcpStream,
        server: &TcpStream,
        inside: SocketAddr,
    ) -> std::io::Result<thread::JoinHandle<()>> {
        let (client, server) = (client.try_clone()?, server.try_clone()?);
        let (clients, start) = (self.clients(), self.start);
        thread::Builder::new().name("gate".to_owned()).spawn(move || {
            // Either end may close: that is the end of a session, and no error.
            let _ = pass_answer(&server, &mut &client, start);
            clients.leave(inside);
            end(&client, &server);
        })
    }

    /// A handshake in bounds, and everything once the server has admitted the session.
    fn pass_session(
        &self,
        client: &mut TcpStream,
        server: &mut TcpStream,
        inside: SocketAddr,
    ) -> Result<(), String> {
        let wait = |timeout| client.set_read_timeout(timeout).map_err(|error| error.to_string());
        wait(Some(self.patience))?;
        if !pass_until_data(&mut &*client, server, HANDSHAKE)? {
            return Ok(());
        }
        wait(None)?;
        // A session that is refused ends here, with the server's answer.
        if self.clients.wait_for(inside, self.patience) {
            let _ = std::io::copy(client, server);
        }
        Ok(())
    }
}

/// Passes what a server answers, and, where it opens a WebSocket connection, `start` as its first header.
fn pass_answer(server: impl Read, client: &mut impl Write, start: u64) -> std::io::Result<()> {
    let (mut server, mut line) = (BufReader::new(server), Vec::new());
    server.by_ref().take(LINE).read_until(b'\n', &mut line)?;
    if line.starts_with(b"HTTP/1.1 101 ") && line.ends_with(b"\n") {
        write!(line, "{START}: {start:016x}\r\n")?;
    }
    client.write_all(&line)?;
    std::io::copy(&mut server, client).map(drop)
}

fn end(client: &TcpStream, server: &TcpStream) {
    // They may have ended already.
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// The connections that the gate has let through, by the address at which the server sees them.
#[derive(Clone, Default)]
pub(crate) struct Clients(Arc<(Mutex<HashMap<SocketAddr, Client>>, Condvar)>);

struct Client {
    address: SocketAddr,
    is_admitted: bool,
}

impl Clients {
    /// Where a connection comes from; `None` for one that came past the gate.
    pub(crate) fn address_of(&self, inside: SocketAddr) -> Option<SocketAddr> {
        self.lock().get(&inside).map(|client| client.address)
    }

    /// Lets everything of a connection through: its client knows the secret.
    pub(crate) fn admit(&self, inside: SocketAddr) {
        if let Some(client) = self.lock().get_mut(&inside) {
            client.is_admitted = true;
        }
        self.0.1.notify_all();
    }

    fn enter(&self, inside: SocketAddr, address: SocketAddr) {
        self.lock().insert(inside, Client { address, is_admitted: false });
    }

    fn leave(&self, inside: SocketAddr) {
        self.lock().remove(&inside);
        self.0.1.notify_all();
    }

    /// Whether a connection is admitted, within some time.
    fn wait_for(&self, inside: SocketAddr, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut clients = self.lock();
        loop {
            match clients.get(&inside) {
                None => return false,
                Some(client) if client.is_admitted => return true,
                Some(_) => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.0.1.wait_timeout(clients, left);
            clients = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Client>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what is there within some time, as `read` does.
fn read_within(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    deadline: Instant,
) -> std::io::Result<usize> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(std::io::ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left))?;
    let length = stream.read(buffer);
    stream.set_read_timeout(None)?;
    length
}

#[cfg(test)]
mod tests;
