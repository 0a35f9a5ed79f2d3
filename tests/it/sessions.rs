//! Repeated runs of a network: reused output buffers hold the right values, and no memory leaks.

use std::process::Stdio;

use facevault::models::Home;
use facevault::vision::{Network, NetworkOptions, TensorView};
use ndarray::Array4;

use crate::children;
use crate::graphs::{Net, int};
use crate::networks::{runtime, runtime_for};

fn load(onnx: Vec<u8>) -> Network {
    Network::load(&runtime(), NetworkOptions::new("test"), onnx).expect("a network")
}

fn outputs(network: &Network, input: &Array4<f32>) -> Vec<Vec<f32>> {
    let read = |outputs: &[TensorView<'_>]| Ok(outputs.iter().map(|output| output.values().to_vec()).collect());
    network.run(input.dim().into(), input.as_slice().expect("one after the other"), read).expect("a run")
}

/// As many outputs as a detector has, each the input times another number.
fn multiples() -> Vec<u8> {
    let mut net = Net::new([None; 4]);
    let names: Vec<String> = (0..12)
        .map(|factor| {
            let factor = net.floats(&[1], &[factor as f32]);
            net.node("Mul", &["input", &factor], vec![])
        })
        .collect();
    net.finish(&names.iter().map(|name| (name.as_str(), 4)).collect::<Vec<_>>(), 13)
}

#[test]
fn each_run_gives_the_outputs_of_its_own_input() {
    let Some(_) = runtime_for("each_run_gives_the_outputs_of_its_own_input") else { return };
    let network = load(multiples());
    for round in 1..4 {
        for side in 1..8 {
            let input = Array4::from_shape_fn((1, 1, side, 9 - side), |(_, _, y, x)| (round * (10 * y + x)) as f32);
            let expected: Vec<Vec<f32>> =
                (0..12).map(|factor| input.iter().map(|value| value * factor as f32).collect()).collect();
            assert_eq!(outputs(&network, &input), expected, "round {round}, {side}");
        }
    }
}

#[test]
fn outputs_may_depend_on_more_than_the_size_of_the_input() {
    let Some(_) = runtime_for("outputs_may_depend_on_more_than_the_size_of_the_input") else { return };
    let mut net = Net::new([Some(1), Some(1), Some(1), Some(6)]);
    let zero = net.floats(&[1], &[0.0]);
    let positive = net.node("Greater", &["input", &zero], vec![]);
    let (flat, kept) = (net.integers(&[6]), vec![int("axis", 0)]);
    let (values, wanted) =
        (net.node("Reshape", &["input", &flat], vec![]), net.node("Reshape", &[&positive, &flat], vec![]));
    let positive = net.node("Compress", &[&values, &wanted], kept);
    let network = load(net.finish(&[(&positive, 1)], 13));
    for values in [[1.0, -1.0, 2.0, -2.0, 3.0, -3.0], [1.0, 2.0, 3.0, 4.0, 5.0, -6.0], [-1.0; 6], [7.0; 6]] {
        let expected: Vec<f32> = values.into_iter().filter(|value| *value > 0.0).collect();
        let input = Array4::from_shape_vec((1, 1, 1, 6), values.to_vec()).expect("six values");
        assert_eq!(outputs(&network, &input), [expected]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn runs_leave_no_memory_behind() {
    const RUNS: usize = 4000;
    if children::part().is_some() {
        let network = load(multiples());
        let inputs: Vec<Array4<f32>> = (1..4).map(|side| Array4::from_elem((1, 1, 8 * side, 8), 1.0)).collect();
        for _ in 0..3 {
            for run in 0..RUNS {
                outputs(&network, &inputs[run % inputs.len()]);
            }
            children::say(resident());
        }
        return;
    }
    let Some(_) = runtime_for("runs_leave_no_memory_behind") else { return };
    let mut child = children::start("sessions::runs_leave_no_memory_behind", "run");
    let said: Vec<u64> = child.rest().iter().map(|line| line.parse().expect("a number")).collect();
    let [first, .., last] = said[..] else { panic!("the child said {said:?}") };
    // The description of one output has 350 bytes: forgotten ones would add up to 33 MB.
    assert!(last < first + (4 << 20), "{said:?} bytes after {RUNS} runs each");
}

/// The memory of this process in bytes.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

#[test]
fn the_runtime_reports_to_nobody() {
    const TEST: &str = "sessions::the_runtime_reports_to_nobody";
    if children::part().is_some() {
        let network = load(multiples());
        assert_eq!(outputs(&network, &Array4::ones((1, 1, 2, 2))).len(), 12);
        return;
    }
    let Some(_) = runtime_for(TEST) else { return };
    // Where the library would keep its notes before it sends them.
    let home = tempfile::tempdir().expect("a folder");
    let mut child = children::command(TEST, "run");
    for variable in ["ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI", "GITHUB_ACTIONS", "TF_BUILD"] {
        child.env_remove(variable);
    }
    child.env("FACEVAULT_HOME", Home::from_env().expect("a data folder").path());
    child.env("HOME", home.path()).env("XDG_CACHE_HOME", home.path().join("cache"));
    let ended = child.stdout(Stdio::null()).status().expect("a child");
    assert!(ended.success());
    let left: Vec<_> = std::fs::read_dir(home.path()).expect("a folder").flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn telemetry_is_declined_unless_somebody_has_decided() {
    const TEST: &str = "sessions::telemetry_is_declined_unless_somebody_has_decided";
    const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";
    if children::part().is_some() {
        facevault::disable_runtime_telemetry();
        facevault::disable_runtime_telemetry();
        children::say(std::env::var(VARIABLE).unwrap_or_default());
        return;
    }
    for (set, expected) in [(None, "1"), (Some("1"), "1"), (Some("0"), "0"), (Some(""), "")] {
        let mut child = children::command(TEST, "call");
        match set {
            Some(value) => child.env(VARIABLE, value),
            None => child.env_remove(VARIABLE),
        };
        assert_eq!(children::start_command(child).finish(), (vec![expected.to_owned()], true), "{set:?}");
    }
}
