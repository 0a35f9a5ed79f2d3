//! PostgreSQL's password file: lines of `host:port:database:user:password`, of which the first that fits counts.

use std::fs;
use std::path::Path;

/// What is looked for.
pub(super) struct Asked {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) database: String,
    pub(super) user: String,
}

/// The password in a file that fits, if there is one. A file that others may read is passed over with a warning, as
/// PostgreSQL's own programs do.
pub(super) fn look_up(path: &Path, asked: &Asked) -> Option<String> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    if !is_private(&metadata) {
        tracing::warn!(path = %path.display(), "the password file is passed over, since others may read it: chmod 0600");
        return None;
    }
    find(&fs::read_to_string(path).ok()?, asked)
}

#[cfg(unix)]
fn is_private(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o077 == 0
}

#[cfg(not(unix))]
fn is_private(_: &fs::Metadata) -> bool {
    true
}

fn find(text: &str, asked: &Asked) -> Option<String> {
    let port = asked.port.to_string();
    let wanted = [&asked.host, &port, &asked.database, &asked.user];
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(fields).find_map(|fields| {
        let (password, keys) = fields.split_last()?;
        let fits = keys.len() == wanted.len()
            && keys.iter().zip(wanted).all(|((key, is_plain), wanted)| (*is_plain && key == "*") || key == wanted);
        fits.then(|| password.0.clone())
    })
}

/// The five fields of a line, without backslashes, and whether a field had none.
fn fields(line: &str) -> Vec<(String, bool)> {
    let mut fields = vec![(String::new(), true)];
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        let count = fields.len();
        let Some(last) = fields.last_mut() else { break };
        match c {
            '\\' => {
                last.0.extend(characters.next());
                last.1 = false;
            }
            ':' if count < 5 => fields.push((String::new(), true)),
            c => last.0.push(c),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_counts() {
        let asked =
            |host: &str, user: &str| Asked { host: host.into(), port: 5432, database: "db".into(), user: user.into() };
        let file = "# hub:5432:db:ada:comment\n\
                    nonsense\n\
                    hub:1:db:ada:other port\n\
                    hub:5432:db:ada:s:e\\\\cr\\:et\n\
                    hub:*:*:*:second\n\
                    a\\:b:*:*:\\*:star\n";
        assert_eq!(find(file, &asked("hub", "ada")).as_deref(), Some("s:e\\cr:et"));
        assert_eq!(find(file, &asked("hub", "eve")).as_deref(), Some("second"));
        assert_eq!(find(file, &asked("a:b", "*")).as_deref(), Some("star"));
        assert_eq!(find(file, &asked("a:b", "eve")), None);
        assert_eq!(find("", &asked("hub", "ada")), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_passed_over() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pgpass");
        fs::write(&path, "*:*:*:*:word\n").expect("written");
        let asked = Asked { host: "h".into(), port: 1, database: "d".into(), user: "u".into() };
        for (mode, found) in [(0o600, Some("word")), (0o640, None), (0o604, None)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
            assert_eq!(look_up(&path, &asked).as_deref(), found);
        }
        assert_eq!(look_up(folder.path(), &asked), None);
    }
}
