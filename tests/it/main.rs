//! Behaviour, a file each.

mod layering;
