use std::net::TcpListener;

use super::super::probe::find;
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
            if number < 4 {
                let answer = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
                std::io::Write::write_all(&mut client, answer).unwrap();
            }
            open.push(client);
        }
    });
    let worker = find(&address).unwrap();
    let began = Instant::now();
    let (sender, said) = mpsc::channel();
    let (patience, ask) = (Duration::from_secs(1), move |patience| worker.answers_within(patience));
    let _watch = watch(patience, ask, move |reason| sender.send(reason).unwrap()).unwrap();
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
    let _watch = watch(Duration::from_millis(40), |_| Ok(()), give_up).unwrap();
    let heard = said.recv_timeout(Duration::from_millis(400));
    assert_eq!(heard, Err(RecvTimeoutError::Timeout));
}

#[test]
fn one_that_nobody_needs_any_more_is_not_given_up() {
    let (sender, said) = mpsc::channel();
    let give_up = move |reason| sender.send(reason).unwrap();
    let silent = |_| Err("no answer".to_owned());
    drop(watch(Duration::from_millis(400), silent, give_up).unwrap());
    // The thread has ended, and what it would have said with it.
    let heard: Result<String, _> = said.recv_timeout(Duration::from_secs(30));
    assert_eq!(heard, Err(RecvTimeoutError::Disconnected));
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
