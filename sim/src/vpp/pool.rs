//! VPP's pool: slots with stable indices, the one freed last reused first, walked in ascending order.

/// Slots with stable indices.
#[derive(Clone, Debug)]
pub(super) struct Pool<T> {
    slots: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Pool<T> {
    pub(super) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// Puts `value` into the slot freed last, or into a new one, and returns its index.
    pub(super) fn put(&mut self, value: T) -> u32 {
        if let Some(index) = self.free.pop() {
            self.slots[index as usize] = Some(value);
            return index;
        }
        self.slots.push(Some(value));
        u32::try_from(self.slots.len() - 1).expect("a pool never reaches four thousand million slots")
    }

    pub(super) fn free(&mut self, index: u32) {
        if self.slots[index as usize].take().is_some() {
            self.free.push(index);
        }
    }

    pub(super) fn get(&self, index: u32) -> Option<&T> {
        self.slots.get(index as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.slots.get_mut(index as usize)?.as_mut()
    }

    /// Live slots in ascending order of index.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0u32..).zip(&self.slots).filter_map(|(index, slot)| Some((index, slot.as_ref()?)))
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// New VIPs take the slot freed last: counters and sticky entries of an index depend on it.
    #[test]
    fn the_slot_freed_last_is_reused_first() {
        let mut pool = Pool::new();
        for value in ["a", "b", "c"] {
            pool.put(value);
        }
        pool.free(0);
        pool.free(1);
        assert_eq!([pool.put("d"), pool.put("e"), pool.put("f")], [1, 0, 3]);
        assert_eq!(pool.iter().map(|(_, value)| *value).collect::<String>(), "edcf");
    }
}
