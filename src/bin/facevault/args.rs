//! The arguments that every command shares, and how the command line is read.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, Write, stderr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::Styles;
use clap::builder::styling::AnsiColor;
#[cfg(feature = "encryption")]
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::error::ErrorKind as ClapError;
use clap::{Args, Command, CommandFactory, FromArgMatches, Parser};
use facevault::ClientId;
use facevault::vision::{FacePolicy, RuntimeChoice};

use crate::commands;
use crate::output::{escaped, json_line};

const ABOUT: &str = "Keep people, their photos and face encodings in one file, and find them again by face.";

const LONG_ABOUT: &str = "\
Keep people, their photos and face encodings in one file, and find them again by face.

A vault is one file. A person in it has a name, photos and other details; facevault computes \
a face encoding for every photo. Everything runs on this machine: no server, no network. Only \
`setup`, `demo` and `models install` download anything, once.";

const AFTER_HELP: &str = "\
Begin here:
  facevault demo                                          the whole story on sample photos
  facevault setup                                         install the default models
  facevault init people.vault
  facevault person add people.vault --name \"Ada Lovelace\" --image ada.jpg
  facevault identify people.vault door.jpg

`facevault help COMMAND` explains a command and shows examples.";

const AFTER_LONG_HELP: &str = "\
Begin here:
  facevault demo                                          the whole story on sample photos
  facevault setup                                         install the default models
  facevault init people.vault
  facevault person add people.vault --name \"Ada Lovelace\" --image ada.jpg
  facevault identify people.vault door.jpg

