//! Keys that images are signed with: ECDSA on P-256 with SHA-256, in PEM, as cosign and openssl have them.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context as _, anyhow, bail, ensure};
use rustls::SignatureScheme;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{
    PrivateKeyDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, alg_id,
};
use rustls::sign::{Signer, public_key_to_spki};

use super::place::all;

/// The largest file of a key.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// A point of the curve: one byte that says how it is written, and its coordinates.
const POINT_BYTES: usize = 65;
/// How one makes a key.
const HELP: &str = "`openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` makes one";

/// The half that signs. INVARIANT: it has no `Debug`, so that it gets into no message.
pub(crate) struct PrivateKey {
    signer: Box<dyn Signer>,
    public: PublicKey,
}

/// The half that verifies: a point of the curve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey(Vec<u8>);

impl PrivateKey {
    /// Reads `PRIVATE KEY` (PKCS #8) or `EC PRIVATE KEY` (SEC 1).
    ///
    /// # Errors
    /// It cannot be read, is encrypted, or of another kind.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let context = || format!("the private key {}", path.display());
        file(path)
            .and_then(|pem| Self::parse(&pem))
            .with_context(context)
    }

    fn parse(pem: &[u8]) -> anyhow::Result<Self> {
        let encrypted = b"ENCRYPTED";
        if pem.windows(encrypted.len()).any(|part| part == encrypted) {
            bail!("it is encrypted: goma takes keys without a passphrase; {HELP}");
        }
        // The parser's error would show a line of the file.
        let der = PrivateKeyDer::from_pem_slice(pem);
        let der = der.map_err(|_| anyhow!("it has no private key in PEM; {HELP}"))?;
        let other = || anyhow!("it is no ECDSA key on P-256; {HELP}");
        let key = ring::sign::any_ecdsa_type(&der).map_err(|_| other())?;
        let scheme = key.choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256]);
        let public = key.public_key().and_then(|spki| PublicKey::of(&spki));
        let (signer, public) = scheme.zip(public).ok_or_else(other)?;
        Ok(Self { signer, public })
    }

    /// The signature of a message, another one each time.
    ///
    /// # Errors
    /// There are no random numbers.
    pub(super) fn sign(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.signer.sign(message).context("cannot sign")
    }

    /// The other half.
    pub(super) const fn public(&self) -> &PublicKey {
        &self.public
    }
}

impl PublicKey {
    /// Reads `PUBLIC KEY`.
    ///
    /// # Errors
    /// It cannot be read, or is of another kind.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let context = || format!("the public key {}", path.display());
        file(path)
            .and_then(|pem| Self::parse(&pem))
            .with_context(context)
    }

    fn parse(pem: &[u8]) -> anyhow::Result<Self> {
        // Not the parser's error: it could be the private key.
        let spki = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| {
            anyhow!(
                "it has no `PUBLIC KEY` in PEM; `openssl pkey -pubout` makes it of the private one"
            )
        })?;
        Self::of(&spki).with_context(|| format!("it is no ECDSA key on P-256; {HELP}"))
    }

    /// The point, if everything before it says that it is one of this curve.
    fn of(spki: &SubjectPublicKeyInfoDer<'_>) -> Option<Self> {
        let start = spki.len().checked_sub(POINT_BYTES)?;
        let point = spki.get(start..)?;
        let fits = public_key_to_spki(&alg_id::ECDSA_P256, point) == *spki;
        fits.then(|| Self(point.to_vec()))
    }

    /// Whether a signature is of this message and by the other half.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        algorithm().is_some_and(|algorithm| {
            let Self(point) = self;
            algorithm
                .verify_signature(point, message, signature)
                .is_ok()
        })
    }
}

/// ECDSA on P-256 with SHA-256.
fn algorithm() -> Option<&'static dyn SignatureVerificationAlgorithm> {
    static ALGORITHM: OnceLock<Option<&'static dyn SignatureVerificationAlgorithm>> =
        OnceLock::new();
    *ALGORITHM.get_or_init(|| {
        let known = ring::default_provider()
            .signature_verification_algorithms
            .all;
        let mut known = known.iter().copied();
        known.find(|algorithm| {
            algorithm.public_key_alg_id() == alg_id::ECDSA_P256
                && algorithm.signature_alg_id() == alg_id::ECDSA_SHA256
        })
    })
}

fn file(path: &Path) -> anyhow::Result<Vec<u8>> {
    let file = std::fs::File::open(path).context("cannot be read")?;
    let bytes = all(file, FILE_BYTES_MAX, "it")?;
    ensure!(!bytes.is_empty(), "it is empty");
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    /// What openssl makes of something.
    fn openssl(command: &str, input: &[u8]) -> Vec<u8> {
        let mut child = Command::new("openssl")
            .args(command.split(' '))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("openssl: {error}: run ci/testbed"));
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap().stdout
    }

    fn sec1(curve: &str) -> Vec<u8> {
        openssl(&format!("ecparam -genkey -noout -name {curve}"), b"")
    }

    #[test]
    fn forms_of_keys() {
        let sec1 = sec1("prime256v1");
        let pkcs8 = openssl("pkcs8 -topk8 -nocrypt", &sec1);
        let public = PublicKey::parse(&openssl("pkey -pubout", &sec1)).unwrap();
        for pem in [&sec1, &pkcs8] {
            let key = PrivateKey::parse(pem).unwrap();
            assert_eq!(*key.public(), public);
            let signature = key.sign(b"shop").unwrap();
            assert!(public.verifies(b"shop", &signature));
            assert!(!public.verifies(b"shops", &signature));
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, &sec1).unwrap();
        let sign = format!("dgst -sha256 -sign {}", file.path().display());
        let signature = openssl(&sign, b"shop");
        assert!(public.verifies(b"shop", &signature));
        for at in 0..signature.len() {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            assert!(!public.verifies(b"shop", &changed), "{at}");
        }
    }

    /// Neither the file nor the parser's error, which would have a line of it, is shown.
    #[test]
    fn what_is_no_key_is_not_shown() {
        let said = |error: anyhow::Error| format!("{error:#}");
        let private = |pem: &[u8]| said(PrivateKey::parse(pem).err().unwrap());
        let public = |pem: &[u8]| said(PublicKey::parse(pem).unwrap_err());
        let (key, other) = (sec1("prime256v1"), sec1("secp384r1"));
        assert!(private(&other).contains("no ECDSA key on P-256"));
        assert!(public(&openssl("pkey -pubout", &other)).contains("no ECDSA key on P-256"));
        assert!(private(&openssl("pkey -pubout", &key)).contains("has no private key"));
        assert!(public(&key).contains("has no `PUBLIC KEY`"));
        let encrypted = openssl("pkcs8 -topk8 -passout pass:x", &key);
        assert!(private(&encrypted).contains("it is encrypted"));
        let text = String::from_utf8(key).unwrap();
        let secret = text.lines().nth(1).unwrap();
        let broken = text.replace("-----END", "-----BEGIN");
        for shown in [private(broken.as_bytes()), public(broken.as_bytes())] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
