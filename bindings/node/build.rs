//! Tells the linker what Node's symbols need.

fn main() {
    napi_build::setup();
}
