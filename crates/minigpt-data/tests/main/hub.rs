//! The hub's protocol, spoken by a server of our own on this machine, with all that can go wrong.

mod server;

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use minigpt_data::{DataError, Hub, HubDataset, ModelSource, Source, Tokenizer, TokenizerSpec};

use server::{COMMIT, Fault, Server};

#[test]
fn datasets_are_strings() {
    for text in ["hf:a/b", "hf:a/b/c", "hf:a/b@refs/convert/parquet", "hf:a/b/c@main"] {
        let source: Source = text.parse().unwrap();
        assert_eq!(source.to_string(), text);
        assert!(matches!(source, Source::Hub(HubDataset { repo, .. }) if repo == "a/b"));
    }
    for text in ["hf:", "hf:a", "hf:a/", "hf:a/b/", "hf:a/b/c/d", "hf:a/b@"] {
        let error = text.parse::<Source>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("unknown dataset {text:?}: expected ")), "{error}");
    }
}

#[test]
fn a_dataset_is_downloaded_once_and_then_read_offline() {
    let server = Server::wikitext();
    let mut last = None;
    let source: Source = "hf:o/d/small".parse().unwrap();
    let documents = source
        .open_with_progress(&server.options(), &mut |download| last = Some(download))
        .unwrap();
    let last = last.unwrap();
    assert_eq!(
        (last.file.as_str(), last.done_bytes),
        ("small/test-00000-of-00001.jsonl", last.total_bytes)
    );
    let corpus = documents.read().unwrap();
    assert_eq!((corpus.name.as_str(), corpus.train.len()), ("small", 4000));
    assert_eq!(
        (corpus.valid[0].as_str(), corpus.test.as_ref().unwrap()[0].as_str()),
        ("held out", "last")
    );
    assert!(
        server
            .requests("")
            .iter()
            .all(|request| request.ends_with("Bearer secret") || request.contains("/cdn"))
    );
    assert!(server.requests("large").is_empty() && server.requests("README").is_empty());

    let before = server.requests("").len();
    let again = source.open(&server.options()).unwrap();
    assert_eq!(again.fingerprint().unwrap(), documents.fingerprint().unwrap());
    assert_eq!(server.requests("").len(), before + 1, "more than the question for the commit");

    let mut offline = server.options();
    offline.hub.offline = true;
    assert_eq!(source.read(&offline).unwrap(), corpus);
    assert_eq!(server.requests("").len(), before + 1);
    // A hub that cannot be reached is as good as none that is to be asked.
    let mut gone = server.options();
    gone.hub.endpoint = "http://127.0.0.1:1".to_owned();
    assert_eq!(source.read(&gone).unwrap(), corpus);

    let error = "hf:o/d/large".parse::<Source>().unwrap().read(&offline).unwrap_err().to_string();
    assert!(
        error.contains(r#"no .parquet, .jsonl or .txt files in "large"; name one of small"#),
        "{error}"
    );
    let other = "hf:o/other".parse::<Source>().unwrap();
    let error = other.read(&offline).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "datasets/o/other cannot be fetched from {}/api/datasets/o/other/revision/main: \
             HF_HUB_OFFLINE is set and the cache does not have it; without a network, give a \
             folder with the files",
            server.address
        )
    );
}

#[test]
fn several_configurations_are_named() {
    let server = Server::wikitext();
    let error = server.read("hf:o/d").unwrap_err().to_string();
    assert!(error.contains("several configurations; name one of large, small"), "{error}");
    assert_eq!(server.read("hf:o/d/large@main").unwrap().train.len(), 1800);
}

#[test]
fn a_broken_download_goes_on_where_it_ended() {
    let server = Server::wikitext();
    server.fault("/cdn", &[Fault::BreakOff, Fault::BreakOff]);
    assert_eq!(server.read("hf:o/d/large").unwrap().train.len(), 1800);
    let from: Vec<String> =
        server.requests("/cdn").into_iter().filter(|r| !r.contains(" from 0 ")).collect();
    let half = 2000 * 18 / 2;
    assert_eq!(from.len(), 2);
    assert!(from[0].contains(&format!(" from {half} ")), "{from:?}");
    assert!(from[1].contains(&format!(" from {} ", half + half / 2)), "{from:?}");
}

