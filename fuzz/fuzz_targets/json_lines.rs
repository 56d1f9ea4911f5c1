#![no_main]

#[path = "../readers/json_lines.rs"]
mod json_lines;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    json_lines::json_lines(bytes);
});
