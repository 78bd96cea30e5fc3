//! The field names that the engine itself acts on, recognised once, when a head is parsed.

macro_rules! known_names {
    ($($length:literal: $($variant:ident = $name:literal),+;)*) => {
        /// What the engine knows of a field's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Known {
            $($(#[doc = concat!("`", stringify!($name), "`")] $variant,)+)*
            /// Any other name.
            Other,
        }

        impl Known {
            /// Recognises a name, without regard to case. The length decides first: few names share
            /// theirs with others.
            #[must_use]
            pub fn of(name: &[u8]) -> Self {
                match name.len() {
                    $($length => {
                        // The first letter next: comparing a whole name costs a call.
                        let first = name.first().map_or(0, u8::to_ascii_lowercase);
                        $(if $name.first() == Some(&first) && name.eq_ignore_ascii_case($name) {
                            return Self::$variant;
                        })+
                        Self::Other
                    })*
                    _ => Self::Other,
                }
            }
        }
    };
}

known_names! {
    2: Te = b"te";
    4: Date = b"date", Host = b"host";
    6: Cookie = b"cookie", Expect = b"expect", Server = b"server";
    7: Trailer = b"trailer", Upgrade = b"upgrade";
    9: Forwarded = b"forwarded", XRealIp = b"x-real-ip";
    10: Connection = b"connection", KeepAlive = b"keep-alive", ProxiedBy = b"proxied-by";
    12: XRequestId = b"x-request-id";
    14: ContentLength = b"content-length";
    15: XForwardedFor = b"x-forwarded-for";
    16: ProxyConnection = b"proxy-connection", XForwardedHost = b"x-forwarded-host", XForwardedPort = b"x-forwarded-port";
    17: TransferEncoding = b"transfer-encoding", XForwardedProto = b"x-forwarded-proto", XGomaRequestId = b"x-goma-request-id";
    18: ProxyAuthenticate = b"proxy-authenticate", XForwardedScheme = b"x-forwarded-scheme";
    19: ProxyAuthorization = b"proxy-authorization";
}

impl Known {
    /// Hop-by-hop fields, which never pass (RT-HDR-1). `TE: trailers` is decided by the caller.
    #[must_use]
    pub fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::KeepAlive
                | Self::ProxyAuthenticate
                | Self::ProxyAuthorization
                | Self::ProxyConnection
                | Self::Te
                | Self::Trailer
                | Self::TransferEncoding
                | Self::Upgrade
        )
    }
}
