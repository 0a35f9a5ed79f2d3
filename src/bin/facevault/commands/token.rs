//! `facevault token`: tokens, by which programs may use a vault over HTTP.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use facevault::{Error, ErrorKind, Token, TokenId, Vault};
use jiff::Timestamp;
use serde_json::json;

use super::Outcome;
use crate::context::{Context, acting};
use crate::output::{Listing, now, time};
use crate::place;

/// Create, list and revoke the tokens with which programs use `facevault serve`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

const CREATE: &str = "\
Examples:
  facevault token create people.vault
  facevault token create people.vault --expires 90d
  facevault token create people.vault --client hotel-lobby --new-client
  TOKEN=$(facevault token create people.vault --quiet)";

/// Make a token
///
/// Whoever shows the token acts for one client of the vault (the first one unless --client names
/// another) and sees nothing of the others. The vault keeps only a hash of the token, so the token is
/// shown now and never again.
#[derive(Debug, Args)]
#[command(after_help = CREATE)]
pub(crate) struct Create {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// When the token stops working: `90d`, `12h`, `30m`, or a time such as
    /// 2030-01-31T00:00:00Z. By default, never
    #[arg(long, value_name = "WHEN", value_parser = parse_expiry)]
    expires: Option<Timestamp>,

    /// Add the client that --client names
    #[arg(long, requires = "client")]
    new_client: bool,
}

const LIST: &str = "\
Examples:
  facevault token list people.vault
  facevault token list people.vault --client hotel-lobby --json";

/// List a client's tokens, without their secrets, which are not stored
#[derive(Debug, Args)]
#[command(after_help = LIST)]
pub(crate) struct List {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,
}

const REVOKE: &str = "\
Examples:
  facevault token revoke people.vault token_0198c0ffee";

/// Revoke a token: the next request with it is refused
#[derive(Debug, Args)]
#[command(after_help = REVOKE)]
pub(crate) struct Revoke {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// The token's id: the part before the dot
    token: TokenId,
}

pub(super) fn run(command: Command, context: &Context) -> Outcome {
    match command {
        Command::Create(arguments) => create(&arguments, context),
        Command::List(arguments) => list(&arguments, context),
        Command::Revoke(arguments) => revoke(&arguments, context),
    }
}

fn create(arguments: &Create, context: &Context) -> Outcome {
    let vault = match (arguments.new_client, context.client()) {
        (true, Some(client)) => acting(open_whole(&arguments.vault, context)?).add_client(client)?,
        _ => context.vault(&arguments.vault).map_err(|error| match context.client() {
            Some(client) if error.kind() == ErrorKind::NotFound && open_whole(&arguments.vault, context).is_ok() => {
                let message = format!("the vault has no client {client}: add it with --new-client");
                Error::new(ErrorKind::NotFound, message)
            }
            _ => error,
        })?,
    };
    let (secret, token) = vault.create_token(arguments.expires)?;
    let data = json!({
        "_id": token.id,
        "client": token.client,
        "token": secret.reveal(),
        "expiresAt": token.expires_at.map(|time| time.to_string()),
    });
    let shown = context.output.answer(&data, |text| {
        if context.output.is_quiet() {
            return text.line(secret.reveal());
        }
        text.heading(secret.reveal())?;
        text.line(format!("  acts for  {}", token.client))?;
        text.line(format!("  expires   {}", token.expires_at.map_or("never".to_owned(), time)))?;
        text.line("Keep it now: it is shown this once.")
    });
    if shown.is_err() {
        // Nobody has seen it whole: it must not stay valid.
        let error = match vault.revoke_token(&token.id) {
            Ok(()) => {
                let message = "could not be printed, so it was revoked: create another one";
                Error::new(ErrorKind::Io, format!("the token {} {message}", token.id))
            }
            Err(error) => {
                let message =
                    "could be neither printed nor revoked, so it is valid: revoke it (`facevault token revoke`)";
                Error::new(ErrorKind::Io, format!("the token {} {message}", token.id)).caused_by(error)
            }
        };
        return Err(error.into());
    }
    Ok(())
}

/// The vault as its first client sees it, whichever client `--client` names.
fn open_whole(vault: &Path, context: &Context) -> facevault::Result<Vault> {
    let mut options = context.vault_options(None)?;
    options.client = None;
    place::open(vault, options)
}

fn list(arguments: &List, context: &Context) -> Outcome {
    let tokens = context.vault_for_reading(&arguments.vault)?.tokens()?;
    context.output.answer(&tokens, |text| {
        let mut listing = Listing::new(&["ID", "CREATED", "STATUS"]);
        for token in &tokens {
            listing.row([token.id.to_string(), time(token.created_at), status(token)]);
        }
        text.listing(&listing, "no tokens")
    })
}

fn status(token: &Token) -> String {
    match (token.revoked_at, token.expires_at) {
        (Some(revoked), _) => format!("revoked {}", time(revoked)),
        (None, Some(expires)) if token.has_expired(now()) => format!("expired {}", time(expires)),
        (None, Some(expires)) => format!("expires {}", time(expires)),
        (None, None) => "active".to_owned(),
    }
}

fn revoke(arguments: &Revoke, context: &Context) -> Outcome {
    context.vault(&arguments.vault)?.revoke_token(&arguments.token)?;
    let data = json!({"_id": arguments.token});
    context.output.answer(&data, |text| text.line(format!("revoked {}", arguments.token)))
}

/// A time from now on, or a time of the calendar.
fn parse_expiry(text: &str) -> Result<Timestamp, String> {
    let wrong = || "expected a time such as 90d, 12h, 30m or 2030-01-31T00:00:00Z".to_owned();
    let units = [('m', 60), ('h', 3_600), ('d', 86_400), ('w', 604_800)];
    for (unit, seconds) in units {
        if let Some(count) = text.strip_suffix(unit) {
            let count: u64 = count.parse().map_err(|_| wrong())?;
            let span = count.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)?;
            return now().checked_add(span).map_err(|_| wrong());
        }
    }
    text.parse().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_span_or_a_time() {
        for (text, hours) in [("30m", 0.5), ("12h", 12.0), ("90d", 2_160.0), ("1w", 168.0)] {
            let from_now = parse_expiry(text).expect(text).duration_since(now()).as_secs_f64() / 3_600.0;
            assert!((from_now - hours).abs() < 0.01, "{text}: {from_now}");
        }
        assert_eq!(
            parse_expiry("2030-01-31T00:00:00Z").map(|time| time.to_string()),
            Ok("2030-01-31T00:00:00Z".into())
        );
        for wrong in ["", "d", "-1d", "1.5h", "tomorrow", "99999999999999999999d", "18446744073709551615w"] {
            assert!(parse_expiry(wrong).is_err(), "{wrong}");
        }
    }
}
