//! Certificates and keys of `pem` keys (config.md section 2): inline, as base64, or in a file that is read
//! when the gateway starts.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Environment, StartError, Value};

const BEGIN: &str = "-----BEGIN";
/// Bytes of a file: a bundle of all authorities has 250 KB.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Where the PEM text of a value is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pem {
    /// In a file.
    File(PathBuf),
    /// In the value itself.
    Text(Vec<u8>),
}

impl std::fmt::Debug for Pem {
    /// Nothing of a key, nor what may be one.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pem").finish_non_exhaustive()
    }
}

/// What a value is or names.
///
/// # Errors
/// Those of the value.
pub(crate) fn of(value: &Value, environment: &Environment) -> Result<Pem, StartError> {
    let text = value.resolve(environment)?;
    if text.contains(BEGIN) {
        return Ok(Pem::Text(text.into_bytes()));
    }
    let packed: String = text.split_whitespace().collect();
    if let Ok(decoded) = STANDARD.decode(packed)
        && std::str::from_utf8(&decoded).is_ok_and(|decoded| decoded.contains(BEGIN))
    {
        return Ok(Pem::Text(decoded));
    }
    Ok(Pem::File(text.into()))
}

/// The PEM text.
///
/// # Errors
/// `file-missing` for a file that cannot be read; `tls-load` for one that is too large.
pub(crate) fn read(pem: &Pem, value: &Value) -> Result<Vec<u8>, StartError> {
    let path = match pem {
        Pem::File(path) => path,
        Pem::Text(text) => return Ok(text.clone()),
    };
    let mut bytes = Vec::new();
    // A secret that is no PEM looks like a name: it is not shown.
    let read = File::open(path).and_then(|file| {
        let mut bounded = file.take(FILE_BYTES_MAX + 1);
        bounded.read_to_end(&mut bytes)
    });
    match read {
        Ok(_) if bytes.len() as u64 > FILE_BYTES_MAX => Err(value.fault(
            "tls-load",
            format!("the file has over {FILE_BYTES_MAX} bytes"),
        )),
        Ok(_) => Ok(bytes),
        Err(error) => Err(value.fault("file-missing", format!("neither PEM nor a file: {error}"))),
    }
}

/// All certificates of a text, one or more.
///
/// # Errors
/// `tls-load`; the text repeats nothing of what is malformed.
pub(crate) fn certificates(
    text: &[u8],
    value: &Value,
) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let certificates = CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(value.fault("tls-load", "there is no certificate in it")),
        Err(_) => Err(value.fault("tls-load", "the PEM text is malformed")),
    }
}

/// The private key of a text.
///
/// # Errors
/// `tls-load`; the text repeats nothing of the key.
pub(crate) fn private_key(
    text: &[u8],
    value: &Value,
) -> Result<PrivateKeyDer<'static>, StartError> {
    let key = PrivateKeyDer::from_pem_slice(text);
    key.map_err(|_| value.fault("tls-load", "there is no private key in it that can be used"))
}
