//! A token file in the memory's address space: its pages are read when they are asked for, and given up when memory runs short.

use crate::data::tokens::Bytes;
use memmap2::Mmap;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// The bytes of an open file, which are not read before they are asked for.
///
/// # Errors
/// Where the system refuses.
#[expect(unsafe_code, reason = "a mapping is only sound while nobody changes the file, which no type can say")]
pub(super) fn mapped(file: &File) -> io::Result<Bytes> {
    // SAFETY: the file is one of our own token files in a cache or a run folder. It is written under another name and renamed when it
    // is whole; nothing writes to it afterwards, and a new one takes its name without touching this one's contents. The mapping is
    // read-only, and every byte pattern is a token: whoever did write into it would spoil a training and nothing else.
    let map = unsafe { Mmap::map(file) }?;
    Ok(Arc::new(map))
}
