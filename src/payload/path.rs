//! From a request path to the adapter it is for.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../loaders/CollectorPayload.scala` (`CollectorApi`). The path is not
//! percent-decoded.

use super::Api;

/// What a bad row says about a path that leads nowhere.
pub const PATH_EXPECTATION: &str = "path does not match (/)vendor/version(/) nor is a legacy /i(ce.png) request";

/// Which adapter a path is for: `/vendor/version`, or one of the pixel's paths.
pub fn parse_path(path: &str) -> Option<Api<'_>> {
    let start = path.strip_prefix('/').unwrap_or(path);
    let inner = start.strip_suffix('/').unwrap_or(start);
    if let Some((vendor, version)) = inner.split_once('/')
        && !vendor.is_empty()
        && !version.is_empty()
        && !version.contains('/')
    {
        return Some(Api { vendor, version });
    }
    let pixel = path == "/i" || path.starts_with("/ice.png") || path.starts_with("/i?");
    pixel.then_some(Api::TP1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let api = |vendor, version| Some(Api { vendor, version });
        for (path, expected) in [
            ("/i", Some(Api::TP1)),
            ("/ice.png", Some(Api::TP1)),
            ("/ice.pngx", Some(Api::TP1)),
            ("/i?x=y", Some(Api::TP1)),
            ("/com.acme/v1", api("com.acme", "v1")),
            ("com.acme/v1/", api("com.acme", "v1")),
            ("/blah/i", api("blah", "i")),
            ("/i?u=/x", api("i?u=", "x")),
            ("i", None),
            ("/a/b/c", None),
            ("/a/b//", None),
            ("//a/b", None),
            ("/a/", None),
            ("/", None),
            ("//", None),
            ("", None),
            ("/com.sendgrid-api-v3", None),
        ] {
            assert_eq!(parse_path(path), expected, "{path}");
        }
    }
}
