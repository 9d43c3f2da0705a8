//! One run of a plan, from an empty store to the verdict. Depends on all the other modules.

use crate::check::check;
use crate::plan::Plan;
use crate::process::{Ledger, WritingProcess, observe};
use crate::world::{GRACE, World};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Nothing takes longer, by the world's clock.
const END: Duration = Duration::from_secs(1_000 * GRACE.as_secs());

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) trace: String,
    /// Operations of each process; the observer's and the checker's are the last.
    pub(crate) operations: Vec<u64>,
    pub(crate) acknowledged: usize,
    pub(crate) broken: Vec<String>,
    /// Those of `broken` that no damage excuses: what was done to the store.
    pub(crate) violations: Vec<String>,
}

/// Runs the plan in a runtime of its own, whose time is simulated.
pub(crate) fn run(plan: &Plan) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(play(plan.clone()))
}

async fn play(plan: Plan) -> Run {
    let (observer, checker) = (plan.writers.len(), plan.writers.len() + 1);
    let world = World::new(plan.clone(), checker + 1);
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let finished = Mutex::new(false);
    let writers = plan.writers.iter().enumerate().map(|(process, script)| {
        let (world, ledger) = (world.clone(), ledger.clone());
        WritingProcess::new(world, process, script.clone(), ledger).run()
    });
    let writing = async {
        futures::future::join_all(writers).await;
        // Until every late effect has come by itself.
        tokio::time::sleep(6 * GRACE).await;
        world.settle().await;
        *finished.lock().unwrap() = true;
    };
    let observing = observe(world.clone(), observer, plan.observe_every, &finished);
    let all = async { tokio::join!(biased; writing, observing) };
    let ended = tokio::time::timeout(END, all).await.is_ok();
    let ledger = std::mem::take(&mut *ledger.lock().unwrap());
    let mut broken = match tokio::time::timeout(END, check(&world, checker, &ledger)).await {
        Ok(broken) => broken,
        Err(_) => vec!["the check does not end".to_owned()],
    };
    if !ended {
        broken.push("the run does not end".to_owned());
    }
    let state = world.state();
    Run {
        trace: state.trace.clone(),
        operations: state.processes.iter().map(|p| p.operations).collect(),
        acknowledged: ledger.acknowledged.len(),
        broken,
        violations: state.violations.clone(),
    }
}
