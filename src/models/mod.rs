//! Model packs: manifests, installation, checks and conversions.

mod addon;
#[cfg(feature = "install")]
mod archive;
mod artifact;
mod calibration;
mod checksum;
#[cfg(feature = "install")]
mod client_output;
pub mod dlib;
pub mod espdl;
mod flatbuffer;
#[cfg(feature = "install")]
mod folder;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod home;
#[cfg(feature = "download")]
mod https;
mod identity;
#[cfg(feature = "install")]
mod install;
mod liveness;
mod manifest;
mod missing;
#[cfg(feature = "install")]
mod node;
#[cfg(feature = "install")]
mod npm;
mod npm_wheels;
mod optimized;
mod pack;
#[cfg(feature = "install")]
mod package_client;
#[cfg(feature = "install")]
mod pip;
mod self_test;
mod source;
#[cfg(feature = "install")]
mod staging;
pub mod tflite;
mod validate;

pub use addon::Addon;
pub use artifact::{Artifact, State, Terms};
pub use calibration::{Measured, calibration_section, recognizability_section};
pub use checksum::Sha256;
pub use home::Home;
#[cfg(feature = "install")]
pub use install::Installer;
pub use liveness::{LivenessManifest, LivenessPack};
pub use manifest::{Format, Manifest, ModelFile, NetworkEntry, Role};
pub use missing::unavailable;
pub use optimized::OptimizedNetwork;
pub use pack::Pack;
pub use self_test::self_test_section;
pub use source::{Archive, Source, Wheel};
