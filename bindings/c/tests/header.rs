//! The header in the project is the one that cbindgen makes of the sources.

use std::path::Path;

/// `FACEVAULT_WRITE_HEADER=1` writes the header instead.
#[test]
fn the_header_is_made_of_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("a configuration");
    let mut made = Vec::new();
    // cbindgen reads the modules of the file by itself.
    let builder = cbindgen::Builder::new().with_config(config).with_src(root.join("src/lib.rs"));
    builder.generate().expect("a header").write(&mut made);
    let made = String::from_utf8(made).expect("text");
    let path = root.join("include/facevault.h");
    if std::env::var_os("FACEVAULT_WRITE_HEADER").is_some_and(|value| value == "1") {
        std::fs::write(&path, &made).expect("the header is written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "{} is not what the sources say: run FACEVAULT_WRITE_HEADER=1 cargo test -p facevault-c --test header",
        path.display()
    );
}
