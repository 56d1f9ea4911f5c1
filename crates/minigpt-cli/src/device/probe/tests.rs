use std::net::TcpListener;

use super::*;

const SHORT: Duration = Duration::from_millis(400);

/// Where somebody answers each connection with the next of `answers`, and the last of them from then on.
fn answering(answers: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut open = Vec::new();
        for (number, client) in listener.incoming().enumerate() {
            let mut client = client.unwrap();
            let answer = answers[number.min(answers.len() - 1)];
            client.write_all(answer.as_bytes()).unwrap();
            open.push(client);
        }
    });
    place
}

/// What is found where somebody answers so.
fn found(answers: &'static [&'static str]) -> Result<Found, String> {
    ask("a name that nobody knows", &[answering(answers)], SHORT, SHORT)
}

#[test]
fn a_worker_answers_and_nobody_else_does() {
    let worker =
        found(&["HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"]).unwrap();
    assert_eq!((worker.start.clone(), worker.answers_within(SHORT)), (None, Ok(())));
    let error = found(&["SSH-2.0-OpenSSH_9\x1b[31m\r\n"]).unwrap_err();
    assert_eq!(error, "it is not a worker: its answer is \"SSH-2.0-OpenSSH_9\\u{1b}[31m\"");
}

#[test]
fn a_worker_whose_name_is_known_no_more_is_there_still() {
    let place = answering(&["HTTP/1.1 101 Switching Protocols\r\n\r\n"]);
    let worker = Found { address: "no such host:1".to_owned(), place, start: None };
    assert_eq!(worker.answers_within(SHORT), Ok(()));
}

#[test]
fn another_worker_in_its_place_is_not_taken_for_it() {
    const ONE: &str =
        "HTTP/1.1 101 Switching Protocols\r\nMinigpt-Start: 01\r\nUpgrade: websocket\r\n\r\n";
    const OTHER: &str =
        "HTTP/1.1 101 Switching Protocols\r\nMinigpt-Start: 02\r\nUpgrade: websocket\r\n\r\n";
    let worker = found(&[ONE, ONE, OTHER]).unwrap();
    assert_eq!((worker.start.as_deref(), worker.answers_within(SHORT)), (Some("01"), Ok(())));
    let error = worker.answers_within(SHORT).unwrap_err();
    assert!(error.starts_with("another was started in its place"), "{error}");
}

#[test]
fn who_says_nothing_is_left_in_time() {
    let began = Instant::now();
    assert_eq!(found(&[""]), Err("no answer within 0.4 s".to_owned()));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(ask("nobody", &[nobody], SHORT, SHORT).is_err());
    // Half an answer is none.
    assert_eq!(found(&["HTTP/1.1 101 "]), Err("no answer within 0.4 s".to_owned()));
    assert!(find("no such host:1").is_err());
    assert!(began.elapsed() < Duration::from_secs(30));
}
