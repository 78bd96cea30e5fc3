//! Certificates and keys as text (config.md section 2, `pem`): inline PEM, or base64 of PEM, is read
//! when building; anything else names a file, which is read when the gateway starts.

use base64ct::{Base64, Encoding};
use pkcs8::PrivateKeyInfoRef;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use super::scalar::Invalid;

const BEGIN: &str = "-----BEGIN ";
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// The blocks of a text.
#[derive(Clone, Debug)]
pub struct Pem {
    blocks: Vec<Block>,
}

#[derive(Clone, Debug)]
struct Block {
    /// `CERTIFICATE`, `PRIVATE KEY`
    label: String,
    der: Vec<u8>,
}

/// What tells two keys apart, as far as that can be seen in both halves of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// The point.
    Ec(Vec<u8>),
    /// Of another kind, or not said.
    Other,
    /// The modulus.
    Rsa(Vec<u8>),
}

impl PublicKey {
    /// Whether two keys are certainly not halves of one pair.
    #[must_use]
    pub fn differs(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other, _) | (_, Self::Other) => false,
            (left, right) => left != right,
        }
    }
}

impl Pem {
    /// `None`: the text names a file, or is encrypted.
    ///
    /// # Errors
    /// `tls-load`: a block is malformed. The message repeats nothing of it.
    pub fn new(text: &str) -> Result<Option<Self>, Invalid> {
        let decoded;
        let text = if text.contains(BEGIN) {
            text
        } else {
            let Some(inner) = from_base64(text) else {
                return Ok(None);
            };
            decoded = inner;
            &decoded
        };
        if text.contains("-----BEGIN PGP ") {
            return Ok(None);
        }
        let blocks = text.split(BEGIN).skip(1).map(block);
        let blocks = blocks.collect::<Option<Vec<_>>>();
        let blocks = blocks.ok_or_else(|| Invalid::new("the PEM text is malformed"))?;
        Ok(Some(Self { blocks }))
    }

    /// The key of the first certificate; all must be well-formed.
    ///
    /// # Errors
    /// `tls-load`
    pub fn certificates(&self) -> Result<PublicKey, Invalid> {
        let mut first = None;
        for block in self.labelled("CERTIFICATE") {
            let certificate = Certificate::from_der(&block.der)
                .map_err(|_| Invalid::new("a certificate is malformed"))?;
            let key = certificate.tbs_certificate().subject_public_key_info();
            let bits = key.subject_public_key.raw_bytes();
            first = first.or(Some(public_key(key.algorithm.oid, bits)));
        }
        first.ok_or_else(|| Invalid::new("there is no certificate in the PEM text"))
    }

    /// The public half of the private key.
    ///
    /// # Errors
    /// `tls-load`: there is none, it is malformed, or has a passphrase.
    pub fn private_key(&self) -> Result<PublicKey, Invalid> {
        if self.labelled("ENCRYPTED PRIVATE KEY").next().is_some() {
            let fault = Invalid::new("a private key with a passphrase cannot be used");
            return Err(fault.help("remove it: `openssl pkey -in key.pem -out plain.pem`"));
        }
        let bad = || Invalid::new("the private key is malformed");
        if let Some(block) = self.labelled("RSA PRIVATE KEY").next() {
            return rsa_half(&block.der).ok_or_else(bad);
        }
        if let Some(block) = self.labelled("EC PRIVATE KEY").next() {
            return ec_half(&block.der).ok_or_else(bad);
        }
        let Some(block) = self.labelled("PRIVATE KEY").next() else {
            return Err(Invalid::new("there is no private key in the PEM text"));
        };
        let info = PrivateKeyInfoRef::from_der(&block.der).map_err(|_| bad())?;
        let inner = info.private_key.as_bytes();
        match info.algorithm.oid {
            RSA => rsa_half(inner).ok_or_else(bad),
            EC => ec_half(inner).ok_or_else(bad),
            _ => Ok(PublicKey::Other),
        }
    }

    /// A key that verifies tokens or signatures: `PUBLIC KEY`, `RSA PUBLIC KEY`, `CERTIFICATE`.
    ///
    /// # Errors
    /// `tls-load`
    pub fn public_key(&self) -> Result<PublicKey, Invalid> {
        let bad = || Invalid::new("the public key is malformed");
        if let Some(block) = self.labelled("RSA PUBLIC KEY").next() {
            let key = pkcs1::RsaPublicKeyRef::from_der(&block.der).map_err(|_| bad())?;
            return Ok(PublicKey::Rsa(key.modulus.as_bytes().to_vec()));
        }
        if let Some(block) = self.labelled("PUBLIC KEY").next() {
            let key = SubjectPublicKeyInfoRef::from_der(&block.der).map_err(|_| bad())?;
            return Ok(public_key(
                key.algorithm.oid,
                key.subject_public_key.raw_bytes(),
            ));
        }
        if self.labelled("CERTIFICATE").next().is_some() {
            return self.certificates();
        }
        Err(Invalid::new("there is no public key in the PEM text"))
    }

    /// Whether it must not be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        let mut blocks = self.blocks.iter();
        blocks.any(|block| block.label.ends_with("PRIVATE KEY"))
    }

    fn labelled(&self, label: &'static str) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(move |block| block.label == label)
    }
}

/// Base64 of a text that has a PEM block.
fn from_base64(text: &str) -> Option<String> {
    let packed: String = text.split_whitespace().collect();
    let bytes = Base64::decode_vec(&packed).ok()?;
    String::from_utf8(bytes)
        .ok()
        .filter(|text| text.contains(BEGIN))
}

