//! In place of the autotune cache, where the program was built without it.

use crate::terminal::output::say;

/// Says what each start costs without the cache.
pub(super) fn configure() {
    say(
        "gpu: each start tries out which kernels are fastest, in seconds on a card and a minute or more in \
         software; a minigpt built with the tune-cache feature caches the results",
    );
}
