//! The field names that the engine itself acts on, recognised once, when a head is parsed.

macro_rules! known_names {
    ($($variant:ident = $name:literal,)*) => {
        /// What the engine knows of a field's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Known {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
            /// Any other name.
            Other,
        }

        impl Known {
            /// Recognises a name, without regard to case.
            #[must_use]
            pub fn of(name: &[u8]) -> Self {
                // The length decides first: most names differ from all others of their length.
                $(
                    if name.len() == $name.len() && name.eq_ignore_ascii_case($name.as_bytes()) {
                        return Self::$variant;
                    }
                )*
                Self::Other
            }
        }
    };
}

known_names! {
    Connection = "connection",
    ContentLength = "content-length",
    Cookie = "cookie",
    Date = "date",
    Expect = "expect",
    Forwarded = "forwarded",
    Host = "host",
    KeepAlive = "keep-alive",
    ProxiedBy = "proxied-by",
    ProxyAuthenticate = "proxy-authenticate",
    ProxyAuthorization = "proxy-authorization",
    ProxyConnection = "proxy-connection",
    Server = "server",
    Te = "te",
    Trailer = "trailer",
    TransferEncoding = "transfer-encoding",
    Upgrade = "upgrade",
    XForwardedFor = "x-forwarded-for",
    XForwardedHost = "x-forwarded-host",
    XForwardedPort = "x-forwarded-port",
    XForwardedProto = "x-forwarded-proto",
    XForwardedScheme = "x-forwarded-scheme",
    XGomaRequestId = "x-goma-request-id",
    XRealIp = "x-real-ip",
    XRequestId = "x-request-id",
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
