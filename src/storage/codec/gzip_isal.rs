//! gzip members of level 1 made by Intel's ISA-L: its assembly takes a third of libdeflate's time for a few per cent
//! more bytes. Source: intel/isa-l, v2.31, include/igzip_lib.h.

use isal_sys::igzip_lib::{
    COMP_OK, IGZIP_GZIP, ISAL_DEF_LVL1_DEFAULT, NO_FLUSH, isal_deflate_stateless, isal_deflate_stateless_init,
    isal_zstream,
};

/// The level of gzip that is made here. ISA-L's higher ones compress less than libdeflate's.
pub(super) const LEVEL: u32 = 1;

/// Header and trailer of a member, and the header of a stored block, in bytes.
const WRAPPER: usize = 18;
const STORED_HEADER: usize = 5;
const STORED_MAX: usize = 65_535;

/// The largest number of bytes that `plain` bytes can take as a member: what cannot be compressed is stored.
pub(super) fn bound(plain: usize) -> usize {
    WRAPPER + STORED_HEADER * plain.div_ceil(STORED_MAX).max(1) + plain
}

/// ISA-L's state, 80 KiB, and its working memory.
pub(super) struct IsalEncoder {
    stream: Box<isal_zstream>,
    working: Vec<u8>,
}

// SAFETY: the pointers in the stream are set anew for every member, and only followed through `&mut self`.
unsafe impl Send for IsalEncoder {}

impl IsalEncoder {
    pub fn new() -> IsalEncoder {
        // SAFETY: a C structure of integers and pointers, for which zeros are values.
        let stream = unsafe { Box::<isal_zstream>::new_zeroed().assume_init() };
        IsalEncoder { stream, working: vec![0; ISAL_DEF_LVL1_DEFAULT as usize] }
    }

    /// Writes `plain`, less than 4 GiB, as a member to the beginning of `room`, which has at least [`bound`] bytes, and
    /// returns the member's size in bytes.
    pub fn encode(&mut self, plain: &[u8], room: &mut [u8]) -> usize {
        assert!(room.len() >= bound(plain.len()), "room for the worst case");
        let stream = &mut *self.stream;
        // SAFETY: sets the fields of a valid structure.
        unsafe { isal_deflate_stateless_init(stream) };
        stream.level = LEVEL;
        stream.level_buf = self.working.as_mut_ptr();
        stream.level_buf_size = self.working.len() as u32;
        stream.gzip_flag = IGZIP_GZIP as u16;
        stream.flush = NO_FLUSH as u16;
        stream.end_of_stream = 1;
        stream.next_in = plain.as_ptr().cast_mut();
        stream.avail_in = u32::try_from(plain.len()).expect("blocks are smaller than 4 GiB");
        stream.next_out = room.as_mut_ptr();
        stream.avail_out = u32::try_from(room.len()).unwrap_or(u32::MAX);
        // SAFETY: input, output and working memory are valid for the lengths given and outlive the call; the input is
        // only read. ISA-L keeps the pointers but follows them in this call alone.
        let result = unsafe { isal_deflate_stateless(stream) };
        assert_eq!(result as u32, COMP_OK, "ISA-L refuses only wrong parameters and too little room");
        stream.total_out as usize
    }
}