#[test]
fn a_failure_that_may_pass_is_tried_again() {
    for fault in [Fault::Status(429), Fault::Status(500), Fault::Status(503), Fault::WrongBytes] {
        let server = Server::wikitext();
        server.fault("/cdn", &[fault, fault]);
        assert_eq!(server.read("hf:o/d/large").unwrap().train.len(), 1800, "{fault:?}");
    }
    let server = Server::wikitext();
    server.fault("/api/", &[Fault::Status(500); 2]);
    assert_eq!(server.read("hf:o/d/large").unwrap().train.len(), 1800);
}

#[test]
fn a_failure_that_stays_names_file_address_and_what_to_do() {
    let address = |server: &Server| {
        format!(
            "large/train.jsonl cannot be fetched from {}/datasets/o/d/resolve/{COMMIT}/large/train.jsonl: ",
            server.address
        )
    };
    for (fault, reason, requests) in [
        (Fault::Status(401), "the hub wants a token (401), or the name is wrong; set HF_TOKEN", 1),
        (
            Fault::Status(403),
            "the token gives no access (403); accept the conditions on its page",
            1,
        ),
        (Fault::Status(404), "there is no such thing (404); check the name", 1),
        (Fault::Status(429), "too many requests (429); try again later", 3),
        (Fault::Status(500), "the hub failed (500); try again later", 3),
        (Fault::WrongBytes, "it came with another checksum than the hub's; try again", 3),
    ] {
        let server = Server::wikitext();
        server.fault("/cdn", &[fault; 3]);
        let error = server.read("hf:o/d/large").unwrap_err().to_string();
        let offline = "; without a network, give a folder with the files";
        assert_eq!(error, format!("{}{reason}{offline}", address(&server)));
        assert_eq!(server.requests("/cdn").len(), requests, "{fault:?}");
        // Nothing wrong stays in the cache.
        server.state.lock().unwrap().faults.clear();
        assert_eq!(server.read("hf:o/d/large").unwrap().train.len(), 1800);
    }
}

#[test]
fn a_part_that_cannot_be_completed_is_started_again() {
    let server = Server::wikitext();
    server.fault("/cdn", &[Fault::BreakOff]);
    let mut options = server.options();
    options.hub.retries = 0;
    "hf:o/d/large".parse::<Source>().unwrap().read(&options).unwrap_err();
    let blobs = server.cache.path().join("hub/datasets--o--d/blobs");
    let is_part = |path: &Path| path.extension().is_some_and(|extension| extension == "part");
    let part = fs_err::read_dir(&blobs)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| is_part(path));
    let part = part.unwrap();
    // Longer than the file, as long, and as long as it should be with other contents.
    for length in [1_000_000, 36_000, 18_000] {
        fs_err::write(&part, vec![b'x'; length]).unwrap();
        assert_eq!(server.read("hf:o/d/large").unwrap().train.len(), 1800);
        fs_err::remove_dir_all(server.cache.path().join("hub/datasets--o--d/snapshots")).unwrap();
    }
}

#[test]
fn a_name_that_leads_out_of_the_cache_is_refused() {
    let server = Server::new(&[("datasets/o/d/../../train.jsonl", b"{}")]);
    let error = server.read("hf:o/d").unwrap_err().to_string();
    assert!(error.contains("out of the cache") || error.contains("no .parquet"), "{error}");
}

/// The names of all files below a folder.
fn files_below(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.extend(files_below(&path));
        }
        names.push(path.to_string_lossy().into_owned());
    }
    names
}

