//! The fields of a payload that coercion asks for.

/// One of them, in either kind of payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldName {
    Vendor,
    Version,
    Path,
    Timestamp,
    IpAddress,
    Encoding,
    Collector,
    LoaderName,
    Useragent,
    RefererUri,
    Body,
    Headers,
    ContentType,
    Hostname,
    NetworkUserId,
    UserId,
}

impl FieldName {
    /// All of them, by their numbers.
    pub(super) const ALL: [FieldName; 16] = [
        FieldName::Vendor,
        FieldName::Version,
        FieldName::Path,
        FieldName::Timestamp,
        FieldName::IpAddress,
        FieldName::Encoding,
        FieldName::Collector,
        FieldName::LoaderName,
        FieldName::Useragent,
        FieldName::RefererUri,
        FieldName::Body,
        FieldName::Headers,
        FieldName::ContentType,
        FieldName::Hostname,
        FieldName::NetworkUserId,
        FieldName::UserId,
    ];

    /// As payloads name it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            FieldName::Vendor => "vendor",
            FieldName::Version => "version",
            FieldName::Path => "path",
            FieldName::Timestamp => "timestamp",
            FieldName::IpAddress => "ipAddress",
            FieldName::Encoding => "encoding",
            FieldName::Collector => "collector",
            FieldName::LoaderName => "loaderName",
            FieldName::Useragent => "useragent",
            FieldName::RefererUri => "refererUri",
            FieldName::Body => "body",
            FieldName::Headers => "headers",
            FieldName::ContentType => "contentType",
            FieldName::Hostname => "hostname",
            FieldName::NetworkUserId => "networkUserId",
            FieldName::UserId => "userId",
        }
    }

    /// The field of a name.
    pub(super) fn of(name: &str) -> Option<FieldName> {
        // No two names of one length begin with the same byte.
        let field = match (name.len(), name.as_bytes().first()?) {
            (4, b'p') => FieldName::Path,
            (4, b'b') => FieldName::Body,
            (6, b'v') => FieldName::Vendor,
            (6, b'u') => FieldName::UserId,
            (7, b'v') => FieldName::Version,
            (7, b'h') => FieldName::Headers,
            (8, b'e') => FieldName::Encoding,
            (8, b'h') => FieldName::Hostname,
            (9, b't') => FieldName::Timestamp,
            (9, b'i') => FieldName::IpAddress,
            (9, b'c') => FieldName::Collector,
            (9, b'u') => FieldName::Useragent,
            (10, b'l') => FieldName::LoaderName,
            (10, b'r') => FieldName::RefererUri,
            (11, b'c') => FieldName::ContentType,
            (13, b'n') => FieldName::NetworkUserId,
            _ => return None,
        };
        (field.name() == name).then_some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for (number, field) in FieldName::ALL.into_iter().enumerate() {
            assert_eq!((field as usize, FieldName::of(field.name())), (number, Some(field)));
        }
        assert_eq!((FieldName::of("vendox"), FieldName::of(""), FieldName::of("parameters")), (None, None, None));
    }
}
