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
            // Inlined, so that nothing is left of it where the name is a constant.
            #[inline(always)]
            #[must_use]
            pub fn of(name: &[u8]) -> Self {
                match name.len() {
                    $($length => {
                        // The usual spelling next, which is one comparison of words; then the first
                        // letter, because comparing without case costs a call.
                        $(if name == $name {
                            return Self::$variant;
                        })+
                        let first = name.first().map_or(0, u8::to_ascii_uppercase);
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
    2: Te = b"TE";
    4: Date = b"Date", Host = b"Host";
    6: Cookie = b"Cookie", Expect = b"Expect", Server = b"Server";
    7: Trailer = b"Trailer", Upgrade = b"Upgrade";
    9: Forwarded = b"Forwarded", XRealIp = b"X-Real-IP";
    10: Connection = b"Connection", KeepAlive = b"Keep-Alive", ProxiedBy = b"Proxied-By";
    12: ContentType = b"Content-Type", XRequestId = b"X-Request-ID";
    14: ContentLength = b"Content-Length";
    15: XForwardedFor = b"X-Forwarded-For";
    16: ProxyConnection = b"Proxy-Connection", XForwardedHost = b"X-Forwarded-Host", XForwardedPort = b"X-Forwarded-Port";
    17: TransferEncoding = b"Transfer-Encoding", XForwardedProto = b"X-Forwarded-Proto", XGomaRequestId = b"X-Goma-Request-ID";
    18: ProxyAuthenticate = b"Proxy-Authenticate", XForwardedScheme = b"X-Forwarded-Scheme";
    19: ProxyAuthorization = b"Proxy-Authorization";
}

impl Known {
    /// What a name would be to a backend that takes other separators for `-`, as CGI names do:
    /// `X_Forwarded_For`, `Content.Length`. `Other` for names that are no disguise.
    #[must_use]
    pub fn disguised(name: &[u8]) -> Self {
        let is_suspect = matches!(name.len(), 9 | 12 | 14..=18)
            && matches!(name.first(), Some(b'C' | b'c' | b'T' | b't' | b'X' | b'x'));
        let mut plain = [b'-'; 18];
        let Some(plain) = plain.get_mut(..name.len()).filter(|_| is_suspect) else {
            return Self::Other;
        };
        for (to, from) in plain.iter_mut().zip(name) {
            if from.is_ascii_alphanumeric() {
                *to = *from;
            }
        }
        Self::of(plain)
    }

    /// Fields that the gateway sets or removes in every response (RT-HDR-9).
    #[must_use]
    pub fn is_replaced_in_responses(self) -> bool {
        matches!(self, Self::ProxiedBy | Self::Server | Self::XGomaRequestId)
    }

    /// Fields that only a trusted proxy may send (RT-HDR-5).
    #[must_use]
    pub fn is_from_proxies(self) -> bool {
        matches!(
            self,
            Self::Forwarded | Self::XForwardedPort | Self::XForwardedScheme
        )
    }

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