#[test]
fn only_hexadecimal_digits_become_names_in_the_cache() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("precious");
    fs_err::write(&target, "the user's").unwrap();
    let target: &'static str = target.to_str().unwrap().to_owned().leak();
    for bad in [target, "../../../../precious", "main", "", "A0", "0123/4567"] {
        let server = Server::wikitext();
        server.state.lock().unwrap().checksum = Some(bad);
        let error = server.read("hf:o/d/large").unwrap_err().to_string();
        assert!(error.contains("expected 40 or 64 hexadecimal digits"), "{bad}: {error}");
        let blobs = server.cache.path().join("hub/datasets--o--d/blobs");
        assert!(fs_err::read_dir(blobs).map_or(0, Iterator::count) == 0, "{bad}");
    }
    for bad in [target, "../../../../precious", "main"] {
        let server = Server::wikitext();
        server.state.lock().unwrap().commit = Some(bad);
        let error = server.read("hf:o/d/large").unwrap_err().to_string();
        assert!(error.contains("the hub's commit is "), "{bad}: {error}");
        assert_eq!(files_below(server.cache.path()), Vec::<String>::new());
    }
    assert_eq!(fs_err::read_to_string(target).unwrap(), "the user's");
}

#[test]
fn a_revision_that_leads_elsewhere_is_refused() {
    let server = Server::wikitext();
    for text in ["hf:o/d@../../x", "hf:o/d@a/../b", "hf:o/d@/etc", "hf:../d", "hf:o/..@main"] {
        let error = text.parse::<Source>().unwrap_err().to_string();
        assert!(error.starts_with("unknown dataset "), "{text}: {error}");
        let model = text.replace("/d", "/m").parse::<ModelSource>().unwrap_err().to_string();
        assert!(model.starts_with("unknown model "), "{text}: {model}");
    }
    // Made by a program and not read from a string.
    let revision = Some("../../x".to_owned());
    let dataset = HubDataset { repo: "o/d".to_owned(), config: None, revision };
    let error = Source::Hub(dataset).read(&server.options()).unwrap_err();
    assert!(matches!(error, DataError::UnknownDataset { .. }), "{error}");
    assert!(server.requests("").is_empty());
}

