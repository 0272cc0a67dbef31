//! URIs as the reference reads them: strictly like `java.net.URI`, leniently like lemonlabsuk/scala-uri 1.5.1.

/// A URI taken apart; every part still encoded as in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uri<'a> {
    /// The whole text after parsing: spaces are `%20`.
    pub text: &'a str,
    /// Scheme, case kept.
    pub scheme: Option<&'a str>,
    /// Host; `None` for registry-based authorities such as `www.ex_ample.com`.
    pub host: Option<&'a str>,
    /// The port as given.
    pub port: Option<u32>,
    /// Path; `None` for opaque URIs.
    pub path: Option<&'a str>,
    /// Query without `?`.
    pub query: Option<&'a str>,
    /// Fragment without `#`.
    pub fragment: Option<&'a str>,
}
