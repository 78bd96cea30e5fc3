//! What a gateway can be built for: operating systems and processors, as images and as rustc name them.

use std::fmt;
use std::str::FromStr;

/// Linux on a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// 64-bit Intel and AMD.
    Amd64,
    /// 64-bit Arm.
    Arm64,
    /// 32-bit Arm from version 7, with floating point.
    ArmV7,
}

impl Platform {
    /// All, in the order of their names.
    const ALL: [Self; 3] = [Self::Amd64, Self::Arm64, Self::ArmV7];

    /// The platform of a target of rustc.
    pub(crate) fn of_target(triple: &str) -> Option<Self> {
        let mut parts = triple.split('-');
        let processor = parts.next()?;
        let linux = parts.any(|part| part == "linux");
        let platform = match processor {
            "x86_64" => Self::Amd64,
            "aarch64" => Self::Arm64,
            "armv7" => Self::ArmV7,
            _ => return None,
        };
        linux.then_some(platform)
    }

    /// The target of rustc. glibc, because that is what the toolchains of distributions have.
    pub(crate) const fn target(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::ArmV7 => "armv7-unknown-linux-gnueabihf",
        }
    }

    /// What links for it on a machine of another kind: GNU's cross compilers.
    pub(crate) const fn linker(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu-gcc",
            Self::Arm64 => "aarch64-linux-gnu-gcc",
            Self::ArmV7 => "arm-linux-gnueabihf-gcc",
        }
    }

    /// Debian's name for it.
    pub(crate) const fn debian(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::ArmV7 => "armhf",
        }
    }

    /// The processor, in OCI's words.
    pub(crate) const fn architecture(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::ArmV7 => "arm",
        }
    }

    /// The version of the processor, where OCI wants one.
    pub(crate) const fn variant(self) -> Option<&'static str> {
        match self {
            Self::Amd64 | Self::Arm64 => None,
            Self::ArmV7 => Some("v7"),
        }
    }

    /// As the name of a directory.
    pub(crate) fn directory(self) -> String {
        self.to_string().replace('/', "-")
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linux/{}", self.architecture())?;
        self.variant()
            .map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

impl FromStr for Platform {
    type Err = String;

    /// `linux/arm64`; the version of a processor may be left out where there is one choice.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let same = |platform: &Self| platform.to_string() == text;
        let found = match text {
            "linux/arm" => Some(Self::ArmV7),
            "linux/arm64/v8" => Some(Self::Arm64),
            _ => Self::ALL.into_iter().find(same),
        };
        let known = || Self::ALL.map(|platform| platform.to_string()).join(", ");
        found.ok_or_else(|| format!("expected one of {}", known()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for platform in Platform::ALL {
            assert_eq!(platform.to_string().parse(), Ok(platform));
            assert_eq!(Platform::of_target(platform.target()), Some(platform));
        }
        assert_eq!("linux/arm".parse(), Ok(Platform::ArmV7));
        assert!("windows/amd64".parse::<Platform>().is_err());
        assert_eq!(
            Platform::of_target("x86_64-unknown-linux-musl"),
            Some(Platform::Amd64)
        );
        assert_eq!(Platform::of_target("x86_64-apple-darwin"), None);
        assert_eq!(Platform::of_target("riscv64gc-unknown-linux-gnu"), None);
    }
}
