//! The arena, shared by the threads of a step.
//!
//! The only place where one allocation is seen as many: [`Layout`](super::layout::Layout) gives what is in use at the same time
//! places of its own, and each thread the rows, or the sentences and heads, of its own.

#![expect(unsafe_code, reason = "threads write disjoint parts of one arena, which the borrow checker cannot see")]

use std::marker::PhantomData;

/// A span of values that several threads read and write, each its own part.
#[derive(Clone, Copy)]
pub struct Shared<'a> {
    base: *mut f32,
    len: usize,
    owner: PhantomData<&'a mut [f32]>,
}

// SAFETY: a `Shared` is an address and a length; what is read and written through it is the business of `read` and `write`.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    /// Takes a buffer for as long as its parts are handed out.
    pub fn new(buffer: &'a mut [f32]) -> Self {
        Self { base: buffer.as_mut_ptr(), len: buffer.len(), owner: PhantomData }
    }

    /// A part of it.
    pub fn part(self, at: usize, len: usize) -> Self {
        assert!(at <= self.len && len <= self.len - at, "a part lies outside of its arena");
        // SAFETY: the part lies within the allocation, as was asserted.
        Self { base: unsafe { self.base.add(at) }, len, owner: PhantomData }
    }

    /// The values, to be read.
    ///
    /// # Safety
    /// Nothing writes to any of them while the slice lives.
    pub unsafe fn read(self) -> &'a [f32] {
        // SAFETY: the span lies within a live allocation of initialised values; the caller keeps writers away.
        unsafe { std::slice::from_raw_parts(self.base, self.len) }
    }

    /// The values, to be written.
    ///
    /// # Safety
    /// Nothing else reads or writes any of them while the slice lives.
    pub unsafe fn write(self) -> &'a mut [f32] {
        // SAFETY: the span lies within a live allocation of initialised values; the caller keeps everyone else away.
        unsafe { std::slice::from_raw_parts_mut(self.base, self.len) }
    }
}

/// Memory that is kept from one step to the next.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Values, gradients, packed weights, scratch.
    pub arena: Vec<f32>,
    /// The gradients of all parameters, one after the other.
    pub gradients: Vec<f32>,
}

impl Workspace {
    /// Whether the arena is at least this long already, so that what stands in it will stay.
    pub fn holds(&self, arena: usize) -> bool {
        self.arena.len() >= arena
    }

    /// The two buffers at these lengths; what stands in them is left as it was, but one that is shorter gives way to zeros.
    pub fn take(&mut self, arena: usize, gradients: usize) -> (&mut [f32], &mut [f32]) {
        for (buffer, len) in [(&mut self.arena, arena), (&mut self.gradients, gradients)] {
            if buffer.len() < len {
                // Not grown in place: the old values are of no use.
                *buffer = Vec::new();
                *buffer = vec![0.0; len];
            }
        }
        let Self { arena: values, gradients: slopes } = self;
        (values.get_mut(..arena).unwrap_or_default(), slopes.get_mut(..gradients).unwrap_or_default())
    }
}
