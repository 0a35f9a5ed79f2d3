//! Networks kept in the form in which they run, beside the models that they were made of.
//!
//! Reading dlib's format and rewriting a graph take longer than making a session of the result. What
//! was made is kept in the pack's folder, in `rewritten/`, a file for each network and way of making
//! it. The file's name is a hash over all that the network depends on: facevault's version and the
//! revision of the code that makes it, the manifest with the model's own SHA-256, the role and the
//! rules. Its content carries that hash and its own, and a file that does not agree with both is made
//! anew. A folder that cannot be written to keeps nothing.
//!
//! Layout: `facevault network 1\n`, the 32 bytes of either hash, the ONNX file.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::checksum::Sha256;
use super::manifest::Role;
use super::pack::Pack;
use crate::onnx::rewrite::{REVISION, RewritingRules};

const FOLDER: &str = "rewritten";
const HEAD: &[u8] = b"facevault network 1\n";
const HASH: usize = 32;
/// How many networks of a role are kept: programs with other rules or of another version may take
/// turns.
const MOST_KEPT: usize = 2;
/// The prefix of the name of a file that is being written.
const UNFINISHED: &str = ".unfinished-";
/// An unfinished file older than this is no longer being written.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Where a network is kept, whether or not it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptimizedNetwork {
    folder: PathBuf,
    role: Role,
    made_of: Sha256,
}

impl OptimizedNetwork {
    /// The network of a pack's role, rewritten by these rules.
    #[must_use]
    pub fn new(pack: &Pack, role: Role, rules: &RewritingRules) -> Self {
        let version = format!("{}, {REVISION}", env!("CARGO_PKG_VERSION"));
        let made_of = format!("{version}\n{role}\n{rules:?}\n{}", pack.manifest().text());
        Self { folder: pack.folder().join(FOLDER), role, made_of: Sha256::of(made_of.as_bytes()) }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(format!("{}{}", self.prefix(), &self.made_of.to_string()[..16]))
    }

    fn prefix(&self) -> String {
        format!("{}-", self.role)
    }

    /// Whether there is a file, whatever it holds.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.path().is_file()
    }

    /// The ONNX file, if it was kept and is whole.
    #[must_use]
    pub fn read(&self) -> Option<Vec<u8>> {
        let mut file = crate::files::open(&self.path()).ok()?;
        let mut head = [0; HEAD.len() + 2 * HASH];
        file.read_exact(&mut head).ok()?;
        let (made_of, own) = head[HEAD.len()..].split_at(HASH);
        if !head.starts_with(HEAD) || made_of != self.made_of.as_bytes() {
            return None;
        }
        let mut onnx = Vec::new();
        file.read_to_end(&mut onnx).ok()?;
        (Sha256::of(&onnx).as_bytes() == own).then_some(onnx)
    }

    /// Saves an ONNX file, whole or not at all, and removes the oldest files of the same role.
    pub fn write(&self, onnx: &[u8]) {
        if let Err(error) = self.try_write(onnx) {
            tracing::debug!("the rewritten network is not kept: {error}");
        }
    }

    fn try_write(&self, onnx: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(UNFINISHED);
        // Several users may share a pack, so its rewritten networks are readable by all, too.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
        let mut file = builder.tempfile_in(&self.folder)?;
        for part in [HEAD, self.made_of.as_bytes(), Sha256::of(onnx).as_bytes(), onnx] {
            file.write_all(part)?;
        }
        let path = self.path();
        file.persist(&path).map_err(|error| error.error)?;
        self.tidy()
    }

    /// Removes all but the latest networks of the role, and the unfinished files of processes that were killed.
    fn tidy(&self) -> io::Result<()> {
        let (mut networks, now) = (Vec::new(), SystemTime::now());
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(written) = entry.metadata().and_then(|found| found.modified()) else { continue };
            if name.starts_with(&self.prefix()) {
                networks.push((written, entry.path()));
            } else if name.starts_with(UNFINISHED) && now.duration_since(written).is_ok_and(|age| age > ABANDONED) {
                fs::remove_file(entry.path())?;
            }
        }
        networks.sort_unstable_by(|a, b| b.cmp(a));
        networks.iter().skip(MOST_KEPT).try_for_each(|(_, path)| fs::remove_file(path))
    }
}
