//! Opening engines and vaults, and installing what they need, by options in JSON.

use std::path::{Path, PathBuf};

use facevault::models::{Addon, Artifact, Home, Installer, Manifest};
use facevault::vision::{DecodeLimits, RuntimeChoice};
use facevault::{
    Access, Actor, ClientId, Engine, EngineOptions, Error, Limits, PackSource, PhotoRules, Progress, Result, Rule,
    Vault, VaultOptions,
};
use serde_json::json;

use crate::answer::json_text;
use crate::guard::guard;
use crate::key::key;
use crate::request::Request;

/// Opens an engine. All options are optional; no bytes are none.
///
/// * `pack`: the name of an installed pack, or the path of a folder if it has a separator; `standard` by default.
/// * `data_dir`: the data folder; that of the environment by default.
/// * `threads`: photos that are worked on at once; 0 for one per processor.
/// * `mode`: `fast` or `accurate`; as the pack says by default.
/// * `runtime_library`: ONNX Runtime's library; by default the first usable one.
/// * `rules`: what is wanted of a photo: `decode` (`max_bytes`, `max_pixels`, `max_side`), `seek`, `face` and
///   `quality` with the fields of [`SeekOptions`](facevault::vision::SeekOptions),
///   [`FacePolicy`](facevault::vision::FacePolicy) and [`QualityLimits`](facevault::vision::QualityLimits).
/// * `calibration`, `recognizability`: tables that take the place of the pack's.
/// * `liveness_models`: the liveness networks, by name or folder as a pack; `liveness` by default. They are loaded when
///   they are first needed.
///
/// # Errors
/// [`Invalid`](facevault::ErrorKind::Invalid) for bad options, and those of [`Engine::open`].
pub fn open_engine(options: &[u8]) -> Result<Engine> {
    guard(|| Engine::open(&engine_options(options)?))
}

fn engine_options(options: &[u8]) -> Result<EngineOptions> {
    let mut request = Request::parse(options)?;
    let asked = EngineOptions::default()
        .with_pack(request.text("pack").map(pack).unwrap_or_default())
        .with_home(request.text("data_dir").map(Home::at))
        .with_threads(request.count("threads").unwrap_or(0).min(1024))
        .with_mode(request.mode("mode"))
        .with_runtime(
            request.text("runtime_library").map_or(RuntimeChoice::Auto, |path| RuntimeChoice::Library(path.into())),
        )
        .with_rules(rules(&mut request))
        .with_calibration(request.value::<facevault::CalibrationTable>("calibration"))
        .with_recognizability(request.value::<facevault::Recognizability>("recognizability"));
    let liveness = request.text("liveness_models").map(pack);
    request.finish()?;
    Ok(match liveness {
        Some(source) => asked.with_liveness(source),
        None => asked,
    })
}

/// A path where it has a separator, else the name of an installed pack.
fn pack(text: String) -> PackSource {
    match text.contains(['/', '\\']) {
        true => PackSource::Folder(PathBuf::from(text)),
        false => PackSource::Named(text),
    }
}

fn rules(request: &mut Request) -> PhotoRules {
    let Some(mut inside) = request.object("rules") else { return PhotoRules::default() };
    let mut decode = DecodeLimits::default();
    if let Some(mut limits) = inside.object("decode") {
        decode = decode
            .with_max_bytes(limits.whole("max_bytes").unwrap_or(decode.max_bytes))
            .with_max_pixels(limits.whole("max_pixels").unwrap_or(decode.max_pixels))
            .with_max_side(
                limits.whole("max_side").map_or(decode.max_side, |side| side.min(u64::from(u32::MAX)) as u32),
            );
        inside.absorb(limits);
    }
    let rules = PhotoRules::default()
        .with_decode(decode)
        .with_seek(inside.value("seek").unwrap_or_default())
        .with_face(inside.value("face").unwrap_or_default())
        .with_quality(inside.value("quality").unwrap_or_default());
    request.absorb(inside);
    rules
}

