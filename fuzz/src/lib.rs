//! What the targets share.

use std::panic::{set_hook, take_hook};

/// Lets a library's panic pass that one of our readers catches: to it that is an error. libFuzzer's own hook ends
/// the process before anybody can; a panic that nobody catches does so still.
pub fn let_caught_panics_pass() {
    drop(take_hook());
    let print = take_hook();
    set_hook(Box::new(move |panic| {
        if !minigpt_files::is_caught() {
            print(panic);
        }
    }));
}
