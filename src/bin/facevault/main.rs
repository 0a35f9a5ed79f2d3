//! The command `facevault`.

fn main() {}
