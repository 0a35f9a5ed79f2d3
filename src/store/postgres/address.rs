//! Where a hub is and how it is reached: an address as PostgreSQL's own programs take it, with what they take from
//! the environment and from files.
//!
//! The rules are libpq's ("Connection Strings" and "SSL Support" in PostgreSQL's manual): the address comes first, then
//! `PGHOST`, `PGPORT`, `PGDATABASE`, `PGUSER`, `PGPASSWORD`, `PGPASSFILE`, `PGSSLMODE`, `PGSSLROOTCERT`, `PGSSLCERT`,
//! `PGSSLKEY` and `PGCONNECT_TIMEOUT`, then the files `~/.pgpass` and `~/.postgresql/`.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use postgres::Config;
use postgres::config::{Host, SslMode};

use super::passfile;
use super::tls::{Certificates, Trust};
use crate::error::{Error, ErrorKind, Result};

/// How long a connection may take to be made, where nothing else is said.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that confirms nothing for so long is taken for lost.
const SILENCE: Duration = Duration::from_secs(30);

/// Where servers on this machine have their sockets.
const SOCKETS: [&str; 1] = ["/var/run/postgresql"];

/// An address that was read.
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) trust: Trust,
    pub(super) certificates: Certificates,
}

impl Address {
    /// Reads `postgres://[USER[:PASSWORD]@][HOST[:PORT]][/DATABASE][?NAME=VALUE&...]`.
    pub(super) fn read(text: &str) -> Result<Self> {
        Self::read_in(text, |name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn read_in(text: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self> {
        if !is_address(text) {
            return Err(invalid(
                "a hub's address begins with postgres://, as in postgres://kiosk@hub.example/facevault",
            ));
        }
        let (base, options) = take_options(text)?;
        let base = with_port(base, environment("PGPORT").as_deref());
        let mut config =
            Config::from_str(&base).map_err(|error| invalid(&format!("the hub's address cannot be read: {error}")))?;
        let option = |name: &str, variable: &str| options.get(name).cloned().or_else(|| environment(variable));
        let home = environment("HOME").map(PathBuf::from);
        if config.get_hosts().is_empty() {
            // As libpq: the socket on this machine, where there is one.
            let socket = || SOCKETS.into_iter().find(|folder| Path::new(folder).is_dir()).map(str::to_owned);
            config.host(&environment("PGHOST").or_else(socket).unwrap_or_else(|| "localhost".to_owned()));
        }
        if let (true, Some(port)) = (config.get_ports().is_empty(), environment("PGPORT")) {
            config.port(port.parse().map_err(|_| invalid("PGPORT is no port: it must be 1 to 65535"))?);
        }
        if let (None, Some(user)) = (config.get_user(), environment("PGUSER")) {
            config.user(&user);
        }
        if let (None, Some(database)) = (config.get_dbname(), environment("PGDATABASE")) {
            config.dbname(&database);
        }
        if config.get_connect_timeout().is_none() {
            let seconds = environment("PGCONNECT_TIMEOUT").and_then(|text| text.parse().ok());
            config.connect_timeout(seconds.map_or(PATIENCE, Duration::from_secs));
        }
        config.application_name("facevault");
        // A network that drops packets silently must not hold whoever waits for a quarter of an hour.
        if !text.contains("tcp_user_timeout=") {
            config.tcp_user_timeout(SILENCE);
        }
        if !text.contains("keepalives_idle=") {
            config.keepalives_idle(SILENCE);
        }
        let file = |name: &str, variable: &str, usual: &str| {
            option(name, variable).map(PathBuf::from).or_else(|| {
                home.as_ref().map(|home| home.join(".postgresql").join(usual)).filter(|path| path.is_file())
            })
        };
        let certificates = Certificates {
            root: file("sslrootcert", "PGSSLROOTCERT", "root.crt"),
            certificate: file("sslcert", "PGSSLCERT", "postgresql.crt"),
            key: file("sslkey", "PGSSLKEY", "postgresql.key"),
        };
        let mode = option("sslmode", "PGSSLMODE");
        let (ssl, trust) = match mode.as_deref().unwrap_or("prefer") {
            "disable" => (SslMode::Disable, Trust::Anybody),
            "allow" | "prefer" => (SslMode::Prefer, Trust::Anybody),
            // As libpq: with a root certificate at hand, `require` checks the chain.
            "require" if certificates.root.is_some() => (SslMode::Require, Trust::Chain),
            "require" => (SslMode::Require, Trust::Anybody),
            "verify-ca" => (SslMode::Require, Trust::Chain),
            "verify-full" => (SslMode::Require, Trust::ChainAndName),
            _ => {
                return Err(invalid(
                    "sslmode must be one of disable, allow, prefer, require, verify-ca and verify-full",
                ));
            }
        };
        config.ssl_mode(ssl);
        if config.get_password().is_none() {
            match environment("PGPASSWORD") {
                Some(password) => drop(config.password(password)),
                None => {
                    let path = option("passfile", "PGPASSFILE").map(PathBuf::from);
                    let path = path.or_else(|| home.map(|home| home.join(".pgpass")));
                    if let Some(password) = path.and_then(|path| passfile::look_up(&path, &Self::asked(&config))) {
                        config.password(password);
                    }
                }
            }
        }
        Ok(Self { config, trust, certificates })
    }

    /// What a line of a password file has to fit.
    fn asked(config: &Config) -> passfile::Asked {
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            // As libpq: whoever is reached through a socket is on this machine.
            _ => "localhost".to_owned(),
        };
        let user = config.get_user().map_or_else(account, str::to_owned);
        let database = config.get_dbname().map_or_else(|| user.clone(), str::to_owned);
        passfile::Asked { host, port: config.get_ports().first().copied().unwrap_or(5432), database, user }
    }
}

/// Whether a text is the address of a hub rather than the path of a vault.
pub(super) fn is_address(text: &str) -> bool {
    ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme))
}

