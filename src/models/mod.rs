//! Model packs: manifests, installation, checks and conversions.

mod archive;
mod artifact;
mod calibration;
mod checksum;
mod child;
pub mod dlib;
pub mod espdl;
mod flatbuffer;
mod folder;
mod home;
#[cfg(feature = "download")]
mod https;
mod identity;
mod install;
mod kept;
mod manifest;
mod missing;
mod node;
mod npm;
mod pack;
mod pip;
mod said;
mod source;
mod staging;
pub mod tflite;
mod validate;

pub use artifact::{Artifact, State, Terms};
pub use calibration::{Measured, calibration_section, recognizability_section};
pub use checksum::Sha256;
pub use home::Home;
pub use install::Installer;
pub use kept::KeptNetwork;
pub use manifest::{Format, Manifest, ModelFile, Network, Role};
pub use missing::unavailable;
pub use pack::Pack;
pub use source::{Archive, Source, Wheel};
