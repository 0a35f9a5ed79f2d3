//! A request's JSON object, read key by key, with every broken rule noted.

use std::collections::BTreeMap;

use facevault::wire::decode_base64;
use facevault::{
    EncodingMode, Error, ErrorKind, FaceEncoding, ImageBytes, ModelId, OperatingPoint, Progress, Result, Rule,
    Violation,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The most broken rules of one request that are reported.
const MAX_VIOLATIONS: usize = 100;
/// The most characters of an unknown key that an error repeats.
const MAX_ECHO: usize = 80;
/// The most characters of what serde expects that an error repeats.
const MAX_EXPECTED: usize = 200;

/// What a verb is called with.
pub(crate) struct Call<'a> {
    pub(crate) request: Request,
    pub(crate) photos: Vec<ImageBytes>,
    pub(crate) progress: &'a mut dyn Progress,
}

/// How many photos a verb takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Photos {
    None,
    One,
    Any,
}

impl Photos {
    /// Notes what is wrong with this many.
    pub(crate) fn check(self, photos: usize, request: &mut Request) {
        match self {
            Self::None if photos > 0 => request.broken("photos", Rule::NotAllowed),
            Self::One if photos == 0 => request.broken("photos", Rule::Required),
            Self::One if photos > 1 => request.broken("photos", Rule::Count { min: 1, max: 1 }),
            _ => {}
        }
    }
}

/// The error of a verb that is in no table.
pub(crate) fn unknown_verb<'a>(verbs: impl Iterator<Item = &'a str>) -> Error {
    let verbs: Vec<&str> = verbs.collect();
    Error::invalid("verb", Rule::Other(format!("must be one of [{}]", verbs.join(", "))))
}

/// The keys of a JSON object that have not been read yet, and the rules broken so far.
pub(crate) struct Request {
    rest: Map<String, Value>,
    /// What stands before the names of fields in errors.
    prefix: String,
    violations: Vec<Violation>,
    /// The key `model`, once it was read.
    model: Option<Option<ModelId>>,
}

impl Request {
    /// Reads a body; no bytes are an empty object.
    pub(crate) fn parse(body: &[u8]) -> Result<Self> {
        if body.is_empty() {
            return Ok(Self::new(Map::new(), String::new()));
        }
        let value = serde_json::from_slice(body).map_err(|error| {
            let place = format!("must be JSON, which it is not at line {}, column {}", error.line(), error.column());
            Error::invalid("body", Rule::Other(place))
        })?;
        match value {
            Value::Object(rest) => Ok(Self::new(rest, String::new())),
            _ => Err(Error::invalid("body", Rule::Type("an object"))),
        }
    }

    fn new(rest: Map<String, Value>, prefix: String) -> Self {
        Self { rest, prefix, violations: Vec::new(), model: None }
    }