/// An address without the password that it may hold, for messages.
pub(super) fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return "***".to_owned() };
    let without_options = |text: &str| match text.split_once('?') {
        Some((before, _)) => format!("{before}?..."),
        None => text.to_owned(),
    };
    // The crate takes everything up to the first `@` for user and password, whatever characters that has.
    let Some((credentials, rest)) = rest.split_once('@') else {
        return format!("{scheme}://{}", without_options(rest));
    };
    let user = credentials.split([':', '/', '?']).next().unwrap_or_default();
    if credentials.contains('?') {
        return format!("{scheme}://{user}@...");
    }
    let shown = without_options(rest);
    let shown = shown.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{user}@{shown}")
}

/// The name of the account that this process runs as.
fn account() -> String {
    env::var("USER").or_else(|_| env::var("LOGNAME")).unwrap_or_default()
}

/// The address with this port where it names a host without one, for which the crate would take 5432.
fn with_port(address: String, port: Option<&str>) -> String {
    let Some((start, port)) = address.find("://").map(|at| at + 3).zip(port) else { return address };
    let end = address[start..].find(['/', '?']).map_or(address.len(), |at| start + at);
    let hosts = &address[start..end];
    let host = hosts.rsplit('@').next().unwrap_or_default();
    let name_end = host.rfind(']').unwrap_or(0);
    if host.is_empty() || host.contains(',') || host[name_end..].contains(':') {
        return address;
    }
    format!("{}:{port}{}", &address[..end], &address[end..])
}

/// The address without the options that the crate does not know, and these.
fn take_options(text: &str) -> Result<(String, BTreeMap<String, String>)> {
    const OWN: [&str; 5] = ["sslmode", "sslrootcert", "sslcert", "sslkey", "passfile"];
    let Some((base, query)) = text.split_once('?') else { return Ok((text.to_owned(), BTreeMap::new())) };
    let (mut own, mut rest) = (BTreeMap::new(), Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match OWN.contains(&name) {
            true => drop(own.insert(name.to_owned(), decode(value)?)),
            false => rest.push(pair),
        }
    }
    let base = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    Ok((base, own))
}

