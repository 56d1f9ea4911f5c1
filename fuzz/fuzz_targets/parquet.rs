#![no_main]

#[path = "../readers/parquet.rs"]
mod parquet;

libfuzzer_sys::fuzz_target!(init: minigpt_fuzz::let_caught_panics_pass(), |bytes: &[u8]| {
    parquet::parquet(bytes);
});
