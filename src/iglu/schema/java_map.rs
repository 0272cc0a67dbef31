//! The order in which a `java.util.HashMap` with text keys is walked, because reports come in it.

/// Sorts entries, given in the order of insertion, the way a hash map that grew from its default size holds them.
///
/// Buckets with eight and more entries become trees in another order; that takes hundreds of names with clashing
/// hashes and is not reproduced.
pub(super) fn sort_as_hash_map<T>(entries: &mut [(String, T)]) {
    let mut capacity = 16_usize;
    while entries.len() > capacity / 4 * 3 {
        capacity *= 2;
    }
    entries.sort_by_cached_key(|(name, _)| {
        let hash = java_hash(name);
        (hash ^ hash >> 16) as usize & (capacity - 1)
    });
}

/// `String.hashCode`.
fn java_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_order() {
        assert_eq!((java_hash("hello"), java_hash("élan")), (99_162_322, 7_048_208));
        for (inserted, walked) in [
            ("title id description", "description id title"),
            (
                "event_id collector_tstamp app_id platform name user_id useragent se_category se_value page_url \
                 page_title vendor link target",
                "page_url se_value page_title useragent link platform target collector_tstamp event_id user_id \
                 se_category vendor name app_id",
            ),
        ] {
            let mut entries: Vec<(String, ())> = inserted.split(' ').map(|name| (name.to_owned(), ())).collect();
            sort_as_hash_map(&mut entries);
            let names: Vec<&str> = entries.iter().map(|(name, ())| name.as_str()).collect();
            assert_eq!(names.join(" "), walked);
        }
    }
}
