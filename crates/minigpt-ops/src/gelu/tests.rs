use super::*;

fn exact(x: f64) -> f64 {
    x / (1.0 + (-2.0 * (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).exp())
}

#[test]
fn value_and_slope_are_close_to_those_in_double_precision() {
    for i in -5000..=5000 {
        let x = i as f32 * 2e-3;
        let (y, wide) = (f64::from(value(x)), f64::from(x));
        // Where the value is small, the rounding of the exponential's large argument shows.
        assert!((y - exact(wide)).abs() <= 2e-6 * exact(wide).abs().max(1e-2), "gelu({x})");
        let slope = (exact(wide + 1e-5) - exact(wide - 1e-5)) / 2e-5;
        assert!((f64::from(derivative(x)) - slope).abs() < 2e-6, "gelu'({x})");
    }
}
