use std::time::{Duration, Instant};

use minigpt_data::Hub;

use super::limited::{Unfinished, within};
use super::*;

#[test]
fn work_that_hangs_or_breaks_is_given_up() {
    assert_eq!(within(Duration::from_secs(5), || 7), Ok(7));
    let began = Instant::now();
    let late = within(Duration::from_millis(50), || std::thread::sleep(Duration::from_secs(60)));
    assert_eq!(late, Err(Unfinished::Late));
    assert!(began.elapsed() < Duration::from_secs(5));
    let broken = within(Duration::from_secs(5), || panic!("a driver's fault"));
    assert!(
        matches!(broken, Err(Unfinished::Broken(reason)) if reason.contains("a driver's fault"))
    );
}

#[test]
fn a_line_says_what_is_and_the_next_what_it_means() {
    let check = Check::note("devices", "cpu", "no GPU");
    assert_eq!(in_words(&check), "note     devices       cpu\n                       → no GPU\n");
    assert_eq!(in_words(&Check::ok("disk", "5 GiB free")), "ok       disk          5 GiB free\n");
    let json = serde_json::to_value(Check::problem("hub", "refused", "renew it")).unwrap();
    let expected = serde_json::json!({"name": "hub", "state": "problem", "found": "refused", "means": "renew it"});
    assert_eq!(json, expected);
}

#[test]
fn a_hub_that_never_answers_is_a_note_and_the_token_is_never_told() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let hub = Hub { endpoint, token: Some("hf_secret".to_owned()), ..Hub::from_env() };
    let began = Instant::now();
    let check = hub::check(Some(Hub { offline: false, ..hub.clone() }), false);
    assert!(began.elapsed() < Duration::from_secs(10), "it hangs");
    assert_eq!(check.state, State::Note, "{check:?}");
    assert!(check.found.contains("a token") && !format!("{check:?}").contains("hf_secret"));
    let check =
        |offline, is_offline| hub::check(Some(Hub { offline, ..hub.clone() }), is_offline).state;
    assert_eq!((check(false, true), check(true, false)), (State::Ok, State::Note));
}

#[test]
fn a_disk_that_did_not_answer_is_a_problem() {
    let checks = disk::checks(None);
    let hub_cache = checks.iter().find(|check| check.name == "hub cache").unwrap();
    assert_eq!(hub_cache.state, State::Problem, "{hub_cache:?}");
    assert!(hub_cache.found.contains("no answer from the disk"), "{hub_cache:?}");
}
