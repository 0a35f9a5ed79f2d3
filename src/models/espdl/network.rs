//! What stands in an `.espdl` file: nodes by name and the weights that they read.
//!
//! The header (`fbs_loader.cpp`): four letters, `EDL2` or the older `EDL1`; then three `u32`: 1
//! where the rest is encrypted, else 0; the length of the rest; with `EDL2` four bytes of nothing,
//! so that the rest starts at a multiple of 16. Slots are those of `espdl.fbs`.

use std::collections::HashMap;

use crate::error::{Error, ErrorKind, Result};
use crate::models::flatbuffer::Table;

use super::weights::{self, Weight};

/// What errors call the file.
const FILE: &str = "the ESP-DL file";
/// The most nodes and the most weights; far above any embedder's.
const MAX_ITEMS: usize = 4096;
/// The most inputs, outputs and attributes of a node.
const MAX_PARTS: usize = 16;
/// The largest side or number of channels.
const MAX_SIZE: i64 = 1 << 16;

/// A network: nodes in the order in which they run.
pub(super) struct NetworkFile<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) weights: HashMap<&'a str, Weight<'a>>,
    pub(super) input: &'a str,
    /// Rows, columns and channels.
    pub(super) input_sizes: [usize; 3],
    pub(super) output: &'a str,
    /// The length of the row of numbers that comes out.
    pub(super) output_size: usize,
}

/// One use of an operator.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) operator: &'a str,
    pub(super) inputs: Vec<&'a str>,
    pub(super) output: &'a str,
    index: usize,
    attributes: HashMap<&'a str, Attribute<'a>>,
}

/// The settings of a node.
#[derive(Debug)]
enum Attribute<'a> {
    Float(f32),
    Integer(i64),
    Text(&'a [u8]),
    /// Little-endian.
    Integers(&'a [[u8; 8]]),
    Other,
}

impl Node<'_> {
    /// The error that names this node.
    pub(super) fn error(&self, why: impl std::fmt::Display) -> Error {
        error(format_args!("node {} ({:.40}): {why}", self.index, self.operator))
    }

    fn mismatch(&self, name: &str, expected: impl std::fmt::Display, found: &Attribute<'_>) -> Error {
        let found = match found {
            Attribute::Float(value) => value.to_string(),
            Attribute::Integer(value) => value.to_string(),
            Attribute::Text(text) => format!("{:?}", String::from_utf8_lossy(&text[..text.len().min(32)])),
            Attribute::Integers(values) => {
                let first = values.iter().take(8).map(|value| i64::from_le_bytes(*value));
                format!("{:?}", first.collect::<Vec<_>>())
            }
            Attribute::Other => "something else".to_owned(),
        };
        self.error(format_args!("expected {name} to be {expected}, found {found}"))
    }

    /// Whether it has this attribute.
    pub(super) fn has(&self, name: &str) -> bool {
        self.attributes.contains_key(name)
    }

    /// An attribute of one integer, `default` where it is missing.
    pub(super) fn integer(&self, name: &str, default: i64) -> Result<i64> {
        match self.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Integer(value)) => Ok(*value),
            Some(other) => Err(self.mismatch(name, "an integer", other)),
        }
    }

    /// An attribute of `N` integers from 0 to [`MAX_SIZE`], each `default` where it is missing.
    pub(super) fn sizes<const N: usize>(&self, name: &str, default: usize) -> Result<[usize; N]> {
        let Some(attribute) = self.attributes.get(name) else { return Ok([default; N]) };
        let Attribute::Integers(values) = attribute else { return Err(self.mismatch(name, "integers", attribute)) };
        let sizes = values.iter().take(N + 1).map(|value| size(i64::from_le_bytes(*value), 0));
        let sizes = sizes.collect::<Option<Vec<_>>>();
        sizes
            .and_then(|sizes| sizes.try_into().ok())
            .ok_or_else(|| self.mismatch(name, format_args!("{N} numbers from 0 to {MAX_SIZE}"), attribute))
    }

    /// That an attribute of one float is 1, which is also its default.
    pub(super) fn expect_one(&self, name: &str) -> Result<()> {
        match self.attributes.get(name) {
            None | Some(Attribute::Float(1.0)) => Ok(()),
            Some(other) => Err(self.mismatch(name, "1", other)),
        }
    }

    /// Whether a rectifier follows at once.
    pub(super) fn rectified(&self) -> Result<bool> {
        match self.attributes.get("activation") {
            None | Some(Attribute::Text(b"Linear")) => Ok(false),
            Some(Attribute::Text(b"Relu")) => Ok(true),
            Some(other) => Err(self.mismatch("activation", "\"Linear\" or \"Relu\"", other)),
        }
    }
}

/// The error that the file is not what it should be.
pub(super) fn error(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::ModelUnavailable, format!("{FILE}: {why}"))
}

fn size(value: i64, least: i64) -> Option<usize> {
    (least..=MAX_SIZE).contains(&value).then_some(value as usize)
}

