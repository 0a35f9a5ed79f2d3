//! How far a hub's server is trusted to be the one that is meant.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Error, ErrorKind, Result};

/// What is checked of a server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Nothing: the connection is encrypted, for whoever answers.
    Anybody,
    /// That a root certificate leads to it (`verify-ca`).
    Chain,
    /// That, and that it is for this host (`verify-full`).
    ChainAndName,
}

/// Where certificates are.
pub(super) struct Certificates {
    /// Those that are trusted.
    pub(super) root: Option<PathBuf>,
    /// What this side shows, with its key.
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

/// What connections to a hub are made with.
pub(super) fn connector(trust: Trust, certificates: &Certificates) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier::new(trust, certificates.root.as_deref(), provider)?));
    let config = match (&certificates.certificate, &certificates.key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates_in(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| unusable(&error))?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

#[derive(Debug)]
struct Verifier {
    /// `None` where nothing is checked.
    chain: Option<Arc<WebPkiServerVerifier>>,
    checks_name: bool,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(trust: Trust, root: Option<&Path>, provider: Arc<CryptoProvider>) -> Result<Self> {
        let chain = match trust {
            Trust::Anybody => None,
            Trust::Chain | Trust::ChainAndName => {
                let root = root.ok_or_else(|| {
                    let message = "sslmode verify-ca and verify-full need a root certificate: name its file with \
                                   sslrootcert=FILE in the address, or put it in ~/.postgresql/root.crt";
                    Error::new(ErrorKind::Invalid, message)
                })?;
                let mut roots = RootCertStore::empty();
                for certificate in certificates_in(root)? {
                    roots.add(certificate).map_err(|error| unusable(&error))?;
                }
                let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
                Some(built.map_err(|error| Error::new(ErrorKind::Invalid, format!("{}: {error}", root.display())))?)
            }
        };
        Ok(Self { chain, checks_name: trust == Trust::ChainAndName, provider })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.checks_name => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn certificates_in(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(|found| found.collect::<Result<Vec<_>, _>>());
    let found = read.map_err(|error| unreadable(path, &error))?;
    match found.is_empty() {
        true => Err(Error::new(ErrorKind::Invalid, format!("{} holds no certificate in PEM", path.display()))),
        false => Ok(found),
    }
}

fn unreadable(path: &Path, error: &rustls::pki_types::pem::Error) -> Error {
    Error::new(ErrorKind::Invalid, format!("{} cannot be read: {error}", path.display()))
}

fn unusable(error: &TlsError) -> Error {
    Error::new(ErrorKind::Invalid, format!("the certificates for the hub cannot be used: {error}"))
}
