//! Hash functions by name, hexadecimal results.

use md5::Digest as _;

use super::text::write_hex;

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashFunction {
    /// RFC 1319
    Md2,
    /// RFC 1321
    Md5,
    /// FIPS 180
    Sha1,
    /// FIPS 180
    Sha256,
    /// FIPS 180
    Sha384,
    /// FIPS 180
    Sha512,
}

impl HashFunction {
    /// Appends the digest of `text` in lower-case hexadecimal.
    pub fn write_hex(self, text: &[u8], out: &mut Vec<u8>) {
        match self {
            HashFunction::Md2 => write_hex(&md2::Md2::digest(text), out),
            HashFunction::Md5 => write_hex(&md5::Md5::digest(text), out),
            HashFunction::Sha1 => write_hex(&sha1::Sha1::digest(text), out),
            HashFunction::Sha256 => write_hex(&sha2::Sha256::digest(text), out),
            HashFunction::Sha384 => write_hex(&sha2::Sha384::digest(text), out),
            HashFunction::Sha512 => write_hex(&sha2::Sha512::digest(text), out),
        }
    }

    /// The digest of `text` in lower-case hexadecimal.
    pub fn hex(self, text: &[u8]) -> String {
        let mut out = Vec::with_capacity(128);
        self.write_hex(text, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_test_vectors() {
        let abc = |function: HashFunction| function.hex(b"abc");
        assert_eq!(abc(HashFunction::Md2), "da853b0d3f88d99b30283a69e6ded6bb");
        assert_eq!(abc(HashFunction::Md5), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(abc(HashFunction::Sha1), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(abc(HashFunction::Sha256), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(abc(HashFunction::Sha384).len(), 96);
        assert_eq!(abc(HashFunction::Sha512).len(), 128);
    }
}
