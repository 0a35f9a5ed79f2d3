//! Who is on a photo? Prints the people of a vault who may be on it, or why it is nobody.
//!
//! ```sh
//! cargo run --release --example identify -- people.vault door.jpg
//! cargo run --release --example identify -- people.vault door.jpg fmr=1e-4
//! ```
//!
//! A similarity means nothing by itself, so the threshold is asked for as a rate. `fpir=0.01` (for
//! one stranger in a hundred somebody may be found) fits a search: it takes into account how many
//! people are searched. `fmr=1e-4` is a rate per comparison. Both need a model with a measured table,
//! such as that of the pack `dlib`; a model without one takes `similarity=0.5` and the like.

use std::error::Error;

use facevault::{Engine, EngineOptions, ErrorKind, Identification, IdentifyOptions, ImageBytes};
use facevault::{OperatingPoint, Vault, VaultOptions};

const USAGE: &str = "usage: identify VAULT PHOTO [fpir=RATE | fmr=RATE | similarity=VALUE]";

fn main() -> Result<(), Box<dyn Error>> {
    // First, while no other thread is there: ONNX Runtime is not to report on what the program does.
    facevault::disable_runtime_telemetry();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, photo, operating_point) = match arguments.as_slice() {
        [file, photo] => (file, photo, OperatingPoint::fpir(0.01)?),
        [file, photo, asked] => (file, photo, asked.parse()?),
        _ => return Err(USAGE.into()),
    };
    let photo = ImageBytes::from(std::fs::read(photo)?);

    // Expensive: make one per process. Nothing is written, so the vault is opened for reading.
    let engine = Engine::open(&EngineOptions::default())?;
    let vault = Vault::open_read_only(file, VaultOptions::default().with_engine(engine))?;

    let options = IdentifyOptions::default().with_operating_point(operating_point).with_max_results(3);
    match vault.identify(&[photo], &options) {
        Ok(answer) => print(&vault, &answer)?,
        // Not "unknown": nobody was searched for, and another photo may do.
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
