#![no_main]

#[path = "../readers/hub.rs"]
mod hub;

libfuzzer_sys::fuzz_target!(init: minigpt_fuzz::let_caught_panics_pass(), |bytes: &[u8]| {
    hub::hub(bytes);
});
