//! Who is in a photo? Prints the people of a vault who may be in it, or why nobody was found.
//!
//! ```sh
//! cargo run --release --example identify -- people.vault door.jpg
//! cargo run --release --example identify -- people.vault door.jpg fmr=1e-4
//! ```
//!
//! A similarity means nothing by itself, so you set the threshold as a rate. `fpir=0.01` (a search may
//! find somebody for one stranger in a hundred) suits a search: it takes into account how many people
//! are searched. `fmr=1e-4` is a rate per comparison. Both need a model with a measured table, such as
//! that of the default pack `standard`; for a model without one, pass for example `similarity=0.5`.

use std::error::Error;

use facevault::{Engine, EngineOptions, ErrorKind, Identification, IdentifyOptions, ImageBytes};
use facevault::{OperatingPoint, Vault, VaultOptions};

const USAGE: &str = "usage: identify VAULT PHOTO [fpir=RATE | fmr=RATE | similarity=VALUE]";

fn main() -> Result<(), Box<dyn Error>> {
    // First, before any other thread starts: keep ONNX Runtime from sending telemetry.
    facevault::disable_runtime_telemetry();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, photo, operating_point) = match arguments.as_slice() {
        [file, photo] => (file, photo, OperatingPoint::fpir(0.01)?),
        [file, photo, asked] => (file, photo, asked.parse()?),
        _ => return Err(USAGE.into()),
    };
    let photo = ImageBytes::from(std::fs::read(photo)?);

    // Opening an engine is expensive: open one per process. The vault is opened read-only, since nothing is written.
    let engine = Engine::open(&EngineOptions::default())?;
    let vault = Vault::open_read_only(file, VaultOptions::default().with_engine(engine))?;

    let options = IdentifyOptions::default().with_operating_point(operating_point).with_max_results(3);
    match vault.identify(&[photo], &options) {
        Ok(answer) => print(&vault, &answer)?,
        // This is not "unknown": no search took place, and another photo may be accepted.
        Err(error) if error.kind() == ErrorKind::Refused => println!("the photo was refused: {error}"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn print(vault: &Vault, answer: &Identification) -> facevault::Result<()> {
    if answer.candidates.is_empty() {
        match answer.people_searched {
            0 => println!("unknown: there is nobody to be searched"),
            people => println!("unknown: of {people} searched, nobody reaches the threshold"),
        }
    }
    for candidate in &answer.candidates {
        let name = vault.person_summary(&candidate.person)?.name;
        let similarity = candidate.similarity.get();
        // How often two different people are this alike.
        let fmr = candidate.fmr.map_or_else(|| "unknown".to_owned(), |fmr| format!("{:.1e}", fmr.get()));
        println!("{}. {name} ({}): similarity {similarity:.4}, FMR {fmr}", candidate.rank, candidate.person);
    }
    // The similarity, the rate that it follows from, and whether that was measured.
    println!("threshold {}", answer.threshold);
    if let Some(margin) = answer.margin {
        println!("the most similar person is {margin:.4} ahead of the next one");
    }
    if answer.people_without_encoding > 0 {
        println!("{} people have no encoding by this model and were not searched", answer.people_without_encoding);
    }
    Ok(())
}