Output:
  People read text and tables on standard output. Programs pass --json and read
  {\"success\": true, \"data\": ...}, lists with \"pagination\" beside it. Errors go to standard
  error: as sentences, or with --json as one line {\"error\", \"message\", ...} where \"details\" names
  every field that breaks a rule and \"images\" the outcome of every photo. Colours and progress
  bars are for terminals only; NO_COLOR is respected.

Exit codes:
    0  done
    1  a photo was refused, or nobody matched: try another photo
    2  the request is wrong: a rule is broken, an id is unknown, a version is out of date
    3  models or the inference runtime: see `facevault doctor`
    4  the vault's file or the disk
    5  the self-test failed: see `facevault doctor --self-test`
  130  interrupted by Ctrl-C; unfinished work left nothing behind

Environment:
  FACEVAULT_HOME     the data folder with models and runtime
  FACEVAULT_PACK     as --pack
  FACEVAULT_LIVENESS_MODELS
                     as --liveness-models
  FACEVAULT_RUNTIME  as --runtime
  FACEVAULT_KEY_FILE as --key-file, where the feature `encryption` is built in
  FACEVAULT_BUNDLE_KEY_FILE
                     as --bundle-key-file of `export` and `import`
  ORT_DYLIB_PATH     an ONNX Runtime library that `--runtime auto` tries first
  FACEVAULT_PYTHON   the Python whose pip fetches packages, instead of `python3`
  FACEVAULT_NPM      the npm that fetches packages, instead of `npm`
  FACEVAULT_LOG      what is logged to standard error: `info`, `debug`, `facevault::store=trace`

`facevault help COMMAND` explains a command and shows examples.";

/// The command line as it was written.
#[derive(Debug, Parser)]
#[command(
    name = "facevault",
    version,
    about = ABOUT,
    long_about = LONG_ABOUT,
    after_help = AFTER_HELP,
    after_long_help = AFTER_LONG_HELP,
    styles = styles(),
    max_term_width = 100,
    disable_help_flag = true,
    disable_version_flag = true,
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: commands::Command,
    /// Print the version
    #[arg(short = 'V', long, action = clap::ArgAction::Version, help_heading = GLOBAL)]
    version: (),
}

const DEFAULT_PACK: &str = facevault::models::Manifest::BUILTIN[0];

const DEFAULT_LIVENESS: &str = facevault::models::LivenessManifest::BUILTIN[0];

const GLOBAL: &str = "Options of every command";

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Answer in JSON, for programs
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,

    /// The models to use: a pack's name, or a pack's folder (a path with a slash)
    #[arg(
        long,
        global = true,
        value_name = "NAME|DIR",
        env = "FACEVAULT_PACK",
        default_value = DEFAULT_PACK,
        hide_env_values = true,
        value_parser = parse_pack,
        help_heading = GLOBAL
    )]
    pub(crate) pack: String,

    /// The liveness networks to use where liveness is asked about: `liveness`, `liveness-v2se`, or a folder (a path with
    /// a slash)
    #[arg(
        long,
        global = true,
        value_name = "NAME|DIR",
        env = "FACEVAULT_LIVENESS_MODELS",
        default_value = DEFAULT_LIVENESS,
        hide_env_values = true,
        value_parser = parse_liveness,
        help_heading = GLOBAL
    )]
    pub(crate) liveness_models: String,

    /// The ONNX Runtime library that runs the models: `auto`, or its path
    #[arg(
        long,
        global = true,
        value_name = "auto|PATH",
        env = "FACEVAULT_RUNTIME",
        default_value = "auto",
        hide_env_values = true,
        value_parser = parse_runtime,
        help_heading = GLOBAL
    )]
    pub(crate) runtime: RuntimeChoice,

    /// Encode each face together with its mirror image: slower, but fewer errors; the default of some packs.
    /// A vault always uses the mode of its first encodings
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) accurate: bool,

    /// Encode each face without its mirror image, even if the pack uses it by default
    #[arg(long, global = true, conflicts_with = "accurate", help_heading = GLOBAL)]
    pub(crate) fast: bool,

    /// Which of several faces to use: portrait (the one that dominates or is framed), largest, central, only.
    /// By default portrait, for calibrate and evaluate central
    #[arg(long, global = true, value_name = "WHICH", value_parser = parse_face, help_heading = GLOBAL)]
    pub(crate) face: Option<FacePolicy>,

    /// The smallest face to find and accept, in pixels of its shorter side. By default 40, for watch 60
    #[arg(long, global = true, value_name = "PIXELS", value_parser = parse_min_face, help_heading = GLOBAL)]
    pub(crate) min_face: Option<f32>,

    /// Do not turn photos that are not upright (for fixed cameras)
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) no_turn: bool,

    /// Take several photos of one person even where they seem to show two people
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) mixed_photos: bool,

    /// Act for this client (tenant) of the vault instead of its first one
    #[arg(long, global = true, value_name = "ID", help_heading = GLOBAL)]
    pub(crate) client: Option<ClientId>,

    /// The file with the key of encrypted vaults, which only you may be able to read; `init` makes encrypted ones
    #[cfg(feature = "encryption")]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "FACEVAULT_KEY_FILE",
        hide_env_values = true,
        value_parser = OsStringValueParser::new().map(PathBuf::from),
        help_heading = GLOBAL
    )]
    pub(crate) key_file: Option<PathBuf>,

    /// The number of photos to process at once; 0 means one per processor
    #[arg(
        long,
        global = true,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        value_parser = clap::value_parser!(u16).range(0..=1024),
        help_heading = GLOBAL
    )]
    pub(crate) threads: u16,

    /// Print only the answer: no notices, no progress
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub(crate) quiet: bool,

    /// Log what is done to standard error; -vv logs more. Never names, photos or vectors
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = GLOBAL)]
    pub(crate) verbose: u8,

    /// Explain the command; -h is shorter
    #[arg(short, long, global = true, action = clap::ArgAction::Help, help_heading = GLOBAL)]
    help: Option<bool>,
}

// A variable that is set to nothing counts as not set.
fn parse_pack(text: &str) -> Result<String, Infallible> {
    Ok(if text.is_empty() { DEFAULT_PACK } else { text }.to_owned())
}

fn parse_liveness(text: &str) -> Result<String, Infallible> {
    Ok(if text.is_empty() { DEFAULT_LIVENESS } else { text }.to_owned())
}

fn parse_runtime(text: &str) -> Result<RuntimeChoice, Infallible> {
    match text {
        "" | "auto" => Ok(RuntimeChoice::Auto),
        path => Ok(RuntimeChoice::Library(PathBuf::from(path))),
    }
}

fn parse_face(text: &str) -> Result<FacePolicy, String> {
    match text {
        "portrait" => Ok(FacePolicy::default()),
        "largest" => Ok(FacePolicy::Largest),
        "central" => Ok(FacePolicy::Central),
        "only" => Ok(FacePolicy::Only),
        other => Err(format!("{other:?} is not one of portrait, largest, central and only")),
    }
}