/// Opens a vault at `path`, or one in memory. All options are optional; no bytes are none.
///
/// * `mode`: `open` (the default with a path), `create`, `open_or_create`, `read_only`, or `memory` (the default
///   without one).
/// * `client`: whose persons and collections are seen; the vault's own client by default.
/// * `actor`: who acts, as the audit trail notes it.
/// * `mixed_photos`: take several photos of one person even where they seem to show two people.
/// * `limits`: `max_images` of a person, `max_image_bytes` of a photo.
/// * `key`, 64 hexadecimal digits, or `passphrase`: what the vault is encrypted with, and a new one gets.
/// * `min_liveness`: a photo is enrolled only if the liveness score of its face is above this one, 0 to 1.
///
/// # Errors
/// [`Invalid`](facevault::ErrorKind::Invalid) for bad options, [`Unsupported`](facevault::ErrorKind::Unsupported) for a
/// key where [`has_encryption`](crate::has_encryption) is false, and those of [`Vault::open`] and its kin.
pub fn open_vault(path: Option<&Path>, options: &[u8], engine: Option<&Engine>) -> Result<Vault> {
    const MODES: [(&str, Mode); 5] = [
        ("open", Mode::Open),
        ("create", Mode::Create),
        ("open_or_create", Mode::OpenOrCreate),
        ("read_only", Mode::ReadOnly),
        ("memory", Mode::Memory),
    ];
    guard(|| {
        let mut request = Request::parse(options)?;
        let default = if path.is_some() { Mode::Open } else { Mode::Memory };
        let mode = request.one_of("mode", &MODES).unwrap_or(default);
        let actor = request.parsed("actor", |name| Actor::named(name));
        let mut limits = Limits::default();
        if let Some(mut inside) = request.object("limits") {
            limits = limits
                .with_max_images(inside.count("max_images").unwrap_or(limits.max_images))
                .with_max_image_bytes(inside.whole("max_image_bytes").unwrap_or(limits.max_image_bytes));
            request.absorb(inside);
        }
        let key = key(&mut request)?;
        let options = VaultOptions::default()
            .with_engine(engine.cloned())
            .with_client(request.parsed("client", |id| ClientId::new(id)))
            .with_mixed_photos(request.flag("mixed_photos").unwrap_or(false))
            .with_min_liveness(request.share("min_liveness"))
            .with_limits(limits);
        if key.is_some() && matches!(mode, Mode::Memory) {
            request.broken("key", Rule::Other("must not be given for a vault in memory".to_owned()));
        }
        #[cfg(feature = "encryption")]
        let options = options.with_key(key);
        match (mode, path) {
            (Mode::Memory, Some(_)) => {
                request.broken("mode", Rule::Other("must not be memory for a vault with a path".into()));
            }
            (Mode::Memory, None) | (_, Some(_)) => {}
            (_, None) => request.broken("path", Rule::Required),
        }
        request.finish()?;
        let vault = match (mode, path) {
            (Mode::Open, Some(path)) => Vault::open(path, options),
            (Mode::Create, Some(path)) => Vault::create(path, options),
            (Mode::OpenOrCreate, Some(path)) => Vault::open_or_create(path, options),
            (Mode::ReadOnly, Some(path)) => Vault::open_read_only(path, options),
            (_, _) => Vault::in_memory(options),
        }?;
        Ok(actor.map_or_else(|| vault.clone(), |actor| vault.acting_as(&actor)))
    })
}

#[derive(Clone, Copy)]
enum Mode {
    Open,
    Create,
    OpenOrCreate,
    ReadOnly,
    Memory,
}

