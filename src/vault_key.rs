//! What an encrypted vault, and an encrypted export, is opened with.

#[cfg(any(feature = "encryption", feature = "transfer"))]
mod secret {
    use std::fmt;

    use argon2::{Algorithm, Argon2, Params, Version};
    #[cfg(any(feature = "encryption", test))]
    use subtle::ConstantTimeEq as _;
    use zeroize::Zeroizing;

    use crate::error::{Error, ErrorKind, Result, Rule};
    use crate::hex;

    /// Characters that a passphrase has at least.
    const SHORTEST_PASSPHRASE: usize = 12;

    /// Bytes that a passphrase has at most.
    const LONGEST_PASSPHRASE: usize = 1024;

    /// Argon2id as RFC 9106 recommends it where 2 GiB would be too much: KiB of memory, passes, lanes.
    const MEMORY: u32 = 64 << 10;
    const PASSES: u32 = 3;
    const LANES: u32 = 4;

    /// What an encrypted vault or an encrypted export is opened with: 256 random bits, or a passphrase.
    ///
    /// It is never shown, by `Debug` neither, and overwritten in memory when it is dropped. Whoever loses the key has
    /// lost the vault.
    ///
    #[cfg_attr(feature = "encryption", doc = "```no_run")]
    #[cfg_attr(not(feature = "encryption"), doc = "```ignore")]
    /// use facevault::{Vault, VaultKey, VaultOptions};
    ///
    /// # fn main() -> facevault::Result<()> {
    /// let key = VaultKey::from_file("/etc/facevault/people.key")?;
    /// let vault = Vault::open("people.vault", VaultOptions::default().with_key(key))?;
    /// # Ok(())
    /// # }
    /// ```
    #[derive(Clone)]
    pub struct VaultKey(Secret);

    #[derive(Clone)]
    enum Secret {
        /// Encrypts as it is.
        Raw(Zeroizing<[u8; 32]>),
        /// What encrypts is derived from it with Argon2id.
        Passphrase(Zeroizing<String>),
    }

    impl VaultKey {
        /// A key of 256 bits, which have to be random: see [`Self::generate`].
        #[must_use]
        pub fn raw(bits: [u8; 32]) -> Self {
            Self(Secret::Raw(Zeroizing::new(bits)))
        }

        /// A key of 256 random bits.
        ///
        /// # Errors
        /// [`ErrorKind::Io`] where the operating system gives no random bits.
        pub fn generate() -> Result<Self> {
            let mut bits = Zeroizing::new([0; 32]);
            getrandom::fill(bits.as_mut_slice()).map_err(|error| {
                Error::new(ErrorKind::Io, "the operating system gives no random bits").caused_by(error)
            })?;
            Ok(Self(Secret::Raw(bits)))
        }

        /// A passphrase, taken byte for byte. Each opening derives the key from it anew, with Argon2id (64 MiB, 3 passes,
        /// 4 lanes), which takes 0.1 to 0.2 seconds.
        ///
        /// # Errors
        /// [`ErrorKind::Invalid`] for fewer than 12 characters, more than 1,024 bytes, or control characters.
        pub fn passphrase(text: impl Into<String>) -> Result<Self> {
            let text = Zeroizing::new(text.into());
            let rule = |what: String| Err(Error::invalid("passphrase", Rule::Other(what)));
            if text.chars().any(char::is_control) {
                rule("must be one line without control characters".into())
            } else if text.chars().count() < SHORTEST_PASSPHRASE {
                rule(format!("must have at least {SHORTEST_PASSPHRASE} characters"))
            } else if text.len() > LONGEST_PASSPHRASE {
                rule(format!("must have at most {LONGEST_PASSPHRASE} bytes"))
            } else {
                Ok(Self(Secret::Passphrase(text)))
            }
        }

        /// What a key file says: 64 hexadecimal digits are a key, any other line is a passphrase.
        ///
        /// # Errors
        /// As for [`Self::passphrase`].
        pub fn parse(line: &str) -> Result<Self> {
            match parse_hex(line) {
                Some(bits) => Ok(Self(Secret::Raw(bits))),
                None => Self::passphrase(line),
            }
        }

