//! Rewriting of an ONNX graph into an equal one that runs faster.
//!
//! [`rewrite`] applies [`RewritingRules`] to a model's bytes before a session is made of them. Each rule keeps
//! what the network computes, up to the rounding of single precision; each can be left out. They are made for ONNX
//! Runtime on a CPU, and do only what its graph optimiser does not do by itself. A graph, or a part of one, that no
//! rule knows is left as it is.

mod batch;
mod conv;
mod fold;
mod graph;
mod heads;
mod nodes;
mod operators;
mod pad;
mod prelu;
mod resize;
mod rows;
mod shape;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::onnx::proto::ModelProto;
use prost::Message;

use crate::error::{Error, ErrorKind, Result};

use graph::Graph;

/// Raised by one with each change of what a rule, or the reader of dlib's files, makes of a model:
/// networks that are kept in their rewritten form are then made anew.
pub(crate) const REVISION: u32 = 2;

/// A rule of rewriting. They are applied in the order in which they stand here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RewritingRule {
    /// Weights that the file also lists as inputs become constants, so that the runtime may
    /// prepare them; they can no longer be given from outside.
    CloseWeights,
    /// Targets of `Reshape` that are computed from the batch's size become constants.
    StateTargets,
    /// `Resize` to the size of another value gets constant factors, where the stated or promised
    /// ([`RewritingRules::for_multiples_of`]) height and width of the input make them whole numbers.
    StateFactors,
    /// A network for one picture takes any number of them, where no operator mixes them.
    OpenBatch,
    /// Batch normalisation and arithmetic with a constant a channel go into the convolution beside
    /// them.
    FoldScales,
    /// The heads of a detector on one feature map become one convolution.
    MergeHeads,
    /// Tall convolutions of few output channels are split into one that computes their rows and one that adds them.
    SplitRows,
    /// PReLU with one slope becomes `LeakyRelu`, which the runtime fuses into the convolution.
    LeakyPRelu,
    /// PReLU with a slope for each channel becomes operators that the runtime has fast kernels for.
    UnfoldPRelu,
    /// Channels of zeros fill the last block of values that would leave the blocked layout.
    FillBlocks,
}

impl RewritingRule {
    /// All rules.
    pub const ALL: [Self; 10] = [
        Self::CloseWeights,
        Self::StateTargets,
        Self::StateFactors,
        Self::OpenBatch,
        Self::FoldScales,
        Self::MergeHeads,
        Self::SplitRows,
        Self::LeakyPRelu,
        Self::UnfoldPRelu,
        Self::FillBlocks,
    ];

    /// The rule's name, as settings spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CloseWeights => "close_weights",
            Self::StateTargets => "state_targets",
            Self::StateFactors => "state_factors",
            Self::OpenBatch => "open_batch",
            Self::FoldScales => "fold_scales",
            Self::MergeHeads => "merge_heads",
            Self::SplitRows => "split_rows",
            Self::LeakyPRelu => "leaky_prelu",
            Self::UnfoldPRelu => "unfold_prelu",
            Self::FillBlocks => "fill_blocks",
        }
    }

    fn apply(self, graph: &mut Graph, rules: &RewritingRules) -> usize {
        let RewritingRules { block, multiple, .. } = *rules;
        match self {
            Self::CloseWeights => graph.close_weights(),
            Self::StateTargets => shape::state_targets(graph),
            Self::StateFactors => resize::state_factors(graph, multiple),
            Self::OpenBatch => batch::open(graph),
            Self::FoldScales => fold::fold(graph),
            Self::MergeHeads => heads::merge(graph),
            Self::SplitRows => rows::split(graph, block),
            Self::LeakyPRelu => prelu::make_leaky(graph),
            Self::UnfoldPRelu => prelu::unfold(graph),
            Self::FillBlocks => pad::fill_blocks(graph, block),
        }
    }
}

impl fmt::Display for RewritingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RewritingRule {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let unknown = || Error::new(ErrorKind::NotFound, format!("no rewriting rule is called {name:?}"));
        Self::ALL.into_iter().find(|rule| rule.as_str() == name).ok_or_else(unknown)
    }
}

/// Which rules are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RewritingRules {
    on: BTreeSet<RewritingRule>,
    block: usize,
    multiple: usize,
}

impl Default for RewritingRules {
    /// All rules.
    fn default() -> Self {
        Self { on: RewritingRule::ALL.into(), ..Self::none() }
    }
}

impl RewritingRules {
    /// No rule: the graph stays as it is.
    #[must_use]
    pub fn none() -> Self {
        Self { on: BTreeSet::new(), block: block(), multiple: 1 }
    }

    /// The same with a rule.
    #[must_use]
    pub fn with(mut self, rule: RewritingRule) -> Self {
        self.on.insert(rule);
        self
    }

    /// The same for a network that is only run on pictures whose height and width are multiples
    /// of `pixels`.
    #[must_use]
    pub fn for_multiples_of(mut self, pixels: usize) -> Self {
        self.multiple = pixels.max(1);
        self
    }

    /// What height and width are promised to be multiples of.
    #[must_use]
    pub fn multiple(&self) -> usize {
        self.multiple
    }

    /// The same without a rule.
    #[must_use]
    pub fn without(mut self, rule: RewritingRule) -> Self {
        self.on.remove(&rule);
        self
    }
}

/// The channels of a block in ONNX Runtime's blocked layout on this machine
/// (`MlasNchwcGetBlockSize`).
fn block() -> usize {
    #[cfg(target_arch = "x86_64")]
    if !std::arch::is_x86_feature_detected!("avx512f") {
        return 8;
    }
    16
}

/// A graph after rewriting.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Rewritten {
    /// The model's bytes; those given, where no rule found anything.
    pub onnx: Vec<u8>,
    /// How many places each rule changed, in the order of application; rules that changed none
    /// are not listed.
    pub applied: Vec<(RewritingRule, usize)>,
}

impl fmt::Debug for Rewritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rewritten").field("bytes", &self.onnx.len()).field("applied", &self.applied).finish()
    }
}

/// Rewrites a model. Equal bytes and rules give equal bytes.
///
/// # Errors
/// [`ErrorKind::ModelUnavailable`] where the bytes are no ONNX model.
pub fn rewrite(onnx: &[u8], rules: &RewritingRules) -> Result<Rewritten> {
    let refuse = |why: String| Error::new(ErrorKind::ModelUnavailable, why);
    let model = ModelProto::decode(onnx).map_err(|error| refuse(format!("not an ONNX file: {error}")))?;
    if model.graph.is_none() {
        return Err(refuse("the ONNX file has no graph".into()));
    }
    let unchanged = || Rewritten { onnx: onnx.to_vec(), applied: Vec::new() };
    let Some(mut graph) = Graph::open(&model) else { return Ok(unchanged()) };
    let applied = rules.on.iter().map(|rule| (*rule, rule.apply(&mut graph, rules)));
    let applied: Vec<(RewritingRule, usize)> = applied.filter(|(_, count)| *count > 0).collect();
    if applied.is_empty() {
        return Ok(unchanged());
    }
    Ok(Rewritten { onnx: graph.into_model(model).encode_to_vec(), applied })
}