    pub(crate) fn broken(&mut self, key: &str, rule: Rule) {
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(Violation::new(format!("{}{key}", self.prefix), rule));
        }
    }

    /// Whether a key is there and not `null`.
    pub(crate) fn names(&self, key: &str) -> bool {
        self.rest.get(key).is_some_and(|value| !value.is_null())
    }

    /// A key's value; `null` counts as absent.
    fn take(&mut self, key: &str) -> Option<Value> {
        self.rest.remove(key).filter(|value| !value.is_null())
    }

    /// Notes that a key is required, unless it is there.
    pub(crate) fn require(&mut self, key: &str) {
        if !self.names(key) {
            self.broken(key, Rule::Required);
        }
    }

    pub(crate) fn text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            _ => {
                self.broken(key, Rule::Type("a string"));
                None
            }
        }
    }

    /// A text that `parse` reads; its broken rules count as those of `key`.
    pub(crate) fn parsed<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Result<T>) -> Option<T> {
        let text = self.text(key)?;
        self.accept(key, parse(&text))
    }

    /// As [`Self::parsed`], for what takes the text over: a secret, of which no copy may stay.
    #[cfg(feature = "encryption")]
    pub(crate) fn parsed_text<T>(&mut self, key: &str, parse: impl FnOnce(String) -> Result<T>) -> Option<T> {
        let text = self.text(key)?;
        self.accept(key, parse(text))
    }

    pub(crate) fn required<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Result<T>) -> Option<T> {
        self.require(key);
        self.parsed(key, parse)
    }

    /// One of these texts.
    pub(crate) fn one_of<T: Copy>(&mut self, key: &str, known: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            self.broken(key, Rule::Other(format!("must be one of [{}]", names.join(", "))));
        }
        found
    }

    pub(crate) fn flag(&mut self, key: &str) -> Option<bool> {
        match self.take(key)? {
            Value::Bool(flag) => Some(flag),
            _ => {
                self.broken(key, Rule::Type("a boolean"));
                None
            }
        }
    }

    /// A whole number of 0 or more; `10.0` is one.
    pub(crate) fn whole(&mut self, key: &str) -> Option<u64> {
        let value = self.take(key)?;
        let as_float = || value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..9e15).contains(number));
        let number = value.as_u64().or_else(|| as_float().map(|number| number as u64));
        if number.is_none() {
            self.broken(key, Rule::Type("a whole number of 0 or more"));
        }
        number
    }

    /// A number from 0 to 1.
    pub(crate) fn share(&mut self, key: &str) -> Option<f64> {
        let Some(number) = self.take(key)?.as_f64() else {
            self.broken(key, Rule::Type("a number"));
            return None;
        };
        if !(0.0..=1.0).contains(&number) {
            self.broken(key, Rule::Range { min: 0.0, max: 1.0 });
            return None;
        }
        Some(number)
    }

    /// As [`Self::whole`], for counts in memory.
    pub(crate) fn count(&mut self, key: &str) -> Option<usize> {
        let number = self.whole(key)?;
        Some(usize::try_from(number).unwrap_or(usize::MAX))
    }

    fn list(&mut self, key: &str) -> Option<Vec<Value>> {
        match self.take(key)? {
            Value::Array(items) => Some(items),
            _ => {
                self.broken(key, Rule::Type("a list"));
                None
            }
        }
    }

    /// A list of texts that `parse` reads.
    pub(crate) fn texts<T>(&mut self, key: &str, parse: impl Fn(&str) -> Result<T>) -> Option<Vec<T>> {
        let items = self.list(key)?;
        let mut read = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let field = format!("{key}[{index}]");
            match item {
                Value::String(text) => read.extend(self.accept(&field, parse(text))),
                _ => self.broken(&field, Rule::Type("a string")),
            }
        }
        Some(read)
    }

    /// An object of texts.
    pub(crate) fn attributes(&mut self, key: &str) -> BTreeMap<String, String> {
        match self.take(key) {
            None => BTreeMap::new(),
            Some(value) => serde_json::from_value(value).unwrap_or_else(|_| {
                self.broken(key, Rule::Type("an object of strings"));
                BTreeMap::new()
            }),
        }
    }

    /// `{"fmr": 1e-4}`, or `"fmr=1e-4"`.
    pub(crate) fn point(&mut self, key: &str) -> Option<OperatingPoint> {
        let value = self.take(key)?;
        if let Value::String(text) = value {
            return self.accept(key, text.parse());
        }
        let wrong = r#"must be {"fmr": RATE}, {"fpir": RATE} or {"similarity": VALUE}"#;
        let Value::Object(object) = value else {
            self.broken(key, Rule::Other(wrong.to_owned()));
            return None;
        };
        let mut members = object.iter();
        let read = match (members.next(), members.next()) {
            (Some((name, value)), None) => match (name.as_str(), value.as_f64()) {
                ("fmr", Some(rate)) => OperatingPoint::fmr(rate),
                ("fpir", Some(rate)) => OperatingPoint::fpir(rate),
                ("similarity", Some(value)) => OperatingPoint::similarity(value),
                _ => Err(Error::invalid(key, Rule::Other(wrong.to_owned()))),
            },
            _ => Err(Error::invalid(key, Rule::Other(wrong.to_owned()))),
        };
        self.accept(key, read)
    }

    pub(crate) fn mode(&mut self, key: &str) -> Option<EncodingMode> {
        self.one_of(key, &[("fast", EncodingMode::Fast), ("accurate", EncodingMode::Accurate)])
    }

    /// The model that the key `model` names, which may be asked for again; `None` where it is absent.
    fn named_model(&mut self) -> Option<Option<ModelId>> {
        if self.model.is_none() && self.names("model") {
            self.model = Some(self.parsed("model", str::parse));
        }
        self.model
    }

    /// A list of encodings in base64, of `model` or of the one that the key `model` names. Where no model is known,
    /// encodings are an error: nobody could check them.
    pub(crate) fn encodings(
        &mut self,
        key: &str,
        model: impl FnOnce() -> Result<Option<ModelId>>,
    ) -> Result<Vec<FaceEncoding>> {
        if !self.names(key) {
            return Ok(Vec::new());
        }
        let is_given = self.rest.get(key).and_then(Value::as_array).is_some_and(|items| !items.is_empty());
        let model = match self.named_model() {
            Some(named) => named,
            None if is_given => Some(model()?.ok_or_else(no_model)?),
            None => None,
        };
        let Some(model) = model else {
            // Nothing is given, or `model` breaks a rule, which is noted.
            drop(self.list(key));
            return Ok(Vec::new());
        };
        Ok(self.texts(key, |text| encoding(model, text)).unwrap_or_default())
    }

    /// One encoding, as a list of [`Self::encodings`] has them.
    pub(crate) fn encoding(
        &mut self,
        key: &str,
        model: impl FnOnce() -> Result<Option<ModelId>>,
    ) -> Result<Option<FaceEncoding>> {
        self.require(key);
        if let Some(value) = self.take(key) {
            self.rest.insert(key.to_owned(), Value::Array(vec![value]));
        }
        Ok(self.encodings(key, model)?.pop())
    }

    /// A value that serde reads.
    pub(crate) fn value<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        let value = self.take(key)?;
        match serde_json::from_value(value) {
            Ok(value) => Some(value),
            Err(error) => {
                self.broken(key, Rule::Other(misfit(&error)));
                None
            }
        }
    }

    /// An object inside; [`Self::absorb`] gives its broken rules back.
    pub(crate) fn object(&mut self, key: &str) -> Option<Self> {
        match self.take(key)? {
            Value::Object(rest) => Some(Self::new(rest, format!("{}{key}.", self.prefix))),
            _ => {
                self.broken(key, Rule::Type("an object"));
                None
            }
        }
    }

    /// A list of objects.
    pub(crate) fn objects(&mut self, key: &str) -> Vec<Self> {
        let items = self.list(key).unwrap_or_default();
        let mut objects = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            match item {
                Value::Object(rest) => objects.push(Self::new(rest, format!("{}{key}[{index}].", self.prefix))),
                _ => self.broken(&format!("{key}[{index}]"), Rule::Type("an object")),
            }
        }
        objects
    }

    /// Takes over the broken rules of an object inside, and its unknown keys.
    pub(crate) fn absorb(&mut self, mut inside: Self) {
        inside.refuse_rest();
        self.violations.append(&mut inside.violations);
        self.violations.truncate(MAX_VIOLATIONS);
    }

    /// What has not been read yet, read by one of the library's readers of JSON objects.
    pub(crate) fn read_rest<T>(&mut self, read: impl FnOnce(&[u8]) -> Result<T>) -> Option<T> {
        let rest = Value::Object(std::mem::take(&mut self.rest)).to_string();
        match read(rest.as_bytes()) {
            Ok(value) => Some(value),
            Err(error) => {
                self.note(&error);
                None
            }
        }
    }

    /// Notes the broken rules of an error, with their own fields.
    fn note(&mut self, error: &Error) {
        for violation in error.violations() {
            self.broken(&violation.field, violation.rule.clone());
        }
        if error.violations().is_empty() {
            self.broken("body", Rule::Other(error.to_string()));
        }
    }

    /// The value, or `None` with its broken rules noted under `key`.
    fn accept<T>(&mut self, key: &str, read: Result<T>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                for violation in error.violations() {
                    self.broken(key, violation.rule.clone());
                }
                if error.violations().is_empty() {
                    self.broken(key, Rule::Other(format!("cannot be read: {error}")));
                }
                None
            }
        }
    }

    fn refuse_rest(&mut self) {
        for key in std::mem::take(&mut self.rest).keys() {
            let short: String = key.chars().take(MAX_ECHO).collect();
            self.broken(&short, Rule::NotAllowed);
        }
    }

    /// Refuses the request if a rule is broken; a key that nobody read is not allowed.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.refuse_rest();
        match self.violations.is_empty() {
            true => Ok(()),
            false => Err(Error::violated(std::mem::take(&mut self.violations))),
        }
    }

    /// As [`Self::finish`], with a value that is there if no rule is broken.
    pub(crate) fn finish_with<T>(&mut self, value: Option<T>) -> Result<T> {
        self.finish()?;
        value.ok_or_else(|| Error::violated(Vec::new()))
    }
}

fn no_model() -> Error {
    let message = "the vault has no model yet, so it cannot check encodings: open it with the engine of the model that \
                   made them";
    Error::new(ErrorKind::ModelUnavailable, message)
}

/// What serde expected, without what it found: that may be a photo or a name in the wrong place.
fn misfit(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let short = |text: &str| text.chars().take(MAX_EXPECTED).collect::<String>();
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("has a part of another type than expected: {}", short(expected)),
        // A field is missing, or the type's own rule is broken.
        None => format!("cannot be read: {}", short(&text)),
    }
}

/// An encoding of `model` whose base64 this is.
fn encoding(model: ModelId, text: &str) -> Result<FaceEncoding> {
    let bytes = decode_base64(text).ok_or_else(|| Error::invalid("encoding", Rule::Base64))?;
    FaceEncoding::from_bytes(model, &bytes)
}

#[cfg(test)]
mod tests;
