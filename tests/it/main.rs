//! Integration tests: one file per behaviour.

mod accurate;
mod attributes;
mod audit;
#[cfg(feature = "avif")]
mod avif;
mod centerface_parity;
mod children;
#[cfg(feature = "cli")]
mod cli;
mod coarse;
mod data;
mod decode;
mod dlib_parity;
mod duplicates;
mod each;
mod encodings;
mod engine;
mod evaluation;
mod fakes;
mod flips;
mod frames;
mod given;
mod graphs;
#[cfg(feature = "cli")]
mod harness;
#[cfg(feature = "heic")]
mod heic;
mod hog;
#[cfg(all(feature = "http", feature = "download"))]
mod http;
#[cfg(feature = "hub")]
mod hub;
mod identify;
mod install;
mod layering;
mod liveness;
mod many;
mod measuring;
mod mixed;
mod models;
mod networks;
mod opening;
mod optimized;
mod orientation;
mod packs;
mod photos;
mod place;
mod recognizability;
mod reencode;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod reliability;
mod rewrite;
mod rows;
mod rules;
mod scratch;
mod search;
mod self_test;
mod sessions;
mod small_faces;
mod statistics;
mod store;
mod stress;
mod thumbnails;
#[cfg(feature = "transfer")]
mod transfer;
mod turned;
mod two_processes;
mod update;
mod watch;
mod without_photos;
mod yunet_parity;
