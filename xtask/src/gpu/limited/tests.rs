//! With a shell, which Windows has not.
#![cfg(unix)]

use super::*;

fn sh(script: &str, limit: Duration) -> Ended {
    let name = format!("minigpt-limited-{}-{}", std::process::id(), script.len());
    let folder = std::env::temp_dir().join(name);
    fs_err::create_dir_all(&folder).unwrap();
    let ended = run(Command::new("sh").args(["-c", script]), limit, &folder);
    fs_err::remove_dir_all(&folder).unwrap();
    ended.unwrap()
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn what_a_command_prints_and_says_is_kept_apart() {
    let ended = sh("echo 12; echo word >&2", LONG);
    assert!(ended.is_success());
    assert_eq!((ended.printed.as_str(), ended.said.as_str()), ("12\n", "word\n"));
}

#[test]
fn a_command_is_ended_when_its_time_is_over_though_a_child_of_it_lives() {
    let began = Instant::now();
    let ended =
        sh("echo 'wgpu error: Out of Memory' >&2; sleep 20 & wait", Duration::from_millis(300));
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(ended.status.is_none() && !ended.is_success());
    assert_eq!(ended.reason(), "no end within 0 s; wgpu error: Out of Memory");
}

#[test]
fn the_reason_is_the_programs_own_line_or_the_last_one_or_the_status() {
    let reason = |script| sh(script, LONG).reason();
    assert_eq!(reason("echo 'error: no GPU found' >&2; echo later >&2; exit 1"), "no GPU found");
    assert_eq!(reason("echo first >&2; echo 'last one' >&2; exit 2"), "last one");
    assert!(reason("exit 3").contains('3'));
    assert!(reason("echo progress >&2; kill -SEGV $$").starts_with("signal: 11"));
    let long = reason("printf 'error: %0999d' 7 >&2; exit 1");
    assert!(long.chars().count() < 200 && long.ends_with('…'), "{long}");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let error = run(&mut Command::new("/no/such/program"), LONG, &std::env::temp_dir()).err();
    assert!(error.unwrap().to_string().contains("/no/such/program"));
}
