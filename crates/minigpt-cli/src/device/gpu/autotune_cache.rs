//! Autotune results on disk: which kernels are fastest is tried out once and not at each start.

use std::path::Path;

use cubecl_runtime::config::cache::CacheConfig;
use cubecl_runtime::config::{CubeClRuntimeConfig, RuntimeConfig};

use crate::cache::cache_folder;
use crate::terminal::output::say;

/// Caches autotune results in `gpu` of the user's cache folder, and says so.
pub(super) fn configure() {
    let given = std::env::var_os("MINIGPT_CACHE");
    let Ok(folder) = cache_folder(given.as_deref().map(Path::new)) else { return };
    let folder = folder.join("gpu");
    if folder.exists() {
        say(format_args!(
            "gpu: kernels are compiled as they are first used; autotune results are cached in {}",
            folder.display()
        ));
    } else {
        say(format_args!(
            "gpu: the first start tries out which kernels are fastest, in seconds on a card and a minute \
             or more in software, and caches the results in {}",
            folder.display()
        ));
    }
    let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
    config.environment.path = CacheConfig::Directory(folder);
    config.compilation.cache = true;
    // A second device finds the first one's.
    CubeClRuntimeConfig::try_set(config);
}
