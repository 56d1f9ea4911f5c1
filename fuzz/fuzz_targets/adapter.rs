#![no_main]

#[path = "../readers/adapter.rs"]
mod adapter;

libfuzzer_sys::fuzz_target!(init: minigpt_fuzz::let_caught_panics_pass(), |bytes: &[u8]| {
    adapter::adapter(bytes);
});
