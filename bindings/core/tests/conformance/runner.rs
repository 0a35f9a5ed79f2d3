//! Runs the conformance cases, as bindings/conformance/README.md says.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use facevault_bindings::facevault::wire::decode_base64;
use facevault_bindings::facevault::{Engine, Error, ImageBytes, Step, Vault};
use facevault_bindings::{engine_call, error_json, open_engine, open_vault, vault_as, vault_bytes, vault_call};
use serde_json::{Map, Value, json};

/// The cases, where they are, and where their photos are.
pub(crate) struct Suite {
    pub(crate) file: PathBuf,
    pub(crate) cases: Value,
    data: Option<PathBuf>,
    tolerance: f64,
    engines: Mutex<HashMap<String, Engine>>,
}

/// The liveness networks: a folder, or the installed ones.
fn liveness_models() -> String {
    std::env::var("FACEVAULT_LIVENESS_MODELS").unwrap_or_else(|_| "liveness".to_owned())
}

/// What a case did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Skipped(String),
}

/// What a case works with.
struct Run<'a> {
    suite: &'a Suite,
    engine: Option<Engine>,
    vault: Option<Vault>,
    variables: BTreeMap<String, Value>,
    measured: bool,
}

impl Suite {
    /// The cases of `FACEVAULT_CASES`, else those of the project.
    pub(crate) fn open() -> Self {
        let bindings = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let named = std::env::var_os("FACEVAULT_CASES").map(PathBuf::from);
        let file = named.unwrap_or_else(|| bindings.join("conformance/cases.json"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let cases: Value = serde_json::from_str(&text).expect("JSON");
        let data = std::env::var_os("FACEVAULT_TEST_DATA").map(PathBuf::from);
        let data = data.unwrap_or_else(|| bindings.join("../../shared"));
        let tolerance = cases["tolerance"].as_f64().expect("a tolerance");
        Self { file, cases, data: Some(data).filter(|data| data.is_dir()), tolerance, engines: Mutex::default() }
    }

    fn engine(&self, options: &Value) -> Result<Engine, Error> {
        let mut engines = self.engines.lock().expect("no panic");
        let text = options.to_string();
        if let Some(engine) = engines.get(&text) {
            return Ok(engine.clone());
        }
        let engine = open_engine(text.as_bytes())?;
        engines.insert(text, engine.clone());
        Ok(engine)
    }

    /// What of a case's `needs` is not here.
    fn missing(&self, case: &Value) -> Option<String> {
        let needs = case["needs"].as_array().map(Vec::as_slice).unwrap_or_default();
        for need in needs.iter().filter_map(Value::as_str) {
            match need {
                "photos" if self.data.is_none() => return Some("no test data".to_owned()),
                "photos" => {}
                "liveness" => {
                    let options = json!({"liveness_models": liveness_models()});
                    let model = self
                        .engine(&options)
                        .and_then(|engine| engine_call(&engine, "liveness_model", b"", Vec::new(), &mut ()));
                    if let Err(error) = model {
                        return Some(format!("the liveness networks: {error}"));
                    }
                }
                pack => {
                    if let Err(error) = self.engine(&json!({"pack": pack})) {
                        return Some(format!("pack {pack}: {error}"));
                    }
                }
            }
        }
        None
    }

    /// Runs one case; with `measured`, numbers with a fraction take the place of the expected ones in `case`.
    pub(crate) fn run(&self, case: &mut Value, measured: bool) -> Result<Outcome, String> {
        if let Some(missing) = self.missing(case) {
            let required = std::env::var_os("FACEVAULT_REQUIRE_DATA").is_some_and(|value| value == "1");
            return if required { Err(missing) } else { Ok(Outcome::Skipped(missing)) };
        }
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut variables = BTreeMap::new();
        variables.insert("dir".to_owned(), json!(folder.path()));
        variables.insert("cases".to_owned(), json!(self.file));
        variables.insert("thread".to_owned(), json!("0"));
        variables.insert("liveness".to_owned(), json!(liveness_models()));
        for (name, value) in case["variables"].as_object().into_iter().flatten() {
            variables.insert(name.clone(), value.clone());
        }
        let mut run = Run { suite: self, engine: None, vault: None, variables, measured };
        if let Some(options) = case.get("engine") {
            run.engine = Some(self.engine(options).map_err(|error| error.to_string())?);
        }
        if let Some(options) = case.get("vault") {
            run.vault = Some(run.open_vault(options).map_err(|error| error.to_string())?);
        }
        let threads = case["threads"].as_u64().unwrap_or(1);
        if threads == 1 || measured {
            run.steps(&mut case["steps"])?;
            return Ok(Outcome::Passed);
        }
        let steps = case["steps"].clone();
        std::thread::scope(|scope| {
            let begun: Vec<_> = (0..threads)
                .map(|thread| {
                    let mut variables = run.variables.clone();
                    variables.insert("thread".to_owned(), json!(thread.to_string()));
                    let (engine, vault) = (run.engine.clone(), run.vault.clone());
                    let mut own = Run { suite: self, engine, vault, variables, measured: false };
                    let mut steps = steps.clone();
                    scope.spawn(move || own.steps(&mut steps))
                })
                .collect();
            begun.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
        })?;
        Ok(Outcome::Passed)
    }
}

impl Run<'_> {
    fn steps(&mut self, steps: &mut Value) -> Result<(), String> {
        for (index, step) in steps.as_array_mut().expect("a list of steps").iter_mut().enumerate() {
            self.step(step).map_err(|wrong| format!("step {index} ({}): {wrong}", step["verb"]))?;
        }
        Ok(())
    }

    fn open_vault(&mut self, options: &Value) -> Result<Vault, Error> {
        let mut options = self.filled(options);
        let path = options.as_object_mut().and_then(|options| options.remove("path"));
        let path = path.as_ref().and_then(Value::as_str).map(Path::new);
        open_vault(path, options.to_string().as_bytes(), self.engine.as_ref())
    }

    fn step(&mut self, step: &mut Value) -> Result<(), String> {
        let answer = self.call(step).map_err(|error| {
            serde_json::from_str::<Value>(&error_json(&error)).unwrap_or_else(|_| panic!("JSON of {error}"))
        });
        let expect = &mut step["expect"];
        match (answer, expect.get("error").is_some()) {
            (Ok(answer), false) => self.compare(&mut expect["answer"], &answer, "answer"),
            (Err(error), false) => Err(format!("an error: {error}")),
            (Ok(answer), true) => Err(format!("no error but {answer}")),
            (Err(mut error), true) => {
                let details = error["details"].as_array().into_iter().flatten();
                error["fields"] = details.map(|detail| detail["field"].clone()).collect();
                self.compare(expect, &error, "error")
            }
        }
    }

    fn call(&mut self, step: &Value) -> Result<Value, Error> {
        let request = step.get("request").map_or_else(|| json!({}), |request| self.filled(request));
        let (body, verb) = (request.to_string(), step["verb"].as_str().unwrap_or_default());
        // A text is sent as it is: it may be no JSON.
        let body = request.as_str().map_or(body, str::to_owned);
        let stop = step["cancel"].as_bool().unwrap_or(false);
        let mut progress = |_: Step<'_>| if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let text = match step["on"].as_str().expect("`on`") {
            "engine" => engine_call(self.needed_engine(), verb, body.as_bytes(), self.photos(step), &mut progress)?,
            "vault" => vault_call(self.needed_vault(), verb, body.as_bytes(), self.photos(step), &mut progress)?,
            "bytes" => {
                let bytes = vault_bytes(self.needed_vault(), verb, body.as_bytes())?;
                if let Some(path) = step["same_as"].as_str() {
                    assert!(bytes.as_slice() == self.photo(path).as_slice(), "the bytes are not those of {path}");
                }
                let start: String = bytes.iter().take(3).map(|byte| format!("{byte:02x}")).collect();
                return Ok(json!({"size": bytes.len(), "start": start}));
            }
            "open_engine" => {
                self.engine = Some(self.suite.engine(&request)?);
                return Ok(Value::Null);
            }
            "open_vault" => {
                self.vault = None;
                self.vault = Some(self.open_vault(&request)?);
                return Ok(Value::Null);
            }
            "vault_as" => {
                self.vault = Some(vault_as(self.needed_vault(), body.as_bytes())?);
                return Ok(Value::Null);
            }
            other => panic!("{other} is nothing that a step is on"),
        };
        Ok(serde_json::from_str(&text).expect("an answer in JSON"))
    }

