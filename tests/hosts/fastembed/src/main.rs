//! facevault's networks and those of fastembed in one process, in one ONNX Runtime.
//!
//! facevault comes first: it looks at the library, chooses it for the whole process and declines its
//! telemetry. fastembed then uses the same one.

use facevault::vision::{Runtime, RuntimeOptions};
use fastembed::TextEmbedding;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let home = facevault::models::Home::from_env()?;
    let options = RuntimeOptions { installed: home.runtime_library(), ..RuntimeOptions::default() };
    let runtime = Runtime::select(&options)?;
    let models = TextEmbedding::list_supported_models().len();
    println!("ONNX Runtime {}, and {models} models of fastembed could run in it", runtime.info().version);
    Ok(())
}
