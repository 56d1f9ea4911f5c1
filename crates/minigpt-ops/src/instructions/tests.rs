use super::*;

#[cfg(target_arch = "x86_64")]
#[test]
fn what_is_told_is_what_the_processor_has() {
    let told = Instructions::detect();
    let has_avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let has_avx512 = is_x86_feature_detected!("avx512f") && has_avx2;
    let has_vnni = has_avx512 && is_x86_feature_detected!("avx512vnni");
    assert_eq!(told.attention == "AVX-512", has_avx512);
    assert_eq!(told.quantized == "AVX-512 VNNI", has_vnni);
    assert_eq!(told.quantized == "AVX2", has_avx2 && !has_vnni);
    assert_eq!(told.vectors == "baseline", !has_avx2);
    assert_eq!(told.bf16.is_some(), Precision::Bf16.is_native());
}
