#![no_main]

#[path = "../readers/hub.rs"]
mod hub;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    hub::hub(bytes);
});
