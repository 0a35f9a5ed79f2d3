//! Behaviour, a file each.

mod data;
mod decode;
mod layering;
mod statistics;
mod networks;
mod yunet_parity;