        /// The 256 bits as 64 hexadecimal digits, to be kept in a safe place; nothing for a passphrase.
        #[must_use]
        pub fn reveal(&self) -> Option<Zeroizing<String>> {
            match &self.0 {
                Secret::Raw(bits) => Some(digits(bits.as_slice())),
                Secret::Passphrase(_) => None,
            }
        }

        /// Whether it is a passphrase, and not 256 bits.
        pub(crate) fn is_passphrase(&self) -> bool {
            matches!(self.0, Secret::Passphrase(_))
        }

        /// The 256 bits that encrypt: as they are, or made of the passphrase and this salt.
        pub(crate) fn derive(&self, salt: &[u8; 16]) -> Result<Zeroizing<[u8; 32]>> {
            let mut bits = Zeroizing::new([0; 32]);
            match &self.0 {
                Secret::Raw(raw) => bits.copy_from_slice(raw.as_slice()),
                Secret::Passphrase(text) => Params::new(MEMORY, PASSES, LANES, Some(32))
                    .and_then(|params| {
                        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                        argon2.hash_password_into(text.as_bytes(), salt, bits.as_mut_slice())
                    })
                    .map_err(|error| {
                        Error::new(ErrorKind::Io, format!("no key can be made of the passphrase: {error}"))
                    })?,
            }
            Ok(bits)
        }

        /// Whether both are the same, compared in constant time.
        #[cfg(any(feature = "encryption", test))]
        pub(crate) fn is(&self, other: &Self) -> bool {
            fn bytes(key: &Secret) -> &[u8] {
                match key {
                    Secret::Raw(bits) => bits.as_slice(),
                    Secret::Passphrase(text) => text.as_bytes(),
                }
            }
            let same_way = matches!(self.0, Secret::Raw(_)) == matches!(other.0, Secret::Raw(_));
            same_way && bytes(&self.0).ct_eq(bytes(&other.0)).into()
        }
    }

    impl fmt::Debug for VaultKey {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("VaultKey(..)")
        }
    }

    /// Bytes as hexadecimal digits, in memory that is overwritten.
    pub(crate) fn digits(bytes: &[u8]) -> Zeroizing<String> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        // Its final size from the start, so that no shorter copy is left behind.
        let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
        for byte in bytes {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        text
    }

    fn parse_hex(text: &str) -> Option<Zeroizing<[u8; 32]>> {
        let mut bits = Zeroizing::new([0; 32]);
        hex::read_into(text, bits.as_mut_slice())?;
        Some(bits)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_key_is_read_back_and_never_shown() {
            let key = VaultKey::generate().expect("random");
            let text = key.reveal().expect("bits");
            assert_eq!(text.len(), 64);
            assert_eq!(VaultKey::parse(&text).expect("read").reveal(), Some(text.clone()));
            assert_eq!(VaultKey::parse(&text.to_uppercase()).expect("read").reveal(), Some(text.clone()));
            assert_eq!(format!("{key:?}"), "VaultKey(..)");
            let phrase = VaultKey::parse("correct horse battery").expect("a passphrase");
            assert!(phrase.reveal().is_none());
            assert!(key.is(&key) && phrase.is(&phrase) && !key.is(&phrase));
            assert!(!key.is(&VaultKey::generate().expect("random")));
            assert_eq!(format!("{phrase:?}"), "VaultKey(..)");
        }

        #[test]
        fn weak_and_broken_keys_are_refused() {
            for wrong in ["", "too short!!", "two lines of\ntext", &"x".repeat(1025)] {
                let error = VaultKey::parse(wrong).expect_err("refused");
                assert_eq!(error.kind(), ErrorKind::Invalid);
                assert!(wrong.is_empty() || !error.to_string().contains(wrong), "{error}");
            }
            // One digit fewer is a passphrase.
            assert!(VaultKey::parse(&"a".repeat(63)).expect("taken").reveal().is_none());
        }
    }
}

#[cfg(any(feature = "encryption", feature = "transfer"))]
pub use secret::VaultKey;
#[cfg(feature = "encryption")]
pub(crate) use secret::digits;

/// What a vault's file may be opened with.
#[cfg(feature = "encryption")]
pub(crate) type FileSecret = VaultKey;

/// Without encrypted vaults there is no such thing.
#[cfg(not(feature = "encryption"))]
#[derive(Debug, Clone)]
pub(crate) enum FileSecret {}
