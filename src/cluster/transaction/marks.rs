//! Keys that unfinished sagas have changed: whoever touches one sees, or changes, what may still be
//! undone. They are no locks: nobody is kept from anything.

use crate::transaction::Txn;
use std::collections::BTreeMap;

/// The marked keys of one service.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Whose changes a key bears, the latest last; a key without is not here.
    keys: BTreeMap<u32, Vec<Txn>>,
}

impl Marks {
    /// A saga has changed a key. It may do so more than once.
    pub(crate) fn set(&mut self, key: u32, txn: Txn) {
        self.keys.entry(key).or_default().push(txn);
    }

    /// A change of a saga is undone, or final.
    pub(crate) fn clear(&mut self, key: u32, txn: Txn) {
        let Some(marks) = self.keys.get_mut(&key) else {
            return;
        };
        if let Some(place) = marks.iter().rposition(|&mark| mark == txn) {
            marks.remove(place);
        }
        if marks.is_empty() {
            self.keys.remove(&key);
        }
    }

    /// The saga whose change somebody sees who touches a key: the latest, but not that of `own`.
    pub(crate) fn seen(&self, key: u32, own: Option<Txn>) -> Option<Txn> {
        let marks = self.keys.get(&key)?;
        marks.iter().rfind(|&&mark| Some(mark) != own).copied()
    }

    /// All marks.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, Txn)> {
        let keys = self.keys.iter();
        keys.flat_map(|(&key, marks)| marks.iter().map(move |&mark| (key, mark)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Txn = Txn(1);
    const B: Txn = Txn(2);

    #[test]
    fn the_latest_change_of_another_is_seen() {
        let mut marks = Marks::default();
        assert_eq!(marks.seen(7, None), None);
        marks.set(7, A);
        marks.set(7, B);
        assert_eq!(marks.seen(7, None), Some(B));
        assert_eq!(marks.seen(7, Some(B)), Some(A));
        assert_eq!(marks.seen(8, None), None);
        marks.clear(7, B);
        assert_eq!(marks.seen(7, Some(A)), None);
    }

    #[test]
    fn each_change_is_cleared_by_itself() {
        let mut marks = Marks::default();
        marks.set(7, A);
        marks.set(7, A);
        marks.clear(7, A);
        assert_eq!(marks.seen(7, None), Some(A));
        marks.clear(7, A);
        marks.clear(7, A);
        assert_eq!(marks.all().count(), 0);
    }
}
