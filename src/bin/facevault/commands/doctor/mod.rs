//! `facevault doctor`

mod bench;
mod self_test;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use facevault::models::{Artifact, Home, Pack, State};
use facevault::vision::{Runtime, RuntimeChoice, RuntimeInfo, RuntimeOptions};
use facevault::{Engine, PackSource, SelfTest};
use facevault::{Error, ErrorKind};
use image::RgbImage;
use serde_json::{Value, json};

use self::bench::Bench;
use super::Outcome;
use crate::context::{Context, load_liveness};
use crate::failure::{Failure, SELF_TEST, exit_code};
use crate::output::{Mark, duration};

const EXAMPLES: &str = "\
Examples:
  facevault doctor
  facevault doctor --self-test
  facevault doctor --bench
  facevault doctor --runtime /opt/onnxruntime/lib/libonnxruntime.so
  facevault doctor --pack ./my-pack/ --self-test --output section.toml
  facevault doctor --pack ./my-pack/ --json | jq '.data.checks[] | select(.status != \"ok\")'";

/// Check the models and the runtime, and show which ones are used
///
/// Checks the data folder, every file of the pack against its SHA-256, and the inference runtime;
/// then loads the models and runs them once. Any problem gives exit code 3,
/// a self-test that fails exit code 5.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Run the networks on a face that facevault draws and compare with what the manifest states
    #[arg(long)]
    self_test: bool,

    /// Write what the networks give for that face, as the section [self_test] of a manifest, for a pack of
    /// your own
    #[arg(long, value_name = "FILE", requires = "self_test")]
    output: Option<PathBuf>,

    /// Measure this machine's speed and show what limits it; takes some seconds at full load
    #[arg(long)]
    bench: bool,
}

/// What was looked at, what was found, and how it is.
struct Check {
    mark: Mark,
    what: &'static str,
    found: String,
}

#[derive(Default)]
struct Findings(Vec<Check>);

impl Findings {
    fn add(&mut self, mark: Mark, what: &'static str, found: impl Into<String>) {
        self.0.push(Check { mark, what, found: found.into() });
    }

    fn is_healthy(&self) -> bool {
        self.0.iter().all(|check| check.mark != Mark::Bad)
    }

    fn bad(&mut self, what: &'static str, error: &Error) {
        self.add(Mark::Bad, what, error.to_string());
    }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let home = context.home()?;
    let mut findings = Findings::default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let machine = format!("{}-{}, {processors} processors", std::env::consts::ARCH, std::env::consts::OS);
    findings.add(Mark::Good, "facevault", format!("{} on {machine}", env!("CARGO_PKG_VERSION")));
    match home.path().is_dir() {
        true => findings.add(Mark::Good, "data folder", home.path().display().to_string()),
        false => findings.add(Mark::Note, "data folder", format!("{} is not there yet", home.path().display())),
    }
    let pack_is_good = pack(&home, context, &mut findings);
    let runtime_is_good = runtime(&home, context, &mut findings);
    let mut tested = None;
    if pack_is_good
        && runtime_is_good
        && let Some(engine) = engine(&home, context, &mut findings).filter(|_| arguments.self_test)
    {
        tested = Some(test(&engine, arguments, context, &mut findings)?);
    }
    let mut bench = None;
    if arguments.bench && findings.is_healthy() {
        bench = Bench::run(&home, &context.engine_options()?)?;
        match &bench {
            Some(bench) => bench.lines().into_iter().for_each(|line| findings.add(Mark::Good, "bench", line)),
            None => findings.add(Mark::Note, "bench", "not tried: `facevault demo` installs photos to try it on"),
        }
    }
    print(&findings, bench.as_ref(), tested.as_ref(), context)
}

fn pack(home: &Home, context: &Context, findings: &mut Findings) -> bool {
    let opened = match context.pack_source() {
        PackSource::Named(name) => Pack::installed(home, &name),
        PackSource::Folder(folder) => Pack::open_dir(folder),
    };
    let states = opened.and_then(|pack| Ok((pack.verify()?, pack)));
    let (states, pack) = match states {
        Ok(found) => found,
        Err(error) => {
            findings.bad("pack", &error);
            return false;
        }
    };
    let manifest = pack.manifest();
    let mut good = true;
    for (role, state) in states {
        let file = manifest.file(role).map(|file| file.file.as_str()).unwrap_or_default();
        let wrong = match state {
            State::Present => continue,
            State::Missing => "is missing",
            State::Damaged => "is not the file that the manifest names: its size or SHA-256 differs",
        };
        good = false;
        findings.add(Mark::Bad, "pack", format!("{} {wrong}", pack.folder().join(file).display()));
    }
    if good {
        let found = format!("{} ({}), {}", manifest.name, manifest.licence, pack.folder().display());
        findings.add(Mark::Good, "pack", found);
        findings.add(Mark::Good, "model", pack.model_id().to_string());
    }
    good
}

