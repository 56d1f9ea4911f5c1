use std::net::TcpListener;
use std::sync::mpsc;

use super::super::probe::probe_within;
use super::*;

/// What is said of a worker that answers its first questions, and then takes connections and says nothing.
#[test]
fn a_worker_that_takes_connections_and_says_nothing_is_given_up() {
    let fake = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = fake.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut open = Vec::new();
        for (number, client) in fake.incoming().enumerate() {
            let mut client = client.unwrap();
            if number < 3 {
                let answer = b"HTTP/1.1 101 Switching Protocols\r\n";
                std::io::Write::write_all(&mut client, answer).unwrap();
            }
            open.push(client);
        }
    });
    let began = Instant::now();
    let (sender, said) = mpsc::channel();
    let patience = Duration::from_secs(1);
    watch(&address, patience, probe_within, move |reason| sender.send(reason).unwrap()).unwrap();
    let reason = said.recv_timeout(Duration::from_secs(30)).unwrap();
    assert!(reason.starts_with("the worker has been silent for "), "{reason}");
    assert!(
        reason.contains(" s (no answer within 0.25 s): it is stopped or out of reach"),
        "{reason}"
    );
    assert!(reason.contains(TIMEOUT) && began.elapsed() >= patience, "{reason}");
}

#[test]
fn one_that_answers_is_waited_for() {
    let (sender, said) = mpsc::channel();
    let give_up = move |reason| sender.send(reason).unwrap();
    watch("nowhere:1", Duration::from_millis(40), |_, _| Ok(()), give_up).unwrap();
    assert!(said.recv_timeout(Duration::from_millis(400)).is_err());
}

#[test]
fn the_patience_is_in_seconds() {
    assert_eq!(patience(None), Ok(PATIENCE));
    assert_eq!(patience(Some("")), Ok(PATIENCE));
    assert_eq!(patience(Some("30")), Ok(Duration::from_secs(30)));
    for wrong in ["0", "-1", "1.5", "soon"] {
        let error = patience(Some(wrong)).unwrap_err();
        assert_eq!(
            error,
            format!("MINIGPT_WORKER_TIMEOUT is {wrong:?}: expected seconds, 1 or more")
        );
    }
}
