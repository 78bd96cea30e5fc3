//! Why cargo failed: the machine's fault, with advice, or goma's. Never the user's configuration:
//! what is wrong there was found before cargo started.

use std::path::Path;

use crate::failure::Failure;
use crate::platform::Platform;

/// A sign in cargo's output, and what it means for the user.
struct Cause {
    sign: &'static str,
    message: &'static str,
    help: &'static str,
}

/// The first that fits is told. Order: the most specific first.
const CAUSES: [Cause; 10] = [
    Cause {
        sign: "No space left on device",
        message: "the disk is full",
        help: "make room, or point GOMA_CACHE_DIR to another disk",
    },
    Cause {
        sign: "linker `cc` not found",
        message: "no C linker is installed",
        help: "install one: `apt-get install gcc libc6-dev`, `dnf install gcc glibc-static`",
    },
    Cause {
        sign: "unable to find library -l",
        message: "the static C library is not installed",
        help: "install it: `apt-get install libc6-dev`, `dnf install glibc-static`",
    },
    Cause {
        sign: "cannot find -l",
        message: "the static C library is not installed",
        help: "install it: `apt-get install libc6-dev`, `dnf install glibc-static`",
    },
    Cause {
        sign: "is not supported by the following package",
        message: "the installed Rust is too old",
        help: "run `rustup update stable`",
    },
    Cause {
        sign: "requires rustc",
        message: "the installed Rust is too old",
        help: "run `rustup update stable`",
    },
    Cause {
        sign: "target may not be installed",
        message: "Rust's standard library is not installed for this machine",
        help: "run `rustup target add` with the target that `rustc -vV` names",
    },
    Cause {
        sign: "attempting to make an HTTP request, but --offline was specified",
        message: "crates are missing and cargo may not download them",
        help: "build once without CARGO_NET_OFFLINE",
    },
    Cause {
        sign: "failed to download",
        message: "the crate registry cannot be reached",
        help: "the first build on a machine downloads the runtime's dependencies: check network and proxy (CARGO_HTTP_PROXY, HTTPS_PROXY)",
    },
    Cause {
        sign: "download of ",
        message: "the crate registry cannot be reached",
        help: "the first build on a machine downloads the runtime's dependencies: check network and proxy (CARGO_HTTP_PROXY, HTTPS_PROXY)",
    },
];

/// Neither rustc nor cargo without Rust.
pub(super) fn no_rust(program: &str) -> Failure {
    Failure::with_help(
        format!("`{program}` cannot be started, but gateways are compiled with it"),
        "install Rust from https://rustup.rs, and see that `cargo` is on the PATH",
    )
}

/// No standard library for a platform.
pub(super) fn no_library(platform: Platform) -> Failure {
    let (target, debian) = (platform.target(), platform.debian());
    Failure::with_help(
        format!("Rust's standard library for {platform} is not installed"),
        format!(
            "install it: `rustup target add {target}`, or Debian's: `dpkg --add-architecture {debian} && apt-get update && apt-get install rustc-web libstd-rust-web-dev:{debian}`"
        ),
    )
}

/// No linker for a platform.
pub(super) fn no_linker(platform: Platform) -> Failure {
    let (linker, debian) = (platform.linker(), platform.debian());
    let processor = linker.trim_end_matches("-gcc").replace('_', "-");
    Failure::with_help(
        format!("the linker for {platform}, `{linker}`, is not on the PATH"),
        format!("install it: `apt-get install gcc-{processor} libc6-dev-{debian}-cross`"),
    )
}

/// Explains the stderr of a failed run. What no [`CAUSES`] explain is a defect of goma: the text is
/// saved in `dir`.
pub(super) fn explain(log: &str, dir: &Path) -> Failure {
    if let Some(cause) = CAUSES.iter().find(|cause| log.contains(cause.sign)) {
        return Failure::with_help(cause.message, cause.help);
    }
    let path = dir.join("failed-build.log");
    let saved = std::fs::write(&path, log).is_ok();
    let stale = log.contains("because --locked was passed");
    let message = if stale {
        "the embedded lock file does not fit the runtime (ci/lock renews it)"
    } else {
        "the generated crate does not compile"
    };
    Failure::Internal {
        message: message.to_owned(),
        log: saved.then_some(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(log: &str) -> String {
        match explain(log, tempfile::tempdir().unwrap().path()) {
            Failure::Failed { message, .. } => message,
            Failure::Internal { message, .. } => format!("internal: {message}"),
            Failure::Usage(message) => format!("usage: {message}"),
        }
    }

    #[test]
    fn what_is_missing_for_a_platform() {
        let check = |failure: Failure, expected: &str| match failure {
            Failure::Failed { help, .. } => assert!(help.unwrap().contains(expected)),
            other => panic!("{other:?}"),
        };
        check(
            no_library(Platform::Arm64),
            "`rustup target add aarch64-unknown-linux-gnu`",
        );
        check(no_library(Platform::ArmV7), " libstd-rust-web-dev:armhf`");
        check(
            no_linker(Platform::ArmV7),
            "`apt-get install gcc-arm-linux-gnueabihf libc6-dev-armhf-cross`",
        );
        check(
            no_linker(Platform::Amd64),
            "`apt-get install gcc-x86-64-linux-gnu libc6-dev-amd64-cross`",
        );
    }

    #[test]
    fn tells_the_machine_from_goma() {
        let offline = "error: failed to download from `https://static.crates.io/x`\n";
        assert_eq!(message(offline), "the crate registry cannot be reached");
        let rustc = "error[E0425]: cannot find value `x`\nerror: could not compile `gateway`\n";
        assert_eq!(
            message(rustc),
            "internal: the generated crate does not compile"
        );
    }
}