fn runtime(home: &Home, context: &Context, findings: &mut Findings) -> bool {
    let may_be_used = if *context.runtime() == RuntimeChoice::Auto { Artifact::runtime() } else { Vec::new() };
    for artifact in may_be_used {
        if matches!(artifact.state(home), Ok(State::Damaged)) {
            let file = artifact.location(home);
            let found = format!("{} is not the file that was installed: its size or SHA-256 differs", file.display());
            findings.add(Mark::Bad, "runtime", format!("{found}; `facevault setup` repairs it"));
            return false;
        }
    }
    let choice = context.runtime().clone();
    match Runtime::select(&RuntimeOptions::default().with_choice(choice).with_installed(home.runtime_library())) {
        Ok(runtime) => {
            for notice in &runtime.info().notices {
                findings.add(Mark::Note, "runtime", notice);
            }
            findings.add(Mark::Good, "runtime", describe(runtime.info()));
            true
        }
        Err(error) => {
            findings.bad("runtime", &error);
            false
        }
    }
}

/// `ONNX Runtime 1.32.0, /path`
pub(super) fn describe(info: &RuntimeInfo) -> String {
    format!("ONNX Runtime {}, {}", info.version, info.library.display())
}

/// Runs the self-test, and writes what the networks give where that is asked for.
fn test(engine: &Engine, arguments: &Arguments, context: &Context, findings: &mut Findings) -> Result<Tested, Failure> {
    let options = context.engine_options()?;
    if let Err(error) = load_liveness(&options, engine) {
        findings.bad("liveness", &error);
    }
    let found = match engine.self_test() {
        Ok(found) => found,
        Err(error) => {
            findings.bad("self-test", &error);
            return Ok(Tested(None));
        }
    };
    self_test::add(findings, &found);
    if let Some(path) = &arguments.output {
        self_test::write(path, &options, engine)?;
        findings.add(Mark::Good, "self-test", format!("written: {}", path.display()));
    }
    Ok(Tested(Some(found)))
}

/// What the self-test found; nothing where a network failed.
struct Tested(Option<SelfTest>);

impl Tested {
    fn has_failed(&self) -> bool {
        self.0.as_ref().is_none_or(SelfTest::has_failed)
    }
}

fn engine(home: &Home, context: &Context, findings: &mut Findings) -> Option<Engine> {
    let started = Instant::now();
    let engine = match context.engine_options().and_then(|options| Engine::open(&options)) {
        Ok(engine) => engine,
        Err(error) => {
            findings.bad("engine", &error);
            return None;
        }
    };
    let took = duration(started.elapsed());
    findings.add(
        Mark::Good,
        "engine",
        format!("loaded in {took}, {} photos at a time, {} mode", engine.threads(), engine.mode()),
    );
    match engine.calibration() {
        Some(table) => {
            let (on, points) = (table.measured_on(), table.points());
            let range =
                format!("FMR {:e} to {:e}", table.smallest_fmr(), points.first().map_or(1.0, |point| point.fmr));
            findings.add(Mark::Good, "table", format!("measured on {}, {} people: {range}", on.name, on.people));
            if let Some(other) = engine.calibration_mode().filter(|mode| *mode != engine.mode()) {
                let mode = engine.mode();
                let found =
                    format!("of the {other} mode; `facevault calibrate --{mode} --save` makes one for the {mode} mode");
                findings.add(Mark::Note, "table", found);
            }
        }
        None => findings.add(Mark::Note, "table", "none: thresholds cannot be asked for as a rate; see `calibrate`"),
    }
    let started = Instant::now();
    match engine.detect_in(&RgbImage::new(640, 480)) {
        Ok(_) => {
            let took = duration(started.elapsed());
            findings.add(Mark::Good, "detector", format!("looks at an empty picture of 640 x 480 in {took}"));
        }
        Err(error) => findings.bad("detector", &error),
    }
    let Ok(photo) = std::fs::read(home.samples_dir().join("obama.jpg")) else {
        findings.add(Mark::Note, "embedder", "not tried: `facevault demo` installs a photo to try it on");
        return Some(engine);
    };
    let started = Instant::now();
    match engine.encode(&photo) {
        Ok(encoded) => {
            let (took, size) = (duration(started.elapsed()), encoded.encoding.dimension());
            findings.add(Mark::Good, "embedder", format!("a sample photo to {size} components in {took}"));
        }
        Err(error) => findings.bad("embedder", &error),
    }
    Some(engine)
}

fn print(findings: &Findings, bench: Option<&Bench>, tested: Option<&Tested>, context: &Context) -> Outcome {
    let healthy = findings.is_healthy();
    let checks: Vec<Value> = findings
        .0
        .iter()
        .map(|check| json!({"check": check.what, "status": check.mark.as_str(), "message": check.found}))
        .collect();
    let self_test = tested.map(|tested| match &tested.0 {
        Some(found) => self_test::answer(found),
        None => json!({"passed": false, "networks": []}),
    });
    let data = json!({"healthy": healthy, "checks": checks, "bench": bench.map(Bench::answer), "self_test": self_test});
    context.output.answer(&data, |text| {
        for check in &findings.0 {
            text.check(check.mark, format!("{:<12} {}", check.what, check.found))?;
        }
        Ok(())
    })?;
    match tested.is_some_and(Tested::has_failed) {
        true => Err(Failure::Told(SELF_TEST)),
        false if healthy => Ok(()),
        false => Err(Failure::Told(exit_code(ErrorKind::ModelUnavailable))),
    }
}
