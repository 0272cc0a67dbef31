//! Packs inputs into splits.

use std::ops::Range;

use crate::storage::ObjectMeta;

/// At most this many objects go into one split, so that a commit is never far away.
const MAX_OBJECTS: usize = 20_000;

/// Packs objects, in their order, into splits of about `size` bytes as stored: small ones together, a large one alone.
pub fn pack(objects: &[ObjectMeta], size: u64) -> Vec<Range<usize>> {
    let mut splits = Vec::new();
    let mut start = 0;
    let mut bytes = 0_u64;
    for (index, object) in objects.iter().enumerate() {
        let full = bytes.saturating_add(object.size) > size || index - start >= MAX_OBJECTS;
        if full && index > start {
            splits.push(start..index);
            (start, bytes) = (index, 0);
        }
        bytes = bytes.saturating_add(object.size);
    }
    if start < objects.len() {
        splits.push(start..objects.len());
    }
    splits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Location;
    use proptest::prelude::*;

    fn objects(sizes: &[u64]) -> Vec<ObjectMeta> {
        let object = |&size: &u64| ObjectMeta {
            location: Location::Stdio,
            relative: String::new(),
            size,
            etag: None,
            modified: None,
        };
        sizes.iter().map(object).collect()
    }

    #[test]
    fn small_together_large_alone() {
        assert!(pack(&objects(&[]), 10).is_empty());
        assert_eq!(pack(&objects(&[0]), 10), vec![0..1]);
        assert_eq!(pack(&objects(&[1, 2, 7, 1]), 10), [0..3, 3..4]);
        assert_eq!(pack(&objects(&[1, 100, 1, 1]), 10), [0..1, 1..2, 2..4]);
        assert_eq!(pack(&objects(&[u64::MAX, u64::MAX]), 10), [0..1, 1..2]);
    }

    proptest! {
        #[test]
        fn covers_everything_once(sizes in prop::collection::vec(0_u64..50, 0..60), size in 0_u64..100) {
            let packed = pack(&objects(&sizes), size);
            let mut next = 0;
            for range in &packed {
                prop_assert_eq!(range.start, next);
                prop_assert!(range.end > range.start);
                let sum: u64 = sizes[range.clone()].iter().sum();
                prop_assert!(sum <= size || range.len() == 1);
                next = range.end;
            }
            prop_assert_eq!(next, sizes.len());
        }
    }
}
