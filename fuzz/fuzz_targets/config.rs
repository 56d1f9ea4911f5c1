#![no_main]

#[path = "../readers/config.rs"]
mod config;

libfuzzer_sys::fuzz_target!(init: minigpt_fuzz::let_caught_panics_pass(), |bytes: &[u8]| {
    config::config(bytes);
});
