//! A gate with a server behind it that only repeats.

use super::*;

const REQUEST: &str = "HTTP/1.1\r\nHost: localhost:7000\r\nUpgrade: websocket\r\n";

/// Starts a gate; what its server gets comes back from it. Sessions are admitted where it says so.
fn gate(admits: bool) -> (SocketAddr, Clients) {
    let (outside, inside) = (listener_inside().unwrap(), listener_inside().unwrap());
    let address = outside.local_addr().unwrap();
    let patience = Duration::from_millis(300);
    let gate = Gate {
        patience,
        ..Gate::new(inside.local_addr().unwrap(), IpAddr::V4(Ipv4Addr::LOCALHOST))
    };
    let clients = gate.clients();
    let known = clients.clone();
    thread::spawn(move || gate.serve(&outside, |_| ()));
    thread::spawn(move || {
        for client in inside.incoming() {
            let (mut client, known) = (client.unwrap(), known.clone());
            thread::spawn(move || {
                // As burn's server, which asks when it has read something.
                client.peek(&mut [0]).unwrap();
                let inside = client.peer_addr().unwrap();
                assert!(known.address_of(inside).is_some());
                if admits {
                    known.admit(inside);
                }
                let mut copy = client.try_clone().unwrap();
                std::io::copy(&mut client, &mut copy)
            });
        }
    });
    (address, clients)
}

/// Sends pieces and gives all that comes back until the gate closes, or nothing more comes.
fn answer(address: SocketAddr, pieces: &[&[u8]]) -> Vec<u8> {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(1000))).unwrap();
    for piece in pieces {
        // A gate that has refused reads no more.
        let _ = client.write_all(piece);
        thread::sleep(Duration::from_millis(50));
    }
    let (mut all, mut block) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = client.read(&mut block) {
        all.extend(&block[..length]);
    }
    all
}

fn request(route: &str, more: &str) -> Vec<u8> {
    format!("GET /{route} {REQUEST}{more}\r\n").into_bytes()
}

const SMALL: &[u8] = &[0x82, 0x82, 0, 0, 0, 0, 7, 7];

/// A frame that says it has a gigabyte, and some of it.
const LARGE: &[u8] = &[0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 7, 7, 7, 7];

#[test]
fn an_admitted_session_passes_as_it_is() {
    let (address, _) = gate(true);
    let request = &request("session", "")[..];
    let sent = [request, SMALL, LARGE];
    assert_eq!(answer(address, &sent), sent.concat());
}

#[test]
fn a_session_that_is_not_admitted_ends_after_its_handshake() {
    let (address, clients) = gate(false);
    let request = &request("session", "")[..];
    assert_eq!(answer(address, &[request, SMALL, LARGE]), [request, SMALL].concat());
    assert_eq!(answer(address, &[request, LARGE]), request);
    thread::sleep(Duration::from_millis(100));
    assert!(clients.lock().is_empty(), "connections that have ended are forgotten");
}

#[test]
fn who_fetches_tensors_sends_small_frames_alone() {
    let (address, _) = gate(false);
    let request = &request("data", "")[..];
    let sent = [request, SMALL, SMALL];
    assert_eq!(answer(address, &sent), sent.concat());
    assert_eq!(answer(address, &[request, SMALL, LARGE]), [request, SMALL].concat());
}

#[test]
fn nothing_of_a_refused_client_reaches_the_server() {
    let (address, _) = gate(true);
    let page = request("session", "Origin: https://example.org\r\n");
    let long = request("session", &format!("X: {}\r\n", "x".repeat(20_000)));
    for refused in [&page[..], &long, b"GET / HTTP/1.1\r\n\r\n", b"never whole"] {
        let answer = String::from_utf8(answer(address, &[refused])).unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 403 "), "{answer}");
    }
}

#[test]
fn an_answer_that_opens_a_connection_names_the_start() {
    let passed = |answer: &str| {
        let mut passed = Vec::new();
        pass_answer(answer.as_bytes(), &mut passed, 0xab).unwrap();
        String::from_utf8(passed).unwrap()
    };
    let rest = "Upgrade: websocket\r\n\r\n\u{82}\n";
    assert_eq!(
        passed(&format!("HTTP/1.1 101 Switching Protocols\r\n{rest}")),
        format!("HTTP/1.1 101 Switching Protocols\r\nMinigpt-Start: 00000000000000ab\r\n{rest}")
    );
    let long = format!("HTTP/1.1 101 {}\r\n", "x".repeat(2000));
    for other in ["", "HTTP/1.1 101 ", "HTTP/1.1 403 Forbidden\r\n\r\n", &long] {
        assert_eq!(passed(other), other);
    }
    assert_ne!(drawn(), drawn());
}

#[test]
fn a_secret_of_blanks_is_none() {
    assert_eq!(secret(None), Ok(None));
    assert_eq!(secret(Some("")), Ok(None));
    assert_eq!(secret(Some("open sesame")), Ok(Some("open sesame")));
    assert!(secret(Some(" \t")).unwrap_err().contains("blanks"));
}
