//! Whether the Hugging Face hub can be reached.

use std::time::Duration;

use minigpt_data::{DataError, Hub, HubAnswer};

use super::Check;
use super::limited::{Unfinished, within};

const NAME: &str = "hub";

/// For an answer.
const ANSWER: Duration = Duration::from_secs(3);

/// For all of it: looking the name up, a connection, an answer.
const ALL: Duration = Duration::from_secs(5);

/// For the file of the token.
const TOKEN: Duration = Duration::from_secs(5);

/// What needs the hub.
const NEEDED: &str =
    "`hf:` models and datasets that are not in the cache cannot be fetched; all else works";

/// The hub as the environment has it, with the token that a file may have.
pub(super) fn from_env() -> Option<Hub> {
    within(TOKEN, Hub::from_env).ok()
}

pub(super) fn check(hub: Option<Hub>, is_offline: bool) -> Check {
    let Some(hub) = hub else {
        let means = "HF_HOME or HF_TOKEN_PATH names a file on another disk";
        return Check::problem(NAME, "the file of its token: no answer from the disk", means);
    };
    let token = if hub.token.is_some() { "a token" } else { "no token" };
    let endpoint = hub.endpoint.clone();
    let host = host(&endpoint);
    let found = format!("{host}, {token}");
    if hub.offline {
        return Check::note(NAME, format!("{found}; HF_HUB_OFFLINE is set"), NEEDED);
    }
    if is_offline {
        return Check::ok(NAME, format!("{found}; not asked (--offline)"));
    }
    let quick = Hub { timeout: ANSWER, retries: 0, ..hub };
    let ask = move || {
        quick.ask().map_err(|error| match error {
            // What was asked, and of whom, is told already.
            DataError::Hub { reason, .. } => reason,
            other => other.to_string(),
        })
    };
    match within(ALL, ask) {
        Ok(Ok(HubAnswer::There)) => Check::ok(NAME, format!("{found}; it answers")),
        Ok(Ok(HubAnswer::TokenTaken)) => Check::ok(NAME, format!("{found}, which it takes")),
        Ok(Ok(HubAnswer::TokenRefused)) => {
            let means = "HF_TOKEN, or what `hf auth login` left, is old or wrong; unset it for public models";
            Check::problem(NAME, format!("{found}, which it refuses"), means)
        }
        Ok(Err(reason)) => {
            let reason = reason.replace(&endpoint, &host);
            Check::note(NAME, format!("{found}; {reason}"), NEEDED)
        }
        Err(Unfinished::Late) => {
            Check::note(NAME, format!("{found}; no answer within {ALL:?}"), NEEDED)
        }
        Err(Unfinished::Broken(reason)) => {
            Check::problem(NAME, format!("{found}; {reason}"), "HF_ENDPOINT is the hub's address")
        }
    }
}

/// Scheme and host of an address: before the host may be a password, and behind it anything.
fn host(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if scheme.is_empty() { host.to_owned() } else { format!("{scheme}://{host}") }
}

#[cfg(test)]
mod tests;
