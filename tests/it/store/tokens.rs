//! Tokens: of one client, good until they expire or are taken back.

use std::time::Duration;

use facevault::{Access, ClientId, ErrorKind, TokenSecret, Vault, VaultOptions};
use jiff::Timestamp;

fn vault() -> (tempfile::TempDir, Vault) {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = Vault::create(folder.path().join("v"), VaultOptions::default()).expect("a vault");
    (folder, vault)
}

#[test]
fn a_token_gives_the_vault_of_its_own_client_whoever_asks() {
    let (_folder, vault) = vault();
    let other = vault.add_client(&ClientId::new("other").expect("an id")).expect("a client");
    let (secret, token) = other.create_token(None).expect("a token");
    assert_eq!(&token.client, other.client());
    let Access::Granted(granted) = vault.authenticate(&secret.reveal()).expect("reads") else { panic!("refused") };
    assert_eq!(granted.client(), other.client());
    assert_eq!((vault.tokens().expect("a list").len(), other.tokens().expect("a list").len()), (0, 1));
}

#[test]
fn a_token_of_another_secret_an_expired_and_a_revoked_one_are_refused() {
    let (_folder, vault) = vault();
    let soon = Timestamp::now() + Duration::from_millis(300);
    let (secret, _) = vault.create_token(Some(soon)).expect("a token");
    let text = secret.reveal();
    assert!(matches!(vault.authenticate(&text), Ok(Access::Granted(_))));

    // The same id with another secret.
    let forged = TokenSecret::generate().expect("random").reveal();
    let forged = format!("{}.{}", secret.id(), forged.split_once('.').expect("two parts").1);
    for wrong in ["", "nonsense", &forged, &TokenSecret::generate().expect("random").reveal()] {
        assert!(matches!(vault.authenticate(wrong), Ok(Access::Unknown)), "{wrong}");
    }

    std::thread::sleep(Duration::from_millis(320));
    assert!(matches!(vault.authenticate(&text), Ok(Access::Expired)));
    vault.revoke_token(secret.id()).expect("revoked");
    assert!(matches!(vault.authenticate(&text), Ok(Access::Unknown)));
    let revoked = vault.tokens().expect("a list")[0].revoked_at;
    vault.revoke_token(secret.id()).expect("revoked again");
    assert!(revoked.is_some() && vault.tokens().expect("a list")[0].revoked_at == revoked);
}

#[test]
fn another_clients_token_cannot_be_revoked_and_none_is_born_expired() {
    let (_folder, vault) = vault();
    let other = vault.add_client(&ClientId::new("other").expect("an id")).expect("a client");
    let (secret, _) = vault.create_token(None).expect("a token");
    assert_eq!(other.revoke_token(secret.id()).expect_err("another's").kind(), ErrorKind::NotFound);
    assert!(matches!(vault.authenticate(&secret.reveal()), Ok(Access::Granted(_))));
    let error = vault.create_token(Some(Timestamp::UNIX_EPOCH)).expect_err("long ago");
    assert_eq!(error.violations()[0].field, "expires");
}

#[test]
fn the_file_holds_no_secret() {
    let (folder, vault) = vault();
    let (secret, _) = vault.create_token(None).expect("a token");
    drop(vault);
    let text = secret.reveal();
    let hidden = text.split_once('.').expect("two parts").1.as_bytes();
    for entry in std::fs::read_dir(folder.path()).expect("a folder").flatten() {
        let bytes = std::fs::read(entry.path()).expect("a file");
        assert!(!bytes.windows(hidden.len()).any(|window| window == hidden));
    }
}
