//! Words of the command line, and what `auto` takes.

use super::*;

fn adapter(number: usize, kind: Kind) -> Adapter {
    Adapter {
        number,
        name: format!("adapter {number}"),
        kind,
        driver: String::new(),
        api: "Vulkan".to_owned(),
        max_buffer: 1 << 30,
        types: vec!["f32"],
        place: 0,
    }
}

#[test]
fn the_words_of_the_command_line() {
    let choices = [
        ("auto", DeviceChoice::Auto),
        ("cpu", DeviceChoice::Cpu),
        ("gpu", DeviceChoice::Gpu),
        ("gpu:2", DeviceChoice::GpuNumber(2)),
        ("gpu:software", DeviceChoice::GpuSoftware),
        ("remote:den:7000", DeviceChoice::Remote("den:7000".to_owned())),
        ("remote:[::1]:7000", DeviceChoice::Remote("[::1]:7000".to_owned())),
    ];
    for (text, choice) in choices {
        assert_eq!(choice.to_string(), text);
        assert_eq!(text.parse(), Ok(choice));
    }
    for text in ["", "cuda", "gpu:", "gpu:-1", "cpu:0", "remote:", "remote:den", "remote::7000"] {
        assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
    }
}

#[test]
fn auto_takes_a_card_of_its_own_first_and_a_software_driver_never() {
    use Kind::{Discrete, Integrated, Software, Virtual};
    let takes = |kinds: &[Kind]| {
        let adapters: Vec<_> =
            kinds.iter().enumerate().map(|(number, kind)| adapter(number, *kind)).collect();
        best(&adapters).map(|adapter| adapter.number)
    };
    assert_eq!(takes(&[Software, Integrated, Discrete, Discrete]), Some(2));
    assert_eq!(takes(&[Virtual, Software, Integrated]), Some(2));
    assert_eq!(takes(&[Virtual]), Some(0));
    assert_eq!(takes(&[Software, Software]), None);
    assert!(auto(None).description.contains(gpu::WHY_NONE));
}

#[test]
fn the_processor_is_always_there() {
    let chosen = DeviceChoice::Cpu.resolve().unwrap();
    assert!(chosen.description.contains("CPU"));
}

#[test]
fn a_device_may_be_named_twice_and_none_may_not() {
    let chosen = resolve_all(&[DeviceChoice::Cpu, DeviceChoice::Cpu]).unwrap();
    assert_eq!(chosen.devices.count(), 2);
    assert_eq!(chosen.description.matches("CPU").count(), 2);
    assert!(resolve_all(&[]).is_err());
}
