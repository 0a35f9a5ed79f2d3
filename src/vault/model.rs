//! The model of a vault's encodings and its mode: what was enrolled and what is looked for are encoded
//! alike, and thresholds are those of the mode, whatever engine the vault is opened with.

use crate::comparison::CalibrationTable;
use crate::encoding::ModelId;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::liveness::LivenessCheck;
use crate::spec::EncodingMode;
use crate::store::ModelInfo;

use super::Vault;

impl Vault {
    /// The model of the vault's encodings, with the mode that the vault notes; `None` before the first
    /// encoding.
    ///
    /// # Errors
    /// As for every read.
    pub fn active_model(&self) -> Result<Option<ModelInfo>> {
        self.store().active_model()
    }

    /// The mode in which photos are encoded for this vault: the one that it notes of the engine's model,
    /// else the engine's own. `None` without an engine.
    ///
    /// # Errors
    /// As for every read.
    pub fn encoding_mode(&self) -> Result<Option<EncodingMode>> {
        let Some(engine) = self.engine() else { return Ok(None) };
        Ok(Some(self.noted_mode(engine.model())?.unwrap_or(engine.mode())))
    }

    /// The table by which similarities to this vault's encodings are judged: the engine's, in the mode of
    /// [`Self::encoding_mode`]. It is the same for probes in another mode.
    ///
    /// # Errors
    /// As for every read.
    pub fn calibration(&self) -> Result<Option<&CalibrationTable>> {
        let mode = self.encoding_mode()?;
        Ok(self.engine().zip(mode).and_then(|(engine, mode)| engine.calibration_in(mode)))
    }

    /// The engine in the mode that was asked for, else in the vault's.
    pub(crate) fn engine_in(&self, asked: Option<EncodingMode>) -> Result<Engine> {
        let engine = self.needed_engine()?;
        let mode = asked.or(self.encoding_mode()?);
        // A verb says itself what it does about liveness.
        Ok(engine.in_mode(mode.unwrap_or(engine.mode())).with_liveness_check(LivenessCheck::default()))
    }

    /// Warns where the engine's own mode is not the one that is used.
    pub(super) fn warn_of_other_mode(&self) -> Result<()> {
        if let (Some(engine), Some(used)) = (self.engine(), self.encoding_mode()?)
            && engine.mode() != used
        {
            let own = engine.mode();
            tracing::warn!(vault = %used, engine = %own, "photos are encoded in the vault's mode, not in the engine's");
        }
        Ok(())
    }

    /// The model of which new encodings must be, if they come from a vault whose model was `stated`: the vault's own,
    /// else that one, unless the engine is of another.
    #[cfg(feature = "transfer")]
    pub(crate) fn model_for(&self, stated: &ModelInfo) -> Result<Option<ModelInfo>> {
        let active = self.active_model()?;
        Ok(active.or_else(|| Some(stated).filter(|stated| self.may_begin_with(stated)).cloned()))
    }

    /// Whether a vault without a model may take this one, in its mode.
    pub(super) fn may_begin_with(&self, stated: &ModelInfo) -> bool {
        self.engine().is_none_or(|engine| {
            let own = engine_model(engine);
            (own.id, own.dimension, own.metric) == (stated.id, stated.dimension, stated.metric)
        })
    }

    fn noted_mode(&self, model: ModelId) -> Result<Option<EncodingMode>> {
        let known = self.store().models()?.into_iter().find(|known| known.id == model);
        Ok(known.and_then(|known| known.mode))
    }

    /// The model whose encodings are searched: the engine's, else the vault's.
    pub(super) fn searched_model(&self) -> Result<ModelInfo> {
        match self.engine() {
            Some(engine) => Ok(engine_model(engine)),
            None => self.store().active_model()?.ok_or_else(|| {
                Error::new(ErrorKind::NotFound, "the vault holds no face encoding yet: there is nobody to be found")
            }),
        }
    }
}

/// What a vault notes of an engine's model.
pub(super) fn engine_model(engine: &Engine) -> ModelInfo {
    let spec = engine.embedder();
    ModelInfo {
        id: engine.model(),
        name: engine.name().to_owned(),
        dimension: spec.dimension,
        metric: spec.metric,
        mode: Some(engine.mode()),
    }
}
