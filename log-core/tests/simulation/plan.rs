//! What goes wrong in a run, and where. Pure: a plan is a value, made by hand or from a seed.

use crate::world::GRACE;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::time::Duration;

/// When something late happens: after so many effects of anyone, or after this time if that is earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Later {
    pub(crate) effects: u64,
    pub(crate) at_most: Duration,
}

impl Later {
    pub(crate) const SOON: Self = Self {
        effects: 3,
        at_most: Duration::from_secs(30),
    };
    /// When joined batches are gone.
    pub(crate) const AGES: Self = Self {
        effects: u64::MAX,
        at_most: Duration::from_secs(4 * GRACE.as_secs()),
    };
}

/// What happens to one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An error, and nothing happened.
    FailBefore,
    /// An error, although it happened.
    FailAfter,
    /// The process is gone before it happened.
    StopBefore,
    /// The process is gone after it happened, before the answer.
    StopAfter,
    /// It happens now and again later.
    Duplicate(Later),
    /// It happens later, and the process waits for it.
    Delay(Later),
    /// It happens later; the process hears of an error at once and goes on.
    TimeOut(Later),
    /// It happens now, and the answer comes later: a listing is stale then.
    HoldAnswer(Later),
    /// The process sleeps before it happens.
    PauseBefore(Duration),
    /// The process sleeps after it happened.
    PauseAfter(Duration),
    /// The store keeps something else than it was given, and says that all is well.
    Garble,
}

/// Longer than the grace and than all that others do.
pub(crate) const LONG: Duration = Duration::from_secs(5 * GRACE.as_secs());
/// Less than what makes a writer look again.
pub(crate) const SHORT: Duration = Duration::from_secs(GRACE.as_secs() * 2 / 5);

impl Fault {
    /// One of each kind that an honest store and its clients can suffer.
    pub(crate) const ALL: [Self; 16] = [
        Self::FailBefore,
        Self::FailAfter,
        Self::StopBefore,
        Self::StopAfter,
        Self::Duplicate(Later::SOON),
        Self::Duplicate(Later::AGES),
        Self::Delay(Later::SOON),
        Self::Delay(Later::AGES),
        Self::TimeOut(Later::SOON),
        Self::TimeOut(Later::AGES),
        Self::HoldAnswer(Later::SOON),
        Self::HoldAnswer(Later::AGES),
        Self::PauseBefore(SHORT),
        Self::PauseBefore(LONG),
        Self::PauseAfter(SHORT),
        Self::PauseAfter(LONG),
    ];

    fn random(random: &mut StdRng) -> Self {
        let later = Later {
            effects: random.random_range(1..40),
            at_most: match random.random_range(0..4) {
                0 => Later::AGES.at_most,
                _ => Duration::from_secs(random.random_range(1..GRACE.as_secs())),
            },
        };
        let pause = match random.random_range(0..3) {
            0 => LONG,
            1 => SHORT,
            _ => Duration::from_secs(random.random_range(1..2 * GRACE.as_secs())),
        };
        match random.random_range(0..10) {
            0 => Self::FailBefore,
            1 => Self::FailAfter,
            2 => Self::StopBefore,
            3 => Self::StopAfter,
            4 => Self::Duplicate(later),
            5 => Self::Delay(later),
            6 => Self::TimeOut(later),
            7 => Self::HoldAnswer(later),
            8 => Self::PauseBefore(pause),
            _ => Self::PauseAfter(pause),
        }
    }
}

/// What a writing process does.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// When it starts.
    pub(crate) start: Duration,
    /// Callers that append at the same time.
    pub(crate) callers: u64,
    /// What each of them appends.
    pub(crate) appends: u64,
    /// How long a caller thinks before each.
    pub(crate) think: Duration,
    /// How long a batch waits for company.
    pub(crate) linger: Duration,
    /// The wall clock is wrong, and jumps.
    pub(crate) skewed: bool,
    /// Its records have idempotency keys, and what failed is tried again.
    pub(crate) keyed: bool,
    /// Closes its writer and opens another before the appends of this number.
    pub(crate) close_before: Option<u64>,
}

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) writers: Vec<Script>,
    /// What happens to the operation of this number of this process; the observer is the last process.
    pub(crate) faults: Vec<(usize, u64, Fault)>,
    /// The seed of the delays, if they are random.
    pub(crate) random_delays: Option<u64>,
    pub(crate) observe_every: Duration,
}

impl Plan {
    pub(crate) fn fault(&self, process: usize, operation: u64) -> Option<Fault> {
        let mut planned = self.faults.iter();
        planned
            .find(|&&(p, k, _)| p == process && k == operation)
            .map(|&(_, _, fault)| fault)
    }

    /// One writer, and something at one operation.
    pub(crate) fn one_writer(fault: Option<(usize, u64, Fault)>) -> Self {
        Self {
            writers: vec![Script {
                start: Duration::ZERO,
                callers: 1,
                appends: 12,
                think: GRACE / 5,
                linger: Duration::ZERO,
                skewed: true,
                keyed: false,
                close_before: Some(7),
            }],
            faults: fault.into_iter().collect(),
            random_delays: None,
            observe_every: GRACE / 3,
        }
    }

    /// Two writers, of which the second comes while the first is at work.
    pub(crate) fn two_writers(fault: Option<(usize, u64, Fault)>) -> Self {
        let first = Script {
            start: Duration::ZERO,
            callers: 2,
            appends: 5,
            think: Duration::from_secs(7),
            linger: Duration::ZERO,
            skewed: false,
            keyed: false,
            close_before: None,
        };
        let second = Script {
            start: Duration::from_secs(25),
            callers: 1,
            appends: 11,
            think: GRACE / 5,
            skewed: true,
            keyed: true,
            ..first.clone()
        };
        Self {
            writers: vec![first, second],
            ..Self::one_writer(fault)
        }
    }

    /// Anything, from a seed.
    pub(crate) fn random(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let thinks = [0, 1, 20, GRACE.as_secs() / 6, GRACE.as_secs() / 3];
        let count = random.random_range(1..=3);
        let mut writers = Vec::new();
        for number in 0..count {
            let callers = random.random_range(1..=3);
            writers.push(Script {
                start: Duration::from_secs(number * random.random_range(0..2 * GRACE.as_secs())),
                callers,
                appends: random.random_range(2..=12 / callers),
                think: Duration::from_secs(thinks[random.random_range(0..thinks.len())]),
                linger: Duration::from_millis([0, 0, 5, 1_000][random.random_range(0..4)]),
                skewed: random.random(),
                keyed: random.random(),
                close_before: random.random_bool(0.3).then(|| random.random_range(1..6)),
            });
        }
        let mut faults = Vec::new();
        for _ in 0..random.random_range(0..7) {
            let process = random.random_range(0..=writers.len());
            faults.push((
                process,
                random.random_range(0..90),
                Fault::random(&mut random),
            ));
        }
        Self {
            writers,
            faults,
            random_delays: Some(random.random()),
            observe_every: Duration::from_secs(
                random.random_range(GRACE.as_secs() / 8..GRACE.as_secs()),
            ),
        }
    }
}
