//! Imports go downwards only: what DESIGN draws, the sources keep.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers from the lowest; modules of one layer do not import each other, except within the
/// vocabulary, which is one.
const LAYERS: &[&[&str]] = &[
    &[
        "error",
        "geometry",
        "encoding",
        "comparison",
        "mmod_scan",
        "patch",
        "person",
        "shape_model",
        "spec",
        "token",
        "validate",
    ],
    &["models", "vision", "store", "index", "statistics"],
    &["engine"],
    &["evaluation", "vault"],
    &["wire"],
    &["http"],
    &["bin"],
];

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The top-level modules that a source names after `crate::` (or `facevault::` in the command).
fn imports(source: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for rest in line.split("crate::").skip(1) {
            let names: Vec<&str> = match rest.strip_prefix('{') {
                Some(group) => group.split(',').collect(),
                None => vec![rest],
            };
            for name in names {
                let word: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if word.starts_with(|c: char| c.is_ascii_lowercase()) {
                    modules.push(word);
                }
            }
        }
    }
    modules
}

#[test]
fn imports_go_downwards_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut seen = BTreeMap::new();
    let mut wrong = Vec::new();
    for file in &files {
        let inside = file.strip_prefix(&root).expect("a path below src");
        let first = inside.components().next().expect("a component").as_os_str().to_string_lossy();
        let own = first.trim_end_matches(".rs").to_owned();
        if own == "lib" {
            continue;
        }
        let Some(layer) = layer_of(&own) else {
            wrong.push(format!("{} is in no layer", inside.display()));
            continue;
        };
        *seen.entry(layer).or_insert(0) += 1;
        let source = fs::read_to_string(file).expect("a source");
        for module in imports(&source).into_iter().filter(|module| *module != own) {
            let allowed =
                own == "bin" || layer_of(&module).is_some_and(|other| other < layer || (other == layer && layer == 0));
            if !allowed {
                wrong.push(format!("{} imports crate::{module}", inside.display()));
            }
        }
    }
    assert!(seen.len() >= 2, "too few layers were found: {seen:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_source_is_over_six_hundred_lines() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let long: Vec<String> = files
        .iter()
        .map(|file| (file, fs::read_to_string(file).expect("a source").lines().count()))
        .filter(|(_, lines)| *lines > 600)
        .map(|(file, lines)| format!("{} has {lines} lines", file.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn only_one_file_names_the_inference_crate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in files {
        let source = fs::read_to_string(&file).expect("a source");
        let word = |line: &str| {
            line.match_indices("ort::").any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        };
        let names = source.lines().any(|line| !line.trim_start().starts_with("//") && word(line));
        let allowed = file.ends_with("vision/onnx_runtime.rs");
        assert!(allowed || !names, "{} names ort", file.display());
    }
}
