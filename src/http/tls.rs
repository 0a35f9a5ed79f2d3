//! Certificates.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::options::TlsFiles;
use crate::error::{Error, ErrorKind, Result, Rule};

/// What TLS connections are made with: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
pub(super) fn configuration(files: &TlsFiles) -> Result<Arc<ServerConfig>> {
    let certificates = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(|found| found.collect::<Result<Vec<_>, _>>())
        .map_err(|error| unreadable("certificate", &files.certificate, error))?;
    if certificates.is_empty() {
        return Err(unreadable("certificate", &files.certificate, pem::Error::NoItemsFound));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unreadable("key", &files.key, error))?;
    let unusable = |error: rustls::Error| {
        let rule = format!("and key {} do not belong together: {error}", files.key.display());
        Error::invalid("certificate", Rule::Other(rule)).caused_by(error)
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut configuration = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
        .map_err(unusable)?;
    configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(configuration))
}

fn unreadable(field: &str, path: &Path, error: pem::Error) -> Error {
    let message = match &error {
        pem::Error::Io(io) => format!("the {field} {} cannot be read: {io}", path.display()),
        pem::Error::NoItemsFound => format!("{} holds no {field} in PEM", path.display()),
        other => format!("the {field} {} is damaged: {other}", path.display()),
    };
    Error::new(ErrorKind::Invalid, message).caused_by(error)
}
