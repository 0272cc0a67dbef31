//! Which names in a folder are data: Hadoop's conventions, as its readers and the batch pipeline kept them.
//!
//! Sources: apache/hadoop `FileInputFormat.hiddenFileFilter` (names starting with `_` or `.`), Hadoop's native S3 file
//! system and EMR (`_$folder$` objects), the S3 console (zero-byte keys that end in `/`).

/// Which names a listing gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Data only: hidden names and folder markers are passed over.
    Data,
    /// Everything that is stored.
    All,
    /// The same, but wildcards in a key select.
    Matching,
}

/// Beginning of the names of files that are still being written; they are hidden from readers.
pub const TEMPORARY_PREFIX: &str = ".thresh-";

impl Names {
    /// Whether an object with this relative path and size belongs in the listing.
    pub fn include(self, relative: &str, size: u64) -> bool {
        self != Names::Data || !(is_folder_marker(relative, size) || is_hidden(relative))
    }
}

/// Whether the last segment starts with `_` or `.`.
pub fn is_hidden(relative: &str) -> bool {
    let name = relative.trim_end_matches('/').rsplit('/').next().unwrap_or("");
    name.starts_with(['_', '.'])
}

/// Whether an object only stands for a folder.
pub fn is_folder_marker(relative: &str, size: u64) -> bool {
    relative.ends_with("_$folder$") || (size == 0 && (relative.is_empty() || relative.ends_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_what_readers_of_hadoop_folders_ignore() {
        for hidden in ["_SUCCESS", ".part.crc", "a/_logs", "run=1/.x", "a/", "", "a_$folder$", "a/b_$folder$"] {
            assert!(!Names::Data.include(hidden, 0), "{hidden}");
            assert!(Names::All.include(hidden, 0), "{hidden}");
        }
        for data in ["part-00000", "a/part_1", "_tmp/part-0", "a.b", "run=1/part-00000.gz"] {
            assert!(Names::Data.include(data, 0), "{data}");
        }
        assert!(Names::Data.include("odd/", 1), "a key that ends in a slash but holds data is data");
    }
}