/// Reads the one network of a file.
pub(super) fn read(bytes: &[u8]) -> Result<NetworkFile<'_>> {
    let graph = Table::root(FILE, bytes, header(bytes)?)?.needed(7, "a network")?;
    let nodes = graph.tables(0, "nodes", MAX_ITEMS)?.enumerate().map(|(index, node)| read_node(index, &node?));
    let nodes = nodes.collect::<Result<Vec<_>>>()?;
    let mut weights = HashMap::new();
    let mut content = 0;
    for weight in graph.tables(2, "weights", MAX_ITEMS)? {
        let (name, weight) = weights::read(&weight?)?;
        content += weight.content.len();
        // Tables may share their bytes, so that a small file could ask for any amount.
        if weights.insert(name, weight).is_some() || content > bytes.len() {
            return Err(graph.error("expected weights of their own names and bytes, found some that share them"));
        }
    }
    let (input, sizes) = the_one(&graph, 4, "an input")?;
    let &[_, rows, columns, channels] = sizes.as_slice() else {
        return Err(
            graph.error(format_args!("expected an input of batch, rows, columns and channels, found {sizes:?}"))
        );
    };
    let (output, sizes) = the_one(&graph, 5, "an output")?;
    let &[_, output_size] = sizes.as_slice() else {
        return Err(graph.error(format_args!("expected one row of numbers a picture, found {sizes:?}")));
    };
    Ok(NetworkFile { nodes, weights, input, input_sizes: [rows, columns, channels], output, output_size })
}

/// Where the FlatBuffers start.
fn header(bytes: &[u8]) -> Result<usize> {
    let word = |index: usize| {
        let word = bytes.get(4 * index..).and_then(|rest| rest.first_chunk()).map(|word| u32::from_le_bytes(*word));
        word.ok_or_else(|| error(format_args!("expected a header of 12 bytes or more, found {}", bytes.len())))
    };
    let start = match &word(0)?.to_le_bytes() {
        b"EDL1" => 12,
        b"EDL2" => 16,
        b"PDL1" | b"PDL2" | b"PDL3" => return Err(error("expected one network, found a pack of several")),
        _ => return Err(error("expected the letters EDL1 or EDL2 at byte 0, found others")),
    };
    match word(1)? {
        0 => {}
        1 => return Err(error("expected a plain network, found an encrypted one")),
        other => return Err(error(format_args!("expected a mode of 0 or 1 at byte 4, found {other}"))),
    }
    let (expected, found) = (word(2)? as usize, bytes.len().saturating_sub(start));
    if expected != found {
        return Err(error(format_args!("expected {expected} bytes behind the header, found {found}")));
    }
    Ok(start)
}

fn read_node<'a>(index: usize, node: &Table<'a>) -> Result<Node<'a>> {
    let attributes = node.tables(5, "attributes", MAX_PARTS)?.map(|attribute| read_attribute(&attribute?));
    let mut outputs = node.texts(1, "outputs", 1)?;
    let output = outputs.next().ok_or_else(|| node.error("expected a node with an output, found none"))??;
    Ok(Node {
        operator: node.text(3)?,
        inputs: node.texts(0, "inputs", MAX_PARTS)?.collect::<Result<_>>()?,
        output,
        index,
        attributes: attributes.collect::<Result<_>>()?,
    })
}

fn read_attribute<'a>(attribute: &Table<'a>) -> Result<(&'a str, Attribute<'a>)> {
    let value = match attribute.i32(3, 0)? {
        1 => Attribute::Float(attribute.f32(4)?),
        2 => Attribute::Integer(attribute.i64(5)?),
        3 => Attribute::Text(attribute.items::<1>(6)?.as_flattened()),
        7 => Attribute::Integers(attribute.items(11)?),
        _ => Attribute::Other,
    };
    Ok((attribute.text(0)?, value))
}

/// The name and sizes of the one input or output.
fn the_one<'a>(graph: &Table<'a>, slot: usize, what: &'static str) -> Result<(&'a str, Vec<usize>)> {
    let mut values = graph.tables(slot, what, 1)?;
    let value = values.next().ok_or_else(|| graph.error(format_args!("expected {what}, found none")))??;
    let kind = value.needed(1, "a type")?;
    // The first of the union's types is the plain tensor.
    if kind.u8(0)? != 1 {
        return Err(kind.error(format_args!("expected {what} that is a tensor, found another type")));
    }
    let shape = kind.needed(1, "a tensor's type")?.needed(1, "a shape")?;
    let sizes = shape.tables(0, "sizes", 4)?.map(|dimension| {
        let value = dimension?.needed(0, "a size")?;
        let found = value.i64(1)?;
        size(found, 1).ok_or_else(|| value.error(format_args!("expected a size from 1 to {MAX_SIZE}, found {found}")))
    });
    Ok((value.text(0)?, sizes.collect::<Result<_>>()?))
}
