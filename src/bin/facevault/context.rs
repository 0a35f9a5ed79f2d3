//! What commands work with: the output, and engines and vaults opened as the options say.

#[cfg(feature = "encryption")]
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

#[cfg(feature = "encryption")]
use facevault::VaultKey;
use facevault::models::{Home, LivenessPack};
use facevault::store::Erasure;
use facevault::vision::{FacePolicy, QualityLimits, RuntimeChoice, SeekOptions};
use facevault::{Actor, AuditScope, ClientId, Error, ErrorKind, Limits, Result};
use facevault::{EncodingMode, Engine, EngineOptions, PackSource, PhotoRules};
use facevault::{Vault, VaultOptions};

use crate::args::Global;
use crate::failure::Failure;
use crate::output::Output;
use crate::place;

/// The smallest face, in pixels of its shorter side, where nothing else is said.
const MIN_FACE: f32 = 40.0;

/// The options of every command, resolved.
pub(crate) struct Context {
    pub(crate) output: Output,
    global: Global,
    /// What the file of `--key-file` holds, read once: it may be a pipe.
    #[cfg(feature = "encryption")]
    key: OnceCell<VaultKey>,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        Self {
            output: Output::new(&global),
            global,
            #[cfg(feature = "encryption")]
            key: OnceCell::new(),
        }
    }

    /// Whether several photos of one person are taken even where they seem to show two people.
    pub(crate) fn mixed_photos(&self) -> bool {
        self.global.mixed_photos
    }

    /// How much is taken of a photo and of a person.
    pub(crate) fn limits(&self) -> Limits {
        Limits::default()
    }

    /// The data folder.
    pub(crate) fn home(&self) -> Result<Home> {
        Home::from_env()
    }

    /// What `--pack` means: a path where it has a separator or leads to a pack, else a name.
    pub(crate) fn pack_source(&self) -> PackSource {
        self.pack_source_of(&self.global.pack)
    }

    /// The same for a command's own argument.
    pub(crate) fn pack_source_of(&self, text: &str) -> PackSource {
        if text.contains(['/', '\\']) || Path::new(text).join("manifest.toml").is_file() {
            PackSource::Folder(PathBuf::from(text))
        } else {
            PackSource::Named(text.to_owned())
        }
    }

    /// What `--client` says.
    pub(crate) fn client(&self) -> Option<&ClientId> {
        self.global.client.as_ref()
    }

    /// The manifest of the pack that `--pack` means.
    #[cfg(feature = "http")]
    pub(crate) fn manifest(&self) -> Result<facevault::models::Manifest> {
        let pack = match self.pack_source() {
            PackSource::Named(name) => facevault::models::Pack::installed(&self.home()?, &name)?,
            PackSource::Folder(folder) => facevault::models::Pack::open_dir(folder)?,
        };
        Ok(pack.manifest().clone())
    }

    /// What `--runtime` says.
    pub(crate) fn runtime(&self) -> &RuntimeChoice {
        &self.global.runtime
    }

    /// What an engine is opened with.
    pub(crate) fn engine_options(&self) -> Result<EngineOptions> {
        Ok(EngineOptions::default()
            .with_pack(self.pack_source())
            .with_home(self.home()?)
            .with_runtime(self.global.runtime.clone())
            .with_threads(usize::from(self.global.threads))
            .with_mode(mode(self.global.accurate, self.global.fast))
            .with_rules(self.rules())
            .with_liveness(self.pack_source_of(&self.global.liveness_models)))
    }

    /// What is wanted of a photo.
    fn rules(&self) -> PhotoRules {
        let Global { face, min_face, no_turn, .. } = self.global;
        let min_face = min_face.unwrap_or(MIN_FACE);
        PhotoRules::default()
            .with_face(face.unwrap_or_default())
            .with_seek(SeekOptions::default().with_min_face(min_face).with_turn(!no_turn))
            .with_quality(QualityLimits::default().with_min_size(min_face))
    }

    /// What `--min-face` says.
    pub(crate) fn min_face(&self) -> Option<f32> {
        self.global.min_face
    }

    /// What `--face` says.
    pub(crate) fn face(&self) -> Option<FacePolicy> {
        self.global.face
    }

    /// Loads models and runtime; tells what was passed over on the way.
    pub(crate) fn engine(&self) -> Result<Engine> {
        self.engine_of(&self.engine_options()?)
    }

    /// The same with options that a command has changed.
    pub(crate) fn engine_of(&self, options: &EngineOptions) -> Result<Engine> {
        let engine = Engine::open(options)?;
        for notice in engine.runtime().into_iter().flat_map(|runtime| &runtime.notices) {
            self.output.notice(notice);
        }
        Ok(engine)
    }

    /// Loads the liveness networks where they are installed, so that the self-test covers them.
    ///
    /// # Errors
    /// As for [`load_liveness`].
    #[cfg(feature = "http")]
    pub(crate) fn load_liveness(&self, engine: &Engine) -> Result<()> {
        load_liveness(&self.engine_options()?, engine)
    }

    /// Runs the self-test of an engine that is about to serve or watch. Says so where a network could not be tested.
    pub(crate) fn self_test(&self, engine: &Engine) -> std::result::Result<(), Failure> {
        let found = engine.self_test().map_err(Failure::SelfTest)?;
        for network in found.not_stated() {
            let name = network.as_str();
            self.output
                .notice(&format!("{name} not tested: the manifest does not state what it gives for the self-test"));
        }
        found.require().map_err(Failure::SelfTest)
    }

    /// Opens a vault for everything but photos: no models are loaded.
    pub(crate) fn vault(&self, path: &Path) -> Result<Vault> {
        Ok(acting(place::open(path, self.vault_options(None)?)?))
    }

    /// Opens a vault for looking only: it may lie where nothing can be written.
    pub(crate) fn vault_for_reading(&self, path: &Path) -> Result<Vault> {
        match place::open_read_only(path, self.vault_options(None)?).map(acting) {
            // One of an older version is brought up to date first.
            Err(error) if error.kind() == ErrorKind::Unsupported && !place::is_hub(path) => self.vault(path),
            opened => opened,
        }
    }

    /// Opens a vault for photos.
    pub(crate) fn vault_with_engine(&self, path: &Path) -> Result<Vault> {
        // A file that is no vault is reported before models are loaded.
        drop(self.vault(path)?);
        self.told_of_mode(acting(place::open(path, self.vault_options(Some(self.engine()?))?)?))
    }

    /// Opens a vault for searching by photo: nothing of it is written, unless it notes searches.
    pub(crate) fn vault_for_searching(&self, path: &Path) -> Result<Vault> {
        if self.vault_for_reading(path)?.audit_policy()?.scope == AuditScope::All {
            return self.vault_with_engine(path);
        }
        self.told_of_mode(acting(place::open_read_only(path, self.vault_options(Some(self.engine()?))?)?))
    }

    /// Says so where what was removed or replaced is not overwritten yet.
    pub(crate) fn notice_pending_erasure(&self, vault: &Vault) -> Result<()> {
        if vault.erasure()? == Erasure::Pending {
            self.output.notice(match place::is_hub(vault.path()) {
                true => "what was removed or replaced stays in the hub's files until PostgreSQL's vacuum overwrites it",
                false => {
                    "another program is reading an older state of the vault: what was removed or replaced stays in the \
                     log beside it until the next write; `facevault check` says when it is gone"
                }
            });
        }
        Ok(())
    }

    /// Says so where the vault keeps to another mode than the one that was asked for.
    fn told_of_mode(&self, vault: Vault) -> Result<Vault> {
        let asked = mode(self.global.accurate, self.global.fast);
        if let (Some(asked), Some(used)) = (asked, vault.encoding_mode()?)
            && asked != used
        {
            self.output.notice(&format!(
                "--{asked} is not used: the vault's encodings are of the {used} mode, and photos are encoded in it"
            ));
        }
        Ok(vault)
    }

    /// What a vault is opened or made with.
    pub(crate) fn vault_options(&self, engine: Option<Engine>) -> Result<VaultOptions> {
        let options = VaultOptions::default()
            .with_engine(engine)
            .with_limits(self.limits())
            .with_client(self.global.client.clone())
            .with_mixed_photos(self.global.mixed_photos);
        #[cfg(feature = "encryption")]
        let options = options.with_key(self.key_file().map(|file| self.key_in(file)).transpose()?);
        Ok(options)
    }

    /// Whether vaults are encrypted: then nothing of people is written elsewhere in plain.
    pub(crate) fn has_key(&self) -> bool {
        #[cfg(feature = "encryption")]
        return self.key_file().is_some();
        #[cfg(not(feature = "encryption"))]
        false
    }

    /// The key that `--key-file` means.
    #[cfg(feature = "encryption")]
    pub(crate) fn needed_key(&self) -> Result<VaultKey> {
        let missing = || Error::new(ErrorKind::Key, "name the file with the key: --key-file FILE");
        self.key_in(self.key_file().ok_or_else(missing)?)
    }

    #[cfg(feature = "encryption")]
    fn key_in(&self, file: &Path) -> Result<VaultKey> {
        if let Some(key) = self.key.get() {
            return Ok(key.clone());
        }
        let key = VaultKey::from_file(file)?;
        Ok(self.key.get_or_init(|| key).clone())
    }

    /// What `--key-file` says; a variable that is set to nothing counts as not set.
    #[cfg(feature = "encryption")]
    fn key_file(&self) -> Option<&Path> {
        self.global.key_file.as_deref().filter(|file| !file.as_os_str().is_empty())
    }
}

