//! A slab: slots that are reused, named by a small number.
//!
//! It keeps no generations. Whatever refers to a slot is either linked from both sides, so that
//! freeing one end unlinks the other, or is an event, which carries a stamp that the slot must
//! still hold.

/// "No slot".
pub(crate) const NONE: u32 = u32::MAX;

/// Values by slot number.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<T>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    /// A free slot, in which the values of before still stand; `value` makes the first ones.
    #[inline]
    pub(crate) fn take(&mut self, value: impl FnOnce() -> T) -> u32 {
        match self.free.pop() {
            Some(slot) => slot,
            None => self.grow(value()),
        }
    }

    /// Puts `value` into a free slot; the one freed last is warm in the cache.
    #[inline]
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = value;
            return slot;
        }
        self.grow(value)
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, value: T) -> u32 {
        let slot = self.slots.len() as u32;
        self.slots.push(value);
        slot
    }

    /// The slot may be reused from now on; what is in it stays until then.
    #[inline]
    pub(crate) fn remove(&mut self, slot: u32) {
        self.free.push(slot);
    }

    /// The slots that are free.
    pub(crate) fn free_slots(&self) -> &[u32] {
        &self.free
    }

    /// How many slots there are, free ones included: the most that were in use at once.
    #[inline]
    pub(crate) fn slots(&self) -> u32 {
        self.slots.len() as u32
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> core::ops::Index<u32> for Slab<T> {
    type Output = T;
    #[inline]
    fn index(&self, slot: u32) -> &T {
        &self.slots[slot as usize]
    }
}

impl<T> core::ops::IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut T {
        &mut self.slots[slot as usize]
    }
}
