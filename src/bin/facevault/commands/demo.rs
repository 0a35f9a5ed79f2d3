//! `facevault demo`: a person, a partial update and a search, from nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use facevault::models::Artifact;
use facevault::wire::{IdentificationAnswer, VerificationAnswer};
use facevault::{
    ClientId, CollectionId, CompareOptions, DateOfBirth, Error, ErrorKind, Identification, IdentifyOptions, ImageBytes,
    ImagesUpdate, NewCollection, NewPerson, Person, PersonId, PersonUpdate, Result, Vault, VaultOptions, Verification,
};
use serde::Serialize;

use super::Outcome;
use super::doctor::describe;
use super::matching::{Names, names};
use super::setup::{How, install, wanted};
use crate::context::{Context, acting};
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{Answer, duration, path, shortened};

const EXAMPLES: &str = "\
Examples:
  facevault demo
  facevault demo --from /media/usb        without a network
  facevault demo --json | jq '.data.steps[] | {step, milliseconds}'";

/// Show what facevault does, on sample photos
///
/// Installs what is missing into the data folder: ONNX Runtime, the models and four photos, each
/// checked against its SHA-256. Then creates a vault in a temporary folder and a person with one
/// photo, changes some fields, replaces the photo by two others, asks who is in a third photo and in
/// a stranger's, and shows each answer and how long it took. A second run needs no network.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    how: How,
}

/// The body of a partial update, as the HTTP API takes it.
const UPDATE: &str = r#"{"name": "John Doe Updated", "gender": "M", "notes": "Updated VIP customer"}"#;

/// One step of the story.
#[derive(Serialize)]
struct Step {
    step: &'static str,
    milliseconds: f64,
    request: String,
    answer: Option<Answered>,
}

/// What a step answers.
enum Answered {
    Person(Person),
    Identification(Identification, Names),
    Verification(Verification),
}

impl Serialize for Answered {
    /// In the envelope of the HTTP API.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Person(person) => Answer::new(person).serialize(serializer),
            Self::Identification(identification, names) => {
                Answer::new(&IdentificationAnswer { identification, names }).serialize(serializer)
            }
            Self::Verification(verification) => Answer::new(&VerificationAnswer(verification)).serialize(serializer),
        }
    }
}

/// The whole story.
#[derive(Serialize)]
struct Told<'a> {
    home: String,
    installed: &'a [String],
    steps: &'a [Step],
}

struct Story<'a> {
    context: &'a Context,
    steps: Vec<Step>,
}

