//! A simulated world in which everything goes wrong, and the log holds.
//!
//! Processes append to one stream, fence each other, seal, remove and follow, over a store whose every
//! operation is numbered. The exhaustive tests let each kind of fault happen at each operation; the
//! random ones mix faults and delays from a seed. Time is simulated, so that thousands of runs take
//! seconds, and the same seed gives the same trace.
//!
//! `FORGELOG_SEEDS=100000` runs so many seeds, `FORGELOG_SEED=17` only that one, with its trace.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

#[path = "simulation/check.rs"]
mod check;
#[path = "simulation/invariants.rs"]
mod invariants;
#[path = "simulation/plan.rs"]
mod plan;
#[path = "simulation/process.rs"]
mod process;
#[path = "simulation/run.rs"]
mod run;
#[path = "simulation/store.rs"]
mod store;
#[path = "simulation/world.rs"]
mod world;

use plan::{Fault, Plan};
use run::{Run, run};
use std::sync::atomic::{AtomicU64, Ordering};

const SEEDS: u64 = 2_000;

/// Panics with everything that is needed to see why.
fn judge(run: &Run, context: &str) {
    if run.broken.is_empty() {
        return;
    }
    panic!(
        "{context}\n{}\n\nbroken:\n  {}\n{context}",
        run.trace,
        run.broken.join("\n  ")
    );
}

/// Does the work of every number, on all cores; the first panic is passed on.
fn on_all_cores(numbers: std::ops::Range<u64>, work: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(numbers.start);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers.end {
                        return;
                    }
                    work(number);
                }
            });
        }
    });
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Every fault at every operation of every process.
fn every_operation(
    plan: impl Fn(Option<(usize, u64, Fault)>) -> Plan + Sync,
    all_acknowledged: bool,
) {
    let whole = run(&plan(None));
    judge(&whole, "without a fault");
    let processes = whole.operations.len() - 1;
    on_all_cores(0..(Fault::ALL.len() * processes) as u64, |number| {
        let fault = Fault::ALL[number as usize / processes];
        let process = number as usize % processes;
        for operation in 0.. {
            let run = run(&plan(Some((process, operation, fault))));
            let context = format!("{fault:?} at operation {operation} of p{process}");
            judge(&run, &context);
            let stops = matches!(fault, Fault::StopBefore | Fault::StopAfter);
            if all_acknowledged && !stops {
                assert_eq!(
                    run.acknowledged, whole.acknowledged,
                    "an open writer tries until the store works; {context}\n{}",
                    run.trace
                );
            }
            if run.operations[process] <= operation {
                assert!(operation > 10, "{context}: too few operations");
                break;
            }
        }
    });
}

#[test]
fn one_writer_and_a_fault_at_every_operation() {
    every_operation(Plan::one_writer, true);
}

#[test]
fn two_writers_and_a_fault_at_every_operation() {
    every_operation(Plan::two_writers, false);
}

/// Runs with each object of one writer garbled in turn: what was done to the store that has `what` in it.
fn done_to_garbled(what: &str) {
    let mut operation = 0;
    loop {
        let run = run(&Plan::one_writer(Some((0, operation, Fault::Garble))));
        let done: Vec<_> = run.violations.iter().filter(|v| v.contains(what)).collect();
        let context = format!("garbled at operation {operation}");
        assert!(done.is_empty(), "{context}\n{}\n{done:#?}", run.trace);
        if run.operations[0] <= operation {
            break;
        }
        operation += 1;
    }
    assert!(operation > 10, "too few operations: {operation}");
}

/// A store that keeps other bytes than it was given loses them; but nothing is made of them.
#[test]
fn nothing_damaged_is_sealed() {
    done_to_garbled("sealed damaged");
}

/// The batches are the only sound copy then.
#[test]
fn batches_stay_if_the_sealed_object_is_damaged() {
    done_to_garbled("is removed, and is joined otherwise");
}

#[test]
fn random_faults() {
    let replay = "cargo test -p log-core --test simulation random_faults";
    if let Some(seed) = number_from("FORGELOG_SEED") {
        let plan = Plan::random(seed);
        let run = run(&plan);
        println!("{plan:#?}\n{}", run.trace);
        judge(&run, &format!("seed {seed}"));
        return;
    }
    let seeds = number_from("FORGELOG_SEEDS").unwrap_or(SEEDS);
    on_all_cores(0..seeds, |seed| {
        let plan = Plan::random(seed);
        let context = format!("seed {seed}: FORGELOG_SEED={seed} {replay}");
        judge(&run(&plan), &context);
    });
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..40 {
        let plan = Plan::random(seed);
        let (first, second) = (run(&plan), run(&plan));
        assert!(!first.trace.is_empty());
        assert!(first.trace == second.trace, "seed {seed}");
    }
    assert_ne!(run(&Plan::random(1)).trace, run(&Plan::random(2)).trace);
}
