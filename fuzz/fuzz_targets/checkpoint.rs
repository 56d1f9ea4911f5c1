#![no_main]

#[path = "../readers/checkpoint.rs"]
mod checkpoint;

libfuzzer_sys::fuzz_target!(init: minigpt_fuzz::let_caught_panics_pass(), |bytes: &[u8]| {
    checkpoint::checkpoint(bytes);
});