/// Another handle of the same open vault: of another `client` (one that is new with `"add_client": true`), with another
/// `actor`, with `mixed_photos` or with another `min_liveness`. With `token`, as somebody shows it, it is the vault as the
/// client of that token sees it, and the audit trail says who acts.
///
/// # Errors
/// [`NotFound`](facevault::ErrorKind::NotFound) for an unknown client,
/// [`AlreadyExists`](facevault::ErrorKind::AlreadyExists) for one that was to be added and is there,
/// [`Invalid`](facevault::ErrorKind::Invalid) for bad options and a token that is good for nothing.
pub fn vault_as(vault: &Vault, options: &[u8]) -> Result<Vault> {
    guard(|| {
        let mut request = Request::parse(options)?;
        let client = request.parsed("client", |id| ClientId::new(id));
        let add = request.flag("add_client").unwrap_or(false);
        let actor = request.parsed("actor", |name| Actor::named(name));
        let token = request.text("token");
        let mixed_photos = request.flag("mixed_photos");
        let min_liveness = request.share("min_liveness");
        if add && client.is_none() {
            request.broken("client", Rule::Required);
        }
        if token.is_some() && (client.is_some() || actor.is_some()) {
            request.broken("token", Rule::Other("must not come together with client or actor".to_owned()));
        }
        request.finish()?;
        let vault = match token {
            Some(token) => shown(vault, &token)?,
            None => vault.clone(),
        };
        let vault = match (client, add) {
            (Some(client), true) => vault.add_client(&client)?,
            (Some(client), false) => vault.for_client(&client)?,
            (None, _) => vault.clone(),
        };
        let vault = mixed_photos.map_or_else(|| vault.clone(), |mixed| vault.with_mixed_photos(mixed));
        let vault = min_liveness.map_or_else(|| vault.clone(), |least| vault.with_min_liveness(least));
        Ok(actor.map_or_else(|| vault.clone(), |actor| vault.acting_as(&actor)))
    })
}

/// The vault as the holder of a token uses it.
fn shown(vault: &Vault, token: &str) -> Result<Vault> {
    match vault.authenticate(token)? {
        Access::Granted(vault) => Ok(vault),
        Access::Expired => Err(Error::invalid("token", Rule::Other("must not have expired".to_owned()))),
        _ => Err(Error::invalid("token", Rule::Other("must be one of this vault, and not revoked".to_owned()))),
    }
}

/// Installs ONNX Runtime and a pack, as `facevault setup` does; installed files stay. Answers
/// `{"home": path, "installed": [paths]}`.
///
/// * `pack`: a built-in pack's name, `standard` by default, or that of networks which belong to no pack: `liveness`,
///   `liveness-v2se`, and `dlib-hog`, dlib's HOG detector.
/// * `data_dir`: the data folder; that of the environment by default.
/// * `from`: a folder with the files or packages; the network is not used then.
/// * `accept_licence`: accept licences that have to be accepted.
/// * `python`, `npm`: the programs that fetch packages.
///
/// # Errors
/// [`Invalid`](facevault::ErrorKind::Invalid) for bad options and a licence that has to be accepted, and those of
/// [`Installer::install`].
pub fn setup(options: &[u8], progress: &mut dyn Progress) -> Result<String> {
    guard(|| {
        let mut request = Request::parse(options)?;
        let pack = request.text("pack");
        let home = request.text("data_dir").map(Home::at);
        let (from, python, npm) = (request.text("from"), request.text("python"), request.text("npm"));
        let accept = request.flag("accept_licence").unwrap_or(false);
        request.finish()?;
        let home = home.map_or_else(Home::from_env, Ok)?;
        let name = pack.as_deref().unwrap_or(Manifest::BUILTIN[0]);
        let mut wanted = Artifact::named(name).map_err(|_| {
            let known = [&Manifest::BUILTIN[..], &Addon::NAMES].concat().join(", ");
            Error::invalid("pack", Rule::Other(format!("must be one of [{known}]")))
        })?;
        wanted.extend(Artifact::runtime());
        let mut installer = Installer::new(&home).accept_licence(accept);
        if let Some(folder) = from {
            installer = installer.from_folder(folder);
        }
        if let Some(python) = python {
            installer = installer.python(python);
        }
        if let Some(npm) = npm {
            installer = installer.npm(npm);
        }
        let installed = installer.install(&wanted, progress)?;
        json_text(&json!({"home": home.path(), "installed": installed}))
    })
}