/// Loads the liveness networks where they are installed. Where they are not, nothing happens.
///
/// # Errors
/// Where what is installed cannot be used.
pub(crate) fn load_liveness(options: &EngineOptions, engine: &Engine) -> Result<()> {
    let home = options.home.clone().map_or_else(Home::from_env, Ok)?;
    let is_missing = |error: &Error| error.kind() == ErrorKind::ModelUnavailable;
    match &options.liveness {
        PackSource::Named(name) if LivenessPack::installed(&home, name).is_err_and(|error| is_missing(&error)) => {
            Ok(())
        }
        _ => engine.liveness_model().map(drop),
    }
}

/// The vault as the command uses it: the audit trail names the number of the system's account.
pub(crate) fn acting(vault: Vault) -> Vault {
    match Actor::named(account()) {
        Ok(actor) => vault.acting_as(&actor),
        Err(_) => vault,
    }
}

#[allow(unsafe_code)]
fn account() -> String {
    #[cfg(unix)]
    {
        // SAFETY: it takes nothing and always succeeds.
        format!("command:uid={}", unsafe { libc::getuid() })
    }
    #[cfg(not(unix))]
    {
        "command".to_owned()
    }
}

/// The mode that was asked for; none leaves it to the pack.
fn mode(accurate: bool, fast: bool) -> Option<EncodingMode> {
    match (accurate, fast) {
        (true, _) => Some(EncodingMode::Accurate),
        (_, true) => Some(EncodingMode::Fast),
        _ => None,
    }
}
