use std::net::TcpListener;

use super::*;

const SHORT: Duration = Duration::from_millis(400);

/// What is found where somebody answers so to each connection.
fn found(answer: &'static [u8]) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap();
    thread::spawn(move || {
        let open: Vec<TcpStream> = listener
            .incoming()
            .map(|client| {
                let mut client = client.unwrap();
                client.write_all(answer).unwrap();
                client
            })
            .collect();
        drop(open);
    });
    Found { address: "a name that nobody knows".to_owned(), place }.answers_within(SHORT)
}

#[test]
fn a_worker_answers_and_nobody_else_does() {
    assert_eq!(found(b"HTTP/1.1 101 Switching Protocols\r\n"), Ok(()));
    let error = found(b"SSH-2.0-OpenSSH_9\x1b[31m\r\n").unwrap_err();
    assert_eq!(error, "it is no worker: its answer is \"SSH-2.0-OpenSSH_9\\u{1b}[31m\"");
}

#[test]
fn who_says_nothing_is_left_in_time() {
    let began = Instant::now();
    assert_eq!(found(b""), Err("no answer within 0.4 s".to_owned()));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(Found { address: nobody.to_string(), place: nobody }.answers_within(SHORT).is_err());
    assert!(find("no such host:1").is_err());
    assert!(began.elapsed() < Duration::from_secs(30));
}