/// What follows `-----BEGIN `.
fn block(text: &str) -> Option<Block> {
    let (label, rest) = text.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let is_data = |line: &&str| !line.contains(':');
    let packed: String = body.split_whitespace().filter(is_data).collect();
    Some(Block {
        label: label.to_owned(),
        der: Base64::decode_vec(&packed).ok()?,
    })
}

fn public_key(algorithm: ObjectIdentifier, bits: &[u8]) -> PublicKey {
    match algorithm {
        RSA => pkcs1::RsaPublicKeyRef::from_der(bits).map_or(PublicKey::Other, |key| {
            PublicKey::Rsa(key.modulus.as_bytes().to_vec())
        }),
        EC => PublicKey::Ec(bits.to_vec()),
        _ => PublicKey::Other,
    }
}

fn rsa_half(der: &[u8]) -> Option<PublicKey> {
    let key = pkcs1::RsaPrivateKeyRef::from_der(der).ok()?;
    Some(PublicKey::Rsa(key.modulus.as_bytes().to_vec()))
}

fn ec_half(der: &[u8]) -> Option<PublicKey> {
    let key = sec1::EcPrivateKey::from_der(der).ok()?;
    Some(
        key.public_key
            .map_or(PublicKey::Other, |point| PublicKey::Ec(point.to_vec())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBbzCCARWgAwIBAgIUa1jLQETGxV5tW0J0o0OD1GD3VUIwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBYTAgFw0yNjExMjYxMTQ2MTNaGA8yMTI2MTEwMjExNDYxM1ow
DDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABD6CRcMn3Sl2
tn7uA7HaUKUsyaL8eU2hcmnFASMpU/sFQquZqxPWJDkB2qNGV7EYrx+RGpTd23vx
Yg6nqQKx06+jUzBRMB0GA1UdDgQWBBQLJ1RTMi13zvBLiE0vZdvC2cMJ1DAfBgNV
HSMEGDAWgBQLJ1RTMi13zvBLiE0vZdvC2cMJ1DAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0gAMEUCIQCJuy02wZ3tO9Bf+1u7jykx1DbwBak52APywo4ykTHk
PwIgakkHubou2H1H1OzVLaly6yqiFY24nglXGIBMrew4ESc=
-----END CERTIFICATE-----";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEPoJFwyfdKXa2fu4DsdpQpSzJovx5
TaFyacUBIylT+wVCq5mrE9YkOQHao0ZXsRivH5EalN3be/FiDqepArHTrw==
-----END PUBLIC KEY-----";
    const PKCS8: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg9Kp7zCdRYgvuzsUM
eGR6f9uH/Gb3qwrNdWFnhcCM5uuhRANCAAQ+gkXDJ90pdrZ+7gOx2lClLMmi/HlN
oXJpxQEjKVP7BUKrmasT1iQ5AdqjRlexGK8fkRqU3dt78WIOp6kCsdOv
-----END PRIVATE KEY-----";
    const SEC1: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIPSqe8wnUWIL7s7FDHhken/bh/xm96sKzXVhZ4XAjObroAoGCCqGSM49
AwEHoUQDQgAEPoJFwyfdKXa2fu4DsdpQpSzJovx5TaFyacUBIylT+wVCq5mrE9Yk
OQHao0ZXsRivH5EalN3be/FiDqepArHTrw==
-----END EC PRIVATE KEY-----";
    const OTHER: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIBwAM7wcH+YGJQNm2qPcY0dEpRL96ztL1poFOlMkh7MzoAoGCCqGSM49
AwEHoUQDQgAEIR9n0z0bsF3f63dJj1cS4kt6g6GluLw5QMSxy5F4R8wxlREvB1av
KBSWxdjcnVm+tlVCZ9xk/gYcWyrF1dBFyQ==
-----END EC PRIVATE KEY-----";

    fn read(text: &str) -> Pem {
        Pem::new(text).ok().flatten().expect("PEM")
    }

    #[test]
    fn halves_of_a_pair() {
        let certificate = read(CERTIFICATE).certificates().expect("a certificate");
        assert!(matches!(certificate, PublicKey::Ec(_)));
        for key in [PKCS8, SEC1] {
            let half = read(key).private_key().expect("a key");
            assert_eq!(half, certificate);
            assert!(
                read(key).is_secret() && read(&Base64::encode_string(key.as_bytes())).is_secret()
            );
        }
        assert_eq!(read(PUBLIC).public_key().expect("a key"), certificate);
        assert_eq!(read(CERTIFICATE).public_key().expect("a key"), certificate);
        assert!(
            read(OTHER)
                .private_key()
                .expect("a key")
                .differs(&certificate)
        );
    }

    #[test]
    fn what_is_no_key() {
        assert!(matches!(Pem::new("/etc/goma/a.pem"), Ok(None)));
        assert!(matches!(Pem::new("aGVsbG8="), Ok(None)));
        assert!(matches!(Pem::new("-----BEGIN PGP MESSAGE-----"), Ok(None)));
        assert!(Pem::new("-----BEGIN CERTIFICATE-----\n$$$\n-----END CERTIFICATE-----").is_err());
        assert!(Pem::new("-----BEGIN CERTIFICATE-----\nAAAA").is_err());
        assert!(read(PKCS8).certificates().is_err() && read(CERTIFICATE).private_key().is_err());
        let locked = PKCS8.replace("PRIVATE", "ENCRYPTED PRIVATE");
        assert!(read(&locked).private_key().is_err() && read(PKCS8).public_key().is_err());
    }
}