/// Resolves `%41` and the like.
fn decode(text: &str) -> Result<String> {
    let wrong =
        || invalid("the hub's address has a % that no two hexadecimal digits follow, or bytes that are no UTF-8");
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first == b'%' {
            let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or_else(wrong)?;
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Address> {
        let found = |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Address::read_in(text, found)
    }

    fn read_well(text: &str, environment: &[(&str, &str)]) -> Address {
        read(text, environment).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn the_address_comes_before_the_environment() {
        let environment =
            [("PGUSER", "env"), ("PGPASSWORD", "env"), ("PGHOST", "env"), ("PGPORT", "1"), ("PGDATABASE", "env")];
        let whole = read_well("postgres://ada:p%40ss@hub:7/db?connect_timeout=3", &environment);
        assert_eq!(whole.config.get_user(), Some("ada"));
        assert_eq!(whole.config.get_password(), Some(&b"p@ss"[..]));
        assert_eq!(whole.config.get_hosts(), [Host::Tcp("hub".into())]);
        assert_eq!(whole.config.get_ports(), [7]);
        assert_eq!(whole.config.get_dbname(), Some("db"));
        assert_eq!(whole.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        let none = read_well("postgresql://", &environment);
        assert_eq!(none.config.get_user(), Some("env"));
        assert_eq!(none.config.get_password(), Some(&b"env"[..]));
        assert_eq!(none.config.get_hosts(), [Host::Tcp("env".into())]);
        assert_eq!((none.config.get_ports(), none.config.get_dbname()), (&[1][..], Some("env")));
        assert_eq!(read_well("postgres://", &[]).config.get_hosts().len(), 1);
        for (text, port) in [
            ("postgres://ada@hub/db", 1),
            ("postgres://hub", 1),
            ("postgres://[::1]/db", 1),
            ("postgres://[::1]:7/db", 7),
            ("postgres://hub:7/db?connect_timeout=1", 7),
        ] {
            assert_eq!(read_well(text, &environment).config.get_ports(), [port], "{text}");
        }
    }

    #[test]
    fn what_is_checked_of_a_server_is_as_libpq_has_it() {
        for (mode, ssl, trust) in [
            ("", SslMode::Prefer, Trust::Anybody),
            ("disable", SslMode::Disable, Trust::Anybody),
            ("prefer", SslMode::Prefer, Trust::Anybody),
            ("require", SslMode::Require, Trust::Anybody),
            ("verify-ca", SslMode::Require, Trust::Chain),
            ("verify-full", SslMode::Require, Trust::ChainAndName),
        ] {
            let by_environment =
                read_well("postgres://hub/db", &[("PGSSLMODE", mode)][..usize::from(!mode.is_empty())]);
            assert_eq!((by_environment.config.get_ssl_mode(), by_environment.trust), (ssl, trust), "{mode}");
        }
        let address = "postgres://hub/db?sslmode=require&sslrootcert=%2Fcerts%2Froot.crt";
        let address = read_well(address, &[("PGSSLMODE", "disable")]);
        assert_eq!((address.config.get_ssl_mode(), address.trust), (SslMode::Require, Trust::Chain));
        assert_eq!(address.certificates.root, Some("/certs/root.crt".into()));
    }

    #[test]
    fn what_is_no_address_is_said_without_its_password() {
        for (text, said) in [
            ("people.vault", "begins with postgres://"),
            ("mysql://x", "begins with postgres://"),
            ("postgres://hub/db?sslmode=strict", "sslmode must be"),
            ("postgres://hub/db?sslrootcert=%4", "no two hexadecimal digits"),
            ("postgres://hub/db?wings=2", "cannot be read"),
            ("postgres://ada:secret@hub:port/db", "cannot be read"),
        ] {
            let error = read(text, &[]).err().unwrap_or_else(|| panic!("{text} was taken"));
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains(said) && !error.to_string().contains("secret"), "{error}");
        }
        for (text, shown) in [
            ("postgres://ada:se@cret@hub:7/db?sslmode=require", "postgres://ada@hub:7/db?..."),
            ("postgres://hub/db", "postgres://hub/db"),
            ("postgres://ada@hub", "postgres://ada@hub"),
            ("postgres://ada:se/cret@hub/db", "postgres://ada@hub/db"),
            ("postgres://ada:se/cret@hub/db?sslmode=require", "postgres://ada@hub/db?..."),
            ("postgres://ada:se?cret@hub/db", "postgres://ada@..."),
            ("postgres://ada:se@cret@hub/db", "postgres://ada@hub/db"),
            ("postgres://hub/db?password=se@cret", "postgres://hub@..."),
            ("postgres://hub/db?password=secret", "postgres://hub/db?..."),
        ] {
            assert_eq!(without_password(text), shown);
        }
    }
}
