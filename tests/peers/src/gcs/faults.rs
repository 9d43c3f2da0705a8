//! What the server is told to do wrong. Depends on nothing of ours.

use http::Method;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What befalls one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it lets one request through to the next fault.
    Pass,
    /// This status instead of the effect.
    Refuse(u16),
    /// The effect, and then this status all the same.
    RefuseAfterwards(u16),
    /// The connection is dropped before the effect.
    LoseRequest,
    /// The connection is dropped after the effect.
    LoseAnswer,
    /// The effect and the answer, but later.
    Delay(Duration),
}

/// The faults that wait, a queue for each method. A request takes the first of its own.
#[derive(Debug, Default)]
pub struct Faults {
    waiting: Mutex<HashMap<Method, VecDeque<Fault>>>,
}

impl Faults {
    /// Puts faults behind those that wait.
    pub fn push(&self, method: &Method, faults: impl IntoIterator<Item = Fault>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(method.clone()).or_default().extend(faults);
    }

    /// Refuses the next `count` requests of this method.
    pub fn refuse_next(&self, method: &Method, count: usize, status: u16) {
        self.push(method, std::iter::repeat_n(Fault::Refuse(status), count));
    }

    /// How many wait, of all methods.
    pub fn waiting(&self) -> usize {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.values().map(VecDeque::len).sum()
    }

    /// Lets everything through from now on.
    pub fn clear(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.clear();
    }

    pub(super) fn take(&self, method: &Method) -> Fault {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting
            .get_mut(method)
            .and_then(VecDeque::pop_front)
            .unwrap_or(Fault::Pass)
    }
}
