//! Model packs: what they are, how they are had, and what is checked before a network runs.
//!
//! A pack is a folder with a `manifest.toml` and the files that it names. facevault has the
//! manifests of four packs built in ([`Manifest::BUILTIN`]); [`Installer`] fetches their files,
//! ONNX Runtime's library and the sample photos into the data folder ([`Home`]), from the network
//! or from a folder of files. [`Pack::load`] reads a model and hands it out only if its size and
//! SHA-256 are those of the manifest.
//!
//! ```no_run
//! use facevault::models::{Artifact, Home, Installer, Manifest, Pack, Role};
//!
//! # fn main() -> facevault::Result<()> {
//! let home = Home::from_env()?;
//! let manifest = Manifest::builtin("dlib")?;
//! let mut wanted = Artifact::of_pack(&manifest);
//! wanted.extend(Artifact::runtime());
//! Installer::new(&home).install(&wanted, &mut ())?;
//!
//! let pack = Pack::installed(&home, "dlib")?;
//! let weights: Vec<u8> = pack.load(Role::Embedder)?;
//! # Ok(())
//! # }
//! ```

mod archive;
mod artifact;
mod checksum;
pub mod dlib;
mod folder;
mod home;
#[cfg(feature = "download")]
mod https;
mod identity;
mod install;
mod manifest;
mod missing;
mod onnx;
mod pack;
mod pip;
mod precheck;
mod source;
mod staging;
mod validate;

pub use artifact::{Artifact, State, Terms};
pub use checksum::Sha256;
pub use home::Home;
pub use install::{Installer, Progress};
pub use manifest::{Format, Manifest, ModelFile, Network, Role};
pub use missing::unavailable;
pub use pack::Pack;
pub use precheck::{Inspection, Layout, MAX_OPSET, MIN_OPSET, precheck};
pub use source::{Archive, Source, Wheel};
