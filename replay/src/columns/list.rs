//! Short lists of row numbers, such as the labels of an issue. Depends on [`Column`].

use super::column::Column;
use super::pages::{BlockSink, BlockSource, NotStored, Stored};

/// A list as a cell: where it is in [`Lists`], how long it is, and how long it can get there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct List {
    offset: u32,
    len: u32,
    room: u32,
}

impl List {
    /// Nothing is in it.
    pub(crate) const EMPTY: Self = Self {
        offset: 0,
        len: 0,
        room: 0,
    };

    /// How many there are in it.
    pub(crate) const fn len(self) -> u32 {
        self.len
    }
}

/// All lists, one behind the other. One that outgrows its room moves to the end, with twice the room.
#[derive(Default)]
pub(crate) struct Lists {
    items: Column<u32>,
}

impl Lists {
    /// What is in the list.
    pub(crate) fn get(
        &self,
        list: List,
    ) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + Clone + use<'_> {
        (0..list.len as usize).map(move |at| self.items.get(list.offset + at as u32))
    }

    /// Asks for the list; of a long one, for its first ones.
    pub(crate) fn prefetch(&self, list: List) {
        if list.len > 0 {
            self.items.prefetch(list.offset);
        }
    }

    /// The list with one more at its end.
    pub(crate) fn push(&mut self, mut list: List, item: u32) -> List {
        if list.len == list.room {
            list = self.moved(list);
        }
        if list.len < list.room {
            self.items.set(list.offset + list.len, item);
            list.len += 1;
        }
        list
    }

    /// The list without those that are not to be kept; the others stay in order.
    pub(crate) fn retain(&mut self, mut list: List, keep: impl Fn(u32) -> bool) -> List {
        let mut kept = 0;
        for at in 0..list.len {
            let item = self.items.get(list.offset + at);
            if keep(item) {
                self.items.set(list.offset + kept, item);
                kept += 1;
            }
        }
        list.len = kept;
        list
    }

    /// The list with twice the room, at the end. As it was if there is none left.
    fn moved(&mut self, list: List) -> List {
        let offset = self.items.len();
        let room = list.room.saturating_mul(2).max(2);
        if u64::from(offset) + u64::from(room) >= u64::from(super::ROWS_MAX) {
            return list;
        }
        for at in 0..room {
            let item = if at < list.len {
                self.items.get(list.offset + at)
            } else {
                super::NONE
            };
            self.items.push(item);
        }
        List {
            offset,
            len: list.len,
            room,
        }
    }
}

impl Stored for Lists {
    fn freeze(&mut self) -> Self {
        Self {
            items: self.items.freeze(),
        }
    }

    fn again(&self) -> Self {
        Self {
            items: self.items.again(),
        }
    }

    fn save(&self, sink: &mut dyn BlockSink) {
        self.items.save(sink);
    }

    fn load(source: &mut BlockSource<'_>) -> Result<Self, NotStored> {
        Ok(Self {
            items: Column::load(source)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_grow_and_shrink_in_order() {
        let mut lists = Lists::default();
        let (mut a, mut b) = (List::default(), List::default());
        for item in 0..9 {
            a = lists.push(a, item);
            b = lists.push(b, 100 + item);
        }
        a = lists.retain(a, |item| item % 3 != 0);
        a = lists.push(a, 9);
        assert!(lists.get(a).eq([1, 2, 4, 5, 7, 8, 9]));
        assert!(lists.get(b).eq(100..109));
        assert_eq!(a.len(), 7);
    }
}
