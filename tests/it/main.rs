//! Behaviour, a file each.

mod data;
mod decode;
mod dlib_parity;
mod install;
mod layering;
mod statistics;
mod networks;
mod photos;
mod yunet_parity;
mod evaluation;
mod install;
mod layering;
mod models;
mod networks;
mod packs;
mod statistics;
mod yunet_parity;
mod search;
