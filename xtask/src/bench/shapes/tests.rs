use super::*;

#[test]
fn shapes_differ_and_heads_divide_widths() {
    let all: Vec<Shape> = Group::value_variants().iter().flat_map(|group| group.shapes()).collect();
    for (index, shape) in all.iter().enumerate() {
        assert!(shape.width.is_multiple_of(shape.heads), "{shape}");
        assert!(!all[..index].contains(shape), "{shape} stands twice");
    }
}
