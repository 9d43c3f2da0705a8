//! A number that is kept with a table, so that nobody has to look at its cells for it.

use super::pages::{BlockSink, BlockSource, NotStored, Stored};

/// How many rows are so and so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count(u64);

impl Count {
    /// How many there are.
    pub(crate) const fn get(self) -> u64 {
        self.0
    }

    pub(crate) fn add(&mut self, more: u64) {
        self.0 = self.0.saturating_add(more);
    }

    pub(crate) fn subtract(&mut self, fewer: u64) {
        self.0 = self.0.saturating_sub(fewer);
    }
}

impl Stored for Count {
    fn freeze(&mut self) -> Self {
        *self
    }

    fn again(&self) -> Self {
        *self
    }

    fn save(&self, sink: &mut dyn BlockSink) {
        sink.number(self.0);
    }

    fn load(source: &mut BlockSource<'_>) -> Result<Self, NotStored> {
        source.number().map(Self)
    }
}
