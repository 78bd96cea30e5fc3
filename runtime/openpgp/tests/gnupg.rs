//! Messages that the GnuPG of this machine makes (C-SEC-1). `ci/testbed` installs it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use goma_openpgp::{DecryptError, TEXT_BYTES_MAX, decrypt};

/// A home of GnuPG, whose agent ends with it.
struct Home(PathBuf);

impl Home {
    /// `name`: one per test.
    fn new(name: &str) -> Self {
        let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("gnupg-{name}"));
        std::fs::create_dir_all(&home).expect("a home for GnuPG");
        Self(home)
    }

    /// Encrypts as a user would.
    fn encrypt(&self, text: &[u8], arguments: &[&str]) -> String {
        let mut child = Command::new("gpg")
            .arg("--homedir")
            .arg(&self.0)
            .args(["--batch", "--quiet", "--no-permission-warning"])
            .args([
                "--pinentry-mode",
                "loopback",
                "--passphrase",
                "correct horse",
            ])
            .args(["--armor", "--symmetric"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("gpg, which ci/testbed installs");
        let mut input = child.stdin.take().expect("a pipe");
        let text = text.to_vec();
        let writer = std::thread::spawn(move || input.write_all(&text));
        let output = child.wait_with_output().expect("gpg ends");
        writer.join().expect("a writer").expect("gpg reads");
        assert!(output.status.success(), "gpg {arguments:?}");
        String::from_utf8(output.stdout).expect("armour")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let agent = ["--kill", "gpg-agent"];
        let _ = Command::new("gpgconf")
            .arg("--homedir")
            .arg(&self.0)
            .args(agent)
            .status();
    }
}

/// Long enough for several partial lengths of GnuPG.
fn long() -> String {
    (0..2000)
        .map(|i| format!("{i}: Zwölf Boxkämpfer\n"))
        .collect()
}

#[test]
fn as_it_is_by_default() {
    let home = Home::new("default");
    for text in ["hunter2\n", "", &long()] {
        let message = home.encrypt(text.as_bytes(), &[]);
        let found = decrypt(&message, "correct horse").expect("the text");
        assert_eq!(found.as_str(), text);
        assert_eq!(
            decrypt(&message, "correct horsf").err(),
            Some(DecryptError::Passphrase)
        );
        assert_eq!(decrypt(&message, "").err(), Some(DecryptError::Passphrase));
    }
}

#[test]
fn every_aes_compression_and_hash() {
    let home = Home::new("algorithms");
    let text = long();
    for arguments in [
        ["--cipher-algo", "AES256", "--compress-algo", "zlib"],
        ["--cipher-algo", "AES256", "--compress-algo", "bzip2"],
        ["--cipher-algo", "AES256", "--compress-algo", "zip"],
        ["--cipher-algo", "AES192", "--compress-algo", "none"],
        ["--cipher-algo", "AES128", "--s2k-digest-algo", "SHA512"],
        ["--s2k-count", "65011712", "--s2k-digest-algo", "SHA256"],
        ["--s2k-count", "1024", "--s2k-digest-algo", "SHA384"],
        [
            "--comment",
            "made by a test: yes",
            "--s2k-digest-algo",
            "SHA224",
        ],
    ] {
        let found = decrypt(&home.encrypt(text.as_bytes(), &arguments), "correct horse");
        assert_eq!(found.expect("the text").as_str(), text, "{arguments:?}");
    }
}

#[test]
fn what_is_weak_is_refused() {
    let home = Home::new("weak");
    for (arguments, why) in [
        (["--cipher-algo", "3DES"], "another cipher"),
        (["--cipher-algo", "TWOFISH"], "another cipher"),
        (["--s2k-mode", "0"], "hashed once"),
        (["--s2k-mode", "1"], "hashed once"),
        (["--s2k-digest-algo", "RIPEMD160"], "another hash"),
    ] {
        let found = decrypt(&home.encrypt(b"hunter2", &arguments), "correct horse");
        let Err(DecryptError::Unsupported(text)) = found else {
            panic!("{arguments:?} is read");
        };
        assert!(text.contains(why), "{arguments:?}: {text}");
    }
}

/// A few kilobytes that become gigabytes must not.
#[test]
fn a_bomb_is_too_large() {
    let home = Home::new("bomb");
    let bomb = vec![b'a'; 8 * TEXT_BYTES_MAX];
    for algorithm in ["zip", "zlib", "bzip2"] {
        let message = home.encrypt(&bomb, &["--compress-algo", algorithm]);
        assert_eq!(
            decrypt(&message, "correct horse").err(),
            Some(DecryptError::TooLarge)
        );
    }
    let bytes = home.encrypt(b"\xff\xfe", &[]);
    assert_eq!(
        decrypt(&bytes, "correct horse").err(),
        Some(DecryptError::NotText)
    );
}