#[test]
fn a_hub_that_is_silent_is_not_waited_for() {
    // Takes connections, and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::wikitext();
    let mut options = server.options();
    options.hub.endpoint = format!("http://{}", listener.local_addr().unwrap());
    options.hub.timeout = Duration::from_millis(300);
    options.hub.retries = 1;
    let started = std::time::Instant::now();
    let error = "hf:o/d".parse::<Source>().unwrap().read(&options).unwrap_err().to_string();
    assert!(error.contains("no answer within 300ms"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn a_tokenizer_comes_from_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    Tokenizer::bytes().unwrap().save(&path).unwrap();
    let server = Server::new(&[("o/m/tokenizer.json", &fs_err::read(&path).unwrap())]);
    let hub = server.options().hub;
    assert_eq!(Tokenizer::from_hub("o/m", &hub).unwrap().vocab_size(), 257);
    let documents = Source::Path(path).open(&server.options()).unwrap();
    let spec: TokenizerSpec = "hf:o/m".parse().unwrap();
    assert_eq!(Tokenizer::for_documents(&spec, &documents).unwrap().vocab_size(), 257);
    let error = Tokenizer::from_hub("o/none", &hub).unwrap_err().to_string();
    assert!(
        error.starts_with("o/none cannot be fetched from ") && error.contains("(404)"),
        "{error}"
    );
    assert!(!format!("{hub:?}").contains("secret"));
}

#[test]
fn a_model_is_downloaded_once_and_then_found_offline() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    Tokenizer::bytes().unwrap().save(&path).unwrap();
    let weights: Vec<u8> = (0..=u8::MAX).cycle().take(50_000).collect();
    let server = Server::new(&[
        ("o/m/config.json", b"{}"),
        ("o/m/tokenizer.json", &fs_err::read(&path).unwrap()),
        ("o/m/model.safetensors", &weights),
        ("o/m/flax_model.msgpack", b"another format"),
        ("o/empty/README.md", b"no model"),
    ]);
    let hub = server.options().hub;
    let source: ModelSource = "hf:o/m".parse().unwrap();
    let mut files = Vec::new();
    let found = source.fetch(&hub, &mut |download| files.push(download.file)).unwrap();
    assert_eq!(fs_err::read(found.join("model.safetensors")).unwrap(), weights);
    assert_eq!(Tokenizer::in_folder(&found).unwrap().vocab_size(), 257);
    assert!(files.contains(&"model.safetensors".to_owned()), "{files:?}");
    assert!(server.requests("flax").is_empty());

    let offline = Hub { offline: true, ..hub.clone() };
    assert_eq!(source.fetch(&offline, &mut |_| panic!("a download")).unwrap(), found);
    let none: ModelSource = "hf:o/empty".parse().unwrap();
    let error = none.fetch(&hub, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("o/empty cannot be fetched from ") && error.contains("no config.json"));
    let here: ModelSource = "here".parse().unwrap();
    assert_eq!(here.fetch(&offline, &mut |_| {}).unwrap(), Path::new("here"));
}

#[test]
fn gguf_files_are_had_one_by_one_listed_and_removed() {
    let server = Server::new(&[
        ("o/m/small.gguf", &[1; 3000]),
        ("o/m/large.gguf", &[2; 5000]),
        ("o/m/README.md", b"a card"),
        ("o/whole/config.json", b"{}"),
        ("o/whole/model.safetensors", &[3; 700]),
    ]);
    let hub = server.options().hub;
    let fetch = |name: &str| name.parse::<ModelSource>().unwrap().fetch(&hub, &mut |_| {});
    let listed = || {
        let models = hub.cached_models().unwrap().into_iter();
        models.map(|cached| (cached.model.to_string(), cached.bytes)).collect::<Vec<_>>()
    };
    assert_eq!(listed(), []);
    assert_eq!(fs_err::read(fetch("hf:o/m/small.gguf").unwrap()).unwrap(), [1; 3000]);
    assert!(server.requests("large.gguf").is_empty());
    let error = fetch("hf:o/m/other.gguf").unwrap_err().to_string();
    assert!(error.contains("expected one of ") && error.contains("large.gguf"), "{error}");
    let error = fetch("hf:o/m").unwrap_err().to_string();
    assert!(error.contains("name one of its GGUF files"), "{error}");
    fetch("hf:o/m/large.gguf").unwrap();
    fetch("hf:o/whole").unwrap();
    let large = ("o/m/large.gguf".to_owned(), 5000);
    let small = ("o/m/small.gguf".to_owned(), 3000);
    // With the reference of the revision, which is a commit.
    let whole = ("o/whole".to_owned(), 2 + 700 + 40);
    let models = [large.clone(), small, whole];
    assert_eq!(listed(), models);

    // What is no model's folder, or in none of its snapshots, is passed over.
    let cache = hub.cache.clone().unwrap();
    for stray in ["x.txt", "models--o--file", "models--o--whole/snapshots/x.txt"] {
        fs_err::write(cache.join(stray), "").unwrap();
    }
    #[cfg(unix)]
    for (target, stray) in [("nowhere", "models--o--gone"), (".", "models--o--m/snapshots/circle")]
    {
        std::os::unix::fs::symlink(target, cache.join(stray)).unwrap();
    }
    assert_eq!(listed(), models);
    assert!(hub.remove(&"o/file".parse().unwrap()).is_err());

    let remove = |name: &str| hub.remove(&name.parse().unwrap());
    assert_eq!(remove("o/m/small.gguf").unwrap(), 3000);
    assert_eq!(remove("o/whole").unwrap(), 742);
    assert_eq!(listed(), [large]);
    for gone in ["o/m/small.gguf", "o/whole", "o/never"] {
        let error = remove(gone).unwrap_err().to_string();
        assert!(error.contains(" is not in the Hugging Face cache"), "{error}");
    }
    assert_eq!(remove("o/m").unwrap(), 5040);
    assert_eq!(listed(), []);
}
