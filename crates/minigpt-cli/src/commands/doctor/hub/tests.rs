use super::*;

#[test]
fn an_address_is_told_without_its_password() {
    for (address, expected) in [
        ("https://huggingface.co", "https://huggingface.co"),
        ("https://user:secret@hub.local:8443/a?b=secret", "https://hub.local:8443"),
        ("http://user:se@cret@hub.local", "http://hub.local"),
        ("user:secret@hub.local/x", "hub.local"),
        ("", ""),
    ] {
        assert_eq!(host(address), expected);
    }
    let endpoint = "http://user:secret@127.0.0.1:1".to_owned();
    let hub = Hub { endpoint, token: None, offline: false, ..Hub::from_env() };
    for check in [check(Some(hub.clone()), true), check(Some(hub), false)] {
        assert!(check.found.starts_with("http://127.0.0.1:1, no token"), "{check:?}");
        assert!(!format!("{check:?}").contains("secret"), "{check:?}");
    }
    assert_eq!(check(None, false).state, super::super::State::Problem);
}
