//! Aligned faces into vectors.

use crate::encoding::ModelId;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::EmbedderSpec;

use super::buffer_pool::Idle;
use super::tensor::{Size, TensorView, fill_planes};
use super::{AlignedFace, Embedder, Network};

/// An embedder that is a network.
///
/// Where the network takes any number of faces, they are run one by one: on a processor, eight faces in one run take as
/// long as eight runs, and this way a face's vector cannot depend on the faces beside it. Networks of a fixed batch are
/// run with as many faces as they take; there a face gives the same vector within a cosine of 0.00001.
pub struct NetworkEmbedder {
    network: Network,
    spec: EmbedderSpec,
    model: ModelId,
    idle: Idle<Vec<f32>>,
}

impl NetworkEmbedder {
    /// An embedder that runs `network` and marks its vectors with `model`. The vectors are the
    /// network's first output.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where the network does not take the crops or the batch that
    /// `spec` says.
    pub fn new(network: Network, spec: EmbedderSpec, model: ModelId) -> Result<Self> {
        let side = spec.template.size as usize;
        let wanted = [spec.fixed_batch, Some(3), Some(side), Some(side)];
        let shape = network.input_shape();
        let batch = shape.first().copied().flatten();
        let fits = shape.len() == 4
            && shape[1..].iter().zip(&wanted[1..]).all(|(given, wanted)| given.is_none() || given == wanted)
            && (batch.is_none() || batch == spec.fixed_batch)
            && spec.fixed_batch != Some(0)
            && side > 0;
        if !fits {
            let show = |shape: &[Option<usize>]| {
                let sides: Vec<_> =
                    shape.iter().map(|side| side.map_or("any".into(), |side| side.to_string())).collect();
                sides.join(" x ")
            };
            let message = format!("the embedder's network takes {}, its manifest says {}", show(shape), show(&wanted));
            return Err(Error::new(ErrorKind::ModelUnavailable, message));
        }
        Ok(Self { network, spec, model, idle: Idle::default() })
    }

    fn run(&self, faces: &[AlignedFace], planes: &mut Vec<f32>, vectors: &mut Vec<Vec<f32>>) -> Result<()> {
        let side = self.spec.template.size as usize;
        let size = Size::new(side, side);
        let batch = self.spec.fixed_batch.unwrap_or(1);
        planes.resize(batch * 3 * size.area(), 0.0);
        planes[faces.len() * 3 * size.area()..].fill(0.0);
        for (face, planes) in faces.iter().zip(planes.chunks_exact_mut(3 * size.area())) {
            fill_planes(face.pixels.as_raw(), size, &self.spec.normalization, planes, size);
        }
        self.network.run([batch, 3, side, side], planes, |outputs| {
            let output = self.vectors(outputs, batch)?;
            vectors.extend(output.chunks_exact(self.spec.dimension).take(faces.len()).map(<[f32]>::to_vec));
            Ok(())
        })
    }

    fn vectors<'a>(&self, outputs: &[TensorView<'a>], batch: usize) -> Result<&'a [f32]> {
        let output = outputs.first().map(TensorView::values).unwrap_or_default();
        let fail = |message| Err(Error::new(ErrorKind::Runtime, message));
        if output.len() != batch * self.spec.dimension {
            return fail(format!(
                "the embedder gave {} numbers for {batch} faces, expected {} each",
                output.len(),
                self.spec.dimension
            ));
        }
        if output.iter().any(|value| !value.is_finite()) {
            return fail("the embedder gave a number that is not finite".into());
        }
        Ok(output)
    }
}

impl Embedder for NetworkEmbedder {
    fn spec(&self) -> &EmbedderSpec {
        &self.spec
    }

    fn model(&self) -> ModelId {
        self.model
    }

    fn embed(&self, faces: &[AlignedFace]) -> Result<Vec<Vec<f32>>> {
        let side = self.spec.template.size;
        if let Some(face) = faces.iter().find(|face| face.pixels.dimensions() != (side, side)) {
            let (width, height) = face.pixels.dimensions();
            let message = format!("the embedder takes crops of {side} x {side} pixels, got {width} x {height}");
            return Err(Error::new(ErrorKind::Runtime, message));
        }
        let mut vectors = Vec::with_capacity(faces.len());
        let batch = self.spec.fixed_batch.unwrap_or(1);
        self.idle
            .lend(|planes| faces.chunks(batch).try_for_each(|faces| self.run(faces, planes, &mut vectors)))
            .map(|()| vectors)
    }
}
