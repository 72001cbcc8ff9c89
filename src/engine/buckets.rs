//! Unsorted buckets of keys that share one store: no bucket allocates for itself.
//!
//! A bucket is a chain of chunks. Emptied chunks are used again, so that a
//! run at its steady state allocates nothing.

/// The chain of an empty bucket.
pub(crate) const NONE: u32 = u32::MAX;

/// With the 8 bytes of the link, two cache lines.
const KEYS: usize = 7;

#[derive(Default)]
pub(crate) struct Chunks {
    all: Vec<Chunk>,
    /// Emptied ones.
    free: Vec<u32>,
}

#[repr(align(64))]
struct Chunk {
    keys: [u128; KEYS],
    used: u32,
    next: u32,
}

impl Chunks {
    /// Adds a key to the bucket whose chain begins with `first`.
    #[inline]
    pub(crate) fn push(&mut self, first: &mut u32, key: u128) {
        if let Some(chunk) = self.all.get_mut(*first as usize)
            && let Some(place) = chunk.keys.get_mut(chunk.used as usize)
        {
            *place = key;
            chunk.used += 1;
            return;
        }
        *first = self.link(*first, key);
    }

    /// A chunk with one key, in front of `next`.
    fn link(&mut self, next: u32, key: u128) -> u32 {
        let mut chunk = Chunk {
            keys: [0; KEYS],
            used: 1,
            next,
        };
        chunk.keys[0] = key;
        if let Some(id) = self.free.pop() {
            self.all[id as usize] = chunk;
            return id;
        }
        self.all.push(chunk);
        (self.all.len() - 1) as u32
    }

    /// Moves the keys of the bucket whose chain begins with `first` to `keys`.
    pub(crate) fn drain(&mut self, first: &mut u32, keys: &mut Vec<u128>) {
        while *first != NONE {
            let chunk = &self.all[*first as usize];
            keys.extend_from_slice(&chunk.keys[..chunk.used as usize]);
            self.free.push(*first);
            *first = chunk.next;
        }
    }
}

#[cfg(test)]
impl Chunks {
    /// How much was ever needed at once.
    pub(crate) fn held(&self) -> usize {
        self.all.capacity() + self.free.capacity()
    }
}
