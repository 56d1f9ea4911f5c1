use std::io::Read;

use super::*;

/// What a hub answers to a request for `path`.
fn asked(hub: &LocalHub, path: &str) -> String {
    let mut stream = TcpStream::connect(hub.address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: here\r\nRange: bytes=0-0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_hub_gives_what_the_folder_has_and_each_of_it_once() {
    let folder = std::env::temp_dir().join(format!("minigpt-attack-hub-{}", std::process::id()));
    fs_err::create_dir_all(folder.join(FILES)).unwrap();
    fs_err::write(folder.join(LISTING), "{}").unwrap();
    fs_err::write(folder.join(HEADERS), "Content-Length: LENGTH\r\nETag: CHECKSUM\r\n").unwrap();
    fs_err::write(folder.join(FILES).join("a.txt"), "abc").unwrap();
    let hub = LocalHub::serve(&folder).unwrap();
    let listing = asked(&hub, "/api/models/o/m/revision/main");
    assert!(listing.starts_with("HTTP/1.1 200 OK\r\n") && listing.ends_with("\r\n\r\n{}"));
    let file = asked(&hub, "/o/m/resolve/main/a.txt");
    let expected = format!("Content-Length: 3\r\nETag: {}\r\n\r\nabc", sha256(b"abc"));
    assert!(file.ends_with(&expected), "{file}");
    for path in ["/o/m/resolve/main/a.txt", "/o/m/resolve/main/b.txt"] {
        assert!(asked(&hub, path).starts_with("HTTP/1.1 404 "), "{path}");
    }
    fs_err::write(folder.join(REDIRECT), "Location: /led-to/NAME\r\n").unwrap();
    let led = asked(&hub, "/o/m/resolve/other/a.txt");
    assert_eq!(led, "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: /led-to/a.txt\r\n\r\n");
    assert!(asked(&hub, "/led-to/a.txt").ends_with("abc"));
    drop(hub);
    fs_err::remove_dir_all(folder).unwrap();
}
