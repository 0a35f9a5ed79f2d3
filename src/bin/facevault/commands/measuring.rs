//! What `calibrate` and `evaluate` share: an engine's encodings of photos whose people are known.

use std::borrow::Cow;

use clap::Args;
use facevault::evaluation::{About, Dataset, DatasetEncodings, EncodingCache};
use facevault::vision::{FacePolicy, QualityLimits};
use facevault::{Engine, Result};

use crate::context::Context;
use crate::failure::Failure;
use crate::progress::watched;

/// How photos are encoded for measuring.
#[derive(Debug, Args)]
pub(super) struct How {
    /// Accept photos of any quality, even those that a vault would refuse
    #[arg(long)]
    any_quality: bool,

    /// Do not read or write the cache of encodings; with a key file it is not used either
    ///
    /// The cache is in the data folder's `cache`, readable by you alone, with each encoding under its
    /// photo's hash. Deleting that folder costs time only.
    #[arg(long)]
    no_cache: bool,
}

impl How {
    /// Loads models and runtime. Data sets name a photo after the face in its middle.
    pub(super) fn engine(&self, context: &Context) -> Result<Engine> {
        let mut options = context.engine_options()?;
        options.rules.face = context.face().unwrap_or(FacePolicy::Central);
        if self.any_quality {
            options.rules.quality = QualityLimits::off();
        }
        context.engine_of(&options)
    }

    /// Encodes all photos, showing how far it is. Ctrl-C keeps what was done for the next run.
    pub(super) fn encode(
        &self,
        engine: &Engine,
        dataset: &Dataset,
        context: &Context,
    ) -> Result<DatasetEncodings, Failure> {
        let mut cache = match self.no_cache || context.has_key() {
            true => None,
            false => EncodingCache::open(&context.home()?.cache_dir(), engine),
        };
        let keeps = cache.is_some();
        let encoded =
            watched(&context.output, |progress| DatasetEncodings::compute(engine, dataset, cache.as_mut(), progress));
        encoded.map_err(|failure| match failure {
            Failure::Interrupted(told) if keeps => {
                Failure::Interrupted(format!("{told}; the next run goes on from there"))
            }
            other => other,
        })
    }
}

/// The command line as it would be typed.
pub(super) fn command_line() -> String {
    let words: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let words = words.iter().map(|word| quoted(word));
    std::iter::once(Cow::Borrowed("facevault")).chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

/// What is measured on what.
pub(super) fn about(engine: &Engine, dataset: &Dataset) -> Result<About> {
    let own = engine.manifest().map(|manifest| manifest.embedder.model.licence.as_ref().unwrap_or(&manifest.licence));
    Ok(About {
        pack: engine.name().to_owned(),
        model: engine.model(),
        metric: engine.embedder().metric,
        licence: own.cloned().unwrap_or_default(),
        data: dataset.name.clone(),
        sha256: dataset.sha256()?,
    })
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_as_a_shell_needs_it() {
        for (word, shown) in
            [("a-b/c.d", "a-b/c.d"), ("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("$x", "'$x'")]
        {
            assert_eq!(quoted(word), shown);
        }
    }
}
