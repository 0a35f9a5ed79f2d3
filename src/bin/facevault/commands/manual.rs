//! `facevault manual`, for those who make packages: manual pages and what shells complete, as the command line is defined.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use facevault::{Error, ErrorKind};
use serde_json::json;

use super::Outcome;
use crate::args::Cli;
use crate::context::Context;
use crate::output::{count, path};

const EXAMPLES: &str = "\
Examples:
  facevault manual target/manual";

/// Write the manual pages, and completions for bash, fish and zsh, into a folder
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The folder, which is made where it is not there
    folder: PathBuf,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let folder = &arguments.folder;
    let written = write(folder).map_err(|error| {
        Error::new(ErrorKind::Io, format!("cannot write into {}: {error}", folder.display())).caused_by(error)
    })?;
    let data = json!({"folder": path(folder), "files": written});
    context
        .output
        .answer(&data, |text| text.line(format!("{} in {}", count(written, "file", "files"), folder.display())))
}

/// Writes all files, and says how many.
fn write(folder: &Path) -> io::Result<u64> {
    fs::create_dir_all(folder)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut written = pages(&command, folder)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut Cli::command(), "facevault", folder)?;
        written += 1;
    }
    Ok(written)
}

fn pages(command: &clap::Command, folder: &Path) -> io::Result<u64> {
    let mut written = 1;
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        written += pages(command, folder)?;
    }
    let page = Man::new(command.clone()).source(concat!("facevault ", env!("CARGO_PKG_VERSION"))).manual("facevault");
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if command.get_subcommands().any(|command| !command.is_hide_set()) {
        page.render_subcommands_section(&mut text)?;
    }
    if let Some(more) = command.get_after_long_help().or_else(|| command.get_after_help()) {
        text.extend(as_it_is(&more.to_string()).bytes());
    }
    fs::File::create(folder.join(page.get_filename()))?.write_all(&text)?;
    Ok(written)
}

/// A section of lines that stay as they are: examples and tables.
fn as_it_is(text: &str) -> String {
    let mut section = ".SH NOTES\n.nf\n".to_owned();
    for line in text.lines() {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        if line.starts_with(['.', '\'']) {
            section.push_str("\\&");
        }
        section.push_str(&line);
        section.push('\n');
    }
    section.push_str(".fi\n");
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let folder = tempfile::tempdir().expect("a folder");
        let written = write(folder.path()).expect("written");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count() as u64, written);
        for (page, said) in [
            ("facevault.1", "FACEVAULT_HOME"),
            ("facevault-doctor.1", "doctor \\-\\-self\\-test"),
            ("facevault-person-add.1", "Ada Lovelace"),
            ("facevault.bash", "doctor"),
        ] {
            let text = fs::read_to_string(folder.path().join(page)).expect(page);
            assert!(text.contains(said), "{page}: {text}");
        }
        assert!(!folder.path().join("facevault-manual.1").exists());
    }

    #[test]
    fn lines_stay_as_they_are() {
        assert_eq!(as_it_is(".a\n'b\n  c \\\n"), ".SH NOTES\n.nf\n\\&.a\n\\&'b\n  c \\e\n.fi\n");
    }
}