    fn needed_engine(&self) -> &Engine {
        self.engine.as_ref().expect("an engine is open")
    }

    fn needed_vault(&self) -> &Vault {
        self.vault.as_ref().expect("a vault is open")
    }

    fn photos(&self, step: &Value) -> Vec<ImageBytes> {
        step["photos"].as_array().into_iter().flatten().filter_map(Value::as_str).map(|path| self.photo(path)).collect()
    }

    /// A file of the test data, or bytes of the case's own: `text:` and those bytes.
    fn photo(&self, path: &str) -> ImageBytes {
        if let Some(text) = path.strip_prefix("text:") {
            return text.as_bytes().to_vec().into();
        }
        let path = self.suite.data.as_ref().expect("the case needs photos").join(path);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into()
    }

    /// A request with values for its variables.
    fn filled(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.filled_text(text),
            Value::Array(items) => items.iter().map(|item| self.filled(item)).collect(),
            Value::Object(members) => {
                Value::Object(members.iter().map(|(key, value)| (key.clone(), self.filled(value))).collect())
            }
            other => other.clone(),
        }
    }

    fn filled_text(&self, text: &str) -> Value {
        let Some(rest) = text.strip_prefix('$') else { return Value::from(text) };
        let end =
            rest.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        let value = self.variables.get(name).unwrap_or_else(|| panic!("${name} has no value"));
        match behind {
            "" => value.clone(),
            _ => Value::from(format!("{}{behind}", value.as_str().expect("a text"))),
        }
    }

    /// Compares what is expected with what was found, and binds variables.
    fn compare(&mut self, expected: &mut Value, found: &Value, place: &str) -> Result<(), String> {
        let wrong = |expected: &Value| Err(format!("{place}: expected {expected}, found {found}"));
        if let Some(text) = expected.as_str().map(str::to_owned) {
            return match text.strip_prefix('$') {
                _ if text == "*" => Ok(()),
                Some(name) => match self.variables.get(name).cloned() {
                    Some(mut known) => self.compare(&mut known, found, place),
                    None => {
                        self.variables.insert(name.to_owned(), found.clone());
                        Ok(())
                    }
                },
                None if found.as_str() == Some(&text) => Ok(()),
                None => wrong(expected),
            };
        }
        match (&mut *expected, found) {
            (Value::Object(members), Value::String(text)) if members.contains_key("components") => {
                self.compare_encoding(members, text).map_err(|wrong| format!("{place}: {wrong}"))
            }
            (Value::Object(members), Value::Object(found)) => {
                for (key, expected) in members {
                    let place = format!("{place}.{key}");
                    let value = found.get(key).ok_or_else(|| format!("{place} is not there"))?;
                    self.compare(expected, value, &place)?;
                }
                Ok(())
            }
            (Value::Array(items), Value::Array(found)) if items.len() == found.len() => {
                let mut pairs = items.iter_mut().zip(found).enumerate();
                pairs.try_for_each(|(i, (expected, found))| self.compare(expected, found, &format!("{place}[{i}]")))
            }
            (Value::Number(number), Value::Number(measured)) => {
                let (Some(a), Some(b)) = (number.as_f64(), measured.as_f64()) else { return wrong(expected) };
                let is_close = (a - b).abs() <= self.suite.tolerance * a.abs().max(b.abs()).max(0.01);
                if self.measured && number.is_f64() {
                    *expected = found.clone();
                    return Ok(());
                }
                if is_close { Ok(()) } else { wrong(expected) }
            }
            (expected, found) if *expected == *found => Ok(()),
            (expected, _) => wrong(expected),
        }
    }

    /// The first components of an encoding in base64, and how many it has.
    fn compare_encoding(&mut self, expected: &mut Map<String, Value>, text: &str) -> Result<(), String> {
        let bytes = decode_base64(text).ok_or("no base64")?;
        let (components, _) = bytes.as_chunks::<4>();
        let components: Vec<f64> = components.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect();
        if expected["count"].as_u64() != Some(components.len() as u64) {
            return Err(format!("{} components, expected {}", components.len(), expected["count"]));
        }
        let first = expected["components"].as_array().ok_or("no list of components")?.len();
        // A component is compared as a part of the whole vector: those near zero have few digits.
        let length = components.iter().map(|component| component * component).sum::<f64>().sqrt();
        for (place, (expected, found)) in
            expected["components"].as_array_mut().into_iter().flatten().zip(&components[..first]).enumerate()
        {
            if self.measured {
                *expected = Value::from(*found);
            }
            let wanted = expected.as_f64().ok_or("no number")?;
            if (wanted - found).abs() > self.suite.tolerance * length {
                return Err(format!("component {place}: expected {wanted}, found {found}"));
            }
        }
        Ok(())
    }
}
