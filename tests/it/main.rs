//! Behaviour, a file each.

mod cli;
mod data;
mod decode;
mod dlib_parity;
mod evaluation;
mod fakes;
mod harness;
mod install;
mod layering;
mod models;
mod networks;
mod packs;
mod photos;
mod search;
mod statistics;
mod update;
mod yunet_parity;
