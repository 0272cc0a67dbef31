//! Requests in lines of CloudFront logs whose querystring is left as the line has it: for those who write it out again,
//! to whom decoding it would be of no use.

use bumpalo::Bump;

use super::columns::Columns;
use super::detect::format_of_columns;
use super::format::RawFormat;
use super::thrift::looks_like_record;
use super::{Loaded, cloudfront, unless_dash};
use crate::payload::CollectorPayload;

/// A request without its querystring, and the column that holds that.
#[derive(Clone, Copy, Debug)]
pub struct LoggedRequest<'a> {
    /// The request; its querystring is empty.
    pub payload: CollectorPayload<'a>,
    /// The querystring, to be given to [`crate::payload::decode::undouble`] before it is parsed.
    pub query: &'a str,
}

/// The request of a line, if [`super::detect`] takes it for a CloudFront line and [`super::load`] reads it, provided that
/// its querystring can be read. `None` for all other lines and for some that are not worth the trouble.
pub fn logged_request<'a>(line: &'a str, arena: &'a Bump) -> Option<LoggedRequest<'a>> {
    // The marker of serialized blocks is no UTF-8, so it cannot be in a text.
    if looks_like_record(line.as_bytes()) {
        return None;
    }
    let columns = Columns::split(line);
    if columns.has_breaks || format_of_columns(&columns) != Some(RawFormat::CloudFront) {
        return None;
    }
    match cloudfront::load_columns(&columns, arena, |_, _| &[]) {
        Loaded::Payload(payload) => {
            let query = columns.texts[cloudfront::QUERY];
            Some(LoggedRequest { payload, query: unless_dash(query).unwrap_or_default() })
        }
        Loaded::Ignored | Loaded::Bad(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::payload::decode::undouble;
    use crate::payload::parse_querystring;
    use crate::raw::{detect, load};

    const LINE: &str =
        "2013-08-29\t00:18:48\tLAX3\t830\t1.2.3.4\tGET\th\t/i\t200\thttp://x/%25\tM/5%2520(X)\te=pv&p=%2541";

    #[test]
    fn usual_lines_are_read() {
        let arena = Bump::new();
        let request = logged_request(LINE, &arena).unwrap();
        assert_eq!(request.query, "e=pv&p=%2541");
        assert_eq!(request.payload.context.useragent, Some("M/5%20(X)"));
        let without = LINE.replace("e=pv&p=%2541", "-");
        assert_eq!(logged_request(&without, &arena).unwrap().query, "");
        for (old, new) in [("GET", "POST"), ("/i", "/x"), ("2013", "x013"), ("\tLAX3\t830", "\t-\t830"), ("e=pv", "\n")]
        {
            let line = LINE.replace(old, new);
            assert!(logged_request(&line, &arena).is_none(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn a_line_is_read_as_the_loader_reads_it(
            noise in "[-\t \nGET/%25#a-c0-9]{0,3}",
            at in 0..=LINE.len(),
            removed in 0..20_usize,
            more in "(\t(-|x|y=1)){0,14}",
        ) {
            let end = (at + removed).min(LINE.len());
            let line = format!("{}{noise}{}{more}", &LINE[..at], &LINE[end..]);
            let arena = Bump::new();
            if let Some(request) = logged_request(&line, &arena) {
                let format = detect(line.as_bytes(), "").unwrap();
                let pairs = parse_querystring(undouble(request.query, &arena), "UTF-8", &arena);
                match (load(&format, line.as_bytes(), &arena), pairs) {
                    (Loaded::Payload(loaded), Ok(querystring)) => {
                        let payload = CollectorPayload { querystring, ..request.payload };
                        prop_assert_eq!(format!("{payload:?}"), format!("{loaded:?}"));
                    }
                    (Loaded::Bad(_), Err(_)) => {}
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
    }
}
