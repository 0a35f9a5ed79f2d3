//! Model packs: manifests, installation, checks and conversions.
