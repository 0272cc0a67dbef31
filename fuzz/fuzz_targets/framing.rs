//! Any stream, in pieces: the first byte says how long they are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thresh::raw::{Framer, RawFormat, ThriftContainer, detect, records};

fuzz_target!(|input: &[u8]| {
    let Some((piece, stream)) = input.split_first() else { return };
    detect(stream, "part-00000");
    for container in [ThriftContainer::Blocks, ThriftContainer::Lines, ThriftContainer::Structs] {
        framed(&RawFormat::Thrift(container), stream, *piece);
    }
    let whole = framed(&RawFormat::CloudFront, stream, u8::MAX);
    assert_eq!(framed(&RawFormat::CloudFront, stream, *piece), whole);
});

fn framed(format: &RawFormat, stream: &[u8], piece: u8) -> Vec<Vec<u8>> {
    let mut framer = Framer::new(format);
    let mut buffer = Vec::new();
    let mut found = Vec::new();
    let mut take = |buffer: &mut Vec<u8>, eof: bool| {
        let cut = framer.cut(buffer, eof);
        found.extend(records(format, &buffer[..cut]).map(<[u8]>::to_vec));
        buffer.drain(..cut);
    };
    for part in stream.chunks(usize::from(piece).max(1)) {
        buffer.extend_from_slice(part);
        take(&mut buffer, false);
    }
    take(&mut buffer, true);
    assert!(buffer.is_empty());
    found
}
