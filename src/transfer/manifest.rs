//! What an export says of itself.

use serde::{Deserialize, Serialize};

use crate::encoding::ModelId;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::{EncodingMode, Metric};
use crate::store::ModelInfo;

/// The name of the format.
const FORMAT: &str = "facevault export";

/// The version that is written, and the latest one that is read.
const VERSION: u32 = 1;

/// The most bytes of it that are read.
pub(super) const MOST: u64 = 64 << 10;

/// What stands in `facevault-export.json`, and at the beginning of a bundle.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: String,
    version: u32,
    /// What made the encodings; `None` where there is none.
    pub(super) model: Option<Model>,
}

/// A [`ModelInfo`] as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Model {
    id: String,
    name: String,
    dimension: usize,
    metric: Metric,
    /// Absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<EncodingMode>,
}

impl Manifest {
    pub(super) fn new(model: Option<&ModelInfo>) -> Self {
        let model = model.map(|model| Model {
            id: model.id.to_string(),
            name: model.name.clone(),
            dimension: model.dimension,
            metric: model.metric,
            mode: model.mode,
        });
        Self { format: FORMAT.to_owned(), version: VERSION, model }
    }

    /// Reads it, and refuses one of a later version.
    pub(super) fn read(text: &[u8]) -> Result<(Self, Option<ModelInfo>)> {
        let wrong = |what: &str| Error::new(ErrorKind::Invalid, format!("what the export says of itself {what}"));
        // The version first: a later one may have other members.
        #[derive(Deserialize)]
        struct Kind {
            format: String,
            version: u32,
        }
        let kind: Kind = serde_json::from_slice(text).map_err(|_| wrong("is not the JSON that it should be"))?;
        if kind.format != FORMAT {
            return Err(wrong("is of another format"));
        }
        if kind.version > VERSION {
            let message = format!("the export is of version {}, this facevault reads {VERSION}", kind.version);
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let read: Self = serde_json::from_slice(text).map_err(|_| wrong("is not the JSON that it should be"))?;
        let model = read.model.as_ref().map(Model::info).transpose()?;
        Ok((read, model))
    }

    pub(super) fn text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

impl Model {
    fn info(&self) -> Result<ModelInfo> {
        if !(1..=MOST_COMPONENTS).contains(&self.dimension) || self.name.len() > 200 {
            let message = format!("the export names a model of {} components", self.dimension);
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let id: ModelId = self.id.parse()?;
        let Self { name, dimension, metric, mode, .. } = self.clone();
        Ok(ModelInfo { id, name, dimension, metric, mode })
    }
}

/// The most components of a vector, as vaults take them.
const MOST_COMPONENTS: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_read_as_it_is_written() {
        for mode in [None, Some(EncodingMode::Fast), Some(EncodingMode::Accurate)] {
            let id = ModelId::from_bytes([7; 16]);
            let model = ModelInfo { id, name: "x".into(), dimension: 512, metric: Metric::Cosine, mode };
            let (_, read) = Manifest::read(&Manifest::new(Some(&model)).text()).expect("its own text");
            assert_eq!(read, Some(model));
        }
        assert_eq!(Manifest::read(&Manifest::new(None).text()).expect("its own text").1, None);
    }

    #[test]
    fn others_are_refused() {
        let model = |id: &str, dimension: &str| {
            format!(
                r#"{{"format":"facevault export","version":1,"model":{{"id":"{id}","name":"x","dimension":{dimension},"metric":"cosine"}}}}"#
            )
        };
        let good = "07".repeat(16);
        for (text, kind) in [
            (String::new(), ErrorKind::Invalid),
            (r#"{"format":"x","version":1}"#.to_owned(), ErrorKind::Invalid),
            (r#"{"format":"facevault export","version":2}"#.to_owned(), ErrorKind::Unsupported),
            (model("07", "4"), ErrorKind::Invalid),
            (model(&good, "0"), ErrorKind::Invalid),
            (model(&good, "65537"), ErrorKind::Invalid),
        ] {
            assert_eq!(Manifest::read(text.as_bytes()).expect_err(&text).kind(), kind, "{text}");
        }
        Manifest::read(model(&good, "65536").as_bytes()).expect("a model");
    }
}
