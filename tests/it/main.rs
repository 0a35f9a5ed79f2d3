//! Behaviour, a file each.

mod data;
mod decode;
mod install;
mod layering;
mod statistics;
mod networks;
mod photos;
mod yunet_parity;
mod models;
mod packs;