impl Story<'_> {
    /// Does one step, and prints what was asked, what came and how long it took.
    fn step(
        &mut self,
        step: &'static str,
        request: impl Into<String>,
        work: impl FnOnce() -> Result<Option<Answered>>,
    ) -> Result<(), Failure> {
        if interrupt::requested() {
            return Err(Failure::Interrupted("interrupted; the demo's vault is gone, what is installed stays".into()));
        }
        let started = Instant::now();
        let answer = work()?;
        self.tell(step, request.into(), started.elapsed(), answer)
    }

    fn tell(
        &mut self,
        step: &'static str,
        request: String,
        took: Duration,
        answer: Option<Answered>,
    ) -> Result<(), Failure> {
        let number = self.steps.len() + 1;
        self.context.output.say(|text| {
            text.heading(format!("{number}. {step}  ({})", duration(took)))?;
            text.line(format!("   {request}"))?;
            match &answer {
                Some(answer) => text.raw(&format!("{}\n", shortened(answer)?)),
                None => Ok(()),
            }
        })?;
        self.steps.push(Step { step, milliseconds: took.as_secs_f64() * 1e3, request, answer });
        Ok(())
    }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let home = context.home()?;
    let guard = interrupt::Guard::new();
    let begun = Instant::now();
    let mut story = Story { context, steps: Vec::new() };

    let mut artifacts = wanted(context)?;
    artifacts.extend(Artifact::samples());
    let installed = install(&home, &artifacts, &arguments.how, context)?;
    let found = match installed.len() {
        0 => format!("everything is installed in {}", home.path().display()),
        count => format!("{count} files installed in {}, each as its SHA-256 says", home.path().display()),
    };
    story.tell("models, runtime and sample photos", found, begun.elapsed(), None)?;

    let started = Instant::now();
    let engine = context.engine()?;
    let runs = engine.runtime().map(describe).unwrap_or_default();
    story.tell("load the models", format!("the pack {} on {runs}", engine.name()), started.elapsed(), None)?;

    let folder = tempfile::Builder::new().prefix("facevault-demo-").tempdir().map_err(|error| {
        Error::new(ErrorKind::Io, format!("a temporary folder cannot be made: {error}")).caused_by(error)
    })?;
    guard.deletes(folder.path());
    let photo = |name: &str| sample(&home.samples_dir().join(name));
    let (first, second) = (photo("obama.jpg")?, photo("obama2.jpg")?);
    let id = PersonId::new("person_123456789")?;
    let file = folder.path().join("demo.vault");
    let client = ClientId::new("client_123456789")?;
    let options = VaultOptions::default().with_engine(engine).with_limits(context.limits()).with_client(client);

    let mut made = None;
    story.step("create a vault", path(&file), || {
        let vault = acting(Vault::create(&file, options)?);
        vault.create_collection(&NewCollection {
            id: Some(CollectionId::new("collection_123456789")?),
            name: "VIP customers".into(),
            description: None,
        })?;
        made = Some(vault);
        Ok(None)
    })?;
    let Some(vault) = made else { return Ok(()) };
    story.step("create a person with one photo", "John Doe, obama.jpg", || {
        vault
            .create_person(&NewPerson {
                id: Some(id.clone()),
                name: "John Doe".into(),
                images: vec![first.clone()],
                date_of_birth: Some(DateOfBirth::new(1990, 1, 15)?),
                nationality: Some("US".into()),
                collections: vec!["collection_123456789".into()],
                ..NewPerson::default()
            })
            .map(|person| Some(Answered::Person(person)))
    })?;
    story.step("update some fields", UPDATE, || {
        let person = vault.update_person(&id, &PersonUpdate::from_json(UPDATE.as_bytes())?)?;
        Ok(Some(Answered::Person(person)))
    })?;
    story.step("replace the photos by two", "obama.jpg (its encoding is kept), obama2.jpg", || {
        let images = ImagesUpdate::Replace(vec![first, second]);
        let person = vault.update_person(&id, &PersonUpdate { images, ..PersonUpdate::default() })?;
        Ok(Some(Answered::Person(person)))
    })?;
    if vault.engine().is_some_and(|engine| engine.calibration().is_some()) {
        search(&mut story, &vault, &id, &photo("obama3.jpg")?, &photo("biden.jpg")?)?;
    } else {
        let notice = "the pack has no calibration table: the demo leaves out identify and verify";
        context.output.notice(notice);
    }

    drop(vault);
    drop(folder);
    let took = duration(begun.elapsed());
    let data = Told { home: path(home.path()), installed: &installed, steps: &story.steps };
    context.output.answer(&data, |text| {
        text.line(format!("Done in {took}; the vault was temporary and is gone. Now with photos of your own:"))?;
        text.line("  facevault init people.vault")?;
        text.line("  facevault person add people.vault --name \"Ada Lovelace\" --image ada.jpg")
    })
}

/// Who is this, and is it that person? Asked of a photo that the vault has not seen, and of a
/// stranger's.
fn search(
    story: &mut Story<'_>,
    vault: &Vault,
    id: &PersonId,
    third: &ImageBytes,
    stranger: &ImageBytes,
) -> Result<(), Failure> {
    let identify = |photo: &ImageBytes| {
        let answer = vault.identify(std::slice::from_ref(photo), &IdentifyOptions::default())?;
        let names = names(vault, answer.candidates.iter().map(|candidate| &candidate.person))?;
        Ok(Some(Answered::Identification(answer, names)))
    };
    let verify = |photo: &ImageBytes| {
        let answer = vault.verify(id, std::slice::from_ref(photo), &CompareOptions::default())?;
        Ok(Some(Answered::Verification(answer)))
    };
    story.step(
        "who is this? a third photo of him",
        "obama3.jpg, FPIR 0.01: at most 1 stranger in 100 is found",
        || identify(third),
    )?;
    story.step("who is this? a stranger", "biden.jpg: no candidates means unknown", || identify(stranger))?;
    story
        .step("is this John Doe?", "obama3.jpg, FMR 0.001: at most 1 stranger in 1000 is accepted", || verify(third))?;
    story.step("is this John Doe? a stranger", "biden.jpg", || verify(stranger))
}

fn sample(path: &Path) -> Result<ImageBytes> {
    let read = std::fs::read(path).map_err(|error| {
        Error::new(ErrorKind::Io, format!("cannot read {}: {error}", path.display())).caused_by(error)
    })?;
    Ok(read.into())
}
