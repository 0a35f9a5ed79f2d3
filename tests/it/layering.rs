//! Imports go downwards only: the sources keep to the layers of docs/design.md.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers from the lowest; modules of one layer do not import each other, except within the
/// vocabulary, which is one.
const LAYERS: &[&[&str]] = &[
    &[
        "audit",
        "clock",
        "error",
        "files",
        "frame",
        "geometry",
        "hex",
        "input",
        "liveness",
        "encoding",
        "comparison",
        "patch",
        "person",
        "progress",
        "recognizability",
        "setters",
        "share",
        "spec",
        "token",
        "validate",
        "vault_key",
    ],
    &["onnx"],
    &["models", "vision", "store", "index", "statistics", "tracking"],
    &["engine"],
    &["evaluation", "vault"],
    &["watch"],
    &["wire"],
    &["http", "transfer"],
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

/// A source without the lines that are comments.
fn code(source: &str) -> String {
    source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// What a source names right after `crate::`, by itself or in a group: modules, and what `lib.rs` re-exports.
fn imports(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    for rest in code(source).split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => names.extend(members(group).into_iter().map(first_name)),
            None => names.push(first_name(rest)),
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The members of a group up to its closing brace; a group inside belongs to its member.
fn members(group: &str) -> Vec<&str> {
    let (mut members, mut start, mut depth) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => {
                members.push(&group[start..at]);
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    members
}

/// The first name of a path, or `*`.
fn first_name(path: &str) -> String {
    let path = path.trim_start();
    match path.starts_with('*') {
        true => "*".to_owned(),
        false => path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect(),
    }
}

/// What `lib.rs` re-exports, and the module that each name comes from.
fn reexports(lib: &str) -> BTreeMap<String, String> {
    let mut modules = BTreeMap::new();
    for path in code(lib).split(';').filter_map(|statement| Some(statement.split_once("use ")?.1)) {
        for leaf in path.split(['{', '}', ',']) {
            // `Name`, `module::Name` or `Name as Other`: others see the last word.
            let name = leaf.rsplit("::").next().and_then(|name| name.split_whitespace().last());
            modules.extend(name.map(|name| (name.to_owned(), first_name(path))));
        }
    }
    modules
}

#[test]
fn groups_and_what_comes_through_lib_are_seen() {
    for (source, names) in [
        ("use crate::vault::Vault;", vec!["vault"]),
        ("use crate::{Metric, vault};", vec!["Metric", "vault"]),
        (
            "use crate::{\n    // a word\n    error::{Error, Result}, Vault,\n};\nfn f(x: crate::Patch<u8>) {}",
            vec!["error", "Vault", "Patch"],
        ),
        ("use crate::*;", vec!["*"]),
        ("/// [`crate::Vault`]\n// use crate::vault;", vec![]),
    ] {
        assert_eq!(imports(source), names, "{source}");
    }
    let lib =
        "pub mod vault;\n// use no::Words;\npub use spec::Metric;\npub use vault::{\n    Access, Vault as Safe,\n};";
    let expected = [("Access", "vault"), ("Metric", "spec"), ("Safe", "vault")];
    assert_eq!(reexports(lib), expected.map(|(name, module)| (name.to_owned(), module.to_owned())).into());
}

#[test]
fn imports_go_downwards_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let reexports = reexports(&fs::read_to_string(root.join("lib.rs")).expect("lib.rs"));
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
        for name in imports(&source) {
            let module = reexports.get(&name).unwrap_or(&name);
            let below = |other: usize| other < layer || (other == layer && layer == 0);
            if own != "bin" && *module != own && !layer_of(module).is_some_and(below) {
                wrong.push(format!("{} imports crate::{name}, which is in {module}", inside.display()));
            }
        }
    }
    assert!(seen.len() >= 2, "too few layers were found: {seen:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_source_is_over_four_hundred_and_fifty_lines() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let long: Vec<String> = files
        .iter()
        .map(|file| (file, fs::read_to_string(file).expect("a source").lines().count()))
        .filter(|(_, lines)| *lines > 450)
        .map(|(file, lines)| format!("{} has {lines} lines", file.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn inference_crates_are_named_where_the_design_says() {
    const ALLOWED: [(&str, &[&str]); 2] = [("ort::", &["vision/onnx_runtime.rs"]), ("ort_sys::", &[])];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in files {
        let code = code(&fs::read_to_string(&file).expect("a source"));
        for (path, allowed) in ALLOWED {
            let named = code.match_indices(path).any(|(at, _)| {
                let inside_a_word = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                !inside_a_word
            });
            let allowed = allowed.iter().any(|end| file.ends_with(end));
            assert!(allowed || !named, "{} names {path}", file.display());
        }
    }
}

#[test]
fn sqlite_is_named_below_the_seam_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files.retain(|file| !file.starts_with(root.join("store/sqlite")));
    for file in files {
        let source = code(&fs::read_to_string(&file).expect("a source"));
        assert!(!source.contains("rusqlite"), "{} names SQLite", file.display());
    }
}
