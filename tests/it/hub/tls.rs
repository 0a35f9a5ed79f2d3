//! What a certificate has to be, as `sslmode` says. The server of the tests is built without TLS, so something in front
//! of it speaks TLS as PostgreSQL does.

use std::fs;
use std::io::{ErrorKind as IoKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use facevault::{ErrorKind, Hub};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Fleet;

/// What a server shows: a certificate for `localhost`, signed by a root that is written into the file.
fn certificate(root: &Path) -> Arc<ServerConfig> {
    let authority = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(root, params.self_signed(&authority).expect("a root").pem()).expect("written");
    let issuer = Issuer::new(params, authority);
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let signed = params.signed_by(&key, &issuer).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(signed.der().to_vec())],
            PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
        );
    Arc::new(config.expect("a configuration"))
}

/// Speaks TLS with whoever comes, and hands on to a server what is inside.
fn in_front(server: u16, config: Arc<ServerConfig>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        while let Ok((mut client, _)) = listener.accept() {
            let config = Arc::clone(&config);
            thread::spawn(move || {
                let mut asked = [0; 8];
                if client.read_exact(&mut asked).is_err() || client.write_all(b"S").is_err() {
                    return;
                }
                let Ok(mut upstream) = TcpStream::connect(("127.0.0.1", server)) else { return };
                for stream in [&client, &upstream] {
                    stream.set_read_timeout(Some(Duration::from_millis(2))).expect("set");
                }
                let session = ServerConnection::new(config).expect("a session");
                let mut secure = StreamOwned::new(session, client);
                while hand_on(&mut secure, &mut upstream) && hand_on(&mut upstream, &mut secure) {}
            });
        }
    });
    port
}

/// Hands on what is there now; `false` at the end of the connection.
fn hand_on(from: &mut impl Read, to: &mut impl Write) -> bool {
    let mut buffer = [0; 16 << 10];
    match from.read(&mut buffer) {
        Ok(0) => false,
        Ok(count) => to.write_all(&buffer[..count]).and_then(|()| to.flush()).is_ok(),
        Err(error) => matches!(error.kind(), IoKind::WouldBlock | IoKind::TimedOut | IoKind::Interrupted),
    }
}

#[test]
fn a_server_is_trusted_as_far_as_sslmode_says() {
    let Some(fleet) = Fleet::new() else { return };
    let (mine, others) = (fleet.folder.path().join("mine.crt"), fleet.folder.path().join("others.crt"));
    let config = certificate(&mine);
    certificate(&others);
    let port = in_front(fleet.server.port(), config);
    let address = |host: &str, options: &str| {
        Hub::connect(&format!("postgres://owner:secret@{host}:{port}/{}?{options}", fleet.database), None)
    };
    let root = |path: &Path| format!("sslrootcert={}", path.display());
    address("localhost", "sslmode=require").expect("encrypted, for whoever answers");
    for mode in ["verify-ca", "verify-full"] {
        address("localhost", &format!("sslmode={mode}&{}", root(&mine))).expect(mode);
        let error = address("localhost", &format!("sslmode={mode}&{}", root(&others))).expect_err(mode);
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    // Another name than the certificate's: the chain is right, the name is not.
    address("127.0.0.1", &format!("sslmode=verify-ca&{}", root(&mine))).expect("the chain is right");
    let error = address("127.0.0.1", &format!("sslmode=verify-full&{}", root(&mine))).expect_err("the name");
    assert!(error.to_string().contains("certificate"), "{error}");
    // As libpq: with a root certificate named, `require` looks at the chain.
    assert!(address("127.0.0.1", &format!("sslmode=require&{}", root(&others))).is_err());
    let missing = address("localhost", "sslmode=verify-full&sslrootcert=/nowhere").expect_err("no such file");
    assert_eq!(missing.kind(), ErrorKind::Invalid);
}
