#![no_main]

#[path = "../readers/adapter.rs"]
mod adapter;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    adapter::adapter(bytes);
});
