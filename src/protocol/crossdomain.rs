//! Cross-domain linking: the `_sp` parameter of the page's URL.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/web/PageEnrichments.scala`. A value of dots only, on
//! which the reference throws, counts as empty.

use bumpalo::Bump;

use super::convert::{Expectation, timestamp};
use crate::payload::NameValue;
use crate::payload::decode::tsv_safe;

/// What `_sp` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CrossDomain<'a> {
    /// `refr_domain_userid`
    pub domain_userid: Option<&'a str>,
    /// `refr_dvce_tstamp`
    pub tstamp: Option<&'a str>,
}

/// Reads the last `_sp` of the page's query. The error is the timestamp's text and what was expected, for a failure of
/// the field `sp_dtm`.
pub fn cross_domain<'a>(pairs: &[NameValue<'a>], arena: &'a Bump) -> Result<CrossDomain<'a>, (&'a str, Expectation)> {
    let last = pairs.iter().rev().find(|(name, _)| *name == "_sp");
    let value = last.and_then(|(_, value)| *value).unwrap_or_default().trim_end_matches('.');
    if value.is_empty() {
        return Ok(CrossDomain::default());
    }
    let mut parts = value.split('.');
    let domain_userid = parts.next().and_then(|part| tsv_safe(part, arena));
    let tstamp = match parts.next() {
        Some(part) => Some(timestamp(part, arena).map_err(|expectation| (part, expectation))?.1),
        None => None,
    };
    Ok(CrossDomain { domain_userid, tstamp })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_of_the_parameter() {
        let arena = Bump::new();
        let cases = [
            ("abc.1426245561368", Some("abc"), Some("2015-03-13 11:19:21.368")),
            ("abc", Some("abc"), None),
            ("abc.", Some("abc"), None),
            (".123", None, Some("1970-01-01 00:00:00.123")),
            ("abc.1.session.user..web.reason", Some("abc"), Some("1970-01-01 00:00:00.001")),
            ("", None, None),
            ("...", None, None),
        ];
        for (value, domain_userid, tstamp) in cases {
            let found = cross_domain(&[("_sp", Some(value))], &arena);
            assert_eq!(found, Ok(CrossDomain { domain_userid, tstamp }), "{value}");
        }
    }

    #[test]
    fn absent_without_value_and_repeated() {
        let arena = Bump::new();
        assert_eq!(cross_domain(&[], &arena), Ok(CrossDomain::default()));
        assert_eq!(cross_domain(&[("_sp", None)], &arena), Ok(CrossDomain::default()));
        let last = cross_domain(&[("_sp", Some("a")), ("x", None), ("_sp", Some("b"))], &arena).unwrap();
        assert_eq!(last.domain_userid, Some("b"));
    }

    #[test]
    fn bad_timestamps_fail() {
        let arena = Bump::new();
        let expected = ("not-a-timestamp", "not in the expected format: ms since epoch".into());
        assert_eq!(cross_domain(&[("_sp", Some("abc.not-a-timestamp"))], &arena), Err(expected));
        assert!(cross_domain(&[("_sp", Some("abc..x"))], &arena).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(value: String) {
            let arena = Bump::new();
            let _ = cross_domain(&[("_sp", Some(&value))], &arena);
        }
    }
}
