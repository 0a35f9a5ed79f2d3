//! Who does something in a vault.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result, Rule};
use crate::person::TokenId;

const TOKEN: &str = "token:";
const HOST: &str = "host:";

/// Who does something, as the audit trail notes it: the holder of a token, whoever the host program names, or
/// nobody in particular.
///
/// ```
/// use facevault::{Actor, NewPerson, Vault, VaultOptions};
///
/// let vault = Vault::in_memory(VaultOptions::default())?;
/// vault.acting_as(&Actor::named("kiosk-3")?).create_person(&NewPerson::named("Ada Lovelace"))?;
/// # Ok::<(), facevault::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Actor(Option<Arc<str>>);

impl Actor {
    /// Whoever the host calls so: a service, a device, the number of an account. The trail keeps it as long as
    /// its entries, so it should not be a person's name.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) unless it has 1 to 64 of the characters `A-Z a-z 0-9 _ - . @ : =`.
    pub fn named(name: impl AsRef<str>) -> Result<Self> {
        let name = name.as_ref();
        let known = |c: u8| c.is_ascii_alphanumeric() || b"_-.@:=".contains(&c);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(known) {
            let rule = "must have 1 to 64 of the characters A-Z a-z 0-9 _ - . @ : =";
            return Err(Error::invalid("actor", Rule::Other(rule.into())));
        }
        Ok(Self(Some(format!("{HOST}{name}").into())))
    }

    /// The holder of a token.
    #[must_use]
    pub fn token(token: &TokenId) -> Self {
        Self(Some(format!("{TOKEN}{token}").into()))
    }

    /// What the host called itself, where it did.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()?.strip_prefix(HOST)
    }

    /// The token, where somebody acted with one.
    #[must_use]
    pub fn token_id(&self) -> Option<TokenId> {
        TokenId::new(self.0.as_deref()?.strip_prefix(TOKEN)?).ok()
    }

    /// As a vault keeps it: `token:ID`, `host:NAME` or nothing.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Reads what a vault keeps; `None` where no vault writes it.
    pub(crate) fn from_text(text: Option<&str>) -> Option<Self> {
        let Some(text) = text else { return Some(Self::default()) };
        match (text.strip_prefix(HOST), text.strip_prefix(TOKEN)) {
            (Some(name), _) => Self::named(name).ok(),
            (_, Some(token)) => TokenId::new(token).ok().map(|id| Self::token(&id)),
            _ => None,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_a_name_never_passes_for_a_token() -> Result<()> {
        let token = TokenId::generate();
        for actor in [Actor::default(), Actor::named("kiosk-3")?, Actor::named(format!("token:{token}"))?] {
            assert_eq!(Actor::from_text(actor.as_text()), Some(actor.clone()));
            assert_eq!(actor.token_id(), None);
        }
        let holder = Actor::token(&token);
        assert_eq!(Actor::from_text(holder.as_text()).and_then(|actor| actor.token_id()), Some(token));
        assert_eq!(holder.name(), None);
        for wrong in ["", "Ada Lovelace", "a\nb", "ü", &"x".repeat(65)] {
            assert!(Actor::named(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "kiosk", "host:", "token:a b", "other:x"] {
            assert_eq!(Actor::from_text(Some(wrong)), None, "{wrong}");
        }
        Ok(())
    }
}
