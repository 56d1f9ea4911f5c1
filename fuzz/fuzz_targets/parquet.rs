#![no_main]

#[path = "../readers/parquet.rs"]
mod parquet;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    parquet::parquet(bytes);
});
