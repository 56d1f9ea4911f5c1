use burn::module::Module;
use burn::tensor::Device;

use super::*;

#[test]
fn a_models_parameters_are_its_configurations() {
    let config = GptConfig { n_inner: 40, ..GptConfig::new(300, 16, 3, 2, 24) };
    let model = Gpt::init(&config, 0, &Device::flex()).unwrap();
    let found: Vec<_> = model
        .stored_parameters()
        .into_iter()
        .map(|tensor| (tensor.name.clone(), tensor.shape.to_vec()))
        .collect();
    let expected: Vec<_> = config.parameters().collect();
    assert_eq!(found, expected);
    let elements: usize = expected.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    assert_eq!(elements, config.parameter_counts().total());
    assert_eq!(elements, model.num_params());
}