fn parse_min_face(text: &str) -> Result<f32, String> {
    let pixels: f32 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    if (16.0..=4096.0).contains(&pixels) { Ok(pixels) } else { Err(format!("{text} is not from 16 to 4096")) }
}

fn styles() -> Styles {
    Styles::styled()
        .header(AnsiColor::Yellow.on_default().bold())
        .usage(AnsiColor::Yellow.on_default().bold())
        .literal(AnsiColor::Green.on_default())
        .placeholder(AnsiColor::Cyan.on_default())
        .error(AnsiColor::Red.on_default().bold())
}

/// The commands; what every one of them takes is explained once, by `facevault --help`.
fn command() -> Command {
    let mut command = Cli::command();
    command.build();
    command.mut_subcommands(brief)
}

fn brief(command: Command) -> Command {
    #[cfg(feature = "encryption")]
    const KEY_FILE: &str = "  --key-file FILE";
    #[cfg(not(feature = "encryption"))]
    const KEY_FILE: &str = "";
    const ELSEWHERE: &str = "Options of every command, explained by `facevault --help`:
  --json  --pack NAME|DIR  --liveness-models NAME|DIR  --runtime auto|PATH  --accurate  --fast  --face WHICH
  --min-face PIXELS  --no-turn  --mixed-photos  --client ID  --threads N  -q  -v";
    let help = match command.get_after_help() {
        Some(examples) => format!("{examples}\n\n{ELSEWHERE}{KEY_FILE}"),
        None => format!("{ELSEWHERE}{KEY_FILE}"),
    };
    command
        .mut_args(|argument| if argument.is_global_set() { argument.hide(true) } else { argument })
        .mut_subcommands(brief)
        .after_help(help)
}

/// Reads the command line; help and version are printed here, and what is wrong is reported.
pub(crate) fn parse() -> Result<Cli, ExitCode> {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    if let Some(name) = words.first_mut() {
        // Whatever the program was called: help shows it.
        *name = "facevault".into();
    }
    read(&words).map_err(|error| {
        let told = matches!(
            error.kind(),
            ClapError::DisplayHelp | ClapError::DisplayVersion | ClapError::DisplayHelpOnMissingArgumentOrSubcommand
        );
        if !told && words.iter().take_while(|word| *word != "--").any(|word| word == "--json") {
            let message = error.render().to_string();
            let message = message.trim_start_matches("error: ").split("\n\n").next().unwrap_or_default();
            let lines: Vec<&str> = message.lines().map(str::trim).collect();
            let told = serde_json::json!({"error": "invalid", "message": lines.join(" ")});
            let _ = writeln!(stderr(), "{}", json_line(&told).unwrap_or_default());
        } else {
            // Nobody is left to be told that the terminal has gone.
            let _ = show(&words, &error);
        }
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
    })
}

fn read(words: &[OsString]) -> clap::error::Result<Cli> {
    command().try_get_matches_from(words).and_then(|found| Cli::from_arg_matches(&found))
}

/// Prints help, the version or an error. It repeats words of the command line, and colours stand between them: so
/// it is asked for once more with words that no terminal obeys.
fn show(words: &[OsString], error: &clap::Error) -> io::Result<()> {
    let shown: Vec<OsString> = words.iter().map(|word| escaped(&word.to_string_lossy()).into()).collect();
    match read(&shown) {
        Err(same) if same.kind() == error.kind() => same.print(),
        // What was wrong is not wrong with these words, for example bytes that are no text.
        _ => {
            let text = error.render().to_string();
            text.lines().try_for_each(|line| writeln!(stderr(), "{}", escaped(line)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_command_explains_itself_with_an_example() {
        fn visit(command: &Command, path: &str) {
            for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
                let path = format!("{path} {}", sub.get_name());
                assert!(sub.get_about().is_some(), "{path} has no explanation");
                if sub.has_subcommands() {
                    visit(sub, &path);
                } else {
                    let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                    assert!(help.contains(&format!("  {path}")), "{path} shows no example of itself: {help}");
                }
            }
        }
        visit(&command(), "facevault");
    }

    #[test]
    fn a_runtime_is_a_word_or_a_path() {
        for (text, choice) in [
            ("", RuntimeChoice::Auto),
            ("auto", RuntimeChoice::Auto),
            ("./auto", RuntimeChoice::Library("./auto".into())),
        ] {
            assert_eq!(parse_runtime(text), Ok(choice));
        }
    }
}
