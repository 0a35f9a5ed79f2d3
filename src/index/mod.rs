//! The gallery: exact search over encodings in memory.

mod array;
mod builder;
mod changes;
mod codes;
mod contents;
mod directory;
mod gallery;
mod ids;
mod kernels;
mod membership;
mod metric;
mod probe;
mod scan;
mod segment;
mod snapshot;
mod tail;
mod top_k;

pub use builder::GalleryBuilder;
pub use changes::Change;
pub use contents::Entry;
pub use gallery::{Gallery, Match, SearchOptions};
pub use metric::{compare, similarity};
