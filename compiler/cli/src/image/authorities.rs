//! The authorities that Mozilla trusts, as images have them: those of this release, so that the same
//! input gives the same image on any machine. Another bundle can be mounted over them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Where most programs look first.
pub(super) const FILE: &str = "etc/ssl/certs/ca-certificates.crt";

/// Characters of a line.
const LINE: usize = 64;

/// All certificates, in the order of the list.
pub(super) fn pem() -> String {
    let certificates = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    certificates.map(|der| block(der)).collect()
}

fn block(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut lines = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(LINE.min(rest.len()));
        lines.push_str(line);
        lines.push('\n');
        rest = behind;
    }
    lines + "-----END CERTIFICATE-----\n"
}
