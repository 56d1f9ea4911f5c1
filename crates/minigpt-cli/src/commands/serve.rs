//! `minigpt serve`: models over HTTP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use minigpt_retrieval::Index;
use minigpt_serve::{App, Engine, Limits, ServedModel, Settings, serve};

use crate::args::ServeArgs;
use crate::load::served::load;
use crate::terminal::output::say;
use crate::terminal::signals::Signals;

/// Time between two looks for a signal.
const INTERVAL: Duration = Duration::from_millis(50);

pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode> {
    // Before the models: an address in use shall not cost a minute of loading.
    let listener = listen("--listen", &args.listen, args.api_key.as_deref())?;
    let address = listener.local_addr()?;
    let index = args.index.as_deref().map(Index::open).transpose()?;
    let models = load(args)?;
    let ids: Vec<String> = models.iter().map(|model| model.card.id.clone()).collect();
    let is_chat = models.first().is_some_and(|model: &ServedModel| model.card.template.is_some());
    let limits =
        Limits { batch: args.batch as usize, waiting: args.waiting as usize, ..Limits::default() };
    let app = App::new(Engine::start(models, limits)?, index, settings(args));

    // Not before: while models load, Ctrl-C leaves.
    let signals = Signals::listen()?;
    let leaving = signals.watch(|| say("ending: running answers have ten seconds"));
    tell(address, &ids, is_chat, args.api_key.is_some());
    let until = async {
        while signals.exit_code().is_none() {
            tokio::time::sleep(INTERVAL).await;
        }
    };
    serve(listener, app, until).context("the server broke")?;
    drop(leaving);
    Ok(signals.exit_code().map_or(ExitCode::SUCCESS, ExitCode::from))
}

/// The listener at the address that `option` asks for, which only this machine reaches unless there is a key.
pub(crate) fn listen(option: &str, address: &str, key: Option<&str>) -> Result<TcpListener> {
    let refused = |error| {
        anyhow!("{option} {address}: {error}; expected HOST:PORT of this machine, and a free one")
    };
    let addresses: Vec<SocketAddr> = address.to_socket_addrs().map_err(refused)?.collect();
    if let Some(key) = key {
        ensure!(
            !key.trim().is_empty() && key.chars().all(|c| c.is_ascii_graphic()),
            "the API key: expected letters, digits and signs of ASCII without spaces, and at least one"
        );
    } else if addresses.iter().any(|address| !address.ip().is_loopback()) {
        // A run that trains has no option for it.
        let key_by = match option {
            "--serve" => "MINIGPT_API_KEY",
            _ => "--api-key or MINIGPT_API_KEY",
        };
        bail!(
            "{option} {address}: other machines reach this address, and whoever does could use what is served: set a \
             secret by {key_by}, or listen at 127.0.0.1"
        );
    }
    TcpListener::bind(&*addresses).map_err(refused)
}

fn settings(args: &ServeArgs) -> Settings {
    let mut allowed_hosts = args.allowed_hosts.clone();
    // Whoever names the machine means it.
    let own = args.listen.rsplit_once(':').map(|(host, _)| host.to_owned());
    allowed_hosts.extend(own);
    Settings {
        api_key: args.api_key.clone(),
        allowed_hosts,
        allowed_origins: args.allowed_origins.clone(),
        max_tokens: args.max_tokens as usize,
        time_limit: Duration::from_secs(args.time_limit.into()),
        runs: args.runs.clone(),
        ..Settings::default()
    }
}

/// The address by which this machine reaches a listener: `0.0.0.0` is all of its own, and none to ask.
pub(crate) fn shown(address: SocketAddr) -> SocketAddr {
    let own: IpAddr = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    SocketAddr::new(own, address.port())
}

/// Says where the server is, what it has, and what to do next.
fn tell(address: SocketAddr, ids: &[String], is_chat: bool, has_key: bool) {
    let own = shown(address);
    let model = ids.first().map_or("", String::as_str);
    let key = if has_key { " -H \"Authorization: Bearer $MINIGPT_API_KEY\"" } else { "" };
    let (path, asked) = match is_chat {
        true => (
            "chat/completions",
            r#""messages": [{"role": "user", "content": "Why is the sky blue?"}]"#,
        ),
        false => ("completions", r#""prompt": "It was""#),
    };
    say(format_args!("serving {} at http://{own}, Ctrl-C ends it", ids.join(", ")));
    say(format_args!(
        "  chat http://{own}/  playground http://{own}/playground  runs http://{own}/runs"
    ));
    say(format_args!(
        "  curl http://{own}/v1/{path} -H 'Content-Type: application/json'{key} \\\n    \
         -d '{{\"model\": \"{model}\", {asked}}}'"
    ));
}
