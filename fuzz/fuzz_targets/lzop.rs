//! Any blocks behind a good lzop header, and any file at all.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thresh::storage::codec::{LzopEncoder, decode_whole};

const LIMIT: usize = 1 << 20;

fuzz_target!(|blocks: &[u8]| {
    let mut file = Vec::new();
    LzopEncoder::new(false, 0, &mut file);
    file.extend_from_slice(blocks);
    for stored in [&file[..], blocks] {
        let mut plain = Vec::new();
        let _ = decode_whole(stored, "part.lzo", LIMIT, &mut plain);
        assert!(plain.len() <= LIMIT);
    }
});
