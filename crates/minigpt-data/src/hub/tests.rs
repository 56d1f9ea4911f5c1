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
