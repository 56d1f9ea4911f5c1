#![allow(clippy::unwrap_used)]

use super::*;

fn hub(variables: &[(&str, &str)]) -> Hub {
    Hub::from_variables(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn the_environment_is_read_as_other_programs_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    let other = folder.path().join("other");
    fs_err::write(folder.path().join("token"), "saved\n").unwrap();
    fs_err::write(&other, "elsewhere").unwrap();
    let other = other.to_str().unwrap();
    let token = |variables: &[(&str, &str)]| hub(&[&[("HF_HOME", home)], variables].concat()).token;
    assert_eq!(token(&[]).unwrap(), "saved");
    assert_eq!(token(&[("HF_TOKEN_PATH", other)]).unwrap(), "elsewhere");
    let old = ("HUGGING_FACE_HUB_TOKEN", "old");
    assert_eq!(token(&[("HF_TOKEN_PATH", other), old]).unwrap(), "old");
    assert_eq!(token(&[("HF_TOKEN", "new "), old]).unwrap(), "new");
    assert_eq!(token(&[("HF_TOKEN", " "), ("HF_TOKEN_PATH", "/none")]), None);

    let set = hub(&[
        ("HF_ENDPOINT", "http://mirror/"),
        ("HF_HUB_CACHE", "/cache"),
        ("HF_HUB_OFFLINE", "YES"),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "3"),
    ]);
    assert_eq!((set.endpoint.as_str(), set.offline), ("http://mirror", true));
    assert_eq!((set.cache, set.timeout), (Some("/cache".into()), Duration::from_secs(3)));
    let unset = hub(&[("HF_HOME", "/home"), ("HF_HUB_DOWNLOAD_TIMEOUT", "soon")]);
    assert_eq!((unset.offline, unset.timeout), (false, Duration::from_secs(10)));
    assert_eq!(unset.cache, Some("/home/hub".into()));
}

/// Answers one request with this status, and tells what was asked.
fn asked(status: &str, token: &[(&str, &str)]) -> (Result<HubAnswer, DataError>, String) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 2048];
        let length = stream.read(&mut request).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let set = hub(&[&[("HF_ENDPOINT", endpoint.as_str()), ("HF_HOME", "/none")], token].concat());
    (set.ask(), server.join().unwrap())
}

#[test]
fn a_hub_is_asked_whether_it_is_there_and_takes_the_token() {
    let (answer, request) = asked("200 OK", &[]);
    assert_eq!(answer.unwrap(), HubAnswer::There);
    assert!(request.starts_with("GET /api/models?limit=1 "), "{request}");
    let token = [("HF_TOKEN", "hf_secret")];
    for (status, expected) in [
        ("200 OK", HubAnswer::TokenTaken),
        ("401 Unauthorized", HubAnswer::TokenRefused),
        ("404 Not Found", HubAnswer::There),
    ] {
        let (answer, request) = asked(status, &token);
        assert_eq!(answer.unwrap(), expected);
        assert!(request.starts_with("GET /api/whoami-v2 ") && request.contains("Bearer hf_secret"));
    }
    let error = asked("503 Unavailable", &token).0.unwrap_err().to_string();
    assert!(error.contains("503") && !error.contains("hf_secret"), "{error}");
    let nobody = hub(&[("HF_ENDPOINT", "http://127.0.0.1:1"), ("HF_HOME", "/none")]);
    assert!(nobody.ask().is_err());
}
