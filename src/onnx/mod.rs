//! ONNX models as data: their messages, a look into one before any runtime sees it, writing one,
//! and rewriting one into an equal one that runs faster. Nothing here runs a network.

mod precheck;
pub mod proto;
#[cfg(test)]
pub(crate) mod reference;
pub mod rewrite;
mod sizes;
mod writer;

pub use precheck::{Inspection, Layout, MAX_OPSET, MIN_OPSET, precheck};
pub(crate) use sizes::{declared, open};
pub(crate) use writer::{Convolution, GraphWriter, Size, Value, Window};
